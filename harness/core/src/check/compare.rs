//! Comparisons by meaning: JSON where keys may be added, CSV as records.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::product::{CsvAspect, JsonAspect};

use super::excerpt::{apart, json_apart, json_for_people};
use super::json::paired;

/// The first places at which `now` lacks something that `before` had, or has it with another value. Objects may have
/// more keys; lists must be of the same length, and of the same order unless the aspect says that they have none.
pub fn json_difference(before: &Value, now: &Value, aspect: &JsonAspect) -> Vec<String> {
    let mut found = Vec::new();
    walk(before, now, aspect, &mut String::new(), &mut found);
    found
}

/// How many differences are reported; further ones are not looked for.
const SHOWN: usize = 5;

fn walk(before: &Value, now: &Value, aspect: &JsonAspect, at: &mut String, found: &mut Vec<String>) {
    if found.len() >= SHOWN {
        return;
    }
    let place = |at: &str| if at.is_empty() { "the whole".to_owned() } else { at.to_owned() };
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            for (key, value) in before.iter().filter(|(key, _)| !aspect.ignore.contains(key)) {
                let length = at.len();
                at.push('/');
                at.push_str(key);
                match now.get(key) {
                    Some(other) => walk(value, other, aspect, at, found),
                    None => found.push(format!("{at} is gone (was {})", short(at, value))),
                }
                at.truncate(length);
            }
        }
        (Value::Array(before), Value::Array(now)) if aspect.is_unordered(at) => {
            unordered(before, now, aspect, at, found)
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (index, (value, other)) in before.iter().zip(now).enumerate() {
                let length = at.len();
                at.push_str(&format!("/{index}"));
                walk(value, other, aspect, at, found);
                at.truncate(length);
            }
        }
        (Value::Array(before), Value::Array(now)) => {
            found.push(format!("{} has {} elements (was {})", place(at), now.len(), before.len()));
        }
        _ if before != now => found.push(match json_apart(at, before, now, 120) {
            Some((was, is)) => format!("{} is {is} (was {was})", place(at)),
            None => format!("{} is (hidden), another value than before", place(at)),
        }),
        _ => {}
    }
}

/// Elements left on both sides up to this number are compared each with each.
const EACH_WITH_EACH: usize = 1000;

/// Compares lists without regard to their order: each element has to be found again.
fn unordered(before: &[Value], now: &[Value], aspect: &JsonAspect, at: &mut String, found: &mut Vec<String>) {
    let mut new: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for value in now {
        new.entry(value.to_string()).or_default().push(value);
    }
    let mut lost: Vec<&Value> =
        before.iter().filter(|value| new.get_mut(&value.to_string()).and_then(Vec::pop).is_none()).collect();
    let mut new: Vec<&Value> = new.into_values().flatten().collect();
    if lost.len().max(new.len()) <= EACH_WITH_EACH {
        // One that says more is found again before one that any other would do for.
        lost.sort_by_key(|value| Reverse(value.to_string().len()));
        lost.retain(|value| {
            let same = |other: &&Value| {
                let mut differences = Vec::new();
                walk(value, other, aspect, at, &mut differences);
                differences.is_empty()
            };
            new.iter().position(same).map(|place| new.swap_remove(place)).is_none()
        });
    }
    let (pairs, lost, new) = paired(lost, new, &aspect.ignore);
    for (name, was, is) in pairs {
        let length = at.len();
        at.push_str(&name);
        walk(was, is, aspect, at, found);
        at.truncate(length);
    }
    let place = if at.is_empty() { "the whole" } else { at.as_str() };
    let gone = lost.into_iter().map(|value| format!("{place} has no element {} any more", short(at, value)));
    let added = new.into_iter().map(|value| format!("{place} has a new element {}", short(at, value)));
    let room = SHOWN.saturating_sub(found.len());
    found.extend(gone.chain(added).take(room).collect::<Vec<_>>());
}

