//! The introspection query, as the GraphQL specification gives it, without descriptions.

use serde_json::Value;

/// Asks whether introspection can include deprecated arguments and input fields. The specification has this since 2025, and
/// older servers refuse a query that uses it. Without it, an argument that is only deprecated would look removed.
pub const CAPABILITY: &str = r#"{ __type(name: "__Field") { fields { name args { name } } } }"#;

/// Whether the response to [`CAPABILITY`] says that it can.
pub fn takes_deprecated_inputs(data: &Value) -> bool {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let named = |value: &Value, name: &str| value.get("name").and_then(Value::as_str) == Some(name);
    let fields = data.get("__type").map(|field| list(field, "fields")).unwrap_or_default();
    let args = fields.iter().find(|field| named(field, "args")).map(|args| list(args, "args")).unwrap_or_default();
    args.iter().any(|arg| named(arg, "includeDeprecated"))
}

/// The introspection query.
pub fn introspection(deprecated_inputs: bool) -> String {
    // Nine levels are more than any type of nested lists has.
    let mut of_type = "kind name".to_owned();
    for _ in 0..9 {
        of_type = format!("kind name ofType {{ {of_type} }}");
    }
    let inputs = if deprecated_inputs { "(includeDeprecated: true)" } else { "" };
    let deprecated = if deprecated_inputs { " isDeprecated deprecationReason" } else { "" };
    let input = format!("{{ name type {{ {of_type} }} defaultValue{deprecated} }}");
    format!(
        "query IntrospectionQuery {{ __schema {{ queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }} \
         types {{ kind name fields(includeDeprecated: true) {{ name args{inputs} {input} type {{ {of_type} }} \
         isDeprecated deprecationReason }} inputFields{inputs} {input} interfaces {{ name }} \
         enumValues(includeDeprecated: true) {{ name isDeprecated deprecationReason }} possibleTypes {{ name }} }} \
         directives {{ name locations args{inputs} {input} }} }} }}"
    )
}
