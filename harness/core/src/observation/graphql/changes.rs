//! The differences between two schemas, and which of them break clients.

use graphql_schema_diff::ChangeKind;

use super::schema::Schema;

/// One difference between two schemas.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaChange {
    /// Whether a query that was valid before can fail or mean something else.
    pub breaking: bool,
    /// What changed: `field Query.sites removed`.
    pub text: String,
}

/// The differences of `now` from `before`.
///
/// # Errors
/// If the library that compares cannot parse one of the schemas. This makes the check inconclusive; it is not a finding.
pub fn changes(before: &Schema, now: &Schema) -> Result<Vec<SchemaChange>, String> {
    let found = graphql_schema_diff::diff(&before.sdl(), &now.sdl()).map_err(|error| format!("the schema: {error}"))?;
    let mut all: Vec<SchemaChange> =
        found.into_iter().map(|change| named(before, now, change.kind, &change.path)).collect();
    // The library does not cover this: removing a default makes an input field required.
    for (path, is) in now.inputs() {
        let was = before.field(&path).filter(|_| before.is_input(path.split('.').next().unwrap_or_default()));
        if was.is_some_and(|was| was.kind == is.kind && !was.required() && is.required()) {
            all.push(SchemaChange {
                breaking: true,
                text: format!("input field {path} required, its default is gone"),
            });
        }
    }
    all.sort();
    all.reverse();
    all.sort_by(|left, right| right.breaking.cmp(&left.breaking).then_with(|| left.text.cmp(&right.text)));
    all.dedup();
    Ok(all)
}

fn named(before: &Schema, now: &Schema, kind: ChangeKind, path: &str) -> SchemaChange {
    use ChangeKind as Kind;
    let (parent, member) = path.split_once('.').unwrap_or((path, ""));
    let field = |schema: &Schema| if schema.is_input(parent) { "input field" } else { "field" };
    let types = || {
        let text = |schema: &Schema| schema.field(path).map_or("nothing".to_owned(), |field| field.kind.clone());
        (text(before), text(now))
    };
    let default = |schema: &Schema| schema.field(path).and_then(|field| field.default.clone()).unwrap_or_default();
    let required = |schema: &Schema| schema.field(path).is_some_and(|field| field.required());
    let of_type = |what: &str, verb: &str| format!("{what} {path} {verb}");
    let (breaking, text) = match kind {
        Kind::ChangeQueryType | Kind::ChangeMutationType | Kind::ChangeSubscriptionType => {
            (true, format!("the root changed: {}", kind.as_str()))
        }
        Kind::RemoveObjectType => (true, of_type("type", "removed")),
        Kind::AddObjectType => (false, of_type("type", "added")),
        Kind::RemoveUnion => (true, of_type("union", "removed")),
        Kind::AddUnion => (false, of_type("union", "added")),
        Kind::RemoveEnum => (true, of_type("enum", "removed")),
        Kind::AddEnum => (false, of_type("enum", "added")),
        Kind::RemoveScalar => (true, of_type("scalar", "removed")),
        Kind::AddScalar => (false, of_type("scalar", "added")),
        Kind::RemoveInterface => (true, of_type("interface", "removed")),
        Kind::AddInterface => (false, of_type("interface", "added")),
        Kind::RemoveInputObject => (true, of_type("input", "removed")),
        Kind::AddInputObject => (false, of_type("input", "added")),
        Kind::RemoveDirectiveDefinition => (true, of_type("directive", "removed")),
        Kind::AddDirectiveDefinition => (false, of_type("directive", "added")),
        Kind::RemoveInterfaceImplementation => {
            (true, format!("type {parent} no longer implements {}", member.trim_start_matches('&')))
        }
        Kind::AddInterfaceImplementation => {
            (false, format!("type {parent} implements {}", member.trim_start_matches('&')))
        }
        Kind::RemoveUnionMember => (true, of_type("union member", "removed")),
        Kind::AddUnionMember => (false, of_type("union member", "added")),
        Kind::RemoveEnumValue => (true, of_type("enum value", "removed")),
        Kind::AddEnumValue => (false, of_type("enum value", "added")),
        Kind::RemoveField => (true, of_type(field(before), "removed")),
        Kind::AddField if now.is_input(parent) && required(now) => (true, of_type("input field", "added and required")),
        Kind::AddField => (false, of_type(field(now), "added")),
        Kind::ChangeFieldType => {
            let (was, is) = types();
            let safe = if now.is_input(parent) { safe_input(&was, &is) } else { safe_output(&was, &is) };
            (!safe, format!("{} {path}: {was} → {is}", field(now)))
        }
        Kind::RemoveFieldArgument => (true, of_type("argument", "removed")),
        Kind::AddFieldArgument if required(now) => (true, of_type("argument", "added and required")),
        Kind::AddFieldArgument => (false, of_type("argument", "added")),
        Kind::ChangeFieldArgumentType => {
            let (was, is) = types();
            (!safe_input(&was, &is), format!("argument {path}: {was} → {is}"))
        }
        Kind::RemoveFieldArgumentDefault if required(now) => {
            (true, of_type("argument", "required, its default is gone"))
        }
        Kind::RemoveFieldArgumentDefault => (false, of_type("argument", "without its default")),
        Kind::AddFieldArgumentDefault => (false, format!("argument {path}: default {}", default(now))),
        Kind::ChangeFieldArgumentDefault => {
            (false, format!("argument {path}: default {} → {}", default(before), default(now)))
        }
        Kind::AddSchemaDefinition
        | Kind::RemoveSchemaDefinition
        | Kind::AddSchemaExtension
        | Kind::RemoveSchemaExtension => (false, format!("the schema definition: {}", kind.as_str())),
        Kind::AddDirective => (false, format!("{path} added")),
        Kind::RemoveDirective => (false, format!("{path} removed")),
        Kind::ChangeDescription => (false, of_type("description of", "changed")),
    };
    SchemaChange { breaking, text }
}

