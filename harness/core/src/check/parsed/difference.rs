//! Where two meanings differ, as paths into them.

use std::collections::BTreeMap;

use super::Parsed;
use crate::check::excerpt::apart;
use crate::secret::names_a_secret;

/// Characters of a value that are shown.
const SHOWN: usize = 60;

/// The first places at which two meanings differ, at most `most`: `/notifications/0: "a" (was "b")`.
pub(crate) fn differences(was: &Parsed, is: &Parsed, most: usize) -> Vec<String> {
    let mut walk = Walk { at: String::new(), hidden: false, most, found: Vec::new() };
    walk.values(was, is);
    walk.found
}

struct Walk {
    at: String,
    /// Whether a name on the way here says that values are secret.
    hidden: bool,
    most: usize,
    found: Vec<String>,
}

impl Walk {
    fn values(&mut self, was: &Parsed, is: &Parsed) {
        if self.found.len() >= self.most || was.canonical() == is.canonical() {
            return;
        }
        match (was, is) {
            (Parsed::List(was), Parsed::List(is)) => self.lists(was, is),
            (Parsed::Map(was), Parsed::Map(is)) => self.maps(was, is),
            (Parsed::Named(was_name, was), Parsed::Named(is_name, is)) if was_name == is_name => self.values(was, is),
            _ => self.add(was, is),
        }
    }

    fn lists(&mut self, was: &[Parsed], is: &[Parsed]) {
        for (index, (was, is)) in was.iter().zip(is).enumerate() {
            self.below(&index.to_string(), |walk| walk.values(was, is));
        }
        for (index, item) in is.iter().enumerate().skip(was.len()) {
            self.below(&index.to_string(), |walk| walk.one(item, "is new"));
        }
        for (index, item) in was.iter().enumerate().skip(is.len()) {
            self.below(&index.to_string(), |walk| walk.one(item, "is gone"));
        }
    }

    fn maps(&mut self, was: &[(Parsed, Parsed)], is: &[(Parsed, Parsed)]) {
        let by_key = |pairs: &[(Parsed, Parsed)]| -> BTreeMap<String, (String, Parsed)> {
            pairs.iter().map(|(key, value)| (key.canonical(), (key.name(), value.clone()))).collect()
        };
        let (was, is) = (by_key(was), by_key(is));
        for (key, (name, before)) in &was {
            match is.get(key) {
                Some((_, now)) => self.below(name, |walk| walk.values(before, now)),
                None => self.below(name, |walk| walk.one(before, "is gone")),
            }
        }
        for (_, (name, now)) in is.iter().filter(|(key, _)| !was.contains_key(*key)) {
            self.below(name, |walk| walk.one(now, "is new"));
        }
    }

    fn below(&mut self, name: &str, work: impl FnOnce(&mut Self)) {
        let (length, hidden) = (self.at.len(), self.hidden);
        self.at.push('/');
        self.at.push_str(name);
        self.hidden |= names_a_secret(name);
        work(self);
        self.at.truncate(length);
        self.hidden = hidden;
    }

    fn place(&self) -> &str {
        if self.at.is_empty() { "the whole" } else { &self.at }
    }

    fn one(&mut self, value: &Parsed, how: &str) {
        if self.found.len() < self.most {
            let shown = if self.hidden { "hidden".to_owned() } else { apart(&value.shown(), "", SHOWN).0 };
            self.found.push(format!("{} {how} ({shown})", self.place()));
        }
    }

    fn add(&mut self, was: &Parsed, is: &Parsed) {
        if self.hidden {
            self.found.push(format!("{}: another value (hidden)", self.place()));
            return;
        }
        let (was, is) = apart(&was.shown(), &is.shown(), SHOWN);
        self.found.push(format!("{}: {is} (was {was})", self.place()));
    }
}

impl Parsed {
    /// A key as a part of a path.
    fn name(&self) -> String {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Bare(text) => text.replace('/', "~1"),
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Map(_) | Self::Named(..) => self.shown(),
        }
    }

    /// For people: each kind has its own form, so that `1` and `"1"` look different.
    fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => text.clone(),
            Self::Text(text) => format!("{text:?}"),
            Self::Bare(text) => format!("{text} without quotes"),
            Self::List(items) => format!("[{}]", items.iter().map(Self::shown).collect::<Vec<_>>().join(", ")),
            Self::Map(pairs) => {
                let pair = |(key, value): &(Self, Self)| format!("{}: {}", key.name(), value.shown());
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
            Self::Named(name, value) => format!("{name} {}", value.shown()),
        }
    }
}
