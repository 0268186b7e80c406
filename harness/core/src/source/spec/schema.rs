//! The schema of a type, as shapes to lay over a tree of nodes.
//!
//! Understands what schemars emits for the types we write; what it does not understand fits anything here and is left
//! to the type itself.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::formats::validators;
use crate::vocabulary::scalar::{NAME, NAME_EXPECTED, Pattern, Scalar, Validator};

/// What a node has to look like.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything; plain scalars become what YAML's core schema makes of them.
    Any,
    /// Nothing.
    Null,
    /// This, or nothing.
    Maybe(Box<Self>),
    /// `true` or `false`.
    Bool,
    /// A whole number, bounds included.
    Integer { min: i128, max: i128 },
    /// A number, bounds included.
    Number { min: f64, max: f64 },
    /// Text.
    Text(Text),
    /// A list: the first items one by one, then the others.
    List { first: Vec<Self>, rest: Box<Self>, min: usize, max: usize },
    /// A map.
    Map(Fields),
    /// One of several words, or a map of one key that is one of several.
    Variants { words: Vec<String>, tagged: Vec<(String, Self)> },
    /// One of several, told apart by what kind of node is there.
    Choice(Vec<Self>),
    /// A definition by name.
    Ref(String),
}

/// Text with a grammar.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) validator: Option<&'static Validator>,
    pub(super) pattern: Option<Pattern>,
    pub(super) not_empty: bool,
}

impl Text {
    /// What to write, for people.
    pub(super) fn expected(&self) -> String {
        match self {
            Self { validator: Some(validator), .. } => validator.expected.to_owned(),
            // How schemars writes keys that are numbers.
            Self { pattern: Some(pattern), .. } if [r"^\d+$", r"^-?\d+$"].contains(&pattern.as_str()) => {
                "a whole number".to_owned()
            }
            Self { pattern: Some(pattern), .. } if pattern.as_str() == NAME => NAME_EXPECTED.to_owned(),
            Self { pattern: Some(pattern), .. } => format!("text that matches `{pattern}`"),
            Self { not_empty: true, .. } => "text that is not empty".to_owned(),
            Self { .. } => "text".to_owned(),
        }
    }
}

/// The keys of a map.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) known: Vec<(String, Shape)>,
    pub(super) required: Vec<String>,
    /// The form of keys that are not known ones.
    pub(super) keys: Option<Box<Shape>>,
    /// The values of keys that are not known ones; absent where there may be none.
    pub(super) rest: Option<Box<Shape>>,
}

/// A shape and the definitions it refers to.
#[derive(Debug)]
pub(super) struct Schema {
    root: Shape,
    definitions: BTreeMap<String, Shape>,
}

/// The schemas made so far: a command may read many files of one kind.
static MADE: LazyLock<Mutex<HashMap<TypeId, Arc<Schema>>>> = LazyLock::new(Mutex::default);

/// How a reference to the whole schema is written.
const WHOLE: &str = "#";

