//! The crawl: pages that nobody listed are found on the source release, and asked for again after every hop.

use std::time::Duration;

use rehearse_core::outcome::code::{FindingCode, InconclusiveCode};

use super::case::{Rehearsal, RunResult, manifest};
use super::scripted::{Behaviour, Fallible};

const START: &str = "<link rel=stylesheet href=/site-1a.css><a href=/pump/1>one</a><a href=/pump/2>two</a>\
                     <a href=/logout>leave</a><a href=/secret>secret</a>";
const PUMP: &str = "<h1>Pump 1</h1><p>It leaks in hall 3</p>";

/// A rehearsal of a site with a few pages, and these lines of the crawl.
fn with_site(lines: &str) -> Fallible<Rehearsal> {
    let check = format!("  data: {{}}\n  crawl:\n    service: web\n    port: 80\n    within: 1m\n{lines}");
    Rehearsal::new()?.product("  data: {}\n", &check)
}

/// How the site usually answers; what a test plants has to be planted before.
fn usual(rehearsal: Rehearsal) -> Rehearsal {
    let world = &rehearsal.world;
    world.on("GET /pump/1", Behaviour::Page("text/html", PUMP));
    world.on("GET /pump/2", Behaviour::Page("text/html", "<h1>Pump 2</h1><p>It runs</p>"));
    world.on("GET /site-1a.css", Behaviour::Page("text/css", "a { color: red }"));
    world.on("GET /secret", Behaviour::Redirect("/login"));
    world.on("web GET /up", Behaviour::Http(200, "up"));
    world.on("web GET /home", Behaviour::Http(200, "home"));
    world.on("web GET /", Behaviour::Page("text/html", START));
    rehearsal
}

fn codes(result: &RunResult, stage: &str) -> Fallible<Vec<(FindingCode, String)>> {
    let findings = result.stage(stage)?.checks.iter().flat_map(|check| &check.findings);
    Ok(findings.map(|finding| (finding.code, finding.subject.name())).collect())
}

fn notes(result: &RunResult, stage: &str) -> Fallible<String> {
    let notes = result.stage(stage)?.checks.iter().flat_map(|check| check.notes.clone());
    Ok(notes.collect::<Vec<_>>().join("\n"))
}

/// The baseline asks for each page twice, so this is the first call of the first hop.
const HOP_1: u32 = 3;

