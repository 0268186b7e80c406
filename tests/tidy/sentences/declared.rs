//! What the declarations of a program say of its values: the types of fields, parameters, results and payloads.
//!
//! Types go by their last name, and a container counts as what it holds: `Option<&[Finding]>` is `Finding`.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Fields, FnArg, GenericArgument, ItemEnum, ItemStruct, PathArguments, ReturnType, Signature, Type};

/// Types whose rendering is a sentence or an id of ours.
pub(super) const OWN: &[&str] = &[
    "Finding",
    "Inconclusive",
    "Reason",
    "SkipReason",
    "Cancelled",
    "StopDecision",
    "Note",
    "Subject",
    "Interference",
    "Symptom",
    "SymptomDetail",
    "IllegalEvent",
    "HostError",
    "EngineError",
    "StageId",
    "StepId",
    "RunId",
];

/// Types that hold a text, among them the traits by which a function takes one.
const TEXTS: &[&str] = &["String", "str", "Display", "ToString", "OsStr", "OsString"];

/// A type: what it is, and what it fails with where it is a `Result`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ty {
    pub(super) name: String,
    pub(super) error: String,
}

impl Ty {
    pub(super) fn is_own(&self) -> bool {
        OWN.contains(&self.name.as_str())
    }

    pub(super) fn is_text(&self) -> bool {
        TEXTS.contains(&self.name.as_str())
    }
}

/// The declarations of all files that are read.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// By struct (or `Enum::Variant`) and field.
    fields: BTreeMap<(String, String), Ty>,
    /// By type and method; free functions have no type.
    results: BTreeMap<(String, String), Ty>,
    /// How often a name is given to a function.
    functions: BTreeMap<String, usize>,
    /// Enums by variant.
    enums: BTreeMap<String, BTreeSet<String>>,
    /// The type whose `impl` is read.
    within: String,
}

impl Declared {
    /// The type of a field; where the struct is not known, the type that all fields of the name agree on.
    pub(super) fn field(&self, of: &str, name: &str) -> Ty {
        if !of.is_empty() {
            return self.fields.get(&(of.to_owned(), name.to_owned())).cloned().unwrap_or_default();
        }
        agreed(self.fields.iter().filter(|((_, field), _)| field == name).map(|(_, ty)| ty))
    }

    /// The type that a method or a function returns.
    pub(super) fn result(&self, of: &str, name: &str) -> Ty {
        match self.results.get(&(of.to_owned(), name.to_owned())) {
            Some(ty) => ty.clone(),
            None if of.is_empty() => agreed(self.results.iter().filter(|((_, own), _)| own == name).map(|(_, ty)| ty)),
            None => Ty::default(),
        }
    }

    /// Whether a name is given to one function only, so that a call by it is a call of that function.
    pub(super) fn is_unique(&self, name: &str) -> bool {
        self.functions.get(name) == Some(&1)
    }

    /// The enum and variant, or the struct, that a path of a pattern names.
    pub(super) fn constructor(&self, path: &syn::Path, own: &str) -> String {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        match names.as_slice() {
            [.., of, variant] if of == "Self" => format!("{own}::{variant}"),
            [.., of, variant] if self.enums.get(variant).is_some_and(|enums| enums.contains(of)) => {
                format!("{of}::{variant}")
            }
            [.., name] => name.clone(),
            [] => String::new(),
        }
    }
}

fn agreed<'a>(mut all: impl Iterator<Item = &'a Ty>) -> Ty {
    let first = all.next().cloned().unwrap_or_default();
    if all.all(|ty| *ty == first) { first } else { Ty::default() }
}

/// What a type comes to once its containers are taken off.
pub(super) fn ty(of: &Type) -> Ty {
    match of {
        Type::Reference(inner) => ty(&inner.elem),
        Type::Paren(inner) => ty(&inner.elem),
        Type::Group(inner) => ty(&inner.elem),
        Type::Slice(inner) => ty(&inner.elem),
        Type::Array(inner) => ty(&inner.elem),
        Type::ImplTrait(inner) => bounds(inner.bounds.iter()),
        Type::TraitObject(inner) => bounds(inner.bounds.iter()),
        // A tuple is what is ours in it.
        Type::Tuple(all) => all.elems.iter().map(ty).find(Ty::is_own).unwrap_or_default(),
        Type::Path(path) => path.path.segments.last().map(segment).unwrap_or_default(),
        _ => Ty::default(),
    }
}

fn bounds<'a>(all: impl Iterator<Item = &'a syn::TypeParamBound>) -> Ty {
    let of = |bound: &syn::TypeParamBound| match bound {
        syn::TypeParamBound::Trait(bound) => bound.path.segments.last().map(segment),
        _ => None,
    };
    all.filter_map(of).next().unwrap_or_default()
}

fn segment(segment: &syn::PathSegment) -> Ty {
    let name = segment.ident.to_string();
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Ty { name, error: String::new() };
    };
    let types: Vec<Ty> = arguments
        .args
        .iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(inner) => Some(ty(inner)),
            GenericArgument::AssocType(inner) => Some(ty(&inner.ty)),
            _ => None,
        })
        .collect();
    match (name.as_str(), types.as_slice()) {
        ("Result", [ok, error]) => Ty { name: ok.name.clone(), error: error.name.clone() },
        // A map is what it maps to, a container what it holds.
        ("BTreeMap" | "HashMap", [_, held]) => held.clone(),
        (
            "Option"
            | "Vec"
            | "VecDeque"
            | "Box"
            | "Arc"
            | "Rc"
            | "Cow"
            | "Result"
            | "Mutex"
            | "BTreeSet"
            | "HashSet"
            | "LazyLock"
            | "OnceLock"
            | "Iterator"
            | "DoubleEndedIterator"
            | "ExactSizeIterator"
            | "IntoIterator"
            | "Into"
            | "AsRef"
            | "Deref"
            | "Future"
            | "Pin",
            [held, ..],
        ) => held.clone(),
        _ => Ty { name, error: String::new() },
    }
}

impl<'ast> Visit<'ast> for Declared {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.declare_fields(&item.ident.to_string(), &item.fields);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        for variant in &item.variants {
            let (of, name) = (item.ident.to_string(), variant.ident.to_string());
            self.declare_fields(&format!("{of}::{name}"), &variant.fields);
            self.enums.entry(name).or_default().insert(of);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.within, ty(&item.self_ty).name);
        visit::visit_item_impl(self, item);
        self.within = outer;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let outer = std::mem::replace(&mut self.within, item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.within = outer;
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        let name = signature.ident.to_string();
        *self.functions.entry(name.clone()).or_default() += 1;
        let mut result = match &signature.output {
            ReturnType::Type(_, of) => ty(of),
            ReturnType::Default => Ty::default(),
        };
        if result.name == "Self" {
            result.name.clone_from(&self.within);
        }
        let method = signature.inputs.iter().any(|input| matches!(input, FnArg::Receiver(_)));
        let of = if method || !self.within.is_empty() { self.within.clone() } else { String::new() };
        self.results.insert((of, name), result);
    }
}

impl Declared {
    fn declare_fields(&mut self, of: &str, fields: &Fields) {
        for (at, field) in fields.iter().enumerate() {
            let name = field.ident.as_ref().map_or_else(|| at.to_string(), ToString::to_string);
            self.fields.insert((of.to_owned(), name), ty(&field.ty));
        }
    }
}
