//! What `psql` says of a refusal: an SQLSTATE, in any language.

use rehearse_core::observation::SqlRefusal;

use super::PROGRAM;
use crate::observers::sql::output::error_line;
use rehearse_core::observation::Unread;

use crate::observers::sql::refusal::{is_sqlstate, one_line};

/// What the end of `psql` means, by its exit code and what it printed besides its answer.
pub(super) fn failure(code: i64, err: &[u8]) -> Unread {
    let text = String::from_utf8_lossy(err);
    let lines: Vec<&str> = text.lines().collect();
    // It stops at the first error; notices and warnings come before.
    let found = lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, reported(line)?)));
    match found {
        Some((at, (sqlstate, first))) if !is_unavailable(sqlstate) => {
            let mut rest = lines.get(at + 1..).unwrap_or_default();
            if let [before @ .., last] = rest
                && is_location(last)
            {
                rest = before;
            }
            let message = one_line(std::iter::once(first).chain(rest.iter().copied()));
            Unread::Refused(SqlRefusal { sqlstate: sqlstate.to_owned(), number: None, message })
        }
        Some(_) | None => Unread::Unavailable(error_line(PROGRAM, code, err)),
    }
}

fn is_unavailable(sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    matches!(class, "08" | "28" | "40" | "53" | "57")
        || matches!(sqlstate, "25P03" | "25P04" | "55P03" | "58000" | "58030")
}

/// Of `psql:<stdin>:1: ERROR:  42P01: relation …` the SQLSTATE and the message. The word before is in any language.
fn reported(line: &str) -> Option<(&str, &str)> {
    let (number, rest) = line.strip_prefix("psql:<stdin>:")?.split_once(": ")?;
    let (_, rest) = rest.split_once(":  ").filter(|_| digits(number))?;
    let (sqlstate, message) = rest.split_once(": ")?;
    is_sqlstate(sqlstate).then_some((sqlstate, message))
}

/// `LOCATION:  parserOpenTable, parse_relation.c:1392`, the word in any language: where in the server's own source.
fn is_location(line: &str) -> bool {
    let source = line.rsplit_once(", ").and_then(|(_, source)| source.split_once(".c:"));
    line.contains(":  ") && source.is_some_and(|(_, number)| digits(number))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sqlstate: &str, message: &str) -> Unread {
        Unread::Refused(SqlRefusal { sqlstate: sqlstate.to_owned(), number: None, message: message.to_owned() })
    }

    #[test]
    fn a_refusal_of_postgresql_is_read_by_its_sqlstate_in_any_language() {
        for severity in ["ERROR", "FEHLER", "ERREUR", "ОШИБКА", "エラー"] {
            let text = format!(
                "psql:<stdin>:1: HINWEIS:  00000: schon da\nORT:  touch, notice.c:7\n\
                 psql:<stdin>:2: {severity}:  42P01: Relation »t« existiert nicht\nZEILE 1: select 1\n       ^\n\
                 ORT:  parserOpenTable, parse_relation.c:1392\n"
            );
            let expected = refusal("42P01", "Relation »t« existiert nicht ZEILE 1: select 1 ^");
            assert_eq!(failure(3, text.as_bytes()), expected);
        }
    }

    #[test]
    fn an_unavailable_server_does_not_count_as_a_refusal() {
        let psql = |sqlstate: &str| failure(3, format!("psql:<stdin>:7: FATAL:  {sqlstate}: words\n").as_bytes());
        for sqlstate in ["08006", "28000", "40P01", "53100", "53300", "57014", "57P01", "57P03", "55P03", "58030"] {
            assert!(matches!(psql(sqlstate), Unread::Unavailable(_)), "{sqlstate}");
        }
        for sqlstate in ["42P01", "42703", "42501", "22012", "58P01", "XX001", "3F000", "25006", "0A000"] {
            assert_eq!(psql(sqlstate), refusal(sqlstate, "words"), "{sqlstate}");
        }
    }

    #[test]
    fn an_end_without_a_code_of_the_server_does_not_count_as_a_refusal() {
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
                matches!(failure(code, text.as_bytes()), Unread::Unavailable(why) if why.starts_with(&ended)),
                "{text}"
            );
        }
    }
}
