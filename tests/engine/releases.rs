//! A step that is for other releases is left out, in every place where a step may stand.

use std::collections::BTreeSet;

use rehearse_core::outcome::verdict::Exit;
use serde_json::Value;

use super::case::Rehearsal;
use super::scripted::Fallible;

/// Steps of each kind for releases that are never reached.
const STEPS: &str = "  - exec: { service: web, releases: '<1.0', command: [never-exec] }
  - run: { service: web, releases: '<1.0', command: [never-run] }
  - http: { service: web, port: 80, releases: '<1.0', path: /never-http }
  - sql: { releases: '<1.0', query: select never }
  - wait-until: { name: never, releases: '<1.0', condition: { sql: { sql: select never } }, deadline: 1s }
";

/// Steps of probes.
const PROBE_STEPS: &str = "[{ exec: { service: web, releases: '<1.0', command: [never-exec] } }, \
    { http: { service: web, port: 80, releases: '<1.0', path: /never-http } }, \
    { sql: { releases: '<1.0', query: select never } }]";

/// Every place of product and scenario where a step may stand, as the schema has it. Whoever adds one adds it to the
/// rehearsal below.
const PLACES: [&str; 18] = [
    "/properties/deploy",
    "/properties/preflight",
    "/properties/prepare",
    "/properties/restore",
    "/properties/settle",
    "/properties/upgrade",
    "FreshCheck/properties/install",
    "FreshCheck/properties/settings",
    "HopChange/properties/preflight",
    "HopChange/properties/settle",
    "HopChange/properties/upgrade",
    "Identity/properties/login",
    "MigrationCheck/properties/status",
    "PerformanceCheck/properties/requests",
    "Probe/properties/finally",
    "Probe/properties/steps",
    "Refused/properties/requests",
    // Made like the steps of a hop.
    "Rollback/oneOf/1/properties/in-place",
];

#[tokio::test(start_paused = true)]
async fn a_step_for_other_releases_is_left_out_everywhere() -> Fallible {
    let identities = "identities:
  person: { login: [{ service: web, port: 80, releases: '<1.0', path: /never-login }] }
  nobody:
    headers: { X-Who: nobody }
    refused:
      because: nobody may
      requests: [{ service: web, port: 80, path: /secret }, { service: web, port: 80, releases: '<1.0', path: /never-refused }]
";
    let access = format!(
        "access:
    - name: a page
      steps: [{{ http: {{ service: web, port: 80, path: /home, as: person }} }}, {}]
      finally: {PROBE_STEPS}
",
        PROBE_STEPS.trim_start_matches('[').trim_end_matches(']')
    );
    let checks = format!(
        "data: {{}}
  performance:
    requests: [{{ service: web, port: 80, path: /home }}, {{ service: web, port: 80, releases: '<1.0', path: /never-timed }}]
  fresh:
    install: [{{ run: {{ service: web, command: [install] }} }}, {{ start: [web] }}, {{ exec: {{ service: web, releases: '<1.0', command: [never-installed] }} }}]
    settings: {PROBE_STEPS}
  logs"
    );
    let status = "each: '^(\\d+)_' }\n    status: { service: web, releases: '<1.0', command: [never-status] }";
    let mut rehearsal = Rehearsal::new()?
        .product("identities: {}\n", identities)?
        .product("  access: []\n", &format!("  {access}"))?
        .product("data: {}\n  logs", &checks)?
        .product("each: '^(\\d+)_' }", status)?
        .product("settle: []\n", &format!("settle:\n{STEPS}"))?
        .product("  - start: [web]\npreflight: []\n", &format!("  - start: [web]\n{STEPS}preflight:\n{STEPS}"))?
        .product("\nupgrade:\n", &format!("\nupgrade:\n{STEPS}"))?;
    // Only the database runs yet.
    let early: String = STEPS.lines().filter(|line| !line.contains("http")).map(|line| format!("{line}\n")).collect();
    let deploy = format!("\ndeploy:\n  - start: [db]\n{}", early.replace("web", "db"));
    rehearsal = rehearsal.product("\ndeploy:\n  - start: [db]\n", &deploy)?;
    let nested: String = STEPS.lines().map(|line| format!("    {line}\n")).collect();
    let hop = format!("hops:\n  - hop: 2\n    preflight:\n{nested}    settle:\n{nested}");
    let rehearsal = rehearsal.scenario(&format!("prepare:\n{STEPS}{hop}"));
    rehearsal.world.on("GET /secret", super::scripted::Behaviour::Http(401, ""));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    let calls = result.world.inner().calls.clone();
    let never: Vec<&String> = calls.iter().filter(|call| call.contains("never")).collect();
    assert!(never.is_empty() && calls.iter().any(|call| call.contains("/home")), "{never:#?}");
    Ok(())
}

#[test]
fn the_places_are_those_of_the_schemas() -> Fallible {
    let steps = ["HttpStep", "ExecStep", "SqlStep", "WaitUntil", "ProbeStep", "Step"];
    let mut places = BTreeSet::new();
    for name in ["product", "scenario"] {
        let path = format!("{}/docs/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let mut all = Vec::new();
        references(&schema, String::new(), &mut all);
        for (place, _) in all.iter().filter(|(_, target)| steps.contains(&target.as_str())) {
            let place = place.trim_start_matches("/$defs/").trim_end_matches("/items").trim_end_matches("/anyOf/0");
            // A definition of a step stands for itself.
            if place.split('/').next().is_some_and(|first| !steps.contains(&first)) {
                places.insert(place.to_owned());
            }
        }
    }
    assert_eq!(places, PLACES.map(str::to_owned).into());
    Ok(())
}

/// The references of a schema to its definitions, each with where it stands.
fn references(value: &Value, at: String, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                found.push((at.clone(), target.rsplit('/').next().unwrap_or_default().to_owned()));
            }
            members.iter().for_each(|(key, value)| references(value, format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| references(value, format!("{at}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
