//! Identities that must be refused, and those that must not.

use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::verdict::Exit;

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

const IDENTITIES: &str = "identities:
  person:
    login:
      - { service: web, port: 80, path: /login, capture: { token: { text: 'token=(\\w+)' } } }
      - { service: web, port: 80, method: POST, path: /login?person, body: { form: { token: '{{ captured.token }}' } }, expect: { status: [302] } }
  locked:
    login:
      - { service: web, port: 80, path: /login, capture: { token: { text: 'token=(\\w+)' } } }
      - { service: web, port: 80, method: POST, path: /login?locked, body: { form: { token: '{{ captured.token }}' } }, expect: { status: [302] } }
    refused:
      because: the account is locked
      requests: [{ service: web, port: 80, path: /my, expect: { status: [302], headers: { location: ^/login } } }]
  expired:
    headers: { X-Who: expired }
    refused: { because: the token has expired, requests: [{ service: web, port: 80, path: /current }] }
";

const ACCESS: &str = "access:
    - name: my page
      steps: [{ http: { service: web, port: 80, path: /home, as: person } }]
";

/// A rehearsal in which everybody who should is refused, but for the call that a test scripts before.
async fn run(script: impl FnOnce(&Rehearsal)) -> Fallible<RunResult> {
    let rehearsal = Rehearsal::new()?.product("identities: {}\n", IDENTITIES)?.product("access: []\n", ACCESS)?;
    script(&rehearsal);
    rehearsal.world.on("GET /login", Behaviour::Http(200, "token=t1"));
    rehearsal.world.on("POST /login?person", Behaviour::Http(302, ""));
    rehearsal.world.on("POST /login?locked", Behaviour::Http(200, "the account is locked"));
    rehearsal.world.on("GET /my", Behaviour::Redirect("/login?back=/my"));
    rehearsal.world.on("GET /current as expired", Behaviour::Http(401, ""));
    rehearsal.run().await
}

fn codes(result: &RunResult, stage: &str) -> Fallible<Vec<FindingCode>> {
    Ok(result.stage(stage)?.all_findings().map(|(_, finding)| finding.code).collect())
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_on_every_release_passes() -> Fallible {
    let result = run(|_| {}).await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    // The baseline, two hops and the rollback.
    for call in ["POST /login?locked", "GET /my", "GET /current as expired"] {
        assert_eq!(result.world.count(call), 4, "{call}");
    }
    let checks = &result.stage("hop-2/check")?.checks;
    let check = checks.iter().find(|check| check.name == "identities that are refused").ok_or("no such check")?;
    assert_eq!(check.assertions, 6, "{check:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_is_let_in_after_a_hop_is_a_finding_of_that_hop() -> Fallible {
    let check = async |call: &str, behaviour: Behaviour, message: &str| -> Fallible {
        let result = run(|rehearsal| rehearsal.world.nth(call, 3, behaviour)).await?;
        result.expect_outcomes(&[
            "baseline passed",
            "hop-1/check passed",
            "hop-2/check failed",
            "rollback/check passed",
        ])?;
        assert_eq!(codes(&result, "hop-2/check")?, [FindingCode::NotRefused], "{}", result.all_messages());
        result.expect_message("hop-2/check", message)
    };
    check(
        "POST /login?locked",
        Behaviour::Http(302, ""),
        "POST /login?locked as locked: expected no log-in: the account is locked",
    )
    .await?;
    check("GET /my", Behaviour::Http(200, "my page"), "GET /my as locked: expected a refusal (302)").await?;
    check("GET /my", Behaviour::Redirect("/my/page"), "the account is locked").await?;
    check("GET /current as expired", Behaviour::Http(200, "{}"), "GET /current as expired").await
}

#[tokio::test(start_paused = true)]
async fn a_person_who_cannot_log_in_any_more_is_a_finding_of_that_hop() -> Fallible {
    let wrong = Behaviour::Http(200, "wrong password");
    let result = run(|rehearsal| rehearsal.world.nth("POST /login?person", 2, wrong)).await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed", "rollback/check passed"])?;
    assert_eq!(codes(&result, "hop-1/check")?, [FindingCode::LogInFailed], "{}", result.all_messages());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_is_let_in_on_the_source_release_fails_the_baseline() -> Fallible {
    let result = run(|rehearsal| rehearsal.world.on("GET /current as expired", Behaviour::Http(200, "{}"))).await?;
    result.expect_outcomes(&["baseline failed", "hop-1/upgrade skipped"])?;
    assert_eq!(codes(&result, "baseline")?, [FindingCode::NotRefused]);
    result.expect_message(
        "baseline",
        "GET /current as expired: expected a refusal (401 or 403 or 404): the token has expired",
    )
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_server_refuses_nobody() -> Fallible {
    let result =
        run(|rehearsal| rehearsal.world.nth("GET /current as expired", 2, Behaviour::Http(500, "oops"))).await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    assert_eq!(codes(&result, "hop-1/check")?, [FindingCode::StatusUnexpected]);
    let result = run(|rehearsal| rehearsal.world.nth("POST /login?locked", 2, Behaviour::Http(500, "oops"))).await?;
    assert_eq!(codes(&result, "hop-1/check")?, [FindingCode::StatusUnexpected]);
    Ok(())
}

#[test]
fn a_refusal_that_nothing_shows_is_a_mistake() -> Fallible {
    for (identity, mistake) in [
        ("{ refused: { because: locked } }", "nothing shows"),
        ("{ refused: { because: ' ', requests: [{ service: web, port: 80, path: /a }] } }", "reason"),
        ("{ refused: { because: a, requests: [{ service: web, port: 80, path: /a, as: x }] } }", "leave out"),
        ("{ refused: { because: a, requests: [{ service: wbe, port: 80, path: /a }] } }", "wbe"),
    ] {
        let identities = format!("identities: {{ x: {identity} }}\n");
        let refused = Rehearsal::new()?.product("identities: {}\n", &identities)?.case();
        let text = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains(mistake), "{identity}: {text}");
    }
    Ok(())
}
