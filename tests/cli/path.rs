//! `rehearse path`: unanswered conditions, refusals, and the notices of hops.

use super::{Tried, check, rehearse, scratch};

const GITLAB: [&str; 3] = ["path", "--product", "gitlab"];

/// The arguments of a path of the product with most rules.
fn of(more: &str) -> Vec<String> {
    GITLAB.iter().copied().chain(more.split_whitespace()).map(str::to_owned).collect()
}

#[track_caller]
fn refused(more: &str, wanted: &[&str]) -> Tried {
    let arguments = of(more);
    check(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 2, &[], wanted)
}

fn text(more: &str) -> Result<String, Box<dyn std::error::Error>> {
    let arguments = of(more);
    let ran = rehearse(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr)?), (Some(0), String::new()));
    Ok(String::from_utf8(ran.stdout)?)
}

#[test]
fn an_undecided_condition_leaves_its_stop_in_the_path_and_says_how_to_decide_it() -> Tried {
    let open = text("--from 14.10.5 --to 16.0.0")?;
    assert!(!open.contains("not needed"), "nobody said so:\n{open}");
    assert!(open.contains("hop 2  15.0.5 → 15.1.6  conditional stop, `15.1` is not decided yet"), "{open}");
    let how =
        "to decide: 15.1 (--set web_nodes=N, needed where it is above 1, or --decide 15.1=yes or --decide 15.1=no)";
    assert!(open.contains(how), "{open}");
    for answer in ["--set web_nodes=1", "--decide 15.1=no"] {
        let decided = text(&format!("--from 14.10.5 --to 16.0.0 {answer}"))?;
        assert!(decided.contains("not needed: 15.1 (instances with several web nodes"), "{answer}:\n{decided}");
        assert!(!decided.contains("15.1.6") && !decided.contains("to decide"), "{answer}:\n{decided}");
    }
    let several = text("--from 14.10.5 --to 16.0.0 --set web_nodes=3")?;
    assert!(several.contains("15.0.5 → 15.1.6  conditional stop, `15.1` holds") && !several.contains("to decide"));
    // What the data decides is asked as the product asks it, with the settings as they were given.
    let asked = text("--from 15.11.13 --to 16.3 --set many_users=100")?;
    let how = "to decide: 16.0 (ask production's database main: select (select count(*) from users) > 100 or ";
    assert!(asked.contains(how) && asked.contains("then --decide 16.0=yes or --decide 16.0=no)"), "{asked}");
    Ok(())
}

#[test]
fn a_setting_within_a_condition_is_a_number() -> Tried {
    let wanted = "the setting many_users is \"abc\", but it decides on the stop at 16.0: expected a number of 0 or more, such as";
    refused("--from 15.0.5 --to 16.3.9 --set many_users=abc", &[wanted])?;
    refused("--list --set many_users=abc", &["the setting many_users is \"abc\""])?;
    refused("--from 15.0.5 --to 16.3.9 --set web_nodes=-1", &["expected a number of 0 or more, or nothing"])?;
    let scenario =
        "scenario: s\nproduct: gitlab\nfrom: 15.11.13\nto: 16.3.9\nbackup: b\nsettings: { many_users: lots }\n";
    let (_folder, file) = scratch("s.yaml", scenario)?;
    check(&["validate", &file], 2, &[], &["the setting many_users is \"lots\"", "s.yaml:6"])
}

#[test]
fn a_source_without_its_patch_is_refused_with_the_patches_to_choose_from() -> Tried {
    let which = [
        "--from 15.11: the source 15.11 is a line",
        "production runs one of 15.11.0, 15.11.1, ",
        "15.11.13: say which",
    ];
    refused("--from 15.11 --to 16.3", &which)?;
    refused("--from 15.11-ee --to 16.3", &["the source 15.11 is a line"])?;
    refused("--from 15 --to 16.3", &["one of the 97 from 15.0.0 to 15.11.13: say which"])?;
    let redmine = ["path", "--product", "redmine", "--from", "5.0", "--to", "6.1"];
    check(&redmine, 2, &[], &["production runs 5.0.4, the only one that is published: say that"])?;
    let (_folder, plan) = scratch("plan.md", "Upgrade from 15.11 to 16.3")?;
    let review = ["runbook", "review", &plan, "--product", "gitlab", "--from", "15.11", "--to", "16.3"];
    check(&review, 2, &[], &["--from 15.11: the source 15.11 is a line", "say which"])
}

#[test]
fn an_unknown_name_is_reported_with_the_known_ones() -> Tried {
    let ends = "--from 15.11.13 --to 16.3";
    refused(&format!("{ends} --edition foo"), &["--edition foo: there is no edition foo; published are: ce, ee"])?;
    let newest = "(nearest: 19.3.0, the newest that is known)";
    refused("--from 15.11.13 --to 99.0", &["--to 99.0: no release of 99.0 is published", newest])?;
    refused("--from 15.11.13 --to 99.0.1", &["release 99.0.1 is not published", newest])?;
    refused("--from 15.11.13 --to 16.3.99", &["(nearest: 16.3.9, 16.3.8, 16.3.7)"])?;
    let list = ["--list and --from 15.11.13 --to 16.3 exclude each other", "rehearse path --product gitlab --list`"];
    refused(&format!("--list {ends}"), &list)?;
    refused("--list --zero-downtime", &["--list and --zero-downtime exclude each other"])
}

#[test]
fn a_path_without_downtime_says_what_it_needs() -> Tried {
    let path = "--from 17.11.7 --to 18.2.8";
    let without = text(&format!("{path} --zero-downtime"))?;
    let needs = "! requirement: an upgrade without downtime\n           needs several nodes with the Linux package";
    assert_eq!(without.matches(needs).count(), 1, "{without}");
    assert!(!text(path)?.contains("requirement"), "an upgrade with downtime needs none of it");
    let json: serde_json::Value = serde_json::from_str(&text(&format!("{path} --zero-downtime --format json"))?)?;
    assert_eq!(json["hops"][0]["notices"][0]["kind"], "requirement");
    Ok(())
}

#[test]
fn a_notice_of_several_hops_is_written_in_full_once() -> Tried {
    let path = text("--from 15.11.13 --to 18.2.8")?;
    let (title, body) = ("! migration: migrations have one hour", "the reconfigure gives its migrations 3600 s");
    assert_eq!(path.matches(body).count(), 1, "{path}");
    assert_eq!(path.matches(&format!("{title} (as at hop 1)")).count(), path.matches(title).count() - 1, "{path}");
    // JSON is for programs, which look at one hop: each has its own.
    let json: serde_json::Value = serde_json::from_str(&text("--from 15.11.13 --to 18.2.8 --format json")?)?;
    let hops = json["hops"].as_array().ok_or("no hops")?;
    let full = hops.iter().filter(|hop| hop["notices"].to_string().contains(body)).count();
    assert_eq!(full, path.matches(title).count());
    Ok(())
}

#[test]
fn help_of_paths_and_backups_has_an_example_of_each_choice() -> Tried {
    let path = ["--decide 16.0=no", "--zero-downtime  ", "--edition ee", "--set web_nodes=1"];
    check(&["path", "--help"], 0, &path, &[])?;
    check(&["backup", "--help"], 0, &["Examples:", "rehearse backup inspect"], &[])?;
    check(&["backup", "inspect", "--help"], 0, &["Examples:", "gitlab_backup.tar"], &[])
}
