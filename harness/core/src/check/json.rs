//! JSON compared by meaning: lists as multisets, numbers by value, every difference named by its place.

mod meaning;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::{Map, Number, Value};

use self::meaning::{Meaning, Meanings, looked_at};
use super::excerpt::{json_apart, json_for_people, shorten};

/// How many differences are kept; further ones are counted.
const KEPT: usize = 1000;

/// How two values are compared.
#[derive(Debug, Clone, Copy)]
pub struct JsonTerms<'a> {
    /// Lists are compared in their order.
    pub ordered: bool,
    /// Keys that are left out, at any depth.
    pub ignore: &'a [String],
}

/// In which way a value differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DifferenceKind {
    /// It was not there before.
    New,
    /// It is gone.
    Gone,
    /// It is another value; of a list, it has another length.
    Other,
}

/// One difference: where, what was, what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// In which way.
    pub(crate) kind: DifferenceKind,
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
    fn add(&mut self, kind: DifferenceKind, at: &str, was: impl Into<String>, is: impl Into<String>) {
        if self.kept.len() < KEPT {
            let at = if at.is_empty() { "the whole".to_owned() } else { at.to_owned() };
            self.kept.push(Difference { kind, at, was: was.into(), is: is.into() });
        } else {
            self.beyond += 1;
        }
    }
}

/// The differences between `before` and `now`.
pub(crate) fn differences(before: &Value, now: &Value, terms: JsonTerms<'_>) -> Differences {
    let mut walk = Walk { terms, meanings: Meanings::new(terms), at: String::new(), found: Differences::default() };
    walk.values(before, now);
    walk.found
}

/// How many texts, numbers and booleans a value holds, except under ignored keys.
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

/// Walks down both values at once.
struct Walk<'v> {
    terms: JsonTerms<'v>,
    meanings: Meanings<'v>,
    /// The present place.
    at: String,
    found: Differences,
}

impl<'v> Walk<'v> {
    fn values(&mut self, before: &'v Value, now: &'v Value) {
        looked_at();
        if self.meanings.of(before) == self.meanings.of(now) {
            return;
        }
        match (before, now) {
            (Value::Object(before), Value::Object(now)) => self.objects(before, now),
            (Value::Array(before), Value::Array(now)) if self.terms.ordered => self.in_order(before, now),
            (Value::Array(before), Value::Array(now)) => self.as_sets(before, now),
            _ if kind(before) != kind(now) && !before.is_null() && !now.is_null() => {
                let (was, is) = self.apart(before, now);
                self.add(DifferenceKind::Other, format!("{was} ({})", kind(before)), format!("{is} ({})", kind(now)));
            }
            _ => {
                let (was, is) = self.apart(before, now);
                self.add(DifferenceKind::Other, was, is);
            }
        }
    }

    fn objects(&mut self, before: &'v Map<String, Value>, now: &'v Map<String, Value>) {
        let ignore = self.terms.ignore;
        let kept = |key: &&String| !ignore.contains(*key);
        for key in before.keys().filter(kept) {
            self.below(&format!("/{key}"), |walk| match (before.get(key), now.get(key)) {
                (Some(was), Some(is)) => walk.values(was, is),
                (Some(was), None) => walk.add(DifferenceKind::Gone, walk.short(was), "no such key"),
                (None, _) => {}
            });
        }
        for key in now.keys().filter(kept).filter(|key| !before.contains_key(*key)) {
            let Some(is) = now.get(key) else { continue };
            self.below(&format!("/{key}"), |walk| walk.add(DifferenceKind::New, "no such key", walk.short(is)));
        }
    }

    fn in_order(&mut self, before: &'v [Value], now: &'v [Value]) {
        for (index, (was, is)) in before.iter().zip(now).enumerate() {
            self.below(&format!("/{index}"), |walk| walk.values(was, is));
        }
        self.lengths(before, now);
        for was in before.iter().skip(now.len()) {
            self.add(DifferenceKind::Gone, format!("an element {}", self.short(was)), "gone");
        }
        for is in now.iter().skip(before.len()) {
            self.add(DifferenceKind::New, "no such element", format!("an element {}", self.short(is)));
        }
    }

    fn lengths(&mut self, before: &[Value], now: &[Value]) {
        if before.len() != now.len() {
            let kind = if before.len() < now.len() { DifferenceKind::New } else { DifferenceKind::Other };
            self.add(kind, format!("{} elements", before.len()), format!("{} elements", now.len()));
        }
    }

    /// Compares lists as multisets. Elements without an equal are paired by a key that identifies them, if there is one.
    fn as_sets(&mut self, before: &'v [Value], now: &'v [Value]) {
        // By meaning: how many elements there are now, and how many of them are not yet matched with one of the baseline.
        let mut counts: HashMap<Meaning, (usize, usize)> = HashMap::new();
        for is in now {
            let count = counts.entry(self.meanings.of(is)).or_default();
            *count = (count.0 + 1, count.1 + 1);
        }
        let mut lost: Vec<&Value> = Vec::new();
        for was in before {
            match counts.get_mut(&self.meanings.of(was)) {
                Some((_, free)) if *free > 0 => *free -= 1,
                Some(_) | None => lost.push(was),
            }
        }
        let mut new: Vec<&Value> = Vec::new();
        for is in now.iter().rev() {
            if let Some((_, free)) = counts.get_mut(&self.meanings.of(is)).filter(|(_, free)| *free > 0) {
                *free -= 1;
                new.push(is);
            }
        }
        new.reverse();
        self.lengths(before, now);
        let (pairs, lost, new) = paired(lost, new, self.terms.ignore);
        for (name, was, is) in pairs {
            self.below(&name, |walk| walk.values(was, is));
        }
        for was in lost {
            let equals = counts.get(&self.meanings.of(was)).map_or(0, |(all, _)| *all);
            let is = if equals > 0 { format!("gone, {equals} equal ones are left") } else { "gone".to_owned() };
            self.add(DifferenceKind::Gone, format!("an element {}", self.short(was)), is);
        }
        for is in new {
            self.add(DifferenceKind::New, "no such element", format!("an element {}", self.short(is)));
        }
    }

