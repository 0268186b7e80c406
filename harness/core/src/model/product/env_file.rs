//! Files of environment variables in a backup, read as `docker run --env-file` reads them.

/// A line without the name of a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} does not name a variable: expected NAME=value, with no blanks in the name")]
pub struct EnvFileError {
    /// Its number, from 1.
    pub line: usize,
}

/// The variables of a file for `docker run --env-file`: `KEY=value` lines, each value unchanged, with its quotes and
/// blanks; empty lines and those that begin with `#` are skipped.
///
/// A name without a value would be taken from the environment of whoever runs the container. There is no such
/// environment here, so it is skipped. `dotenvy` cannot read these files for the same reason: it removes quotes, and
/// replaces `$NAME` from the environment of this process, where a container gets `$NAME` itself.
pub fn env_file(text: &str) -> impl Iterator<Item = Result<(&str, &str), EnvFileError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().zip(1..).map(|(line, number)| (line.trim_start(), number));
    lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')).filter_map(|(line, number)| {
        let (name, value) = line.split_once('=')?;
        let named = !name.is_empty() && !name.contains(char::is_whitespace);
        Some(if named { Ok((name, value)) } else { Err(EnvFileError { line: number }) })
    })
}

/// The value without the quotes around it, for products that remove them; none if it is not quoted.
pub fn unquoted(value: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|mark| value.trim_end().strip_prefix(*mark)?.strip_suffix(*mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_unchanged() {
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
    fn surrounding_quotes_are_removed() {
        let table =
            [("\"a b\"", Some("a b")), ("'a' ", Some("a")), ("\"a'", None), ("a", None), ("\"", None), ("", None)];
        for (value, expected) in table {
            assert_eq!(unquoted(value), expected, "{value}");
        }
    }
}