fn short(at: &str, value: &Value) -> String {
    json_for_people(at, value, 120)
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
    let example = |sign: i64| {
        let record = counts.iter().find(|(_, count)| **count * sign > 0).map(|(record, _)| record.join(","));
        record.unwrap_or_default()
    };
    let (of_gone, of_new) = apart(&example(-1), &example(1), 160);
    if gone > 0 {
        found.push(format!("{gone} of {} records are gone, such as {of_gone}", before.len()));
    }
    if new > 0 && !aspect.more {
        found.push(format!("{new} records are new, such as {of_new}"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::scalar::Pointer;
    use serde_json::json;

    #[test]
    fn lost_and_changed_keys_differ_but_added_keys_do_not() {
        let aspect = JsonAspect { ignore: vec!["updated_on".into()], ..JsonAspect::default() };
        let before = json!({"issues": [{"id": 1, "subject": "a", "updated_on": 1}], "total_count": 1});
        let same = json!({"issues": [{"id": 1, "subject": "a", "updated_on": 2, "new": true}], "total_count": 1});
        assert_eq!(json_difference(&before, &same, &aspect), Vec::<String>::new());
        let lost = json!({"issues": [{"id": 1}], "total_count": 1});
        assert_eq!(json_difference(&before, &lost, &aspect), ["/issues/0/subject is gone (was \"a\")"]);
        let fewer = json!({"issues": [], "total_count": 0});
        assert_eq!(json_difference(&before, &fewer, &aspect).len(), 2);
    }

    #[test]
    fn a_list_without_an_order_is_compared_by_its_elements() {
        let aspect = JsonAspect {
            unordered: vec!["/items".parse().unwrap(), "/all/*/tags".parse().unwrap()],
            ..JsonAspect::default()
        };
        let before = json!({"items": [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}], "all": [{"tags": [1, 2]}]});
        let check = |now: &Value, expected: &[&str]| assert_eq!(json_difference(&before, now, &aspect), expected);
        let items = |items: Value| json!({"items": items, "all": [{"tags": [2, 1]}]});
        check(&items(json!([{"id": 2, "a": "y", "new": 1}, {"id": 1, "a": "x"}])), &[]);
        check(&items(json!([{"id": 2, "a": "z"}, {"id": 1, "a": "x"}])), &["/items[id=2]/a is \"z\" (was \"y\")"]);
        check(&items(json!([{"id": 2, "a": "y"}])), &["/items has no element {\"id\":1,\"a\":\"x\"} any more"]);
        check(
            &items(json!([{"id": 2, "a": "y"}, {"id": 1, "a": "x"}, {"id": 3}])),
            &["/items has a new element {\"id\":3}"],
        );
        // One that is there twice now does not stand for another.
        check(
            &items(json!([{"id": 2, "a": "y"}, {"id": 2, "a": "y"}])),
            &["/items[]/id is 2 (was 1)", "/items[]/a is \"y\" (was \"x\")"],
        );
        // Every other list keeps its order.
        let ordered = JsonAspect::default();
        assert_eq!(json_difference(&json!([1, 2]), &json!([2, 1]), &ordered).len(), 2);
        // An element that says less is not taken for one that says more.
        let whole = JsonAspect { unordered: vec![Pointer::root()], ..JsonAspect::default() };
        let (was, is) = (json!([{"a": 1}, {"a": 1, "b": 2}]), json!([{"a": 1, "b": 2}, {"a": 1, "c": 3}]));
        assert_eq!(json_difference(&was, &is, &whole), [""; 0]);
    }

    #[test]
    fn two_values_look_different_where_they_differ() {
        let long = "the same words, ".repeat(30);
        let (before, now) = (json!({"a": format!("{long}x")}), json!({"a": format!("{long}y")}));
        let found = json_difference(&before, &now, &JsonAspect::default()).concat();
        assert!(found.contains("x\"") && found.contains("y\""), "{found}");
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