    fn add(&mut self, kind: DifferenceKind, was: impl Into<String>, is: impl Into<String>) {
        self.found.add(kind, &self.at, was, is);
    }

    fn apart(&self, was: &Value, is: &Value) -> (String, String) {
        json_apart(&self.at, was, is, 160)
            .unwrap_or_else(|| ("(hidden)".to_owned(), "(hidden), another value than before".to_owned()))
    }

    fn short(&self, value: &Value) -> String {
        json_for_people(&self.at, value, 160)
    }

    fn below(&mut self, part: &str, work: impl FnOnce(&mut Self)) {
        let length = self.at.len();
        self.at.push_str(part);
        work(self);
        self.at.truncate(length);
    }
}

type Paired<'v> = (Vec<(String, &'v Value, &'v Value)>, Vec<&'v Value>, Vec<&'v Value>);

/// Pairs elements by the first key whose values are unique and occur on both sides.
pub(super) fn paired<'v>(lost: Vec<&'v Value>, new: Vec<&'v Value>, ignore: &[String]) -> Paired<'v> {
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
        let (mut pairs, mut unpaired) = (Vec::new(), Vec::new());
        for was in lost {
            match value(was).and_then(|value| Some((of_new.get(&value)?, value))) {
                Some((is, value)) => pairs.push((format!("[{key}={}]", shorten(&value, 60)), was, *is)),
                None => unpaired.push(was),
            }
        }
        let new = new.into_iter().filter(|is| value(is).is_none_or(|value| !of_lost.contains_key(&value))).collect();
        return (pairs, unpaired, new);
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

/// Elements by the value of a key; none if the value is missing or not unique.
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

/// A number as a text: the same for 1 and 1.0, and exact for integers that are too large for a float.
fn exact(number: &Number) -> String {
    /// Integers below this are exact in a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => format!("{float:.0}"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(before: Value, now: Value, expected: &[&str]) {
        let ignore = ["visited".to_owned()];
        let found = differences(&before, &now, JsonTerms { ordered: false, ignore: &ignore });
        let texts: Vec<String> = found.kept.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{before} {now}");
    }

    #[test]
    fn equal_meanings_do_not_differ() {
        check(json!({"a": 1, "b": 2.5}), json!({"b": 2.5, "a": 1.0}), &[]);
        check(json!([1, 2, 2, {"x": [3, 4]}]), json!([{"x": [4, 3.0]}, 2, 1, 2]), &[]);
        check(json!({"a": 1, "visited": "x"}), json!({"a": 1}), &[]);
        check(json!([{"a": 1, "visited": 1}, {"a": 2, "visited": 2}]), json!([{"a": 2}, {"a": 1}]), &[]);
        check(json!(null), json!(null), &[]);
    }

    #[test]
    fn a_difference_is_named_by_its_place() {
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
            &["/t: 3 elements → 2 elements", "/t: an element \"a\" → gone, 1 equal ones are left"],
        );
        check(json!(["a", "a", "b"]), json!(["a", "b", "b"]), &["[]: \"a\" → \"b\""]);
    }

    #[test]
    fn changed_elements_are_paired_by_an_identifying_key() {
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
    fn order_counts_if_lists_are_ordered() {
        let found = differences(&json!([1, 2]), &json!([2, 1]), JsonTerms { ordered: true, ignore: &[] });
        assert_eq!(found.kept.len(), 2);
        let found = differences(&json!([[1, 2]]), &json!([[1, 2], [3]]), JsonTerms { ordered: true, ignore: &[] });
        assert_eq!(found.kept.len(), 2);
    }

    /// Nested lists with a difference in the innermost one; returns how many values are looked at to find it.
    fn work(depth: usize, terms: JsonTerms<'_>) -> u64 {
        let nested =
            |innermost: &str| (0..depth).fold(json!(innermost), |below, level| json!([level, below, {"a": 1}]));
        let (before, now) = (nested("was"), nested("is"));
        meaning::LOOKED_AT.set(0);
        let found = differences(&before, &now, terms);
        assert_eq!(found.kept.len(), 1, "{found:?}");
        meaning::LOOKED_AT.get()
    }

    #[test]
    fn twice_the_depth_is_twice_the_work() {
        for ordered in [false, true] {
            let terms = JsonTerms { ordered, ignore: &[] };
            let (half, full) = (work(60, terms), work(120, terms));
            assert!(full > 0 && full <= 2 * half + 10, "{half} for a depth of 60, {full} for 120");
        }
    }

    #[test]
    fn differences_beyond_the_limit_are_counted() {
        let many: Vec<u32> = (0..3000).collect();
        let found = differences(&json!(many), &json!([]), JsonTerms { ordered: false, ignore: &[] });
        assert_eq!((found.kept.len(), found.beyond), (KEPT, 3001 - KEPT as u64));
    }

    #[test]
    fn empty_lists_and_nulls_are_not_values() {
        assert_eq!(values(&json!({"a": [], "b": [{"c": null}], "visited": 3}), &["visited".to_owned()]), 0);
        assert_eq!(values(&json!({"a": [{"c": 0}, {"c": false}]}), &[]), 2);
    }
}
