//! Maps and enums: known keys, unknown ones, missing ones, and which variant is meant.

use serde_json::{Map, Value};

use super::schema::{Fields, Shape, listed};
use super::walker::{Site, Walker};
use super::yaml::{Entry, Kind, Node};
use crate::source::diagnostic::{Problem, did_you_mean};
use crate::source::span::Span;
use crate::vocabulary::scalar::quoted;

impl Walker<'_> {
    pub(super) fn map(&mut self, node: &Node, entries: &[Entry], fields: &Fields, site: &Site<'_>) -> Value {
        let has = |key: &str| entries.iter().any(|entry| entry.key == key);
        let mut missing: Vec<&str> = fields.required.iter().map(String::as_str).filter(|key| !has(key)).collect();
        // Nobody means a key that is there already.
        let absent: Vec<&str> = fields.known.iter().map(|(key, _)| key.as_str()).filter(|key| !has(key)).collect();
        let mut values = Map::new();
        for entry in entries {
            let inner = Site { key: Some((&entry.key, entry.key_span)), item: false };
            let known = fields.known.iter().find(|(key, _)| *key == entry.key);
            let shape = match (known, &fields.rest) {
                (Some((_, shape)), _) => shape,
                (None, Some(rest)) => {
                    if let Some(keys) = &fields.keys {
                        let key = Kind::Scalar { text: entry.key.clone(), plain: false };
                        self.value(&Node { span: entry.key_span, kind: key }, keys, &site.item());
                    }
                    rest
                }
                (None, None) => {
                    let names = fields.known.iter().map(|(key, _)| key.as_str());
                    let candidates = absent.iter().copied();
                    let near = self.unknown("key", &entry.key, entry.key_span, names, candidates);
                    // One slip, one problem.
                    missing.retain(|key| near.as_deref() != Some(key));
                    continue;
                }
            };
            values.insert(entry.key.clone(), self.value(&entry.value, shape, &inner));
        }
        if !missing.is_empty() {
            let plural = if missing.len() == 1 { "" } else { "s" };
            let title = format!("{} misses the key{plural} {}", site.name(), listed(&missing, "and"));
            let first = entries.first().map(|entry| entry.key_span);
            let parent = site.key.filter(|_| !site.item).map(|(_, span)| span);
            let span = parent.or(first).unwrap_or(node.span);
            let wanted = missing.iter().filter_map(|key| fields.known.iter().find(|(known, _)| known == key));
            let wanted: Vec<String> =
                wanted.map(|(key, shape)| format!("`{key}`: {}", self.schema.brief(shape))).collect();
            self.report(Problem::new(span, title, format!("expected {}", wanted.join("; "))));
        }
        Value::Object(values)
    }

    /// Reports a name nobody knows and returns the one that was probably meant.
    fn unknown<'n>(
        &mut self,
        what: &str,
        name: &str,
        span: Span,
        known: impl Iterator<Item = &'n str>,
        candidates: impl Iterator<Item = &'n str>,
    ) -> Option<String> {
        if self.is_full() {
            return None;
        }
        let near = did_you_mean(name, candidates);
        let help = near.as_ref().map(|near| format!("did you mean `{near}`?"));
        let label = format!("expected {}", listed(known, "or"));
        let title = format!("unknown {what} {}", quoted(name));
        self.report(Problem { help, ..Problem::new(span, title, label) });
        near
    }

    /// One word of an enum.
    pub(super) fn word(
        &mut self,
        node: &Node,
        text: &str,
        words: &[String],
        tagged: &[(String, Shape)],
        site: &Site<'_>,
    ) -> Value {
        if words.iter().any(|word| word == text) {
            return Value::String(text.to_owned());
        }
        if let Some((tag, shape)) = tagged.iter().find(|(tag, _)| tag == text) {
            let title = format!("`{tag}` needs a value");
            let label = format!("expected `{tag}: …` with {}", self.schema.expected(shape));
            self.report(Problem::new(node.span, title, label));
            return Value::Null;
        }
        let names = || words.iter().chain(tagged.iter().map(|(tag, _)| tag)).map(String::as_str);
        self.unknown(&format!("value for {}:", site.name()), text, node.span, names(), names());
        Value::Null
    }

    /// A map of one key that says which variant its value is.
    pub(super) fn tagged(
        &mut self,
        node: &Node,
        entries: &[Entry],
        words: &[String],
        tagged: &[(String, Shape)],
        site: &Site<'_>,
    ) -> Value {
        let names = || words.iter().chain(tagged.iter().map(|(tag, _)| tag)).map(String::as_str);
        let Some(first) = entries.first() else {
            let title = format!("{} is an empty map", site.name());
            let label = format!("expected one of {}", listed(names(), "or"));
            self.report(Problem::new(node.span, title, label));
            return Value::Null;
        };
        if let Some(second) = entries.iter().find(|entry| entry.key != first.key) {
            let known = names().any(|name| name == first.key);
            let sunk = known && matches!(first.value.kind, Kind::Null) && !names().any(|name| name == second.key);
            let title = format!("{} has more than one key", site.name());
            let label = format!("expected only one of {}", listed(names(), "or"));
            let help = if sunk {
                Some(format!("indent {} further, so that it belongs to {}", quoted(&second.key), quoted(&first.key)))
            } else {
                site.item.then(|| "write each as an item of its own".to_owned())
            };
            self.report(Problem { help, ..Problem::new(second.key_span, title, label) });
            if sunk {
                return Value::Null;
            }
        }
        let mut values = Map::new();
        for entry in entries {
            let inner = Site { key: Some((&entry.key, entry.key_span)), item: false };
            if let Some((_, shape)) = tagged.iter().find(|(tag, _)| *tag == entry.key) {
                values.insert(entry.key.clone(), self.value(&entry.value, shape, &inner));
            } else if words.contains(&entry.key) {
                let title = format!("{} takes no value", quoted(&entry.key));
                self.report(Problem::new(
                    entry.key_span,
                    title,
                    format!("expected `{}` alone, without `:`", entry.key),
                ));
            } else {
                self.unknown("key", &entry.key, entry.key_span, names(), names());
            }
        }
        Value::Object(values)
    }
}
