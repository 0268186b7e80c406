//! Probes: identities, values, writes, and what they are compared with.

use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible};

const LOGIN: &str = "identities:
  boss:
    login:
      - { service: web, port: 80, path: /login, capture: { token: { text: 'token=(\\w+)' } } }
      - { service: web, port: 80, method: POST, path: /login, body: { form: { token: '{{ captured.token }}' } }, expect: { status: [302] } }
  guest: { headers: { X-Key: '{{ settings.colour }}' } }
";

const ACCESS: &str = "access:
    - name: pages
      for-each: { path: [/a, /b, /c] }
      steps: [{ http: { service: web, port: 80, path: '{{ each.path }}', as: boss, unchanged: [digest] } }]
    - name: others
      for-each: { as: [boss, guest], path: [/d, /e] }
      steps: [{ http: { service: web, port: 80, path: '{{ each.path }}', as: '{{ each.as }}' } }]
";

#[tokio::test(start_paused = true)]
async fn an_identity_logs_in_once_per_probe_and_keeps_its_cookies_to_itself() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("identities: {}\n", LOGIN)?.product("access: []\n", ACCESS)?;
    rehearsal.world.on("GET /login", Behaviour::Http(200, "token=t1"));
    rehearsal.world.on("POST /login", Behaviour::Http(302, ""));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    // Two probes on the baseline, after two hops, and on the rollback.
    assert_eq!((result.world.count("GET /login"), result.world.count("POST /login")), (8, 8));
    let requests = result.world.inner().requests.clone();
    let jar_of = |path: &str| -> Vec<Option<String>> {
        requests.iter().filter(|request| request.path == path).map(|request| request.jar.clone()).collect()
    };
    // One probe uses one jar; every other probe, stage or deployment uses another.
    assert_eq!(jar_of("/a"), jar_of("/b"));
    assert_eq!(jar_of("/a").len(), 4);
    let mut jars: Vec<String> = requests.iter().filter_map(|request| request.jar.clone()).collect();
    jars.sort();
    jars.dedup();
    assert_eq!(jars.len(), 4 * 3, "{jars:#?}");
    assert!(
        requests.iter().all(|request| request.jar.is_some() == request.path.len().eq(&2) || request.path == "/login"),
        "{requests:#?}"
    );
    let guest = requests.iter().find(|request| request.path == "/d" && request.headers.contains_key("x-key"));
    assert_eq!(guest.map(|request| request.headers["x-key"].as_str()), Some("green"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_login_that_fails_is_a_finding_of_the_probe() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("identities: {}\n", LOGIN)?.product("access: []\n", ACCESS)?;
    rehearsal.world.on("GET /login", Behaviour::Http(200, "token=t1"));
    rehearsal.world.nth("POST /login", 3, Behaviour::Http(200, "wrong password"));
    rehearsal.world.on("POST /login", Behaviour::Http(302, ""));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed"])?;
    result.expect_message("hop-1/check", "POST /login as boss: expected 302, seen 200 \"wrong password\"")?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_step_with_an_identity_logs_in_first() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("identities: {}\n", LOGIN)?.product(
        "preflight: []",
        "preflight: [{ http: { service: web, port: 80, path: /one, as: boss } }, { http: { service: web, port: 80, path: /two, as: boss } }]",
    )?;
    rehearsal.world.on("GET /login", Behaviour::Http(200, "token=t1"));
    rehearsal.world.on("POST /login", Behaviour::Http(302, ""));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    assert_eq!(result.world.count("POST /login"), 2, "once per stage");
    result.world.expect_calls(&["http main/web POST /login", "http main/web GET /one", "http main/web GET /two"])
}

#[tokio::test(start_paused = true)]
async fn a_response_that_differs_from_the_baseline_fails_without_a_reviewed_change() -> Fallible {
    let access = "access:
    - name: page
      steps: [{ http: { service: web, port: 80, path: /page, expect: { status: [200, 404] }, unchanged: [status] } }]
      changes: [CHANGE]
";
    let change = "{ crossing: 1.2.0, from: '200', to: '404', because: it moved }";
    for (changes, gone_from, outcomes) in [
        ("", 3, ["hop-1/check passed", "hop-2/check failed"]),
        (change, 3, ["hop-1/check passed", "hop-2/check passed"]),
        (change, 2, ["hop-1/check failed", "hop-2/check skipped"]),
    ] {
        let rehearsal = Rehearsal::new()?.product("access: []\n", &access.replace("CHANGE", changes))?;
        rehearsal.world.from("main/web GET /page", gone_from, Behaviour::Http(404, "gone"));
        let result = rehearsal.run().await?;
        result.expect_outcomes(&outcomes)?;
        result.expect_outcomes(&["rollback/check passed"])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn undeclared_writes_of_a_probe_are_a_finding() -> Fallible {
    use super::scripted::things;
    let rehearsal = Rehearsal::new()?;
    // The baseline's second reading.
    rehearsal.world.from("tables main", 3, Behaviour::Tables(things(4, "abc")));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["baseline failed", "hop-1/upgrade skipped"])?;
    result.expect_message("baseline", "table things: expected the 3 rows as before, seen 1 row added (id=4)")
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_writes_to_a_table_may_not_change_the_rows_that_were_there() -> Fallible {
    use super::scripted::things;
    let rehearsal = Rehearsal::new()?.product(
        "access: []\n",
        "access: [{ name: buy, writes: [things], steps: [{ http: { service: web, port: 80, method: POST, path: /buy } }] }]\n",
    )?;
    rehearsal.world.from("tables main", 3, Behaviour::Tables(things(3, "xyz")));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["baseline failed"])?;
    result.expect_message("baseline", "other values in name (3: id=1 'abc' → 'xyz'")
}

#[tokio::test(start_paused = true)]
async fn a_service_that_exits_during_the_checks_is_a_finding() -> Fallible {
    use std::time::Duration;
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, Behaviour::Prints(&[(0, "it starts"), (2000, "farewell")], Some(0)));
    let late = Behaviour::After(Duration::from_secs(5), Box::new(Behaviour::Http(200, "home")));
    rehearsal.world.nth("http main/web GET /home", 2, late);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    result.expect_message(
        "hop-1/check",
        "service web: expected it still runs, seen it exited with code 0; its last lines: ",
    )
}

#[tokio::test(start_paused = true)]
async fn writing_probes_run_last_and_their_writes_are_part_of_the_next_reference() -> Fallible {
    use super::scripted::things;
    let rehearsal = Rehearsal::new()?.product(
        "access: []\n",
        "access: [{ name: buy, writes: [things], steps: [{ http: { service: web, port: 80, method: POST, path: /buy } }] }]\n",
    )?;
    for (nth, rows) in [(3, 4), (3, 4), (3, 5), (3, 5), (3, 6)] {
        rehearsal.world.nth("tables main", nth, Behaviour::Tables(things(rows, "abc")));
    }
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.world.expect_calls(&["http main/web GET /home", "http main/web POST /buy", "tables main", "stop main/web"])
}

#[tokio::test(start_paused = true)]
async fn a_probe_may_change_only_the_rows_that_meet_its_condition() -> Fallible {
    use super::scripted::things;
    use rehearse_core::observation::Selection;
    // What is asked has the setting filled in; what is read are the rows that nobody writes.
    let with = |all: u64, others: u64| {
        let mut state = things(all, "abc");
        let condition = "(t.name = 'green')".to_owned();
        let selection = Selection { table: "things".to_owned(), condition, above: None };
        let read = things(others, "abc").tables.remove("things").ok_or_else(|| "not read".into());
        state.without.push((selection, read));
        Behaviour::Tables(state)
    };
    let probe = "access: [{ name: buy, writes: [{ table: things, where: \"t.name = '{{ settings.colour }}'\" }], \
                 steps: [{ http: { service: web, port: 80, method: POST, path: /buy } }] }]\n";
    for (all, others, outcome) in [(4, 2, "baseline passed"), (4, 3, "baseline failed")] {
        let rehearsal = Rehearsal::new()?.product("access: []\n", probe)?;
        rehearsal.world.nth("tables main", 2, with(3, 2));
        rehearsal.world.from("tables main", 2, with(all, others));
        rehearsal.run().await?.expect_outcomes(&[outcome])?;
    }
    // Rows that could not be told apart are no proof of anything.
    let result = Rehearsal::new()?.product("access: []\n", probe)?.run().await?;
    result.expect_outcomes(&["baseline inconclusive"])
}
