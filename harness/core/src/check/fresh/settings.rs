//! Settings as files and commands show them: names with values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{FreshTerms, Lacking, Part};
use crate::check::data::list;
use crate::outcome::code::FindingCode;
use crate::outcome::event::CheckReport;
use crate::outcome::subject::Subject;

/// The values of settings by their names.
pub type SettingValues = BTreeMap<String, String>;

/// The settings in a text: the leaves of JSON by their pointers, or else lines such as `name = value` and `name: value`. Names of
/// sections and of what a line is indented below stand before a name: `production.adapter`.
pub fn settings_in_text(text: &str) -> SettingValues {
    if let Ok(json) = serde_json::from_str::<Value>(text)
        && (json.is_object() || json.is_array())
    {
        let mut values = SettingValues::new();
        leaves(&json, String::new(), &mut values);
        return values;
    }
    let mut values = SettingValues::new();
    let mut section = String::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || ["#", ";", "//", "!", "-"].iter().any(|mark| trimmed.starts_with(mark)) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (section, above) = (name.trim().to_owned(), Vec::new());
            continue;
        }
        let Some((name, value)) = name_and_value(trimmed) else { continue };
        let indent = line.len() - line.trim_start().len();
        above.retain(|(column, _)| *column < indent);
        let parents = above.iter().map(|(_, name)| name.as_str());
        let full: Vec<&str> = [section.as_str()].into_iter().filter(|name| !name.is_empty()).chain(parents).collect();
        let full = full.into_iter().chain([name]).collect::<Vec<_>>().join(".");
        above.push((indent, name.to_owned()));
        values.insert(full, value.to_owned());
    }
    values
}

/// The settings in rows: names in the first column, values in the second.
pub fn settings_in_rows(rows: &[Vec<Option<String>>]) -> SettingValues {
    let row = |row: &Vec<Option<String>>| {
        let name = row.first().cloned().flatten()?;
        Some((name, row.get(1).cloned().flatten().unwrap_or_else(|| "null".to_owned())))
    };
    rows.iter().filter_map(row).collect()
}

fn leaves(value: &Value, at: String, values: &mut SettingValues) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| leaves(value, format!("{at}/{key}"), values));
        }
        // Lists are values: their order and length are what a customer sets.
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            values.insert(at, value.to_string());
        }
    }
}

/// `name = value`, `name: value`, `export NAME=value`.
fn name_and_value(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let end = line.find(|character: char| !(character.is_alphanumeric() || "_.-".contains(character)))?;
    let (name, rest) = line.split_at(end);
    let value = rest.trim_start().strip_prefix(['=', ':'])?;
    let plain = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    plain.then(|| (name, value.trim()))
}

/// The settings that only the fresh installation has.
pub(super) fn lacking(
    of: &str,
    subject: &Subject,
    fresh: &SettingValues,
    upgraded: &SettingValues,
    terms: FreshTerms<'_>,
    report: &mut CheckReport,
) -> impl Iterator<Item = Lacking> {
    report.assertions += u32::try_from(fresh.len()).unwrap_or(u32::MAX);
    let differ = |(name, value): &(&String, &String)| upgraded.get(*name).is_some_and(|other| other != *value);
    let others: Vec<&str> = fresh.iter().filter(differ).map(|(name, _)| name.as_str()).collect();
    if !others.is_empty() {
        let count = others.len();
        report
            .notes
            .push(format!("{of}: {count} settings have another value than in a fresh installation: {}", list(&others)));
    }
    let names = fresh.keys().filter(|name| !upgraded.contains_key(*name));
    let lacking = names.map(|name| {
        let full = format!("{of} {name}");
        Lacking {
            allowed: terms.allowed(Part::Settings, &full),
            subject: subject.clone(),
            expected: format!("the setting {name}, as in a fresh installation"),
            actual: "it is not set".to_owned(),
            name: full,
            code: FindingCode::FreshSetting,
        }
    });
    lacking.collect::<Vec<_>>().into_iter()
}
