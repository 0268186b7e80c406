//! GraphQL: queries by identity, what responses are compared with, and the schema.

use rehearse_core::outcome::verdict::Exit;

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

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

/// Two identities see the things, a third is refused; the schema loses a field on the first hop.
fn rehearsal() -> Fallible<Rehearsal> {
    Rehearsal::new()?.product("identities: {}\n", IDENTITIES)?.product("access: []\n", CHECK)
}

async fn run(rehearsal: Rehearsal) -> Fallible<RunResult> {
    let world = rehearsal.world.clone();
    for response in [THINGS, TURNED, THINGS, THINGS] {
        // As boss, as guest, as nobody.
        for text in [response, response, DENIED] {
            world.nth("{ things", 1, Behaviour::Http(200, text));
        }
    }
    world.on("__type(", Behaviour::Http(200, NEW_ARGS));
    world.nth("main/web POST /graphql/ query Intro", 1, Behaviour::Http(200, OLD));
    world.on("main/web POST /graphql/ query Intro", Behaviour::Http(200, NEW));
    world.on("rollback/web POST /graphql/ query Intro", Behaviour::Http(200, OLD));
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn queries_are_compared_by_identity_and_the_schema_release_by_release() -> Fallible {
    let result = run(rehearsal()?).await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.world.expect_calls(&[
        "http main/web POST /graphql/ { things { name } }",
        "http main/web POST /graphql/ query IntrospectionQuery",
        "http main/web POST /graphql/ { things: objects { name } }",
        "http rollback/web POST /graphql/ { things { name } }",
    ])?;
    assert_eq!(result.world.count("args(includeDeprecated: true) { name type"), 4);
    let requests = result.world.inner().requests.clone();
    let request: Vec<&str> =
        requests.iter().filter_map(|request| request.headers.get("x-who")).map(String::as_str).take(2).collect();
    assert_eq!(request, ["boss", "guest"]);
    let bodies = format!("{:?}", requests.iter().map(|request| &request.body).collect::<Vec<_>>());
    assert!(bodies.contains(r#""colour": String("green")"#), "{bodies}");
    let notes = result.stage("hop-1/check")?.checks.iter().flat_map(|check| check.notes.clone()).collect::<Vec<_>>();
    assert!(
        notes.contains(&"the schema: 1 breaking changes by the rule of 1.1.0: it was announced".to_owned()),
        "{notes:?}"
    );
    let evidence =
        result.stage("hop-1/check")?.checks.iter().flat_map(|check| check.evidence.clone()).collect::<Vec<_>>();
    assert!(evidence.iter().any(|file| file.ends_with("schema.graphql")), "{evidence:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn status_200_with_errors_or_other_data_fails() -> Fallible {
    for (nth, text, stage, message) in [
        (4, DENIED, "hop-1/check", "things as boss: expected data without errors, seen errors and no data: denied"),
        (5, r#"{"data": {"things": [{"name": "a"}]}}"#, "hop-1/check", "things as guest /things: expected 2 elements"),
        (6, THINGS, "hop-1/check", "things as nobody: expected a refusal, seen data"),
        (2, r#"{"data": {"things": []}}"#, "baseline", "things as guest: the response is empty"),
    ] {
        let rehearsal = rehearsal()?;
        rehearsal.world.nth("POST /graphql/ { things", nth, Behaviour::Http(200, text));
        let result = run(rehearsal).await?;
        result.expect_message(stage, message)?;
        assert_ne!(result.exit(), Exit::Passed);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_breaking_or_unreadable_schema_never_passes() -> Fallible {
    for (call, nth, text, stage, message) in [
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
            Behaviour::Http(200, text),
        );
        let result = run(rehearsal).await?;
        let stage = stage.trim_end_matches(" passed");
        let notes =
            result.stage(stage)?.checks.iter().flat_map(|check| check.notes.clone()).collect::<Vec<_>>().join("\n");
        let messages = format!("{}\n{notes}", result.messages(stage)?);
        assert!(messages.contains(message), "{stage}: no {message:?} in {messages}");
        let without = result.world.count("args { name type");
        assert_eq!(without, u32::from(call == "__type(") as usize);
    }
    let result = run(rehearsal()?.product("'^field Query.old'", "'^field Query.older'")?).await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    result.expect_message(
        "hop-1/check",
        "GraphQL schema: expected no breaking changes except reviewed ones, seen field Query.old removed",
    )
}
