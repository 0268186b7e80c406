//! What `mariadb` and `mysql` say of a refusal: a number and an SQLSTATE.

use rehearse_core::observation::SqlRefusal;

use super::PROGRAM;
use crate::observers::sql::output::error_line;
use rehearse_core::observation::Unread;

use crate::observers::sql::refusal::{is_sqlstate, one_line};

/// What the end of `mariadb` or `mysql` means.
pub(super) fn failure(code: i64, err: &[u8]) -> Unread {
    let text = String::from_utf8_lossy(err);
    let lines: Vec<&str> = text.lines().collect();
    let found = lines.iter().enumerate().find_map(|(at, line)| Some((at, numbered(line)?)));
    match found {
        Some((at, error)) if error.of_statement && !is_unavailable(error.number, error.sqlstate) => {
            let rest = lines.get(at + 1..).unwrap_or_default();
            let message = one_line(std::iter::once(error.message).chain(rest.iter().copied()));
            Unread::Refused(SqlRefusal { sqlstate: error.sqlstate.to_owned(), number: Some(error.number), message })
        }
        Some(_) | None => Unread::Unavailable(error_line(PROGRAM, code, err)),
    }
}

fn is_unavailable(number: u32, sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    matches!(class, "08" | "28" | "40")
        || sqlstate == "70100"
        || matches!(
            number,
            1021 | 1037 | 1038 | 1041 | 1053 | 1114 | 1135 | 1203 | 1205 | 1226 | 1969 | 3024 | 2000..=2999
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sqlstate: &str, number: u32, message: &str) -> Unread {
        Unread::Refused(SqlRefusal { sqlstate: sqlstate.to_owned(), number: Some(number), message: message.to_owned() })
    }

    #[test]
    fn an_unavailable_server_does_not_count_as_a_refusal() {
        let mysql = |head: &str| failure(1, format!("{head}: words\n").as_bytes());
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
            assert!(matches!(mysql(head), Unread::Unavailable(_)), "{head}");
        }
        for (head, sqlstate, number) in [
            ("ERROR 1146 (42S02) at line 1", "42S02", 1146),
            ("ERROR 1142 (42000) at line 12", "42000", 1142),
            ("ERROR 1030 (HY000) at line 1", "HY000", 1030),
        ] {
            assert_eq!(mysql(head), refusal(sqlstate, number, "words"), "{head}");
        }
    }

    #[test]
    fn an_end_without_a_code_of_the_server_does_not_count_as_a_refusal() {
        for text in ["sh: 1: mysql: not found", "ERROR at line 1: Unknown command", "ERROR 12 (4) at line 1: no", ""] {
            assert!(matches!(failure(1, text.as_bytes()), Unread::Unavailable(_)), "{text}");
        }
    }
}
