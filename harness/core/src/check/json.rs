//! JSON compared by meaning: lists as sets that count, numbers by value, every difference named by where it is.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::{Map, Number, Value};

use super::compare::shorten;

/// Differences kept; what is beyond is counted.
const KEPT: usize = 1000;

/// How two values are compared.
#[derive(Debug, Clone, Copy)]
pub struct JsonTerms<'a> {
    /// Lists are compared in their order.
    pub ordered: bool,
    /// Keys that are left out, at any depth.
    pub ignore: &'a [String],
}

/// One difference: where, what was, what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where: `/devices[name=a]/status`.
    pub(crate) at: String,
    /// What was there.
    pub(crate) was: String,
    /// What is there now.
    pub(crate) is: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.at, self.was, self.is)
    }
}

/// All differences of two values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// The first ones, in the order of the baseline.
    pub(crate) kept: Vec<Difference>,
    /// How many there are beyond those.
    pub(crate) beyond: u64,
}

impl Differences {
    fn add(&mut self, at: &str, was: impl Into<String>, is: impl Into<String>) {
        if self.kept.len() < KEPT {
            let at = if at.is_empty() { "the whole".to_owned() } else { at.to_owned() };
            self.kept.push(Difference { at, was: was.into(), is: is.into() });
        } else {
            self.beyond += 1;
        }
    }
}

/// In what `now` differs from `before`.
pub(crate) fn differences(before: &Value, now: &Value, terms: JsonTerms<'_>) -> Differences {
    let mut found = Differences::default();
    walk(before, now, terms, &mut String::new(), &mut found);
    found
}

/// How many values there are below: what is neither null nor a list nor an object, nor under a key that is left out.
pub(crate) fn values(value: &Value, ignore: &[String]) -> u64 {
    match value {
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
        Value::Array(items) => items.iter().map(|item| values(item, ignore)).sum(),
        Value::Object(map) => {
            map.iter().filter(|(key, _)| !ignore.contains(key)).map(|(_, item)| values(item, ignore)).sum()
        }
    }
}

fn walk(before: &Value, now: &Value, terms: JsonTerms<'_>, at: &mut String, found: &mut Differences) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => objects(before, now, terms, at, found),
        (Value::Array(before), Value::Array(now)) if terms.ordered => in_order(before, now, terms, at, found),
        (Value::Array(before), Value::Array(now)) => as_sets(before, now, terms, at, found),
        (Value::Number(before), Value::Number(now)) if exact(before) == exact(now) => {}
        _ if before == now => {}
        _ if kind(before) != kind(now) && !before.is_null() && !now.is_null() => {
            found.add(at, format!("{} ({})", short(before), kind(before)), format!("{} ({})", short(now), kind(now)));
        }
        _ => found.add(at, short(before), short(now)),
    }
}

fn objects(
    before: &Map<String, Value>,
    now: &Map<String, Value>,
    terms: JsonTerms<'_>,
    at: &mut String,
    found: &mut Differences,
) {
    let kept = |key: &&String| !terms.ignore.contains(*key);
    for key in before.keys().filter(kept) {
        below(at, &format!("/{key}"), |at| match (before.get(key), now.get(key)) {
            (Some(was), Some(is)) => walk(was, is, terms, at, found),
            (Some(was), None) => found.add(at, short(was), "no such key"),
            (None, _) => {}
        });
    }
    for key in now.keys().filter(kept).filter(|key| !before.contains_key(*key)) {
        below(at, &format!("/{key}"), |at| found.add(at, "no such key", now.get(key).map(short).unwrap_or_default()));
    }
}

fn in_order(before: &[Value], now: &[Value], terms: JsonTerms<'_>, at: &mut String, found: &mut Differences) {
    for (index, (was, is)) in before.iter().zip(now).enumerate() {
        below(at, &format!("/{index}"), |at| walk(was, is, terms, at, found));
    }
    lengths(before, now, at, found);
    for was in before.iter().skip(now.len()) {
        found.add(at, format!("an element {}", short(was)), "gone");
    }
    for is in now.iter().skip(before.len()) {
        found.add(at, "no such element", format!("an element {}", short(is)));
    }
}

fn lengths(before: &[Value], now: &[Value], at: &str, found: &mut Differences) {
    if before.len() != now.len() {
        found.add(at, format!("{} elements", before.len()), format!("{} elements", now.len()));
    }
}

