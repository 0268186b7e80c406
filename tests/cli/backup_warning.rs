//! What is said of a scenario's backup before it is read.

use super::{Tried, check, rehearse};

/// A scenario is right or wrong without its backup; that a run would not take it is a warning.
#[test]
fn validate_and_runbook_warn_of_a_backup_that_a_run_would_not_take() -> Tried {
    let folder = tempfile::tempdir()?;
    let scenario = folder.path().join("s.yaml");
    let file = scenario.display().to_string();
    let write = |from: &str| {
        std::fs::write(&scenario, format!("scenario: s\nproduct: gitlab\nfrom: {from}\nto: \"16.3\"\nbackup: b\n"))
    };
    let warned = || -> Result<bool, Box<dyn std::error::Error>> {
        let ran = rehearse(&["validate", &file])?;
        assert_eq!(ran.status.code(), Some(0));
        Ok(String::from_utf8(ran.stderr)?.contains("warning"))
    };
    write("15.11.13")?;
    let missing =
        ["s.yaml: warning: the backup ", "/b does not exist", "`rehearse run` needs it", "s.yaml: a scenario of"];
    check(&["validate", &file], 0, &[], &missing)?;
    check(&["runbook", &file], 0, &["# Upgrade plan"], &missing[..3])?;
    let backup = folder.path().join("b");
    std::fs::create_dir(&backup)?;
    let archive = backup.join("1706167370_2024_01_25_15.11.13_gitlab_backup.tar");
    std::fs::write(&archive, "")?;
    assert!(!warned()?, "the name says the scenario's own release");
    write("15.11.12")?;
    let other = ["/b is of 15.11.13, but the scenario's source is 15.11.12", "`rehearse run` will reject it"];
    check(&["validate", &file], 0, &[], &other)?;
    write("15.11.13-ee")?;
    check(&["validate", &file], 0, &[], &["is of 15.11.13, but the scenario's source is 15.11.13-ee"])?;
    // By a manifest; and where a scenario rehearses just that, nothing is said.
    let text = "scenario: s\nproduct: redmine\nfrom: 6.0.5\nto: \"6.1\"\nbackup: BACKUP\n";
    let backup = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/data/redmine-5.0.4");
    std::fs::write(&scenario, text.replace("BACKUP", backup))?;
    check(&["validate", &file], 0, &[], &["is of 5.0.4, but the scenario's source is 6.0.5"])?;
    std::fs::write(&scenario, text.replace("BACKUP", backup).replace("6.0.5", "5.0.4"))?;
    assert!(!warned()?);
    let expected = "scenarios/redmine-backup-of-another-release.yaml";
    let said = String::from_utf8(rehearse(&["validate", expected])?.stderr)?;
    assert!(!said.contains("warning"), "{said}");
    Ok(())
}
