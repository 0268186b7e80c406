//! GraphQL: who asks what, what the answers are compared with, and what becomes of the schema.

use rehearse_core::outcome::verdict::Exit;

use super::case::{Ran, Rehearsal};
use super::scripted::{Deed, Fallible};

const CHECK: &str = "graphql:
    endpoint: { service: web, port: 80, path: /graphql/ }
    as: boss
    queries:
      - name: things
        as: [boss, guest]
        refused: [nobody]
        variables: { colour: '{{ settings.colour }}' }
        variants:
          - { releases: '<1.2', query: '{ things { name } }' }
          - { releases: '>=1.2', query: '{ things: objects { name } }' }
    schema:
      changes: [{ crossing: 1.1.0, pattern: '^field Query.old', because: it was announced }]
  access: []
";

const IDENTITIES: &str = "identities:
  boss: { headers: { X-Who: boss } }
  guest: { headers: { X-Who: guest } }
  nobody: { login: [{ service: web, port: 80, path: /login }] }
";

const THINGS: &str = r#"{"data": {"things": [{"name": "a"}, {"name": "b"}]}}"#;
const TURNED: &str = r#"{"data": {"things": [{"name": "b"}, {"name": "a"}]}}"#;
const DENIED: &str = r#"{"errors": [{"message": "denied"}], "data": null}"#;
const NEW_ARGS: &str =
    r#"{"data": {"__type": {"fields": [{"name": "args", "args": [{"name": "includeDeprecated"}]}]}}}"#;
const NO_ARGS: &str = r#"{"data": {"__type": {"fields": [{"name": "args", "args": []}]}}}"#;
const OLD: &str = r#"{"data": {"__schema": {"queryType": {"name": "Query"}, "types": [{"kind": "OBJECT", "name": "Query", "fields": [
    {"name": "old", "type": {"kind": "SCALAR", "name": "Int"}}, {"name": "things", "type": {"kind": "SCALAR", "name": "Int"}}]}]}}}"#;
const NEW: &str = r#"{"data": {"__schema": {"queryType": {"name": "Query"}, "types": [{"kind": "OBJECT", "name": "Query", "fields": [
    {"name": "things", "type": {"kind": "SCALAR", "name": "Int"}}]}]}}}"#;

/// The usual: two identities see the things, a third is refused; the schema loses a field on the first hop.
fn rehearsal() -> Fallible<Rehearsal> {
    Rehearsal::new()?.product("identities: {}\n", IDENTITIES)?.product("access: []\n", CHECK)
}

async fn run(rehearsal: Rehearsal) -> Fallible<Ran> {
    let world = rehearsal.world.clone();
    for seen in [THINGS, TURNED, THINGS, THINGS] {
        // As boss, as guest, as nobody.
        for text in [seen, seen, DENIED] {
            world.nth("{ things", 1, Deed::Http(200, text));
        }
    }
    world.on("__type(", Deed::Http(200, NEW_ARGS));
    world.nth("main/web POST /graphql/ query Intro", 1, Deed::Http(200, OLD));
    world.on("main/web POST /graphql/ query Intro", Deed::Http(200, NEW));
    world.on("rollback/web POST /graphql/ query Intro", Deed::Http(200, OLD));
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn queries_are_compared_by_identity_and_the_schema_release_by_release() -> Fallible {
    let ran = run(rehearsal()?).await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    ran.world.came_in_order(&[
        "http main/web POST /graphql/ { things { name } }",
        "http main/web POST /graphql/ query IntrospectionQuery",
        "http main/web POST /graphql/ { things: objects { name } }",
        "http rollback/web POST /graphql/ { things { name } }",
    ])?;
    assert_eq!(ran.world.count("args(includeDeprecated: true) { name type"), 4);
    let asks = ran.world.inner().asks.clone();
    let request: Vec<&str> =
        asks.iter().filter_map(|ask| ask.headers.get("x-who")).map(String::as_str).take(2).collect();
    assert_eq!(request, ["boss", "guest"]);
    let bodies = format!("{:?}", asks.iter().map(|ask| &ask.body).collect::<Vec<_>>());
    assert!(bodies.contains(r#""colour": String("green")"#), "{bodies}");
    let notes = ran.stage("hop-1/check")?.checks.iter().flat_map(|check| check.notes.clone()).collect::<Vec<_>>();
    assert!(
        notes.contains(&"the schema: 1 breaking changes by the rule of 1.1.0: it was announced".to_owned()),
        "{notes:?}"
    );
    let evidence = ran.stage("hop-1/check")?.checks.iter().flat_map(|check| check.evidence.clone()).collect::<Vec<_>>();
    assert!(evidence.iter().any(|file| file.ends_with("schema.graphql")), "{evidence:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_status_of_success_with_errors_or_other_data_fails() -> Fallible {
    for (nth, text, stage, says) in [
        (4, DENIED, "hop-1/check", "things as boss: expected data without errors, seen errors and no data: denied"),
        (5, r#"{"data": {"things": [{"name": "a"}]}}"#, "hop-1/check", "things as guest /things: expected 2 elements"),
        (6, THINGS, "hop-1/check", "things as nobody: expected a refusal, seen data"),
        (2, r#"{"data": {"things": []}}"#, "baseline", "things as guest: the response is empty"),
    ] {
        let rehearsal = rehearsal()?;
        rehearsal.world.nth("POST /graphql/ { things", nth, Deed::Http(200, text));
        let ran = run(rehearsal).await?;
        ran.says(stage, says)?;
        assert_ne!(ran.exit(), Exit::Passed);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_schema_that_breaks_or_is_not_told_is_never_green() -> Fallible {
    for (call, nth, text, stage, says) in [
        ("query Intro", 1, NEW, "rollback/check", "seen field Query.old added"),
        ("query Intro", 3, OLD, "hop-2/check passed", "compatible changes: field Query.old added"),
        (
            "query Intro",
            2,
            r#"{"errors": [{"message": "introspection is off"}]}"#,
            "hop-1/check",
            "introspection is off",
        ),
        ("__type(", 1, NO_ARGS, "baseline", ""),
    ] {
        let rehearsal = rehearsal()?;
        rehearsal.world.nth(
            &format!("main/web POST /graphql/ {}", if call == "__type(" { "{ __type(" } else { call }),
            nth,
            Deed::Http(200, text),
        );
        let ran = run(rehearsal).await?;
        let stage = stage.trim_end_matches(" passed");
        let notes =
            ran.stage(stage)?.checks.iter().flat_map(|check| check.notes.clone()).collect::<Vec<_>>().join("\n");
        let said = format!("{}\n{notes}", ran.said(stage)?);
        assert!(said.contains(says), "{stage}: no {says:?} in {said}");
        let without = ran.world.count("args { name type");
        assert_eq!(without, u32::from(call == "__type(") as usize);
    }
    let ran = run(rehearsal()?.product("'^field Query.old'", "'^field Query.older'")?).await?;
    ran.ended(&["hop-1/check failed"])?;
    ran.says(
        "hop-1/check",
        "GraphQL schema: expected no breaking changes except reviewed ones, seen field Query.old removed",
    )
}
