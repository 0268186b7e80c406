//! Reviewed changes of JSON: the baseline as it would look after them.

use serde_json::Value;

use super::excerpt::json_for_people;
use crate::model::product::{AllowedChange, JsonChange};

/// The JSON of the baseline with the changes made, and a note on each change: how often it was made, or why it was not.
pub(super) fn with_changes(mut before: Value, changes: &[&AllowedChange]) -> (Value, Vec<String>) {
    let mut notes = Vec::new();
    for change in changes {
        let Some(json) = &change.json else { continue };
        let steps: Vec<String> =
            json.at.as_str().split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        let mut places = Places::default();
        places.change(&mut before, &steps, json);
        let (at, rule) = (json.at.as_str(), format!("by the rule of {}: {}", change.crossing, change.because));
        notes.push(match (places.changed, places.other) {
            (0, None) => format!("{at}: the baseline has nothing there, so there was nothing to change {rule}"),
            (0, Some(other)) => {
                let (was, from) = (short(at, &other), short(at, &json.from));
                format!("{at}: it was {was} on the baseline and not {from}, so it was not changed {rule}")
            }
            (count, _) => {
                let to = json.to.as_ref().map_or_else(|| "gone".to_owned(), |to| short(at, to));
                format!("{at}: {} → {to} in {count} places {rule}", short(at, &json.from))
            }
        });
    }
    (before, notes)
}

fn short(at: &str, value: &Value) -> String {
    json_for_people(at, value, 60)
}

/// What was found at the places of a change.
#[derive(Debug, Default)]
struct Places {
    changed: usize,
    /// The first value that is not the one to change.
    other: Option<Value>,
}

impl Places {
    /// Changes the value at every place below that fits. Returns whether this value itself goes.
    fn change(&mut self, value: &mut Value, steps: &[String], change: &JsonChange) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            if *value != change.from {
                self.other.get_or_insert_with(|| value.clone());
                return false;
            }
            self.changed += 1;
            match &change.to {
                Some(to) => value.clone_from(to),
                None => return true,
            }
            return false;
        };
        let fits = |key: &str| step == "*" || step == key;
        match value {
            Value::Object(members) => {
                members.retain(|key, value| !(fits(key) && self.change(value, rest, change)));
            }
            Value::Array(items) => {
                let mut index = 0;
                items.retain_mut(|item| {
                    index += 1;
                    !(fits(&(index - 1).to_string()) && self.change(item, rest, change))
                });
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(change: Value, expected: Value, note: &str) {
        let change = json!({ "crossing": "2.0", "because": "so it is said", "json": change });
        let change: AllowedChange = serde_json::from_value(change).unwrap();
        assert_eq!(change.mistake(), None);
        let before = json!({ "count": 2, "items": [{ "id": 1, "state": "on" }, { "id": 2, "state": "off" }] });
        let (after, notes) = with_changes(before, &[&change]);
        assert_eq!(after, expected, "{change:?}");
        assert!(notes.concat().starts_with(note), "{notes:?}");
    }

    #[test]
    fn what_a_change_says_is_made_and_no_more() {
        let items = |items: Value| json!({ "count": 2, "items": items });
        check(
            json!({ "at": "/items/*/state", "from": "on", "to": "active" }),
            items(json!([{ "id": 1, "state": "active" }, { "id": 2, "state": "off" }])),
            "/items/*/state: \"on\" → \"active\" in 1 places by the rule of 2.0: so it is said",
        );
        check(
            json!({ "at": "/items/0", "from": { "id": 1, "state": "on" } }),
            items(json!([{ "id": 2, "state": "off" }])),
            "/items/0: ",
        );
        check(
            json!({ "at": "/count", "from": 2 }),
            json!({ "items": [{ "id": 1, "state": "on" }, { "id": 2, "state": "off" }] }),
            "/count: 2 → gone in 1 places",
        );
        let same = items(json!([{ "id": 1, "state": "on" }, { "id": 2, "state": "off" }]));
        check(
            json!({ "at": "/count", "from": 3, "to": 4 }),
            same.clone(),
            "/count: it was 2 on the baseline and not 3, so it was not changed",
        );
        check(json!({ "at": "/total", "from": 3 }), same, "/total: the baseline has nothing there");
    }

    #[test]
    fn a_change_that_would_excuse_everything_is_a_mistake() {
        for (change, mistake) in [
            (json!({ "from": "200", "to": "200" }), "the same status"),
            (json!({ "from": "200" }), "give either"),
            (json!({}), "give either"),
            (json!({ "from": "200", "to": "404", "json": { "at": "/a", "from": 1 } }), "give either"),
            (json!({ "json": { "at": "/a", "from": 1, "to": 1 } }), "the same value"),
            (json!({ "from": "200", "to": "404" }), ""),
        ] {
            let mut whole = json!({ "crossing": "2.0", "because": "so it is said" });
            whole.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let change: AllowedChange = serde_json::from_value(whole).unwrap();
            assert!(change.mistake().unwrap_or_default().contains(mistake), "{change:?}");
            assert_eq!(change.mistake().is_none(), mistake.is_empty(), "{change:?}");
        }
    }
}