impl Schema {
    /// The shapes of a type.
    pub(super) fn of<T: JsonSchema + 'static>() -> Arc<Self> {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(Self::make::<T>())).clone()
    }

    fn make<T: JsonSchema>() -> Self {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
        let definitions = schema.get("$defs").and_then(Value::as_object);
        let definitions = definitions.into_iter().flatten().map(|(name, schema)| (name.clone(), shape(schema)));
        Self { definitions: definitions.collect(), root: shape(&schema) }
    }

    /// The shape of the whole.
    pub(super) fn root(&self) -> &Shape {
        self.resolve(&self.root)
    }

    /// Follows references; a dangling or endless one is anything.
    pub(super) fn resolve<'a>(&'a self, shape: &'a Shape) -> &'a Shape {
        let mut shape = shape;
        for _ in 0..=self.definitions.len() {
            let Shape::Ref(name) = shape else { return shape };
            shape = match self.definitions.get(name) {
                Some(definition) => definition,
                None if name == WHOLE => &self.root,
                None => return &Shape::Any,
            };
        }
        &Shape::Any
    }

    /// What to write, for people: fits after "expected".
    pub(super) fn expected(&self, shape: &Shape) -> String {
        match self.resolve(shape) {
            Shape::List { rest, first, .. } if first.is_empty() => format!("a list; each item is {}", self.brief(rest)),
            Shape::Map(fields) if !fields.known.is_empty() => {
                format!("a map with {}", listed(fields.known.iter().map(|(key, _)| key.as_str()), "and"))
            }
            Shape::Map(Fields { rest: Some(rest), .. }) => format!("a map; each value is {}", self.brief(rest)),
            Shape::Variants { words, tagged } if !tagged.is_empty() => {
                let tags = format!("a map with one key, {}", listed(tagged.iter().map(|(tag, _)| tag.as_str()), "or"));
                if words.is_empty() { tags } else { format!("{}, or {tags}", listed(words, "or")) }
            }
            Shape::Maybe(inner) => self.expected(inner),
            Shape::Choice(shapes) => shapes.iter().map(|shape| self.expected(shape)).collect::<Vec<_>>().join(", or "),
            shape @ (Shape::Any
            | Shape::Null
            | Shape::Bool
            | Shape::Integer { .. }
            | Shape::Number { .. }
            | Shape::Text(_)
            | Shape::List { .. }
            | Shape::Map(_)
            | Shape::Variants { .. }
            | Shape::Ref(_)) => self.brief(shape),
        }
    }

    /// The same in a few words.
    pub(super) fn brief(&self, shape: &Shape) -> String {
        match self.resolve(shape) {
            Shape::Any | Shape::Ref(_) => "any value".to_owned(),
            Shape::Null => "nothing".to_owned(),
            Shape::Maybe(inner) => self.brief(inner),
            Shape::Bool => "`true` or `false`".to_owned(),
            Shape::Integer { min, max } => {
                let what = "a whole number";
                range(what, (*min > i64::MIN.into()).then_some(min), (*max < u32::MAX.into()).then_some(max))
            }
            Shape::Number { min, max } => {
                range("a number", min.is_finite().then_some(min), max.is_finite().then_some(max))
            }
            Shape::Text(text) => text.expected(),
            Shape::List { .. } => "a list".to_owned(),
            Shape::Map(_) => "a map".to_owned(),
            Shape::Variants { words, tagged } if tagged.is_empty() => listed(words, "or"),
            Shape::Variants { words, .. } if words.is_empty() => "a map with one key".to_owned(),
            Shape::Variants { words, .. } => format!("{}, or a map with one key", listed(words, "or")),
            Shape::Choice(shapes) => shapes.iter().map(|shape| self.brief(shape)).collect::<Vec<_>>().join(", or "),
        }
    }
}

/// Names in backticks, the last one after `word`.
pub(super) fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>, word: &str) -> String {
    let mut names: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match (names.pop(), names.is_empty()) {
        (None, _) => "nothing".to_owned(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} {word} {last}", names.join(", ")),
    }
}

fn range<N: std::fmt::Display>(what: &str, min: Option<N>, max: Option<N>) -> String {
    match (min, max) {
        (None, None) => what.to_owned(),
        (Some(min), None) => format!("{what}, {min} or more"),
        (None, Some(max)) => format!("{what}, {max} or less"),
        (Some(min), Some(max)) => format!("{what} from {min} to {max}"),
    }
}

fn shape(schema: &Value) -> Shape {
    let Some(object) = schema.as_object() else { return Shape::Any };
    if let Some(target) = object.get("$ref").and_then(Value::as_str) {
        let name = target.strip_prefix("#/$defs/").unwrap_or(target);
        return Shape::Ref(name.replace("~1", "/").replace("~0", "~"));
    }
    if let Some(branches) = object.get("oneOf").and_then(Value::as_array) {
        return choice(branches.iter().map(variant).collect());
    }
    if let Some(branches) = object.get("anyOf").and_then(Value::as_array) {
        return choice(branches.iter().map(shape).collect());
    }
    if let Some([only]) = object.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        return shape(only);
    }
    if let Some(word) = object.get("const").and_then(Value::as_str) {
        return Shape::Variants { words: vec![word.to_owned()], tagged: Vec::new() };
    }
    if let Some(values) = object.get("enum").and_then(Value::as_array) {
        let words = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        return maybe(values.iter().any(Value::is_null), Shape::Variants { words, tagged: Vec::new() });
    }
    match object.get("type") {
        Some(Value::String(name)) => typed(name, object),
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            let shapes = names.iter().filter(|name| **name != "null").map(|name| typed(name, object)).collect();
            maybe(names.contains(&"null"), choice(shapes))
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Shape::Any,
    }
}

