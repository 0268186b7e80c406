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