/// Elements without an equal on the other side, paired by a key that tells them apart where there is one.
fn as_sets(before: &[Value], now: &[Value], terms: JsonTerms<'_>, at: &mut String, found: &mut Differences) {
    // By what elements mean: how many there are now, and how many of them nothing of the baseline was matched with yet.
    let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
    for is in now {
        let count = counts.entry(canonical(is, terms)).or_default();
        *count = (count.0 + 1, count.1 + 1);
    }
    let mut lost: Vec<&Value> = Vec::new();
    for was in before {
        match counts.get_mut(&canonical(was, terms)) {
            Some((_, free)) if *free > 0 => *free -= 1,
            Some(_) | None => lost.push(was),
        }
    }
    let mut new: Vec<&Value> = Vec::new();
    for is in now.iter().rev() {
        if let Some((_, free)) = counts.get_mut(&canonical(is, terms)).filter(|(_, free)| *free > 0) {
            *free -= 1;
            new.push(is);
        }
    }
    new.reverse();
    lengths(before, now, at, found);
    let (pairs, lost, new) = paired(lost, new, terms.ignore);
    for (name, was, is) in pairs {
        below(at, &name, |at| walk(was, is, terms, at, found));
    }
    for was in lost {
        let equals = counts.get(&canonical(was, terms)).map_or(0, |(all, _)| *all);
        let is = if equals > 0 { format!("gone, {equals} equal to it left") } else { "gone".to_owned() };
        found.add(at, format!("an element {}", short(was)), is);
    }
    for is in new {
        found.add(at, "no such element", format!("an element {}", short(is)));
    }
}

type Paired<'v> = (Vec<(String, &'v Value, &'v Value)>, Vec<&'v Value>, Vec<&'v Value>);

/// Pairs elements by the first key whose values tell all of them apart and are on both sides.
fn paired<'v>(lost: Vec<&'v Value>, new: Vec<&'v Value>, ignore: &[String]) -> Paired<'v> {
    if let ([was], [is]) = (lost.as_slice(), new.as_slice()) {
        let name = named(was, is, ignore);
        return (vec![(name, was, is)], Vec::new(), Vec::new());
    }
    let keys = lost.first().and_then(|first| first.as_object()).into_iter().flat_map(Map::keys);
    for key in keys.filter(|key| !ignore.contains(key)) {
        let (Some(of_lost), Some(of_new)) = (index(&lost, key), index(&new, key)) else { continue };
        if !of_lost.keys().any(|value| of_new.contains_key(value)) {
            continue;
        }
        let value = |item: &Value| item.get(key).and_then(scalar);
        let (mut pairs, mut alone) = (Vec::new(), Vec::new());
        for was in lost {
            match value(was).and_then(|value| Some((of_new.get(&value)?, value))) {
                Some((is, value)) => pairs.push((format!("[{key}={}]", shorten(&value, 60)), was, *is)),
                None => alone.push(was),
            }
        }
        let new = new.into_iter().filter(|is| value(is).is_none_or(|value| !of_lost.contains_key(&value))).collect();
        return (pairs, alone, new);
    }
    (Vec::new(), lost, new)
}

/// The first key that two elements agree on, as a name for both.
fn named(was: &Value, is: &Value, ignore: &[String]) -> String {
    let keys = was.as_object().into_iter().flat_map(Map::keys).filter(|key| !ignore.contains(key));
    let same = keys.filter_map(|key| Some((key, scalar(was.get(key)?)?, scalar(is.get(key)?)?)));
    let first = same.into_iter().find(|(_, was, is)| was == is);
    first.map_or_else(|| "[]".to_owned(), |(key, value, _)| format!("[{key}={}]", shorten(&value, 60)))
}

