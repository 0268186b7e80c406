//! Distinguishes a statement that the server refused, which is the product's answer, from a server that could not be asked.
//!
//! Nothing here reads a sentence: servers speak the language of their settings. What counts is the SQLSTATE that `psql`
//! prints with `VERBOSITY=verbose`, and the number and SQLSTATE that the clients of MariaDB and MySQL print before every
//! message.
//!
//! A statement was refused, and that is held against the product, when the server judged it: a table, column or function
//! that is missing, a privilege that was lost, a value that does not fit, also an extension's file that is not there
//! (58P01) and damaged data (class XX). What says nothing about what the product left in its database is inconclusive:
//!
//! | what | PostgreSQL | MariaDB and MySQL |
//! |---|---|---|
//! | the connection was lost, or never made | class 08, no SQLSTATE at all | numbers 2000 to 2999 (the client's own), class 08, no line of a statement |
//! | who asks was not let in | class 28 | class 28 |
//! | somebody ended the server, the session or the statement, or a time limit did | class 57, 25P03, 25P04 | 1053, 1317, 1927 and others of 70100, 1969, 3024 |
//! | our reading and the product's work were in each other's way | class 40, 55P03 | class 40, 1205 |
//! | room, memory, sessions or files have run out | class 53 | 1021, 1037, 1038, 1041, 1114, 1135, 1203, 1226 |
//! | the machine below could not read or write | 58000, 58030 | |
//! | the client stopped for a reason of its own | any exit code without a SQLSTATE | any exit code without a number |
//!
//! The password that the product's file names is our side of the question, so class 28 is inconclusive though a product
//! may have changed it. An error of a storage engine (1030) may be a full disk or a damaged table: it is the product's
//! here, and a full disk is looked for by itself where a stage does not pass.

use std::fmt;

use rehearse_core::observation::SqlRefusal;

use super::last_words;

/// Why a question has no rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    /// The server judged the statement.
    Refused(SqlRefusal),
    /// The server could not be asked.
    Unasked(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Unasked(reason) => f.write_str(reason),
        }
    }
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        failure.to_string()
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Unasked(reason)
    }
}

/// What the end of `psql` means, by its exit code and what it printed besides its answer.
pub(super) fn of_psql(code: i64, err: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(err);
    let lines: Vec<&str> = text.lines().collect();
    // It stops at the first error; notices and warnings come before.
    let found = lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, reported(line)?)));
    match found {
        Some((at, (sqlstate, first))) if !unasked_by_sqlstate(sqlstate) => {
            let mut rest = lines.get(at + 1..).unwrap_or_default();
            if let [before @ .., last] = rest
                && is_location(last)
            {
                rest = before;
            }
            let message = one_line(std::iter::once(first).chain(rest.iter().copied()));
            Failure::Refused(SqlRefusal { sqlstate: sqlstate.to_owned(), number: None, message })
        }
        Some(_) | None => Failure::Unasked(last_words("psql", code, err)),
    }
}

/// What the end of `mariadb` or `mysql` means.
pub(super) fn of_mysql(code: i64, err: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(err);
    let lines: Vec<&str> = text.lines().collect();
    let found = lines.iter().enumerate().find_map(|(at, line)| Some((at, numbered(line)?)));
    match found {
        Some((at, error)) if error.of_statement && !unasked_by_number(error.number, error.sqlstate) => {
            let rest = lines.get(at + 1..).unwrap_or_default();
            let message = one_line(std::iter::once(error.message).chain(rest.iter().copied()));
            Failure::Refused(SqlRefusal { sqlstate: error.sqlstate.to_owned(), number: Some(error.number), message })
        }
        Some(_) | None => Failure::Unasked(last_words("the client", code, err)),
    }
}

fn unasked_by_sqlstate(sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    matches!(class, "08" | "28" | "40" | "53" | "57")
        || matches!(sqlstate, "25P03" | "25P04" | "55P03" | "58000" | "58030")
}

fn unasked_by_number(number: u32, sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    matches!(class, "08" | "28" | "40")
        || sqlstate == "70100"
        || matches!(
            number,
            1021 | 1037 | 1038 | 1041 | 1053 | 1114 | 1135 | 1203 | 1205 | 1226 | 1969 | 3024 | 2000..=2999
        )
}

/// Of `psql:<stdin>:1: ERROR:  42P01: relation …` the SQLSTATE and the message. The word before is in any language.
fn reported(line: &str) -> Option<(&str, &str)> {
    let (number, rest) = line.strip_prefix("psql:<stdin>:")?.split_once(": ")?;
    let (_, rest) = rest.split_once(":  ").filter(|_| digits(number))?;
    let (sqlstate, message) = rest.split_once(": ")?;
    is_sqlstate(sqlstate).then_some((sqlstate, message))
}

