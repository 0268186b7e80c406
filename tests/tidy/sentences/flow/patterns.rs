//! What the names in a pattern are bound to, and which patterns are texts.

use syn::{Lit, Member, Pat};

use super::Flow;
use super::value::{Value, field_name};
use crate::sentences::OTHERS;
use crate::sentences::declared::{OWN, Ty, ty};

impl Flow<'_> {
    /// Binds the names of a pattern to the parts of a value.
    pub(super) fn bind(&mut self, pattern: &Pat, value: Value) {
        match pattern {
            Pat::Ident(ident) => {
                if let Some((_, inner)) = &ident.subpat {
                    self.bind(inner, value.clone());
                }
                self.bind_name(&ident.ident.to_string(), value);
            }
            Pat::Type(typed) => {
                let declared = self.own(ty(&typed.ty));
                let ty = if declared.name.is_empty() || declared.name == "_" { value.ty.clone() } else { declared };
                self.bind(&typed.pat, Value { ty, ..value });
            }
            Pat::Reference(inner) => self.bind(&inner.pat, value),
            Pat::Paren(inner) => self.bind(&inner.pat, value),
            Pat::Guard(guarded) => {
                self.bind(&guarded.pat, value);
                self.value(&guarded.guard);
            }
            Pat::Tuple(all) => {
                for (at, inner) in all.elems.iter().enumerate() {
                    let part = value.parts.get(at).cloned();
                    self.bind(inner, part.unwrap_or_else(|| Value { parts: Vec::new(), ..value.item() }));
                }
            }
            Pat::Slice(all) => all.elems.iter().for_each(|inner| self.bind(inner, value.item())),
            Pat::Or(all) => all.cases.iter().for_each(|inner| self.bind(inner, value.clone())),
            Pat::TupleStruct(all) => {
                let own = value.ty.name.clone();
                let constructor = self.declared.constructor(&all.path, &self.within);
                for (at, inner) in all.elems.iter().enumerate() {
                    let part = match constructor.as_str() {
                        "Some" | "Ok" => value.item(),
                        "Err" => Value::of(Ty { name: value.ty.error.clone(), error: String::new() }),
                        "Borrowed" | "Owned" => value.clone(),
                        name => self.part(name, &at.to_string(), &own),
                    };
                    self.bind(inner, part);
                }
            }
            Pat::Struct(all) => {
                let own = value.ty.name.clone();
                let constructor = self.declared.constructor(&all.path, &self.within);
                for field in &all.fields {
                    let name = match &field.member {
                        Member::Named(name) => name.to_string(),
                        Member::Unnamed(at) => at.index.to_string(),
                    };
                    let part = self.part(&constructor, &name, &own);
                    self.bind(&field.pat, part);
                }
            }
            _ => {}
        }
    }

    /// A field of a struct or of a variant.
    pub(super) fn part(&self, of: &str, field: &str, scrutinee: &str) -> Value {
        let of = if of == "Self" { scrutinee } else { of };
        let ty = self.declared.field(of, field);
        let of_own = OWN.contains(&of.split("::").next().unwrap_or(of));
        let inferred = self.known.fields.get(&(of.to_owned(), field.to_owned())).cloned();
        let text =
            inferred.or_else(|| (of_own && ty.is_text() && !OTHERS.contains(&field)).then(|| field_name(of, field)));
        Value { ty, text, ..Value::default() }.or_named(field)
    }
}

pub(super) fn is_text(pattern: &Pat) -> bool {
    match pattern {
        Pat::Lit(literal) => matches!(literal.lit, Lit::Str(_)),
        Pat::Or(or) => or.cases.iter().any(is_text),
        Pat::Reference(inner) => is_text(&inner.pat),
        Pat::Paren(inner) => is_text(&inner.pat),
        Pat::Guard(guarded) => is_text(&guarded.pat),
        Pat::TupleStruct(pattern) => pattern.elems.iter().any(is_text),
        _ => false,
    }
}

/// Whether a part of a tuple is matched with a text.
pub(super) fn is_text_at(pattern: &Pat, at: usize) -> bool {
    match pattern {
        Pat::Tuple(all) => all.elems.iter().nth(at).is_some_and(is_text),
        Pat::Or(or) => or.cases.iter().any(|case| is_text_at(case, at)),
        Pat::Guard(guarded) => is_text_at(&guarded.pat, at),
        _ => false,
    }
}
