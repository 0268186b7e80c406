//! Columns whose texts are compared by what they mean.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::check::parsed::{Parsed, differences};
use crate::model::product::TextFormat;
use crate::observation::{NULL, RetainedRows};
use crate::vocabulary::wildcard::fits;

use super::Judge;
use super::cells::{excerpts, plain};

/// Differences inside one text that are shown.
const SHOWN: usize = 3;
/// What a cell begins with that holds a meaning in place of a text.
const MEANING: char = '\u{2}';

/// How the texts of columns are written.
pub(super) type Formats = BTreeMap<String, TextFormat>;

impl Judge<'_> {
    /// How the texts of a table's columns are written, where they are compared by what they mean.
    pub(super) fn formats(&self, name: &str, columns: &[String]) -> Formats {
        let format = |column: &String| {
            let full = format!("{name}.{column}");
            // A rule that maps values names texts.
            if self.rules.mapped(&full).is_some_and(|(mapped, _)| !mapped.map.is_empty()) {
                return None;
            }
            let (_, format) = self.terms.meaning.iter().find(|(pattern, _)| fits(pattern, &full))?;
            Some((column.clone(), *format))
        };
        columns.iter().filter_map(format).collect()
    }
}

/// The same rows, with meanings in place of texts. A text without a meaning stays as it is.
pub(super) fn by_meaning<'r>(kept: &'r RetainedRows, formats: &Formats) -> Cow<'r, RetainedRows> {
    if formats.is_empty() {
        return Cow::Borrowed(kept);
    }
    let formats: Vec<Option<TextFormat>> = kept.columns.iter().map(|column| formats.get(column).copied()).collect();
    let row = |row: &str| -> Box<str> {
        let cells = row.split('\t').enumerate().map(|(at, cell)| match formats.get(at).copied().flatten() {
            Some(format) => Cow::Owned(meaning_of(cell, format)),
            None => Cow::Borrowed(cell),
        });
        cells.collect::<Vec<_>>().join("\t").into()
    };
    let rows = kept.rows.iter().map(|cells| row(cells)).collect();
    Cow::Owned(RetainedRows { columns: kept.columns.clone(), rows })
}

fn meaning_of(cell: &str, format: TextFormat) -> String {
    match parsed(cell, format) {
        Some(parsed) => format!("{MEANING}{}", parsed.canonical()),
        None if cell.starts_with(MEANING) => format!("{MEANING}{cell}"),
        None => cell.to_owned(),
    }
}

fn parsed(cell: &str, format: TextFormat) -> Option<Parsed> {
    // Of a text that is too long, only the beginning is there, with its length and a digest.
    (cell != NULL && !cell.contains('\u{1}')).then(|| Parsed::read(format, &plain(cell))).flatten()
}

/// How two texts differ, by what they mean.
pub(super) fn change(was: &str, is: &str, format: TextFormat) -> String {
    if let (Some(before), Some(now)) = (parsed(was, format), parsed(is, format)) {
        return differences(&before, &now, SHOWN).join(", ");
    }
    let (was_shown, is_shown) = excerpts(was, is);
    if was == NULL || is == NULL {
        return format!("{was_shown} → {is_shown}");
    }
    format!("{was_shown} → {is_shown}, compared as texts: not both can be read")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{state, table};
    use super::super::*;
    use crate::model::scenario::CheckKind;

    /// What is found of two values of a column, with a key and without one.
    fn found(format: TextFormat, was: &str, is: &str) -> Vec<String> {
        let meaning = BTreeMap::from([("settings.*".to_owned(), format)]);
        let of =
            |columns: &[&str], value: &str| state(&[("settings", table(columns, &[&format!("1\t{value}"), "2\t\\N"]))]);
        let judge = |columns: &[&str]| {
            let (before, now) = (of(columns, was), of(columns, is));
            let mut report = CheckReport::new(CheckKind::Data, "main");
            let (none, elsewhere) = (BTreeSet::new(), BTreeMap::new());
            let terms = DataTerms {
                rules: &[],
                volatile: &[],
                written: &none,
                elsewhere: &elsewhere,
                growing: &none,
                meaning: &meaning,
                labels: &BTreeMap::new(),
            };
            judge_data(&before, &now, terms, &mut report);
            report.findings.iter().map(|finding| finding.actual.clone()).collect::<Vec<_>>()
        };
        let (keyed, whole) = (judge(&["id", "value"]), judge(&["number", "value"]));
        assert_eq!(keyed.is_empty(), whole.is_empty(), "{keyed:?} {whole:?}");
        keyed
    }

    #[test]
    fn a_text_that_means_the_same_does_not_differ() {
        use TextFormat::{Json, PhpSerialised, Yaml};
        for (format, was, is) in [
            (Yaml, "---\\n:a: \"b\"\\nc: [1, x]\\n", "---\\n:a: b\\nc:\\n- 1\\n- 'x'\\n"),
            (Json, r#"{"a": 1, "b": "x"}"#, r#"{"b":"x","a":1}"#),
            (PhpSerialised, r#"a:2:{s:1:"a";i:1;s:1:"b";N;}"#, r#"a:2:{s:1:"b";N;s:1:"a";i:1;}"#),
        ] {
            assert_eq!(found(format, was, is), [""; 0], "{was}");
        }
    }

    #[test]
    fn a_text_that_means_something_else_is_found_with_its_place() {
        use TextFormat::{Json, Yaml};
        let yaml = found(Yaml, "---\\nnotifications:\\n- b\\n", "---\\nnotifications: ['a']\\n");
        assert_eq!(yaml, ["other values in value (1: id=1 /notifications/0: \"a\" (was \"b\"))"]);
        assert_eq!(
            found(Json, r#"{"a":{"api_token":"s3cr3t"}}"#, r#"{"a":{"api_token":"0ther"}}"#),
            ["other values in value (1: id=1 /a/api_token: another value (hidden))"]
        );
    }

    #[test]
    fn a_text_that_cannot_be_read_is_compared_as_a_text() {
        use TextFormat::Json;
        let found = |was: &str, is: &str| found(Json, was, is).join("");
        assert!(found("{\"a\": 1", "{\"a\":1").contains("compared as texts"));
        assert!(found("{\"a\": 1}", "{\"a\":1").contains("compared as texts"));
        assert!(found("\u{2}{}", "{}").contains("compared as texts"));
        // Only the beginning of a long text is there.
        assert!(found("1\u{1}9\u{1}aa", "1\u{1}9\u{1}bb").contains("compared as texts"));
        assert!(found("{}", "\\\\N").contains("compared as texts"));
        assert_eq!(found("\\N", "{}"), "other values in value (1: id=1 null → '{}')");
    }
}
