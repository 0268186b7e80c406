//! The responses of graphql-core to our queries, from its second major version (`old`) and its third (`current`).

use serde_json::Value;

use super::*;

fn check(answers: &str, deprecated_inputs: bool) -> Schema {
    let answers: Value = serde_json::from_str(answers).unwrap();
    assert_eq!(takes_deprecated_inputs(&answers["capability"]), deprecated_inputs);
    assert_eq!(answers["query"], introspection(deprecated_inputs), "ask anew");
    let schema = Schema::read(answers["data"].clone()).unwrap();
    let sdl = schema.sdl();
    for line in [
        "  name: String!\n",
        "  site: Site @deprecated(reason: \"ask for the \\\"location\\\"\")\n",
        "  matrix: [[Int!]!]\n",
        "  STAGED @deprecated(reason: \"No longer supported\")\n",
        "union Thing = Device | Site\n",
        "  save(dry: Boolean = false, input: DeviceInput!): Device\n",
        "first: Int = 10, names: [String!] = [\"a\",",
    ] {
        assert!(sdl.contains(line), "no {line:?} in {sdl}");
    }
    assert_eq!(changes(&schema, &schema), Ok(Vec::new()), "{sdl}");
    schema
}

#[test]
fn schemas_of_real_servers_are_read_alike() {
    let old = check(include_str!("tests/old.json"), false);
    let current = check(include_str!("tests/current.json"), true);
    // The old version writes the defaults of enums as strings: a difference that breaks no client.
    let found = changes(&old, &current).unwrap();
    assert!(found.iter().all(|change| !change.breaking && change.text.contains("default")), "{found:#?}");
}

#[test]
fn a_schema_of_thousands_of_cyclic_types_is_read_and_compared() {
    let types = |count: usize| -> Vec<serde_json::Value> {
        let of = |number: usize| {
            let next = serde_json::json!({"kind": "OBJECT", "name": format!("T{}", (number + 1) % count)});
            serde_json::json!({"kind": "OBJECT", "name": format!("T{number}"), "interfaces": [], "fields": [
                {"name": "next", "args": [], "type": next}]})
        };
        (0..count).map(of).collect()
    };
    let read = |count| {
        Schema::read(serde_json::json!({"__schema": {"queryType": {"name": "T0"}, "types": types(count)}})).unwrap()
    };
    let (before, now) = (read(20_000), read(19_999));
    assert_eq!(before.size(), (20_000, 20_000));
    let found = changes(&before, &now).unwrap();
    assert!(found.iter().any(|change| change.breaking && change.text.contains("T19999")), "{found:?}");
    // A type that is nested too deeply is refused without overflowing the stack.
    let mut deep = serde_json::json!({"kind": "OBJECT", "name": "T0"});
    for _ in 0..120 {
        deep = serde_json::json!({"kind": "LIST", "name": null, "ofType": deep});
    }
    let field = serde_json::json!({"name": "a", "args": [], "type": deep});
    let schema = serde_json::json!({"__schema": {"queryType": {"name": "T0"}, "types": [
        {"kind": "OBJECT", "name": "T0", "fields": [field]}]}});
    assert_eq!(Schema::read(schema).unwrap().size(), (1, 1));
}
