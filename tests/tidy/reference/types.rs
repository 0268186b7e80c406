//! The types of the files, as their JSON schemas have them, and what people call a value of each.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a schema is, for the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A map with keys of its own: it has a table of them somewhere.
    Keys,
    /// One of several variants, of which some hold a value: it has a table of them somewhere.
    Union,
    /// One of several words, each with a meaning: it may have a table.
    Words,
    /// A written form of something else, which stands where it is used.
    Inline,
    /// A text with a form of its own, or a command: a line in the table of values.
    Scalar,
}

impl Kind {
    fn of(schema: &Value) -> Self {
        let constant = |variant: &Value| variant.get("const").is_some();
        if schema.get("properties").is_some() {
            Self::Keys
        } else if let Some(variants) = schema.get("oneOf").and_then(Value::as_array) {
            if variants.iter().all(constant) { Self::Words } else { Self::Union }
        } else if schema.get("enum").is_some() || each(schema, "anyOf").any(refers) {
            Self::Inline
        } else {
            Self::Scalar
        }
    }
}

fn refers(form: &Value) -> bool {
    form.get("$ref").is_some() || form.get("items").is_some_and(refers)
}

/// The elements of a list in a schema; none where it has no such list.
fn each<'s>(schema: &'s Value, key: &str) -> impl Iterator<Item = &'s Value> + use<'s> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'s>(schema: &'s Value, key: &str) -> Option<&'s str> {
    schema.get(key).and_then(Value::as_str)
}

/// Whether there is one of it, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    One,
    Several,
}

/// The types of some schemas. A type that several schemas have is the first one's.
#[derive(Debug, Default)]
pub(crate) struct Types {
    named: BTreeMap<String, Value>,
    /// How a page calls a type: `Service`, `scenario/Rollback`.
    places: BTreeMap<String, String>,
}

impl Types {
    /// The types of schemas, each with the name of its format, and what is wrong with their names.
    pub(crate) fn read(schemas: &[(&str, Value)]) -> (Self, Vec<String>) {
        let (mut types, mut breaches) = (Self::default(), Vec::new());
        for (position, (format, schema)) in schemas.iter().enumerate() {
            let root = text(schema, "title").map(|name| (name.to_owned(), schema.clone()));
            let others = schema.get("$defs").and_then(Value::as_object).into_iter().flatten();
            for (name, schema) in root.into_iter().chain(others.map(|(name, schema)| (name.clone(), schema.clone()))) {
                match types.named.get(&name) {
                    Some(known) if *known != schema => {
                        breaches
                            .push(format!("{format} has another type {name} than the formats before it: rename one"));
                    }
                    Some(_) => {}
                    None => {
                        let place = if position == 0 { name.clone() } else { format!("{format}/{name}") };
                        types.places.insert(place, name.clone());
                        types.named.insert(name, schema);
                    }
                }
            }
        }
        (types, breaches)
    }

    /// The types, each by what pages call it.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.places.iter().filter_map(|(place, name)| Some((place.as_str(), Kind::of(self.named.get(name)?))))
    }

    fn at(&self, place: &str) -> Option<&Value> {
        self.named.get(self.places.get(place)?)
    }

    /// The table of a type's keys, variants or words. `link` leads to the heading that a type's table stands below.
    pub(crate) fn table(&self, place: &str, link: impl Fn(&str) -> Option<String>) -> Option<String> {
        let schema = self.at(place)?;
        let link = |name: &str| {
            let (place, _) = self.places.iter().find(|(_, known)| *known == name)?;
            link(place)
        };
        let shown = Shown { types: self, link: &link };
        match Kind::of(schema) {
            Kind::Keys => Some(shown.keys(schema)),
            Kind::Union => Some(shown.variants(schema)),
            Kind::Words => Some(words(schema)),
            Kind::Inline | Kind::Scalar => None,
        }
    }

    /// The table of the kinds of values that have a form of their own.
    pub(crate) fn values(&self) -> String {
        let mut table = String::from("| value | meaning |\n|---|---|\n");
        for (name, schema) in self.named.iter().filter(|(_, schema)| Kind::of(schema) == Kind::Scalar) {
            table.push_str(&format!("| {} | {} |\n", called(name), sentence(&described(schema))));
        }
        table
    }
}

fn words(schema: &Value) -> String {
    let mut table = String::from("| one of | meaning |\n|---|---|\n");
    for word in each(schema, "oneOf") {
        table.push_str(&format!("| `{}` | {} |\n", text(word, "const").unwrap_or_default(), described(word)));
    }
    table
}

/// What a schema says of itself, as a cell of a table.
fn described(schema: &Value) -> String {
    text(schema, "description").unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// The texts of the values say what was expected, in the middle of a message; here they stand alone.
fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

/// The words that a type's name is made of: `HttpStep` is an `HTTP step`.
fn called(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_uppercase() => word.push(letter),
            _ => words.push(letter.to_lowercase().collect()),
        }
    }
    let written = |word: String| match word.as_str() {
        "http" | "tcp" | "sql" | "csv" | "json" => word.to_uppercase(),
        "graphql" => "GraphQL".to_owned(),
        _ => word,
    };
    words.into_iter().map(written).collect::<Vec<_>>().join(" ")
}

fn several(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if words.ends_with('s') => words.to_owned(),
        _ => format!("{words}s"),
    }
}

fn counted(words: &str, number: Number) -> String {
    match number {
        Number::One => words.to_owned(),
        Number::Several => several(words),
    }
}