/// The type without its `!`, and whether it had one.
fn nullable(kind: &str) -> (&str, bool) {
    kind.strip_suffix('!').map_or((kind, false), |inner| (inner, true))
}

fn list(kind: &str) -> Option<&str> {
    kind.strip_prefix('[')?.strip_suffix(']')
}

/// Whether clients can still read a field: it may become non-null, but not nullable.
fn safe_output(was: &str, is: &str) -> bool {
    let ((was, was_required), (is, is_required)) = (nullable(was), nullable(is));
    (is_required || !was_required)
        && match (list(was), list(is)) {
            (Some(was), Some(is)) => safe_output(was, is),
            (None, None) => was == is,
            (Some(_), None) | (None, Some(_)) => false,
        }
}

/// Whether clients can still send an input: it may become nullable, but not non-null.
fn safe_input(was: &str, is: &str) -> bool {
    safe_output(is, was)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// `[Int!]` as introspection returns it.
    fn kind(text: &str) -> Value {
        match nullable(text) {
            (inner, true) => json!({"kind": "NON_NULL", "name": null, "ofType": kind(inner)}),
            (inner, false) => match list(inner) {
                Some(item) => json!({"kind": "LIST", "name": null, "ofType": kind(item)}),
                None => json!({"kind": "SCALAR", "name": inner, "ofType": null}),
            },
        }
    }

    /// A schema with one field, one argument and one input field, besides what is given.
    fn schema(
        field: &str,
        arg: Option<(&str, Option<&str>)>,
        input: Option<(&str, Option<&str>)>,
        more: Value,
    ) -> Schema {
        let input_value =
            |name: &str, of: (&str, Option<&str>)| json!({"name": name, "type": kind(of.0), "defaultValue": of.1});
        let args: Vec<Value> = arg.map(|of| input_value("a", of)).into_iter().collect();
        let inputs: Vec<Value> =
            input.map(|of| input_value("i", of)).into_iter().chain([input_value("z", ("Int", None))]).collect();
        let mut types = vec![
            json!({"kind": "OBJECT", "name": "Query", "fields": [
                {"name": "f", "args": args, "type": kind(field)}, {"name": "z", "args": [], "type": kind("Int")}]}),
            json!({"kind": "INPUT_OBJECT", "name": "In", "inputFields": inputs}),
        ];
        types.extend(more.as_array().cloned().unwrap_or_default());
        Schema::read(json!({"__schema": {"queryType": {"name": "Query"}, "types": types}})).unwrap()
    }

    fn check(before: &Schema, now: &Schema, expected: &[(bool, &str)]) {
        let found = changes(before, now).unwrap();
        let found: Vec<(bool, &str)> = found.iter().map(|change| (change.breaking, change.text.as_str())).collect();
        assert_eq!(found, expected, "{}\n{}", before.sdl(), now.sdl());
    }

    #[test]
    fn field_types_may_become_stricter_and_input_types_laxer() {
        let field = |text| schema(text, None, None, json!([]));
        check(&field("[Int]"), &field("[Int!]!"), &[(false, "field Query.f: [Int] → [Int!]!")]);
        check(&field("[Int!]"), &field("[Int]!"), &[(true, "field Query.f: [Int!] → [Int]!")]);
        check(&field("Int"), &field("String"), &[(true, "field Query.f: Int → String")]);
        check(&field("Int"), &field("[Int]"), &[(true, "field Query.f: Int → [Int]")]);
        let arg = |of| schema("Int", Some(of), None, json!([]));
        check(&arg(("Int!", None)), &arg(("Int", None)), &[(false, "argument Query.f.a: Int! → Int")]);
        check(&arg(("Int", None)), &arg(("Int!", None)), &[(true, "argument Query.f.a: Int → Int!")]);
        let input = |of| schema("Int", None, Some(of), json!([]));
        check(&input(("Int!", None)), &input(("Int", None)), &[(false, "input field In.i: Int! → Int")]);
        check(&input(("Int", None)), &input(("Int!", None)), &[(true, "input field In.i: Int → Int!")]);
    }

    #[test]
    fn new_required_inputs_break_and_new_optional_ones_do_not() {
        let none = schema("Int", None, None, json!([]));
        let arg = |of| schema("Int", Some(of), None, json!([]));
        check(&none, &arg(("Int", None)), &[(false, "argument Query.f.a added")]);
        check(&none, &arg(("Int!", Some("1"))), &[(false, "argument Query.f.a added")]);
        check(&none, &arg(("Int!", None)), &[(true, "argument Query.f.a added and required")]);
        check(&arg(("Int", None)), &none, &[(true, "argument Query.f.a removed")]);
        check(
            &arg(("Int!", Some("1"))),
            &arg(("Int!", None)),
            &[(true, "argument Query.f.a required, its default is gone")],
        );
        check(&arg(("Int", Some("1"))), &arg(("Int", Some("2"))), &[(false, "argument Query.f.a: default 1 → 2")]);
        let input = |of| schema("Int", None, Some(of), json!([]));
        check(&none, &input(("Int", None)), &[(false, "input field In.i added")]);
        check(&none, &input(("Int!", None)), &[(true, "input field In.i added and required")]);
        check(
            &input(("Int!", Some("1"))),
            &input(("Int!", None)),
            &[(true, "input field In.i required, its default is gone")],
        );
        check(&input(("Int", None)), &none, &[(true, "input field In.i removed")]);
    }

    #[test]
    fn removals_break_and_additions_do_not() {
        let with = |more: Value| schema("Int", None, None, more);
        let (none, site) = (
            with(json!([])),
            json!({"kind": "OBJECT", "name": "Site", "fields": [{"name": "n", "type": kind("Int")}]}),
        );
        check(&none, &with(json!([site])), &[(false, "type Site added")]);
        check(&with(json!([site])), &none, &[(true, "type Site removed")]);
        let scalar = json!({"kind": "SCALAR", "name": "Site"});
        check(
            &with(json!([site])),
            &with(json!([scalar])),
            &[(true, "type Site removed"), (false, "scalar Site added")],
        );
        let colours = |names: &[&str]| {
            with(
                json!([{"kind": "ENUM", "name": "C", "enumValues": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()}]),
            )
        };
        check(&colours(&["RED"]), &colours(&["RED", "BLUE"]), &[(false, "enum value C.BLUE added")]);
        check(&colours(&["RED", "BLUE"]), &colours(&["BLUE"]), &[(true, "enum value C.RED removed")]);
        let union = |names: &[&str]| {
            with(
                json!([site, {"kind": "UNION", "name": "U", "possibleTypes": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()}]),
            )
        };
        check(&union(&["Site", "Query"]), &union(&["Site"]), &[(true, "union member U.Query removed")]);
        let node = |is: bool| {
            let interfaces = if is { json!([{"name": "Node"}]) } else { json!([]) };
            with(json!([{"kind": "INTERFACE", "name": "Node", "fields": site["fields"]},
                {"kind": "OBJECT", "name": "Site", "fields": site["fields"], "interfaces": interfaces}]))
        };
        check(&node(true), &node(false), &[(true, "type Site no longer implements Node")]);
        check(&node(false), &node(true), &[(false, "type Site implements Node")]);
    }

    #[test]
    fn removing_a_field_breaks_and_deprecating_it_does_not() {
        let field = |deprecated: bool| {
            let fields = json!([{"name": "old", "type": kind("Int"), "isDeprecated": deprecated, "deprecationReason": "use new"}]);
            schema("Int", None, None, json!([{"kind": "OBJECT", "name": "Site", "fields": fields}]))
        };
        let found = changes(&field(false), &field(true)).unwrap();
        assert!(found.len() == 1 && !found[0].breaking && found[0].text.contains("@deprecated"), "{found:?}");
        let gone = schema(
            "Int",
            None,
            None,
            json!([{"kind": "OBJECT", "name": "Site", "fields": [{"name": "new", "type": kind("Int")}]}]),
        );
        check(&field(true), &gone, &[(true, "field Site.old removed"), (false, "field Site.new added")]);
    }
}