#[tokio::test(start_paused = true)]
async fn pages_are_found_and_asked_again_and_nothing_is_changed_by_asking() -> Fallible {
    let result = usual(with_site("")?).run().await?;
    result.expect_outcomes(&[
        "baseline passed",
        "hop-1/check passed",
        "hop-2/check passed",
        "rollback/check passed",
    ])?;
    // Twice on the source release, then once each after two hops and the rollback.
    assert_eq!(result.world.count("GET /pump/1"), 5);
    assert_eq!(result.world.count("GET /secret"), 5);
    assert_eq!(result.world.count("GET /logout"), 0);
    assert_eq!(result.world.count("GET /site-1a.css"), 4);
    let notes = notes(&result, "baseline")?;
    assert!(notes.contains("anonymous: asked 5 of 6 pages of 4 of 4 shapes"), "{notes}");
    assert!(notes.contains("1 are never asked"), "{notes}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_or_lost_its_text_fails_the_hop() -> Fallible {
    let rehearsal = with_site("")?;
    rehearsal.world.from("main/web GET /pump/1", HOP_1, Behaviour::Page("text/html", "<h1>Pump 1</h1>"));
    rehearsal.world.from("main/web GET /pump/2", HOP_1, Behaviour::Http(500, "oh no"));
    let result = usual(rehearsal).run().await?;
    let expected = [
        (FindingCode::TextLost, "GET /pump/1 as anonymous".to_owned()),
        (FindingCode::PageFails, "GET /pump/2 as anonymous".to_owned()),
    ];
    assert_eq!(codes(&result, "hop-1/check")?, expected);
    let stage = result.stage("hop-1/check")?;
    let shown = stage.checks.iter().flat_map(|check| &check.findings).filter_map(|finding| finding.evidence.clone());
    assert_eq!(shown.filter(|file| file.contains("GET-pump")).count(), 2);
    result.expect_outcomes(&["rollback/check passed"])
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_refused_and_is_shown_is_exposed_unless_a_rule_allows_it() -> Fallible {
    let opened = |lines: &str| -> Fallible<Rehearsal> {
        let rehearsal = with_site(lines)?;
        rehearsal.world.from("main/web GET /secret", HOP_1, Behaviour::Page("text/html", "<p>The plan</p>"));
        Ok(usual(rehearsal))
    };
    let result = opened("")?.run().await?;
    assert_eq!(codes(&result, "hop-1/check")?, [(FindingCode::PageExposed, "GET /secret as anonymous".to_owned())]);
    let rule = "    rules: [{ crossing: 1.1.0, because: it is no secret any more, \
                allow: { answers: { pages: [/secret], from: log-in, to: \"200\" } } }]\n";
    let result = opened(rule)?.run().await?;
    result.expect_outcomes(&["hop-1/check passed", "hop-2/check passed"])?;
    assert!(notes(&result, "hop-1/check")?.contains("1 difference by 1.1.0: it is no secret any more"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pages_that_one_identity_found_are_asked_as_the_others_too() -> Fallible {
    let rehearsal = with_site("    as: [anonymous, admin]\n    start: [/desk]\n    pages: 6\n")?.product(
        "identities: {}\n",
        "identities: { anonymous: { headers: { X-Who: anonymous } }, admin: { headers: { X-Who: admin } } }\n",
    )?;
    let world = &rehearsal.world;
    world.from("main/web GET /plan as anonymous", HOP_1, Behaviour::Page("text/html", "<p>The plan of the year</p>"));
    let note = "<p>For all</p><p>Only for those who lead</p>";
    world.from("main/web GET /note as anonymous", HOP_1, Behaviour::Page("text/html", note));
    world.on("GET /plan as anonymous", Behaviour::Http(403, "no"));
    world.on("GET /plan as admin", Behaviour::Page("text/html", "<p>The plan of the year</p>"));
    world.on("GET /note as anonymous", Behaviour::Page("text/html", "<p>For all</p>"));
    world.on("GET /note as admin", Behaviour::Page("text/html", note));
    world.on("GET /desk as admin", Behaviour::Page("text/html", "<a href=/plan>plan</a><a href=/note>note</a>"));
    world.on("GET /desk as anonymous", Behaviour::Page("text/html", "<p>Welcome</p>"));
    let result = usual(rehearsal).run().await?;
    result.expect_outcomes(&["baseline passed", "rollback/check passed"])?;
    let expected = [
        (FindingCode::PageExposed, "GET /plan as anonymous".to_owned()),
        (FindingCode::TextExposed, "GET /note as anonymous".to_owned()),
    ];
    assert_eq!(codes(&result, "hop-1/check")?, expected);
    assert!(
        notes(&result, "baseline")?.contains("anonymous: asked 1 of 1 pages of 1 of 1 shapes, and 2 that others saw")
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pages_of_an_access_log_are_asked_too() -> Fallible {
    let with_log = |line: &str| -> Fallible<Rehearsal> {
        let rehearsal = with_site("    logs: [{ file: access.log, format: combined }]\n")?
            .product("web.env: { format: text } }", "web.env: { format: text }, access.log: { format: text } }")?;
        let parts = [("dump.txt", "a dump"), ("web.env", "A=b\n"), ("access.log", line)];
        manifest(&rehearsal.backup(), "shop", &parts, Some(("things", 3)))?;
        rehearsal.world.on("GET /hidden/7", Behaviour::Page("text/html", "<p>Nothing leads here</p>"));
        Ok(usual(rehearsal))
    };
    let result = with_log("1.1.1.1 - - [30/Nov/2026:10:00:00 +0000] \"GET /hidden/7 HTTP/1.1\" 200 9\n")?.run().await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check passed", "rollback/check passed"])?;
    assert_eq!(result.world.count("GET /hidden/7"), 5);
    assert!(notes(&result, "baseline")?.contains("access.log has 1 requests for 1 pages"));
    let result = with_log("no request\n")?.run().await?;
    result.expect_outcomes(&["baseline inconclusive"])
}

#[tokio::test(start_paused = true)]
async fn a_scenario_may_bring_an_access_log_of_its_own() -> Fallible {
    let with_log = |line: &str| -> Fallible<Rehearsal> {
        let rehearsal = with_site("")?.scenario("access-logs: [{ file: nginx.log, format: combined }]");
        std::fs::write(rehearsal.backup().with_file_name("nginx.log"), line)?;
        rehearsal.world.on("GET /hidden/7", Behaviour::Page("text/html", "<p>Nothing leads here</p>"));
        Ok(usual(rehearsal))
    };
    let line = "1.1.1.1 - - [30/Nov/2026:10:00:00 +0000] \"GET /hidden/7 HTTP/1.1\" 200 9\n";
    let result = with_log(line)?.run().await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check passed", "rollback/check passed"])?;
    assert_eq!(result.world.count("GET /hidden/7"), 5);
    let result = with_log("no request\n")?.run().await?;
    result.expect_outcomes(&["baseline inconclusive"])
}

#[tokio::test(start_paused = true)]
async fn assets_that_the_new_pages_name_have_to_load() -> Fallible {
    let rehearsal = with_site("")?;
    let new = "<link rel=stylesheet href=/site-2b.css><a href=/pump/1>one</a><a href=/pump/2>two</a>\
               <a href=/logout>leave</a><a href=/secret>secret</a>";
    rehearsal.world.on("main/web GET /site-2b.css", Behaviour::Page("text/css", ""));
    rehearsal.world.from("main/web GET /start", HOP_1, Behaviour::Page("text/html", new));
    rehearsal.world.on("GET /start", Behaviour::Page("text/html", START));
    let result = usual(rehearsal.product("    within: 1m\n", "    within: 1m\n    start: [/start]\n")?).run().await?;
    assert_eq!(
        codes(&result, "hop-1/check")?,
        [(FindingCode::AssetBroken, "GET /site-2b.css as anonymous".to_owned())]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_page_is_slower_only_if_it_is_three_times_in_a_row() -> Fallible {
    let slow = || Behaviour::After(Duration::from_secs(4), Box::new(Behaviour::Page("text/html", PUMP)));
    let rehearsal = with_site("")?;
    rehearsal.world.nth("main/web GET /pump/1", HOP_1, slow());
    rehearsal.world.nth("main/web GET /pump/1", HOP_1, slow());
    let result = usual(rehearsal).run().await?;
    result.expect_outcomes(&["hop-1/check passed"])?;
    assert_eq!(result.world.count("main/web GET /pump/1"), 6);

    let rehearsal = with_site("")?;
    rehearsal.world.from("main/web GET /pump/1", HOP_1, slow());
    let result = usual(rehearsal).run().await?;
    assert_eq!(codes(&result, "hop-1/check")?, [(FindingCode::PageSlower, "GET /pump/1 as anonymous".to_owned())]);
    assert_eq!(result.world.count("main/web GET /pump/1"), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_site_that_shows_nothing_is_inconclusive() -> Fallible {
    let rehearsal = with_site("    start: [/nowhere]\n")?;
    rehearsal.world.on("GET /nowhere", Behaviour::Http(404, "no"));
    let result = usual(rehearsal).run().await?;
    result.expect_outcomes(&["baseline inconclusive"])?;
    let checks = &result.stage("baseline")?.checks;
    let reasons: Vec<_> = checks.iter().flat_map(|check| &check.inconclusive).map(|reason| reason.code).collect();
    assert_eq!(reasons, [InconclusiveCode::NothingAsserted]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn time_that_does_not_suffice_is_told_and_leaves_nothing_green() -> Fallible {
    let late = |seconds| Behaviour::After(Duration::from_secs(seconds), Box::new(Behaviour::Page("text/html", PUMP)));
    let rehearsal = with_site("")?.product("    within: 1m\n", "    within: 1s\n")?;
    rehearsal.world.from("main/web GET /pump/1", HOP_1, late(3));
    rehearsal.world.on("GET /pump/1", Behaviour::Page("text/html", PUMP));
    // Three pages are asked at once, so that one of four is left.
    let result = usual(rehearsal).run().await?;
    let checks = &result.stage("hop-1/check")?.checks;
    let reasons: Vec<_> = checks.iter().flat_map(|check| &check.inconclusive).map(|reason| reason.code).collect();
    assert_eq!(reasons, [InconclusiveCode::NotRead]);
    Ok(())
}
