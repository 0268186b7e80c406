//! What graphql-core answers, its second major version (`old`) and its third (`current`), to the very queries we ask.

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
fn what_real_servers_tell_of_a_schema_is_read_the_same() {
    let old = check(include_str!("tests/old.json"), false);
    let current = check(include_str!("tests/current.json"), true);
    // The old one writes the defaults of enums as texts: that changes, and breaks nobody.
    let found = changes(&old, &current).unwrap();
    assert!(found.iter().all(|change| !change.breaking && change.text.contains("default")), "{found:#?}");
}

#[test]
fn a_schema_of_many_thousand_types_in_circles_is_read_and_compared() {
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
    // A type nested deeper than any is refused, and none of it takes the stack.
    let mut deep = serde_json::json!({"kind": "OBJECT", "name": "T0"});
    for _ in 0..120 {
        deep = serde_json::json!({"kind": "LIST", "name": null, "ofType": deep});
    }
    let field = serde_json::json!({"name": "a", "args": [], "type": deep});
    let schema = serde_json::json!({"__schema": {"queryType": {"name": "T0"}, "types": [
        {"kind": "OBJECT", "name": "T0", "fields": [field]}]}});
    assert_eq!(Schema::read(schema).unwrap().size(), (1, 1));
}
