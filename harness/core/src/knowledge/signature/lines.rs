//! A line as the program wrote it: without what a terminal, a container engine or a journal added.

use std::borrow::Cow;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

use crate::text;

/// The container's name: `web_1      | `, `web-1  | `.
static CONTAINER: Lazy<Regex> = lazy_regex!(r"(?-u)^[[:alnum:]][\w.-]{0,62}\s*\|(?: |$)");

/// What programs put before a line: a quotation mark, a time
/// (`2024-01-02T03:04:05.678Z `, `2024-01-02_03:04:05.67800 `, `[2024-01-02T03:04:05+00:00] `), the prefix of the journal
/// (`Sep 14 16:46:15 host unit[46952]: `), the name of the resource that Chef runs.
///
/// Without the letters and digits of Unicode it is a hundred times smaller.
static BEFORE: Lazy<Regex> = lazy_regex!(
    r"(?x-u)^(?:
        >(?:[>\ ]*>)?\ ?
        | \s*\[?\d{4}-\d\d-\d\d[T_\ ]\d\d:\d\d:\d\d(?:[.,]\d+)?\ ?(?:Z|UTC|[+-]\d\d:?\d\d)?\]?:?\ +
        | \s*(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{1,2}\s\d\d:\d\d:\d\d\s[!-~]+\s[\w./@:-]+(?:\[\d+\])?:\ ?
        | \s*\[execute\]\ ?
    )"
);

/// How many prefixes may follow one another.
const DEEPEST: usize = 6;

/// A line without terminal codes and without its prefixes.
pub(super) fn plain(line: &str) -> Cow<'_, str> {
    let strip = |line: &str| {
        let (mut from, mut contained) = (0, false);
        for _ in 0..DEEPEST {
            // A second bar belongs to a table.
            let name = if contained { None } else { CONTAINER.find(&line[from..]) };
            contained |= name.is_some();
            match name.or_else(|| BEFORE.find(&line[from..])) {
                Some(found) => from += found.end(),
                None => break,
            }
        }
        from
    };
    match shown(line) {
        Cow::Borrowed(line) => Cow::Borrowed(&line[strip(line)..]),
        Cow::Owned(mut line) => {
            let from = strip(&line);
            line.drain(..from);
            Cow::Owned(line)
        }
    }
}

/// A line as a terminal shows it: without colours, titles, links, and the carriage return at its end.
pub(crate) fn shown(line: &str) -> Cow<'_, str> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    text::plain(line)
}

/// The text without the escapes of JSON, where a line holds any.
pub(super) fn unescaped(line: &str) -> Option<String> {
    if !(line.contains("\\\"") || line.contains("\\u00")) {
        return None;
    }
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        let (meant, length) = match behind.as_bytes() {
            [b'"', ..] => ("\"", 1),
            [b'n', ..] => ("\n", 1),
            [b't', ..] => ("\t", 1),
            [b'\\', ..] => ("\\", 1),
            [b'u', b'0', b'0', b'3', b'e' | b'E', ..] => (">", 5),
            [b'u', b'0', b'0', b'3', b'c' | b'C', ..] => ("<", 5),
            [b'u', b'0', b'0', b'2', b'6', ..] => ("&", 5),
            [b'u', b'0', b'0', b'2', b'7', ..] => ("'", 5),
            _ => ("\\", 0),
        };
        text.push_str(meant);
        rest = &behind[length..];
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_removed() {
        let check = |line: &str, expected: &str| assert_eq!(plain(line), expected, "{line:?}");
        check("webapp_1      | rake aborted!", "rake aborted!");
        check("webapp-1  |     rake aborted!", "    rake aborted!");
        check("webapp | ", "");
        check("webapp |", "");
        check("2024-01-02T03:04:05.678901234Z rake aborted!", "rake aborted!");
        check("2020-09-27_19:46:09.87700 FATAL:  no", "FATAL:  no");
        check("2020-09-27 19:46:09.877 UTC [1] FATAL:  no", "[1] FATAL:  no");
        check("[2024-02-27T11:57:27-05:00] FATAL: x", "FATAL: x");
        check("Sep 14 16:46:15 host docker[46952]: PG::Error", "PG::Error");
        check("    [execute] rake aborted!", "rake aborted!");
        check("> > quoted", "quoted");
        check("> >> > >>> > > > deep", "deep");
        check(">   indented", "  indented");
        check("Sep 14 16:46:15 host app[1]: web-1  | 2024-01-02T03:04:05Z \x1b[31mred\x1b[0m", "red");
        check("nothing before it", "nothing before it");
        check("a sentence with a | bar", "a sentence with a | bar");
        check("    indented", "    indented");
        check("  7 | Backfill | workspaces", "  7 | Backfill | workspaces");
        check("web-1  | a    | b | c", "a    | b | c");
    }

    #[test]
    fn escapes_of_json_are_resolved() {
        let line = r#"{"message":"relation \"x\" is gone\nDETAIL:\t:a=\u003e1, finalize[a\\,b]"}"#;
        assert_eq!(
            unescaped(line).as_deref(),
            Some("{\"message\":\"relation \"x\" is gone\nDETAIL:\t:a=>1, finalize[a\\,b]\"}")
        );
        assert_eq!(unescaped("C:\\new"), None);
        assert_eq!(unescaped("\"a\\\"\\").as_deref(), Some("\"a\"\\"));
    }
}
