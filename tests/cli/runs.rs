//! What runs have on the engine: what a sweep takes and spares, and what is listed.

use std::process::Command;

use rehearse::docker::Owner;
use serde_json::Value;

use super::Tried;
use super::fake_engine::FakeEngine;

/// Runs on an engine: one whose process was killed, two that were kept, one whose lease is over, one that is running, and
/// one of another machine.
const RUNS: [&str; 6] = ["aa-killed", "bb-kept", "cc-kept-too", "dd-over", "ee-running", "ff-elsewhere"];

fn engine() -> Tried<FakeEngine> {
    let engine = FakeEngine::start()?;
    let gone = Owner { start: "00000000-1".to_owned(), ..Owner::current() };
    let elsewhere = Owner { host: "another-machine".to_owned(), ..Owner::current() };
    for (run, owner) in RUNS.into_iter().zip([&gone, &gone, &gone, &gone, &Owner::current(), &elsewhere]) {
        engine.add(run, owner);
    }
    for (run, lease) in [("bb-kept", 7200), ("cc-kept-too", 1800), ("dd-over", -1)] {
        engine.mark(run, &gone, lease);
    }
    Ok(engine)
}

/// Runs the command, and returns its exit code with what it printed on both outputs.
fn rehearse(engine: &FakeEngine, arguments: &[&str]) -> Tried<(Option<i32>, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    command.args(arguments).env("DOCKER_HOST", &engine.address).env_remove("DOCKER_TLS_VERIFY").env("NO_COLOR", "1");
    let ran = command.output()?;
    Ok((ran.status.code(), String::from_utf8([ran.stdout, ran.stderr].concat())?))
}

/// The runs that have something left.
fn left(engine: &FakeEngine) -> Vec<&'static str> {
    RUNS.into_iter().filter(|run| engine.has(run) > 0).collect()
}

#[test]
fn a_sweep_spares_what_was_kept_until_its_lease_ends() -> Tried {
    let engine = engine()?;
    let (code, said) = rehearse(&engine, &["sweep", "--dry-run"])?;
    assert_eq!((code, left(&engine).len()), (Some(0), 6), "{said}");
    assert_eq!(said.matches("would remove ").count(), 7, "{said}");
    let (code, said) = rehearse(&engine, &["sweep"])?;
    assert_eq!(
        (code, left(&engine)),
        (Some(0), vec!["bb-kept", "cc-kept-too", "ee-running", "ff-elsewhere"]),
        "{said}"
    );
    assert!(said.contains("removed container aa-killed-web (run aa-killed, shop-grows; its process is gone"), "{said}");
    assert!(said.contains("removed volume dd-over-data (run dd-over, shop-grows; its lease is over)"), "{said}");
    let spared = "spared run bb-kept (shop-grows): kept, its lease ends in 1h 59m; 1 container, 1 network, 1 volume\n";
    assert!(said.contains(spared) && said.contains("  it goes with: rehearse sweep bb-kept\n"), "{said}");
    assert!(said.contains("spared run ee-running (shop-grows): still running; "), "{said}");
    assert!(said.contains("  it goes with: rehearse sweep --all ff-elsewhere\n"), "{said}");
    Ok(())
}

#[test]
fn what_was_kept_goes_when_it_is_asked_for() -> Tried {
    let engine = engine()?;
    let (code, said) = rehearse(&engine, &["sweep", "bb"])?;
    assert_eq!((code, engine.has("bb-kept"), left(&engine).len()), (Some(0), 0, 5), "{said}");
    assert!(!said.contains("spared"), "{said}");
    let (code, said) = rehearse(&engine, &["sweep", "--kept"])?;
    assert_eq!((code, left(&engine)), (Some(0), vec!["ee-running", "ff-elsewhere"]), "{said}");
    let (code, said) = rehearse(&engine, &["sweep", "--kept", "--all"])?;
    assert_eq!((code, left(&engine)), (Some(0), vec!["ee-running"]), "{said}");
    Ok(())
}

#[test]
fn a_run_that_cannot_be_swept_by_name_is_bad_input_with_the_reason() -> Tried {
    let engine = engine()?;
    for (arguments, why) in [
        (["sweep", "ee"].as_slice(), "run ee-running is still running"),
        (&["sweep", "--all", "ee"], "run ee-running is still running"),
        (&["sweep", "ff"], "run ff-elsewhere belongs to machine another-machine"),
        (&["sweep", "zz"], "nothing of run zz is left on this engine"),
        (&["sweep", "--kept", "bb"], "cannot be used with"),
    ] {
        let (code, said) = rehearse(&engine, arguments)?;
        assert!(code == Some(2) && said.contains(why) && left(&engine).len() == 6, "{arguments:?}: {code:?} {said}");
    }
    let (code, said) = rehearse(&engine, &["sweep", "--all", "ff"])?;
    assert_eq!((code, engine.has("ff-elsewhere"), left(&engine).len()), (Some(0), 0, 5), "{said}");
    Ok(())
}

#[test]
fn runs_are_listed_with_their_leases_and_sizes() -> Tried {
    let engine = engine()?;
    let (code, said) = rehearse(&engine, &["list", "--runs"])?;
    assert_eq!(code, Some(0), "{said}");
    let kept = "bb-kept  shop-grows\n    kept, its lease ends in 1h 59m; 1 container, 1 network, 1 volume; ";
    assert!(said.contains(&format!("{kept}5 MiB\n")), "{said}");
    let (code, said) = rehearse(&engine, &["list", "--runs", "--format", "json"])?;
    let listed: Value = serde_json::from_str(&said)?;
    let standings: Vec<_> =
        listed["runs"].as_array().into_iter().flatten().map(|run| run["standing"].clone()).collect();
    assert_eq!(
        (code, standings),
        (Some(0), ["dead", "kept", "kept", "expired", "running", "elsewhere"].map(Value::from).to_vec())
    );
    let kept = &listed["runs"][1];
    let counts = ["containers", "networks", "volumes", "bytes"].map(|key| kept[key].as_u64());
    assert_eq!((kept["run"].as_str(), counts), (Some("bb-kept"), [Some(1), Some(1), Some(1), Some(5 << 20)]));
    let (code, said) = rehearse(&FakeEngine::start()?, &["list", "--runs"])?;
    assert_eq!((code, said.as_str()), (Some(0), "no run has anything on this engine\n"));
    Ok(())
}
