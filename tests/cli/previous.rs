//! `run --previous` takes the output folder of a run of the same scenario that has ended, and nothing else.

use super::{Tried, check};

const SCENARIO: &str = "scenarios/redmine-5.0-to-6.1.yaml";

#[test]
fn what_is_not_the_run_before_is_bad_input() -> Tried {
    let folder = tempfile::tempdir()?;
    let path = folder.path().display().to_string();
    let summary = |text: &str| std::fs::write(folder.path().join("summary.json"), text);
    let dry = |status, out: &[&str], err: &[&str]| {
        check(&["run", "--dry-run", "--previous", &path, SCENARIO], status, out, err)
    };
    dry(2, &[], &["error: --previous: ", "it holds no summary.json"])?;
    summary("[]")?;
    dry(2, &[], &["summary.json was not written by a run of this version"])?;
    summary(r#"{ "scenario": "other", "finished": true, "stages": [] }"#)?;
    dry(2, &[], &["it is of the scenario other, not of redmine-5.0-to-6.1"])?;
    summary(r#"{ "scenario": "redmine-5.0-to-6.1", "finished": false, "stages": [] }"#)?;
    dry(2, &[], &["that run did not end"])?;
    summary(r#"{ "scenario": "redmine-5.0-to-6.1", "finished": true, "stages": [] }"#)?;
    dry(0, &["teardown"], &[])?;
    // The output folder of several scenarios has one for each.
    std::fs::create_dir(folder.path().join("redmine-5.0-to-6.1"))?;
    std::fs::rename(folder.path().join("summary.json"), folder.path().join("redmine-5.0-to-6.1/summary.json"))?;
    dry(0, &["teardown"], &[])
}