struct Numbered<'a> {
    number: u32,
    sqlstate: &'a str,
    /// The client names the line of the statement it is about; of a connection it names none.
    of_statement: bool,
    message: &'a str,
}

/// Of `ERROR 1146 (42S02) at line 1: Table …` its parts. All before the message is the client's, and is never translated.
fn numbered(line: &str) -> Option<Numbered<'_>> {
    let (head, message) = line.strip_prefix("ERROR ")?.split_once(": ")?;
    let (number, rest) = head.split_once(" (")?;
    let (sqlstate, place) = rest.split_once(')')?;
    let number = number.parse().ok().filter(|_| is_sqlstate(sqlstate))?;
    Some(Numbered { number, sqlstate, of_statement: place.starts_with(" at line "), message })
}

/// `LOCATION:  parserOpenTable, parse_relation.c:1392`, the word in any language: where in the server's own source.
fn is_location(line: &str) -> bool {
    let source = line.rsplit_once(", ").and_then(|(_, source)| source.split_once(".c:"));
    line.contains(":  ") && source.is_some_and(|(_, number)| digits(number))
}

fn is_sqlstate(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    const LONGEST: usize = 4000;
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sqlstate: &str, number: Option<u32>, message: &str) -> Failure {
        Failure::Refused(SqlRefusal { sqlstate: sqlstate.to_owned(), number, message: message.to_owned() })
    }

    #[test]
    fn a_refusal_of_postgresql_is_read_by_its_sqlstate_in_any_language() {
        for severity in ["ERROR", "FEHLER", "ERREUR", "ОШИБКА", "エラー"] {
            let text = format!(
                "psql:<stdin>:1: HINWEIS:  00000: schon da\nORT:  touch, notice.c:7\n\
                 psql:<stdin>:2: {severity}:  42P01: Relation »t« existiert nicht\nZEILE 1: select 1\n       ^\n\
                 ORT:  parserOpenTable, parse_relation.c:1392\n"
            );
            let expected = refusal("42P01", None, "Relation »t« existiert nicht ZEILE 1: select 1 ^");
            assert_eq!(of_psql(3, text.as_bytes()), expected);
        }
    }

    #[test]
    fn a_server_that_could_not_be_asked_is_not_taken_for_one_that_refused() {
        let psql = |sqlstate: &str| of_psql(3, format!("psql:<stdin>:7: FATAL:  {sqlstate}: words\n").as_bytes());
        for sqlstate in ["08006", "28000", "40P01", "53100", "53300", "57014", "57P01", "57P03", "55P03", "58030"] {
            assert!(matches!(psql(sqlstate), Failure::Unasked(_)), "{sqlstate}");
        }
        for sqlstate in ["42P01", "42703", "42501", "22012", "58P01", "XX001", "3F000", "25006", "0A000"] {
            assert_eq!(psql(sqlstate), refusal(sqlstate, None, "words"), "{sqlstate}");
        }
        let mysql = |head: &str| of_mysql(1, format!("{head}: words\n").as_bytes());
        for head in [
            "ERROR 2002 (HY000)",
            "ERROR 1045 (28000)",
            "ERROR 1040 (08004)",
            "ERROR 1049 (42000)",
            "ERROR 2013 (HY000) at line 1",
            "ERROR 1205 (HY000) at line 1",
            "ERROR 1213 (40001) at line 1",
            "ERROR 1317 (70100) at line 1",
            "ERROR 1021 (HY000) at line 1",
        ] {
            assert!(matches!(mysql(head), Failure::Unasked(_)), "{head}");
        }
        for (head, sqlstate, number) in [
            ("ERROR 1146 (42S02) at line 1", "42S02", 1146),
            ("ERROR 1142 (42000) at line 12", "42000", 1142),
            ("ERROR 1030 (HY000) at line 1", "HY000", 1030),
        ] {
            assert_eq!(mysql(head), refusal(sqlstate, Some(number), "words"), "{head}");
        }
    }

    #[test]
    fn a_client_that_ends_without_a_code_of_the_server_is_no_refusal() {
        for (code, text) in [
            (2, "psql: error: connection to server on socket failed: FATAL:  password authentication failed"),
            (3, "psql:<stdin>:1: error: invalid command \\nothing"),
            (3, "psql:<stdin>:1: ERROR:  relation does not exist"),
            (3, "said in passing: psql:<stdin>:1: ERROR:  42P01: no"),
            (127, "sh: 1: psql: not found"),
            (3, ""),
        ] {
            let ended = format!("psql ended with {code}: ");
            assert!(
                matches!(of_psql(code, text.as_bytes()), Failure::Unasked(why) if why.starts_with(&ended)),
                "{text}"
            );
        }
        for text in ["sh: 1: mysql: not found", "ERROR at line 1: Unknown command", "ERROR 12 (4) at line 1: no", ""] {
            assert!(matches!(of_mysql(1, text.as_bytes()), Failure::Unasked(_)), "{text}");
        }
    }
}
