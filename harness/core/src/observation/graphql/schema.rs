//! A schema as introspection returns it, and its SDL.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

/// The scalar types that every server has.
const SCALARS: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];
const DIRECTIVES: [&str; 5] = ["skip", "include", "deprecated", "specifiedBy", "oneOf"];

/// A schema, without descriptions, the types of introspection and what every server has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The types of `query`, `mutation` and `subscription`.
    roots: Vec<(&'static str, String)>,
    types: BTreeMap<String, Type>,
    directives: BTreeMap<String, Directive>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Type {
    kind: Kind,
    interfaces: Vec<String>,
    fields: BTreeMap<String, Field>,
    /// Enum values with their deprecation, or members of a union.
    values: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    InputObject,
    List,
    NonNull,
}

/// A field, an input field or an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Its type as written: `[String!]`.
    pub(super) kind: String,
    args: BTreeMap<String, Field>,
    pub(super) default: Option<String>,
    deprecated: Option<String>,
}

impl Field {
    /// Whether a value must be given.
    pub(super) fn required(&self) -> bool {
        self.kind.ends_with('!') && self.default.is_none()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Directive {
    args: BTreeMap<String, Field>,
    locations: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSchema {
    query_type: Option<RawName>,
    mutation_type: Option<RawName>,
    subscription_type: Option<RawName>,
    types: Vec<RawType>,
    #[serde(default)]
    directives: Vec<RawDirective>,
}

#[derive(Deserialize)]
struct RawName {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawType {
    kind: Kind,
    name: String,
    fields: Option<Vec<RawField>>,
    input_fields: Option<Vec<RawField>>,
    interfaces: Option<Vec<RawName>>,
    enum_values: Option<Vec<RawValue>>,
    possible_types: Option<Vec<RawName>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawField {
    name: String,
    #[serde(default)]
    args: Vec<RawField>,
    r#type: RawRef,
    default_value: Option<String>,
    #[serde(default)]
    is_deprecated: bool,
    deprecation_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawValue {
    name: String,
    #[serde(default)]
    is_deprecated: bool,
    deprecation_reason: Option<String>,
}

#[derive(Deserialize)]
struct RawDirective {
    name: String,
    #[serde(default)]
    locations: Vec<String>,
    #[serde(default)]
    args: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRef {
    kind: Kind,
    name: Option<String>,
    of_type: Option<Box<RawRef>>,
}

impl RawRef {
    fn text(&self) -> Result<String, String> {
        let inner = || self.of_type.as_ref().ok_or("a type is nested deeper than was asked").map(|inner| inner.text());
        match self.kind {
            Kind::NonNull => Ok(format!("{}!", inner()??)),
            Kind::List => Ok(format!("[{}]", inner()??)),
            Kind::Scalar | Kind::Object | Kind::Interface | Kind::Union | Kind::Enum | Kind::InputObject => {
                self.name.clone().ok_or_else(|| "a type without a name".to_owned())
            }
        }
    }
}

fn deprecation(is: bool, reason: Option<String>) -> Option<String> {
    is.then(|| reason.unwrap_or_default())
}

fn fields(raw: Vec<RawField>) -> Result<BTreeMap<String, Field>, String> {
    raw.into_iter()
        .map(|field| {
            let parsed = Field {
                kind: field.r#type.text()?,
                args: fields(field.args)?,
                default: field.default_value,
                deprecated: deprecation(field.is_deprecated, field.deprecation_reason),
            };
            Ok((field.name, parsed))
        })
        .collect()
}

fn sorted(names: Option<Vec<RawName>>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().flatten().map(|name| name.name).collect();
    names.sort();
    names
}

impl Schema {
    /// The schema in the data of a response to the introspection query.
    ///
    /// # Errors
    /// Why the data is not a schema, as text for people.
    pub fn read(data: Value) -> Result<Self, String> {
        let Some(raw) = data.as_object().and_then(|data| data.get("__schema")).filter(|raw| !raw.is_null()) else {
            return Err("the response has no `__schema`".to_owned());
        };
        let raw = RawSchema::deserialize(raw).map_err(|error| format!("it is not a schema: {error}"))?;
        let roots =
            [("query", raw.query_type), ("mutation", raw.mutation_type), ("subscription", raw.subscription_type)];
        let roots = roots.into_iter().filter_map(|(what, name)| Some((what, name?.name))).collect();
        let mut types = BTreeMap::new();
        for raw in raw.types {
            if raw.name.starts_with("__") || SCALARS.contains(&raw.name.as_str()) {
                continue;
            }
            let mut values: BTreeMap<String, Option<String>> = BTreeMap::new();
            for value in raw.enum_values.into_iter().flatten() {
                values.insert(value.name, deprecation(value.is_deprecated, value.deprecation_reason));
            }
            if raw.kind == Kind::Union {
                values.extend(sorted(raw.possible_types).into_iter().map(|name| (name, None)));
            }
            let inputs = if raw.kind == Kind::InputObject { raw.input_fields } else { raw.fields };
            let interfaces = sorted(raw.interfaces);
            let parsed = Type { kind: raw.kind, interfaces, fields: fields(inputs.unwrap_or_default())?, values };
            types.insert(raw.name, parsed);
        }
        let mut directives = BTreeMap::new();
        for raw in raw.directives.into_iter().filter(|raw| !DIRECTIVES.contains(&raw.name.as_str())) {
            directives.insert(raw.name, Directive { args: fields(raw.args)?, locations: raw.locations });
        }
        if types.values().all(|known| known.fields.is_empty()) {
            return Err("the schema has no field".to_owned());
        }
        Ok(Self { roots, types, directives })
    }

    /// The numbers of types and fields.
    pub fn size(&self) -> (usize, usize) {
        (self.types.len(), self.types.values().map(|known| known.fields.len()).sum())
    }

    pub(super) fn is_input(&self, name: &str) -> bool {
        self.types.get(name).is_some_and(|known| known.kind == Kind::InputObject)
    }

    /// The field `Type.field` or argument `Type.field.argument`.
    pub(super) fn field(&self, path: &str) -> Option<&Field> {
        let mut parts = path.split('.');
        let field = self.types.get(parts.next()?)?.fields.get(parts.next()?)?;
        match parts.next() {
            None => Some(field),
            Some(arg) => field.args.get(arg),
        }
    }

    /// The input fields with their paths.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (String, &Field)> {
        let inputs = self.types.iter().filter(|(_, known)| known.kind == Kind::InputObject);
        inputs.flat_map(|(name, known)| known.fields.iter().map(move |(field, of)| (format!("{name}.{field}"), of)))
    }

    /// The schema as SDL, sorted by name.
    pub fn sdl(&self) -> String {
        let mut text = String::from("schema {\n");
        for (what, name) in &self.roots {
            text.push_str(&format!("  {what}: {name}\n"));
        }
        text.push_str("}\n");
        for (name, directive) in &self.directives {
            let locations = directive.locations.join(" | ");
            text.push_str(&format!("\ndirective @{name}{} on {locations}\n", args_text(&directive.args)));
        }
        for (name, known) in &self.types {
            text.push('\n');
            known.write(name, &mut text);
        }
        text
    }
}

fn args_text(args: &BTreeMap<String, Field>) -> String {
    if args.is_empty() {
        return String::new();
    }
    let args: Vec<String> = args.iter().map(|(name, arg)| arg.text(name)).collect();
    format!("({})", args.join(", "))
}

fn deprecated(reason: &Option<String>) -> String {
    // A JSON string is a GraphQL string: the escapes are the same.
    reason.as_ref().map_or_else(String::new, |reason| format!(" @deprecated(reason: {})", Value::from(reason.as_str())))
}

impl Field {
    fn text(&self, name: &str) -> String {
        let default = self.default.as_ref().map_or_else(String::new, |default| format!(" = {default}"));
        format!("{name}{}: {}{default}{}", args_text(&self.args), self.kind, deprecated(&self.deprecated))
    }
}

impl Type {
    fn write(&self, name: &str, text: &mut String) {
        let keyword = match self.kind {
            Kind::Scalar => "scalar",
            Kind::Object => "type",
            Kind::Interface => "interface",
            Kind::Union => "union",
            Kind::Enum => "enum",
            Kind::InputObject => "input",
            Kind::List | Kind::NonNull => "# bug: no type of its own:",
        };
        text.push_str(&format!("{keyword} {name}"));
        if !self.interfaces.is_empty() {
            text.push_str(&format!(" implements {}", self.interfaces.join(" & ")));
        }
        if self.kind == Kind::Union {
            let members: Vec<&str> = self.values.keys().map(String::as_str).collect();
            let members = if members.is_empty() { String::new() } else { format!(" = {}", members.join(" | ")) };
            text.push_str(&members);
        } else if !self.fields.is_empty() || !self.values.is_empty() {
            text.push_str(" {\n");
            for (name, field) in &self.fields {
                text.push_str(&format!("  {}\n", field.text(name)));
            }
            for (name, reason) in &self.values {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  {name}{}", deprecated(reason));
            }
            text.push('}');
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_written_as_a_parser_reads_it() {
        let named = |kind: &str, name: &str| json!({"kind": kind, "name": name, "ofType": null});
        let required = |of: Value| json!({"kind": "NON_NULL", "name": null, "ofType": of});
        let list = |of: Value| json!({"kind": "LIST", "name": null, "ofType": of});
        let data = json!({"__schema": {
            "queryType": {"name": "Query"}, "mutationType": null, "subscriptionType": null,
            "types": [
                {"kind": "OBJECT", "name": "Query", "interfaces": [{"name": "Node"}], "fields": [
                    {"name": "type", "args": [
                        {"name": "input", "type": named("INPUT_OBJECT", "In"), "defaultValue": "{a: \"x\\\"\"}"},
                    ], "type": required(list(required(named("OBJECT", "Query")))), "isDeprecated": true,
                     "deprecationReason": "say \"query\"\nnot type"},
                ]},
                {"kind": "INTERFACE", "name": "Node", "fields": [
                    {"name": "type", "type": named("SCALAR", "Int")}], "possibleTypes": [{"name": "Query"}]},
                {"kind": "UNION", "name": "Any", "possibleTypes": [{"name": "Query"}]},
                {"kind": "ENUM", "name": "Colour", "enumValues": [{"name": "type", "isDeprecated": true}, {"name": "RED"}]},
                {"kind": "INPUT_OBJECT", "name": "In", "inputFields": [
                    {"name": "a", "type": named("SCALAR", "String"), "defaultValue": null}]},
                {"kind": "SCALAR", "name": "Date"}, {"kind": "SCALAR", "name": "Int"},
                {"kind": "OBJECT", "name": "__Type", "fields": []},
            ],
            "directives": [{"name": "live", "locations": ["QUERY", "FIELD"], "args": []}, {"name": "skip"}],
        }});
        let schema = Schema::read(data).unwrap();
        let sdl = schema.sdl();
        assert!(
            sdl.contains(
                "  type(input: In = {a: \"x\\\"\"}): [Query!]! @deprecated(reason: \"say \\\"query\\\"\\nnot type\")\n"
            ),
            "{sdl}"
        );
        assert!(!sdl.contains("__Type") && !sdl.contains("scalar Int") && !sdl.contains("@skip"), "{sdl}");
        assert_eq!(super::super::changes(&schema, &schema), Ok(Vec::new()), "{sdl}");
        assert_eq!(schema.size(), (6, 3));
    }

    #[test]
    fn data_without_a_schema_is_refused() {
        assert!(Schema::read(json!({"__schema": null})).is_err());
        assert!(Schema::read(json!({"__schema": {"types": []}})).is_err());
        let deep = json!({"__schema": {"queryType": {"name": "Q"}, "types": [{"kind": "OBJECT", "name": "Q", "fields": [
            {"name": "a", "type": {"kind": "NON_NULL", "name": null, "ofType": null}}]}]}});
        assert_eq!(Schema::read(deep), Err("a type is nested deeper than was asked".to_owned()));
    }
}
