//! Files of variables of a backup, as the program that ran the service read them.

/// A line that names no variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} names no variable; a line is NAME=value, and a name has no blanks")]
pub struct EnvFileError {
    /// Its number, from 1.
    pub line: usize,
}

/// The variables of a file for `docker run --env-file`: `KEY=value` lines, each value as it stands, with its quotes and
/// blanks; empty lines and those that begin with `#` say nothing.
///
/// A name without a value would be taken from the environment of whoever runs the container. There is no such
/// environment here, so it says nothing. For the same reason `dotenvy` does not read these files: it takes quotes away
/// and fills `$NAME` in from the environment of this process, where a container gets `$NAME`.
pub fn env_file(text: &str) -> impl Iterator<Item = Result<(&str, &str), EnvFileError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().zip(1..).map(|(line, number)| (line.trim_start(), number));
    lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')).filter_map(|(line, number)| {
        let (name, value) = line.split_once('=')?;
        let named = !name.is_empty() && !name.contains(char::is_whitespace);
        Some(if named { Ok((name, value)) } else { Err(EnvFileError { line: number }) })
    })
}

/// The value between the quotes that stand around it, where they do: what a product makes of it that takes them away.
pub fn unquoted(value: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|mark| value.trim_end().strip_prefix(*mark)?.strip_suffix(*mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_as_it_stands() {
        let text = "\u{feff}A=1\r\n  # a comment\n\n  B = no name\nC=\"quoted # $A\"\nD=\nHOME\nE=a=b \n=x\nF='s'";
        let read: Vec<Result<(&str, &str), usize>> = env_file(text).map(|it| it.map_err(|error| error.line)).collect();
        let expected = [
            Ok(("A", "1")),
            Err(4),
            Ok(("C", "\"quoted # $A\"")),
            Ok(("D", "")),
            Ok(("E", "a=b ")),
            Err(9),
            Ok(("F", "'s'")),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_stands_in_quotes_is_known_without_them() {
        let table =
            [("\"a b\"", Some("a b")), ("'a' ", Some("a")), ("\"a'", None), ("a", None), ("\"", None), ("", None)];
        for (value, expected) in table {
            assert_eq!(unquoted(value), expected, "{value}");
        }
    }
}