/// `a, b or c`.
fn or(words: &[String]) -> String {
    match words {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => words.concat(),
    }
}

fn quoted(words: impl Iterator<Item = impl AsRef<str>>) -> Vec<String> {
    words.map(|word| format!("`{}`", word.as_ref())).collect()
}

/// Types as a page shows them, with links to where each has its table.
struct Shown<'t> {
    types: &'t Types,
    link: &'t dyn Fn(&str) -> Option<String>,
}

impl Shown<'_> {
    fn keys(&self, schema: &Value) -> String {
        let mut table = String::from("| key | value | meaning |\n|---|---|---|\n");
        let required: Vec<&str> = each(schema, "required").filter_map(Value::as_str).collect();
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let need = if required.contains(&key.as_str()) { ", required" } else { "" };
            let (value, default) = (self.value(property, Number::One), default(property));
            let meaning = [described(property), self.meanings(property)].concat();
            table.push_str(&format!("| `{key}` | {value}{need}{default} | {meaning} |\n"));
        }
        table
    }

    fn variants(&self, schema: &Value) -> String {
        let mut table = String::from("| one of | value | meaning |\n|---|---|---|\n");
        for variant in each(schema, "oneOf") {
            let held = variant.get("properties").and_then(Value::as_object).and_then(|held| held.iter().next());
            let (name, value) = match (held, text(variant, "const")) {
                (Some((key, held)), _) => (key.as_str(), self.value(held, Number::One)),
                (None, word) => (word.unwrap_or_default(), "the word alone".to_owned()),
            };
            table.push_str(&format!("| `{name}` | {value} | {} |\n", described(variant)));
        }
        table
    }

    /// What a value is.
    fn value(&self, schema: &Value, number: Number) -> String {
        if let Some(name) = text(schema, "$ref").and_then(|path| path.rsplit('/').next()) {
            return self.named(name, number);
        }
        let forms: Vec<&Value> = each(schema, "anyOf").filter(|form| text(form, "type") != Some("null")).collect();
        if !forms.is_empty() {
            return or(&forms.iter().map(|form| self.value(form, number)).collect::<Vec<_>>());
        }
        if schema.get("enum").is_some() {
            return or(&quoted(each(schema, "enum").filter_map(Value::as_str)));
        }
        let one_of_them = each(schema, "type").filter_map(Value::as_str).find(|kind| *kind != "null");
        match text(schema, "type").or(one_of_them) {
            Some("string") => counted("text", number),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("number") => bounded("number", number, schema),
            Some("integer") => bounded("whole number", number, schema),
            Some("array") => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                format!("{} of {}", counted("list", number), self.value(items, Number::Several))
            }
            Some("object") => format!("{} of {}", counted("map", number), self.entries(schema)),
            _ => "any value".to_owned(),
        }
    }

    /// What the entries of a map are.
    fn entries(&self, schema: &Value) -> String {
        if let Some(entries) = schema.get("properties").and_then(Value::as_object) {
            let value = entries.values().next().unwrap_or(&Value::Null);
            return format!("{} → {}", or(&quoted(entries.keys())), self.value(value, Number::One));
        }
        let key = schema.get("propertyNames").map_or("name".to_owned(), |key| self.value(key, Number::One));
        let by_pattern = schema.get("patternProperties").and_then(Value::as_object).and_then(|by| by.values().next());
        let value = by_pattern.or(schema.get("additionalProperties")).unwrap_or(&Value::Null);
        format!("{key} → {}", self.value(value, Number::One))
    }

    /// What a value of a type with a name is.
    fn named(&self, name: &str, number: Number) -> String {
        let words = counted(&called(name), number);
        let schema = self.types.named.get(name).unwrap_or(&Value::Null);
        match (Kind::of(schema), (self.link)(name)) {
            (Kind::Keys | Kind::Union | Kind::Words, Some(link)) => format!("[{words}]({link})"),
            (Kind::Words, None) => or(&quoted(each(schema, "oneOf").filter_map(|word| text(word, "const")))),
            (Kind::Inline, _) => self.value(schema, number),
            (Kind::Keys | Kind::Union | Kind::Scalar, _) => words,
        }
    }

    /// What the words mean that a value is one of, if no table says so.
    fn meanings(&self, property: &Value) -> String {
        let forms = [property].into_iter().chain(each(property, "anyOf")).chain(property.get("items"));
        let mut names = forms.filter_map(|form| text(form, "$ref")).filter_map(|path| path.rsplit('/').next());
        let Some(name) = names.find(|name| (self.link)(name).is_none()) else { return String::new() };
        let words = self.types.named.get(name).filter(|schema| Kind::of(schema) == Kind::Words);
        let meaning = |word: &Value| format!(" `{}`: {}", text(word, "const").unwrap_or_default(), described(word));
        words.into_iter().flat_map(|schema| each(schema, "oneOf")).map(meaning).collect()
    }
}

fn bounded(words: &str, number: Number, schema: &Value) -> String {
    let least = schema.get("minimum").and_then(Value::as_f64).filter(|least| *least > 0.0);
    [counted(words, number), least.map(|least| format!(", at least {least}")).unwrap_or_default()].concat()
}

/// What holds if a key is not given, where that is not plainly nothing.
fn default(property: &Value) -> String {
    match property.get("default") {
        Some(Value::String(text)) => format!("; default `{text}`"),
        Some(Value::Number(number)) => format!("; default {number}"),
        _ => String::new(),
    }
}
