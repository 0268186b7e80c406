//! Probes: who asks, with what, how often, and what they are compared with.

use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Deed, Fallible};

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
    rehearsal.world.on("GET /login", Deed::Http(200, "token=t1"));
    rehearsal.world.on("POST /login", Deed::Http(302, ""));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    // Two probes on the baseline, after two hops, and on the rollback.
    assert_eq!((ran.world.count("GET /login"), ran.world.count("POST /login")), (8, 8));
    let asks = ran.world.inner().asks.clone();
    let jar_of = |path: &str| -> Vec<Option<String>> {
        asks.iter().filter(|ask| ask.path == path).map(|ask| ask.jar.clone()).collect()
    };
    // Of one probe the same jar; of another probe, stage or deployment another one.
    assert_eq!(jar_of("/a"), jar_of("/b"));
    assert_eq!(jar_of("/a").len(), 4);
    let mut jars: Vec<String> = asks.iter().filter_map(|ask| ask.jar.clone()).collect();
    jars.sort();
    jars.dedup();
    assert_eq!(jars.len(), 4 * 3, "{jars:#?}");
    assert!(asks.iter().all(|ask| ask.jar.is_some() == ask.path.len().eq(&2) || ask.path == "/login"), "{asks:#?}");
    let guest = asks.iter().find(|ask| ask.path == "/d" && ask.headers.contains_key("x-key"));
    assert_eq!(guest.map(|ask| ask.headers["x-key"].as_str()), Some("green"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_login_that_fails_is_a_finding_of_the_probe() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("identities: {}\n", LOGIN)?.product("access: []\n", ACCESS)?;
    rehearsal.world.on("GET /login", Deed::Http(200, "token=t1"));
    rehearsal.world.nth("POST /login", 3, Deed::Http(200, "wrong password"));
    rehearsal.world.on("POST /login", Deed::Http(302, ""));
    let ran = rehearsal.run().await?;
    ran.ended(&["baseline passed", "hop-1/check failed"])?;
    ran.says("hop-1/check", "POST /login as boss: expected 302, seen 200 \"wrong password\"")?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_step_that_asks_as_somebody_logs_in_before() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("identities: {}\n", LOGIN)?.product(
        "preflight: []",
        "preflight: [{ http: { service: web, port: 80, path: /one, as: boss } }, { http: { service: web, port: 80, path: /two, as: boss } }]",
    )?;
    rehearsal.world.on("GET /login", Deed::Http(200, "token=t1"));
    rehearsal.world.on("POST /login", Deed::Http(302, ""));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    assert_eq!(ran.world.count("POST /login"), 2, "once per stage");
    ran.world.came_in_order(&["http main/web POST /login", "http main/web GET /one", "http main/web GET /two"])
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_differs_from_the_baseline_fails_unless_a_reviewed_change_says_so() -> Fallible {
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
        rehearsal.world.from("main/web GET /page", gone_from, Deed::Http(404, "gone"));
        let ran = rehearsal.run().await?;
        ran.ended(&outcomes)?;
        ran.ended(&["rollback/check passed"])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_probe_writes_without_saying_so_is_found() -> Fallible {
    use super::scripted::things;
    let rehearsal = Rehearsal::new()?;
    // The baseline's second look.
    rehearsal.world.from("tables main", 3, Deed::Tables(things(4, "abc")));
    let ran = rehearsal.run().await?;
    ran.ended(&["baseline failed", "hop-1/upgrade skipped"])?;
    ran.says("baseline", "table things: expected the 3 rows as before, seen 1 row added (id=4)")
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_writes_to_a_table_may_not_change_the_rows_that_were_there() -> Fallible {
    use super::scripted::things;
    let rehearsal = Rehearsal::new()?.product(
        "access: []\n",
        "access: [{ name: buy, writes: [things], steps: [{ http: { service: web, port: 80, method: POST, path: /buy } }] }]\n",
    )?;
    rehearsal.world.from("tables main", 3, Deed::Tables(things(3, "xyz")));
    let ran = rehearsal.run().await?;
    ran.ended(&["baseline failed"])?;
    ran.says("baseline", "other values in name (3: id=1 'abc' → 'xyz'")
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_while_others_are_asked_is_found() -> Fallible {
    use std::time::Duration;
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, Deed::Prints(&[(0, "it starts"), (2000, "farewell")], Some(0)));
    let late = Deed::Late(Duration::from_secs(5), Box::new(Deed::Http(200, "home")));
    rehearsal.world.nth("http main/web GET /home", 2, late);
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check failed"])?;
    ran.says("hop-1/check", "service web: expected it still runs, seen it exited with code 0; its last lines: ")
}

#[tokio::test(start_paused = true)]
async fn probes_that_write_come_after_those_that_read_and_what_they_write_is_the_next_reference() -> Fallible {
    use super::scripted::things;
    let rehearsal = Rehearsal::new()?.product(
        "access: []\n",
        "access: [{ name: buy, writes: [things], steps: [{ http: { service: web, port: 80, method: POST, path: /buy } }] }]\n",
    )?;
    for (nth, rows) in [(3, 4), (3, 4), (3, 5), (3, 5), (3, 6)] {
        rehearsal.world.nth("tables main", nth, Deed::Tables(things(rows, "abc")));
    }
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    ran.world.came_in_order(&["http main/web GET /home", "http main/web POST /buy", "tables main", "stop main/web"])
}