/// Elements by the value of a key; none when one has no value there or two have the same.
fn index<'v>(items: &[&'v Value], key: &str) -> Option<BTreeMap<String, &'v Value>> {
    let mut found = BTreeMap::new();
    for item in items {
        if found.insert(scalar(item.get(key)?)?, *item).is_some() {
            return None;
        }
    }
    Some(found)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(exact(number)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text that is the same for values that mean the same.
fn canonical(value: &Value, terms: JsonTerms<'_>) -> String {
    let mut text = String::new();
    write(value, terms, &mut text);
    text
}

fn write(value: &Value, terms: JsonTerms<'_>, text: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
        Value::Number(number) => text.push_str(&exact(number)),
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(|item| canonical(item, terms)).collect();
            if !terms.ordered {
                items.sort_unstable();
            }
            text.push('[');
            for item in items {
                text.push_str(&item);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(map) => {
            let mut keys: Vec<(&String, &Value)> = map.iter().filter(|(key, _)| !terms.ignore.contains(key)).collect();
            keys.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (key, item) in keys {
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write(item, terms, text);
                text.push(',');
            }
            text.push('}');
        }
    }
}

/// A number as a text that is the same for 1 and 1.0, and exact for whole numbers beyond what a float holds.
fn exact(number: &Number) -> String {
    /// Whole numbers up to this are exact in a float.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < WHOLE => format!("{float:.0}"),
        _ => number.to_string(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

fn short(value: &Value) -> String {
    shorten(&value.to_string(), 160)
}

fn below(at: &mut String, part: &str, work: impl FnOnce(&mut String)) {
    let length = at.len();
    at.push_str(part);
    work(at);
    at.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(before: Value, now: Value, expected: &[&str]) {
        let ignore = ["seen".to_owned()];
        let found = differences(&before, &now, JsonTerms { ordered: false, ignore: &ignore });
        let texts: Vec<String> = found.kept.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{before} {now}");
    }

    #[test]
    fn what_means_the_same_is_no_difference() {
        check(json!({"a": 1, "b": 2.5}), json!({"b": 2.5, "a": 1.0}), &[]);
        check(json!([1, 2, 2, {"x": [3, 4]}]), json!([{"x": [4, 3.0]}, 2, 1, 2]), &[]);
        check(json!({"a": 1, "seen": "x"}), json!({"a": 1}), &[]);
        check(json!([{"a": 1, "seen": 1}, {"a": 2, "seen": 2}]), json!([{"a": 2}, {"a": 1}]), &[]);
        check(json!(null), json!(null), &[]);
    }

    #[test]
    fn what_means_another_thing_is_named_by_its_place() {
        check(json!({"a": 1}), json!({"a": "1"}), &["/a: 1 (number) → \"1\" (text)"]);
        check(
            json!({"a": 9007199254740993_i64}),
            json!({"a": 9007199254740992_i64}),
            &["/a: 9007199254740993 → 9007199254740992"],
        );
        check(json!({"a": "x"}), json!({"a": null}), &["/a: \"x\" → null"]);
        check(json!({"a": null}), json!({}), &["/a: null → no such key"]);
        check(json!({}), json!({"a": {"b": 1}}), &["/a: no such key → {\"b\":1}"]);
        check(json!([true]), json!([false]), &["[]: true → false"]);
        check(
            json!([1, 2]),
            json!([]),
            &["the whole: 2 elements → 0 elements", "the whole: an element 1 → gone", "the whole: an element 2 → gone"],
        );
    }

    #[test]
    fn a_lost_duplicate_is_found() {
        check(
            json!({"t": ["a", "a", "b"]}),
            json!({"t": ["b", "a"]}),
            &["/t: 3 elements → 2 elements", "/t: an element \"a\" → gone, 1 equal to it left"],
        );
        check(json!(["a", "a", "b"]), json!(["a", "b", "b"]), &["[]: \"a\" → \"b\""]);
    }

    #[test]
    fn changed_elements_are_paired_by_what_tells_them_apart() {
        let before = json!({"devices": [
            {"kind": "x", "name": "a", "site": {"name": "Berlin"}}, {"kind": "x", "name": "b", "site": {"name": "Bonn"}},
            {"kind": "x", "name": "c", "site": null},
        ]});
        let now = json!({"devices": [
            {"kind": "x", "name": "b", "site": null}, {"kind": "x", "name": "a", "site": {"name": "Paris"}},
            {"kind": "x", "name": "d", "site": null},
        ]});
        check(
            before,
            now,
            &[
                "/devices[name=a]/site/name: \"Berlin\" → \"Paris\"",
                "/devices[name=b]/site: {\"name\":\"Bonn\"} → null",
                "/devices: an element {\"kind\":\"x\",\"name\":\"c\",\"site\":null} → gone",
                "/devices: no such element → an element {\"kind\":\"x\",\"name\":\"d\",\"site\":null}",
            ],
        );
    }

    #[test]
    fn order_counts_where_it_is_said_to() {
        let found = differences(&json!([1, 2]), &json!([2, 1]), JsonTerms { ordered: true, ignore: &[] });
        assert_eq!(found.kept.len(), 2);
        let found = differences(&json!([[1, 2]]), &json!([[1, 2], [3]]), JsonTerms { ordered: true, ignore: &[] });
        assert_eq!(found.kept.len(), 2);
    }

    #[test]
    fn what_is_beyond_is_counted() {
        let many: Vec<u32> = (0..3000).collect();
        let found = differences(&json!(many), &json!([]), JsonTerms { ordered: false, ignore: &[] });
        assert_eq!((found.kept.len(), found.beyond), (KEPT, 3001 - KEPT as u64));
    }

    #[test]
    fn only_what_says_something_is_a_value() {
        assert_eq!(values(&json!({"a": [], "b": [{"c": null}], "seen": 3}), &["seen".to_owned()]), 0);
        assert_eq!(values(&json!({"a": [{"c": 0}, {"c": false}]}), &[]), 2);
    }
}
