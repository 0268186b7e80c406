//! Comparisons by meaning: JSON where keys may be added, CSV as records.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::product::{CsvAspect, JsonAspect};
use crate::secret::{names_a_secret, without_named};

/// The first places at which `now` lacks something that `before` had, or has it with another value. Objects may have
/// more keys; lists must be of the same length and order.
pub fn json_difference(before: &Value, now: &Value, aspect: &JsonAspect) -> Vec<String> {
    let mut found = Vec::new();
    walk(before, now, &aspect.ignore, &mut String::new(), &mut found);
    found
}

/// How many differences are reported; further ones are not looked for.
const SHOWN: usize = 5;

fn walk(before: &Value, now: &Value, ignore: &[String], at: &mut String, found: &mut Vec<String>) {
    if found.len() >= SHOWN {
        return;
    }
    let place = |at: &str| if at.is_empty() { "the whole".to_owned() } else { at.to_owned() };
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            for (key, value) in before.iter().filter(|(key, _)| !ignore.contains(key)) {
                let length = at.len();
                at.push('/');
                at.push_str(key);
                match now.get(key) {
                    Some(other) => walk(value, other, ignore, at, found),
                    None => found.push(format!("{at} is gone (was {})", short(at, value))),
                }
                at.truncate(length);
            }
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (index, (value, other)) in before.iter().zip(now).enumerate() {
                let length = at.len();
                at.push_str(&format!("/{index}"));
                walk(value, other, ignore, at, found);
                at.truncate(length);
            }
        }
        (Value::Array(before), Value::Array(now)) => {
            found.push(format!("{} has {} elements (was {})", place(at), now.len(), before.len()));
        }
        _ if before != now => found.push(format!("{} is {} (was {})", place(at), short(at, now), short(at, before))),
        _ => {}
    }
}

fn short(at: &str, value: &Value) -> String {
    json_for_people(at, value, 120)
}

/// A value of a JSON document for people: at most this many characters, without what is secret by its key.
pub(super) fn json_for_people(at: &str, value: &Value, most: usize) -> String {
    let key = at.rsplit('/').next().unwrap_or_default();
    if value.is_string() && names_a_secret(key) {
        return "(hidden)".to_owned();
    }
    shorten(&without_named(&value.to_string()), most)
}

/// The first `most` characters of a text, with `…` if it was cut.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most).collect();
    cut.push('…');
    cut
}

/// The records of a CSV text: a map per record, from header to value. None if it is not CSV with a header.
pub(crate) fn records(text: &str) -> Option<Vec<BTreeMap<String, String>>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().ok()?.clone();
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.ok()?;
        records
            .push(headers.iter().zip(record.iter()).map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
    }
    Some(records)
}

/// The differences of two CSV texts as sets of records, by the columns of the first.
///
/// # Errors
/// Why they cannot be compared.
pub fn csv_difference(before: &str, now: &str, aspect: &CsvAspect) -> Result<Vec<String>, String> {
    let before = records(before).ok_or("the baseline is not CSV")?;
    let now = records(now).ok_or("it is not CSV")?;
    let mut found = Vec::new();
    let Some(first) = before.first() else { return Err("the baseline has no record".to_owned()) };
    let columns: Vec<&String> = first.keys().filter(|column| !aspect.ignore.contains(column)).collect();
    if let Some(record) = now.first() {
        found.extend(columns.iter().filter(|c| !record.contains_key(**c)).map(|c| format!("column {c:?} is gone")));
    }
    let reduce = |record: &BTreeMap<String, String>| -> Vec<String> {
        columns.iter().map(|column| record.get(*column).cloned().unwrap_or_default()).collect()
    };
    let mut counts: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    for record in &now {
        *counts.entry(reduce(record)).or_default() += 1;
    }
    for record in &before {
        *counts.entry(reduce(record)).or_default() -= 1;
    }
    let gone = counts.values().filter(|count| **count < 0).map(|count| -count).sum::<i64>();
    let new = counts.values().filter(|count| **count > 0).sum::<i64>();
    if gone > 0 {
        let example = counts.iter().find(|(_, count)| **count < 0).map(|(record, _)| record.join(","));
        found.push(format!(
            "{gone} of {} records are gone, such as {}",
            before.len(),
            shorten(&example.unwrap_or_default(), 160)
        ));
    }
    if new > 0 && !aspect.more {
        let example = counts.iter().find(|(_, count)| **count > 0).map(|(record, _)| record.join(","));
        found.push(format!("{new} records are new, such as {}", shorten(&example.unwrap_or_default(), 160)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lost_and_changed_keys_differ_but_added_keys_do_not() {
        let aspect = JsonAspect { at: None, ignore: vec!["updated_on".into()] };
        let before = json!({"issues": [{"id": 1, "subject": "a", "updated_on": 1}], "total_count": 1});
        let same = json!({"issues": [{"id": 1, "subject": "a", "updated_on": 2, "new": true}], "total_count": 1});
        assert_eq!(json_difference(&before, &same, &aspect), Vec::<String>::new());
        let lost = json!({"issues": [{"id": 1}], "total_count": 1});
        assert_eq!(json_difference(&before, &lost, &aspect), ["/issues/0/subject is gone (was \"a\")"]);
        let fewer = json!({"issues": [], "total_count": 0});
        assert_eq!(json_difference(&before, &fewer, &aspect).len(), 2);
    }

    #[test]
    fn a_value_that_is_secret_by_its_key_is_not_shown() {
        let user = |key: &str| json!({"user": {"api_key": key}, "users": [{"token": key}, {"name": "a"}]});
        let (before, now) = (user("ab12cd34"), json!({"user": {"api_key": "ef56ab78"}}));
        let found = json_difference(&before, &now, &JsonAspect::default());
        assert!(found.concat().contains("/user/api_key is (hidden)"), "{found:?}");
        assert!(!found.concat().contains("12cd") && !found.concat().contains("56ab"), "{found:?}");
    }

    #[test]
    fn csv_is_compared_as_records_and_not_as_bytes() {
        let aspect = CsvAspect::default();
        let before = "id,name\n1,a\n2,\"b\nc\"\n";
        assert_eq!(csv_difference(before, "name,id,more\n\"b\nc\",2,x\na,1,y\n", &aspect), Ok(vec![]));
        assert_eq!(csv_difference(before, "id,name\n1,a\n", &aspect).unwrap().len(), 1);
        assert_eq!(csv_difference(before, "id,name\n1,a\n2,\"b\nc\"\n3,d\n", &aspect).unwrap().len(), 1);
        assert!(
            csv_difference(before, "id,name\n1,a\n2,\"b\nc\"\n3,d\n", &CsvAspect { more: true, ..aspect.clone() })
                .unwrap()
                .is_empty()
        );
        assert!(csv_difference("id,name\n", "id,name\n", &aspect).is_err());
    }
}