fn maybe(nullable: bool, shape: Shape) -> Shape {
    if nullable { Shape::Maybe(Box::new(shape)) } else { shape }
}

/// A branch of `oneOf`: a map of one required key is a variant with content.
fn variant(schema: &Value) -> Shape {
    let shape = shape(schema);
    if let Shape::Map(Fields { known, required, rest: None, .. }) = &shape
        && let ([(tag, _)], [required]) = (known.as_slice(), required.as_slice())
        && tag == required
        && let Shape::Map(fields) = shape
    {
        return Shape::Variants { words: Vec::new(), tagged: fields.known };
    }
    shape
}

/// Joins the branches that are variants of one enum and takes out the one that is nothing.
fn choice(branches: Vec<Shape>) -> Shape {
    let (mut words, mut tagged, mut others, mut nullable) = (Vec::new(), Vec::new(), Vec::new(), false);
    for branch in branches {
        if let Shape::Variants { words: more, tagged: tags } = branch {
            words.extend(more);
            tagged.extend(tags);
        } else if matches!(branch, Shape::Null) {
            nullable = true;
        } else {
            others.push(branch);
        }
    }
    if !words.is_empty() || !tagged.is_empty() {
        others.push(Shape::Variants { words, tagged });
    }
    let only = if others.len() == 1 { others.pop() } else { None };
    maybe(nullable, only.unwrap_or_else(|| if others.is_empty() { Shape::Any } else { Shape::Choice(others) }))
}

fn typed(name: &str, object: &Map<String, Value>) -> Shape {
    let size = |key: &str| object.get(key).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    match name {
        "null" => Shape::Null,
        "boolean" => Shape::Bool,
        "integer" => {
            let bound = |key: &str| object.get(key).and_then(whole);
            let (low, high) = match object.get("format").and_then(Value::as_str) {
                Some("int32") => (i32::MIN.into(), i32::MAX.into()),
                Some("uint32") => (0, u32::MAX.into()),
                Some("uint64" | "uint") => (0, u64::MAX.into()),
                Some(_) | None => (i64::MIN.into(), i64::MAX.into()),
            };
            Shape::Integer { min: bound("minimum").unwrap_or(low).max(low), max: bound("maximum").unwrap_or(high) }
        }
        "number" => {
            let bound = |key: &str| object.get(key).and_then(Value::as_f64);
            Shape::Number {
                min: bound("minimum").unwrap_or(f64::NEG_INFINITY),
                max: bound("maximum").unwrap_or(f64::INFINITY),
            }
        }
        "string" => {
            let format = object.get("format").and_then(Value::as_str);
            let pattern = object.get("pattern").and_then(Value::as_str);
            Shape::Text(Text {
                validator: format.and_then(|name| validators().iter().find(|validator| validator.format == name)),
                pattern: pattern.and_then(|pattern| Pattern::parse(pattern).ok()),
                not_empty: size("minLength").is_some_and(|least| least > 0),
            })
        }
        "array" => {
            let first = object.get("prefixItems").and_then(Value::as_array);
            Shape::List {
                first: first.into_iter().flatten().map(shape).collect(),
                rest: Box::new(object.get("items").map_or(Shape::Any, shape)),
                min: size("minItems").unwrap_or(0),
                max: size("maxItems").unwrap_or(usize::MAX),
            }
        }
        "object" => Shape::Map(fields(object)),
        _ => Shape::Any,
    }
}

fn fields(object: &Map<String, Value>) -> Fields {
    let known = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    let required = object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    // Maps whose keys are numbers or follow a pattern.
    let patterns = object.get("patternProperties").and_then(Value::as_object);
    let (keys, rest) = match patterns.and_then(|patterns| patterns.iter().next()) {
        Some((pattern, value)) => {
            let pattern = Pattern::parse(pattern).ok();
            (Some(Shape::Text(Text { pattern, ..Text::default() })), Some(shape(value)))
        }
        None => match object.get("additionalProperties") {
            Some(Value::Bool(false)) => (None, None),
            other => (object.get("propertyNames").map(shape), Some(other.map_or(Shape::Any, shape))),
        },
    };
    Fields {
        known: known.map(|(key, schema)| (key.clone(), shape(schema))).collect(),
        required: required.map(str::to_owned).collect(),
        keys: keys.map(Box::new),
        rest: rest.map(Box::new),
    }
}

/// Bounds of 64-bit numbers may be written as floats.
fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}
