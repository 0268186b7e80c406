//! What is known of a value: its type, and whether it is a sentence or an id of ours.

use std::collections::BTreeMap;

use crate::sentences::OURS;
use crate::sentences::declared::Ty;

/// What is known of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Value {
    pub(super) ty: Ty,
    /// By which name it is a sentence or an id of ours, where it is one.
    pub(super) text: Option<String>,
    /// That it is one because of its name only, which another text may have as well. It is not followed into functions.
    pub(super) by_name: bool,
    pub(super) items: bool,
    /// The parts of a tuple.
    pub(super) parts: Vec<Value>,
}

impl Value {
    pub(super) fn of(ty: Ty) -> Self {
        Self { ty, ..Self::default() }
    }

    pub(super) fn text(name: impl Into<String>, ty: Ty) -> Self {
        Self { ty, text: Some(name.into()), ..Self::default() }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.text.is_none() && self.ty == Ty::default() && self.parts.is_empty()
    }

    pub(super) fn or(self, other: Self) -> Self {
        if self.text.is_some() || (other.text.is_none() && !self.is_nothing()) { self } else { other }
    }

    pub(super) fn item(&self) -> Self {
        Self { items: false, ..self.clone() }
    }

    /// What a rendering of it is.
    pub(super) fn rendered(&self) -> Option<String> {
        self.text.clone().or_else(|| self.ty.is_own().then(|| self.ty.name.clone()))
    }

    /// The same, as a sentence of ours if it is called like one and its type does not say otherwise.
    pub(super) fn or_named(self, name: &str) -> Self {
        let may_be = self.ty.name.is_empty() || self.ty.is_own() || self.ty.is_text();
        if self.text.is_some() || !may_be || !is_ours(name) {
            return self;
        }
        Self { text: Some(name.to_owned()), by_name: true, ..self }
    }

    /// The name, where it is ours whatever it is called.
    pub(super) fn surely(&self) -> Option<&String> {
        self.looked_into().filter(|_| !self.by_name)
    }

    pub(super) fn looked_into(&self) -> Option<&String> {
        self.text.as_ref().filter(|_| !self.items)
    }
}

/// What calls and literals of a whole program say of the functions and structs in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inferred {
    /// Texts that functions are given, by name and place.
    pub(super) parameters: BTreeMap<(String, usize), String>,
    /// Texts that functions return, by type and name.
    pub(super) results: BTreeMap<(String, String), String>,
    /// Texts that fields hold, by struct and name.
    pub(super) fields: BTreeMap<(String, String), String>,
}

impl Inferred {
    pub(crate) fn add(&mut self, other: Self) {
        let Self { parameters, results, fields } = other;
        parameters.into_iter().for_each(|(key, text)| {
            self.parameters.entry(key).or_insert(text);
        });
        for (own, others) in [(&mut self.results, results), (&mut self.fields, fields)] {
            others.into_iter().for_each(|(key, text)| {
                own.entry(key).or_insert(text);
            });
        }
    }
}

/// Whether values of this name are sentences or ids of ours.
pub(super) fn is_ours(name: &str) -> bool {
    OURS.contains(&name) || name.starts_with("finding")
}

/// A field as a message calls it.
pub(super) fn field_name(of: &str, field: &str) -> String {
    if field.parse::<usize>().is_ok() { of.to_owned() } else { field.to_owned() }
}
