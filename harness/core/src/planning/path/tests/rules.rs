//! Each rule on its own, on small catalogs.

use std::error::Error;

use serde_json::json;

use super::*;
use crate::planning::plan::{path_json, refusal_json};

type Tested = Result<(), Box<dyn Error>>;

const SMALL: &str =
    "1.0.0 1.0.5 1.1.0 1.1.4 1.2.0 1.2.3 2.0.0 2.0.1 2.1.0 2.1.7-rc1 3.0.0 3.4.0 4.0.0-rc1 4.0.0 4.1.0-beta";

fn stops(lines: &[&str]) -> Rules {
    Rules { stops: lines.iter().map(|at| Stop::at(line(at), "it must be")).collect(), ..Rules::default() }
}

fn one_minor() -> Rules {
    Rules { minors: Spacing::OneAtATime, ..Rules::default() }
}

fn decided(condition: &str, holds: bool) -> Facts {
    Facts { decided: [(ConditionId::new(condition), holds)].into() }
}

#[test]
fn without_rules_every_upgrade_is_one_hop() {
    let check = |from: &str, to: &str, expected: &str| {
        let path = outcome(&Rules::default(), &catalog(SMALL), from, to, &Facts::none());
        assert_eq!(path, Ok(vec![expected.to_owned()]), "{from} to {to}");
    };
    check("1.0.0", "4.0.0", "4.0.0: target");
    check("1.0.0", "1.0.5", "1.0.5: target, a direct patch");
    check("1.0.0", "1.0", "1.0.5: target, the newest of 1.0, a direct patch");
    check("v1.0", "3", "3.4.0: target, the newest of 3");
    check("1.0.0", "2.1.7-rc.1", "2.1.7-rc1: target");
    check("4.0.0-rc1", "4.0", "4.0.0: target, the newest of 4.0, a direct patch");
}

#[test]
fn one_minor_at_a_time_stops_at_the_newest_of_each_line_between() {
    let check = |from: &str, to: &str, expected: &str| {
        assert_eq!(walked(&one_minor(), &catalog(SMALL), from, to), expected, "{from} to {to}");
    };
    check("1.0.0", "1.1.0", "1.1.0");
    check("1.0.0", "1.2.0", "1.1.4 1.2.0");
    check("1.0.5", "2.0.1", "1.1.4 1.2.3 2.0.1");
    check("1.2.0", "2.0.0", "2.0.0");
    check("1.2.0", "2.1.0", "2.0.1 2.1.0");
    check("2.1.0", "4.0.0", "3.0.0 3.4.0 4.0.0");
    check("1.0.0", "1.0.5", "1.0.5");
    check("3.4.0", "4.1.0-beta", "4.0.0 4.1.0-beta");
}

#[test]
fn one_major_at_a_time_stops_at_the_newest_of_each_between() {
    let rules = Rules { majors: Spacing::OneAtATime, ..Rules::default() };
    let check = |from: &str, to: &str, expected: &str| {
        assert_eq!(walked(&rules, &catalog(SMALL), from, to), expected, "{from} to {to}");
    };
    check("1.0.0", "1.2.0", "1.2.0");
    check("1.0.0", "2.0.0", "2.0.0");
    check("1.0.0", "3.4.0", "2.1.0 3.4.0");
    check("1.0.0", "4.0.0", "2.1.0 3.4.0 4.0.0");
    check("2.0.0", "4.0.0", "3.4.0 4.0.0");
}

#[test]
fn a_stop_has_a_stronger_reason_than_spacing() {
    let path = |rules: &Rules| outcome(rules, &catalog(SMALL), "1.0.0", "2.0.0", &Facts::none());
    let rules = Rules { minors: Spacing::OneAtATime, ..stops(&["1.2"]) };
    assert_eq!(
        path(&rules),
        Ok(vec![
            "1.1.4: one minor at a time".to_owned(),
            "1.2.3: required stop: it must be".to_owned(),
            "2.0.0: target".to_owned()
        ])
    );
    let rules = Rules { majors: Spacing::OneAtATime, ..Rules::default() };
    let path = outcome(&rules, &catalog(SMALL), "1.0.0", "3.0.0", &Facts::none());
    assert_eq!(path, Ok(vec!["2.1.0: one major at a time".to_owned(), "3.0.0: target".to_owned()]));
}

#[test]
fn a_stop_is_the_newest_of_its_line_strictly_between() {
    let check = |from: &str, to: &str, expected: &str| {
        assert_eq!(walked(&stops(&["1.1", "2"]), &catalog(SMALL), from, to), expected, "{from} to {to}");
    };
    check("1.0.0", "1.2.0", "1.1.4 1.2.0");
    check("1.1.0", "1.2.0", "1.1.4 1.2.0");
    check("1.1.4", "1.2.0", "1.2.0");
    check("1.0.0", "1.1.0", "1.1.0");
    check("1.0.0", "1.1.4", "1.1.4");
    check("1.0.0", "3.0.0", "1.1.4 2.1.0 3.0.0");
    check("2.1.7-rc1", "3.0.0", "3.0.0");
}

#[test]
fn a_stop_holds_for_its_sources_targets_and_editions_only() -> Tested {
    let because = "it must be";
    let from = Stop { from: Some(range("<1.1")), ..Stop::at(line("1.1"), because) };
    let to = Stop { to: Some(range(">=2.1")), ..Stop::at(line("1.2"), because) };
    let before = Stop { before: Some(release("4")), ..Stop::at(line("2.0"), because) };
    let editions = Stop { editions: vec!["ee".parse()?], ..Stop::at(line("3.0"), because) };
    let rules = Rules { stops: vec![editions, before, to, from], ..Rules::default() };
    let check = |from: &str, to: &str, expected: &str| {
        assert_eq!(walked(&rules, &catalog(SMALL), from, to), expected, "{from} to {to}");
    };
    check("1.0.0", "2.0.0", "1.1.4 2.0.0");
    check("1.1.0", "2.0.0", "2.0.0");
    check("1.1.0", "2.1.0", "1.2.3 2.1.0");
    check("1.2.3", "3.0.0", "3.0.0");
    check("1.2.3", "4.0.0-rc1", "2.0.1 3.0.0 4.0.0-rc1");
    check("2.0.1-ee", "4.0.0-ee", "3.0.0 4.0.0");
    check("2.0.1-ce", "4.0.0", "4.0.0");
    let catalog = catalog(SMALL);
    let planner = Planner::new(&rules, &catalog);
    let other = release("2.0.1").with_edition(&"xx".parse()?);
    assert_eq!(planner.plan(&other, &target("4.0.0"), &Facts::none())?.hop_count(), 1);
    Ok(())
}

#[test]
fn a_conditional_stop_is_optional_until_the_data_decides() {
    let when = Some(ConditionId::new("big"));
    let mut rules = stops(&["1.1"]);
    rules.stops.push(Stop { when, ..Stop::at(line("1.2"), "rows move") });
    let check = |rules: &Rules, facts: &Facts, expected: &[&str]| {
        let expected = Ok(expected.iter().map(|hop| (*hop).to_owned()).collect());
        assert_eq!(outcome(rules, &catalog(SMALL), "1.1.4", "2.0.0", facts), expected);
    };
    let undecided = "1.2.3 (optional): conditional stop, `big` is not decided yet: rows move";
    check(&rules, &Facts::none(), &[undecided, "2.0.0: target"]);
    check(&rules, &decided("other", true), &[undecided, "2.0.0: target"]);
    check(&rules, &decided("big", false), &["2.0.0: target"]);
    let holds = "1.2.3: conditional stop, `big` holds on this data: rows move";
    check(&rules, &decided("big", true), &[holds, "2.0.0: target"]);

    // A stop that is required for another reason is not optional, whatever the data says.
    rules.stops.push(Stop::at(line("1"), "last of its major"));
    for facts in [Facts::none(), decided("big", false), decided("big", true)] {
        check(&rules, &facts, &["1.2.3: required stop: last of its major", "2.0.0: target"]);
    }
    let spaced = Rules { majors: Spacing::OneAtATime, ..Rules::default() };
    let when = Some(ConditionId::new("big"));
    let spaced = Rules { stops: vec![Stop { when, ..Stop::at(line("2.1"), "rows move") }], ..spaced };
    let path = outcome(&spaced, &catalog(SMALL), "1.0.0", "3.0.0", &Facts::none());
    assert_eq!(path, Ok(vec!["2.1.0: one major at a time".to_owned(), "3.0.0: target".to_owned()]));
}

#[test]
fn generated_stops_cover_future_majors() {
    let every = StopsEvery { minors: vec![0, 1], from: line("1.1"), because: "each major".to_owned() };
    let rules = Rules { stops_every: vec![every], ..Rules::default() };
    let check = |from: &str, to: &str, expected: &str| {
        assert_eq!(walked(&rules, &catalog(SMALL), from, to), expected, "{from} to {to}");
    };
    check("1.0.0", "3.4.0", "1.1.4 2.0.1 2.1.0 3.0.0 3.4.0");
    check("2.1.0", "4.0.0", "3.0.0 4.0.0");
}

#[test]
fn unpublished_stops_are_dropped_and_reported() {
    let mut rules = stops(&["1.0", "1.3", "3.1", "3.2", "4.1"]);
    rules.stops_every.push(StopsEvery { minors: vec![1, 9], from: line("2"), because: "each major".to_owned() });
    if let Some(stop) = rules.stops.get_mut(3) {
        stop.when = Some(ConditionId::new("big"));
    }
    let (rules, catalog) = (rules, catalog(SMALL));
    let planner = Planner::new(&rules, &catalog);
    let check = |from: &str, to: &str, facts: &Facts, expected: &[&str]| {
        let dropped = planner.path(&release(from), &target(to), facts).map(|path| path.dropped).unwrap_or_default();
        let dropped: Vec<String> = dropped.iter().map(|stop| format!("{}: {}", stop.at, stop.because)).collect();
        assert_eq!(dropped, expected, "{from} to {to}");
    };
    let big = "3.2: conditional stop, `big` is not decided yet: it must be";
    let must = "3.1: required stop: it must be";
    let each = "2.9: required stop: each major";
    check("1.0.0", "2.0.0", &Facts::none(), &["1.3: required stop: it must be"]);
    check("2.0.0", "4.0.0", &Facts::none(), &[each, must, big, "3.9: required stop: each major"]);
    check("2.0.0", "3.4.0", &decided("big", false), &[each, must]);
    check("3.4.0", "4.0.0", &Facts::none(), &["3.9: required stop: each major"]);
    check("1.0.0", "1.2.0", &Facts::none(), &[]);
}

#[test]
fn an_allowed_hop_overrides_stops_and_spacing() {
    let allow = vec![edge("<1.1", "3", "the vendor tested it")];
    let rules = Rules { minors: Spacing::OneAtATime, allow, ..stops(&["1.2", "3.0"]) };
    let path = |from: &str, to: &str| outcome(&rules, &catalog(SMALL), from, to, &Facts::none());
    let allowed = |text: &str| format!("{text}; allowed directly: the vendor tested it");
    assert_eq!(path("1.0.0", "3.4.0"), Ok(vec![allowed("3.4.0: target")]));
    assert_eq!(path("1.0.0", "4.0.0"), Ok(vec![allowed("3.4.0: one minor at a time"), "4.0.0: target".to_owned()]));
    assert_eq!(walked(&rules, &catalog(SMALL), "1.1.0", "3.0.0"), "1.2.3 2.0.1 2.1.0 3.0.0");
    assert_eq!(walked(&rules, &catalog(SMALL), "1.0.0", "2.1.0"), "1.1.4 1.2.3 2.0.1 2.1.0");
}

#[test]
fn a_forbidden_hop_is_avoided_by_a_detour() {
    let check = |forbid: Vec<Edge>, from: &str, to: &str, expected: &str| {
        let rules = Rules { forbid, ..Rules::default() };
        assert_eq!(walked(&rules, &catalog(SMALL), from, to), expected, "{from} to {to}");
    };
    let blocks = |from: &str, to: &str| vec![edge(from, to, "it breaks")];
    check(blocks("<1.1", ">=2"), "1.0.0", "2.0.0", "1.2.3 2.0.0");
    check(blocks("<1.1", ">=2"), "1.1.0", "2.0.0", "2.0.0");
    check(blocks("<1.0.5", ">1.0.5"), "1.0.0", "2.0.0", "1.0.5 2.0.0");
    check(blocks("<2.0", ">=2.1"), "1.0.0", "4.0.0", "2.0.1 4.0.0");
    let twice = [blocks("<1.1", ">=2"), blocks("=1.2", "*")].concat();
    check(twice, "1.0.0", "2.0.0", "1.1.4 2.0.0");
    let three = [blocks("<1.1", ">=1.2"), blocks("=1.1", ">=2")].concat();
    check(three, "1.0.0", "2.0.0", "1.1.4 1.2.3 2.0.0");

    let rules = Rules { forbid: blocks("<1.1", ">=2"), ..Rules::default() };
    let path = outcome(&rules, &catalog(SMALL), "1.0.0", "2.0.0", &Facts::none());
    assert_eq!(path, Ok(vec!["1.2.3: way around a forbidden hop: it breaks".to_owned(), "2.0.0: target".to_owned()]));
}

#[test]
fn a_detour_still_passes_required_stops() {
    let rules = Rules { forbid: vec![edge("<=1.1", "=2.1", "it breaks")], ..stops(&["1.1"]) };
    assert_eq!(walked(&rules, &catalog(SMALL), "1.0.0", "2.1.0"), "1.1.4 2.0.1 2.1.0");
    let allow = vec![edge("=1.0", "=2.1", "the vendor tested it")];
    let rules = Rules { allow, ..rules };
    assert_eq!(walked(&rules, &catalog(SMALL), "1.0.0", "2.1.0"), "1.1.4 2.0.1 2.1.0", "forbidding beats allowing");
}

#[test]
fn an_edition_changes_only_if_a_rule_allows_it() -> Tested {
    let releases = Catalog::from_lines("1.0.0\n1.0.1 [ce]\n1.1.3 [ce]\n1.1.4 [ee]\n1.2.0\n")?;
    let change = EditionChange { from: "ce".parse()?, to: "ee".parse()?, because: "ee reads all of ce".to_owned() };
    let rules = Rules { edition_change: vec![change], ..stops(&["1.1"]) };
    let check = |from: &str, to: &str, expected: Result<&[&str], &str>| {
        let expected = expected.map(|hops| hops.iter().map(|hop| (*hop).to_owned()).collect()).map_err(str::to_owned);
        assert_eq!(outcome(&rules, &releases, from, to, &Facts::none()), expected, "{from} to {to}");
    };
    let change = "edition changes from ce to ee: ee reads all of ce";
    let same = format!("1.0.0-ee: {change}");
    let combined = format!("1.1.4-ee: required stop: it must be; {change}");
    check("1.0.0-ce", "1.2.0-ee", Ok(&[&same, "1.1.4-ee: required stop: it must be", "1.2.0-ee: target"]));
    check("1.0.1-ce", "1.2.0-ee", Ok(&[&combined, "1.2.0-ee: target"]));
    check("1.0.0-ce.0", "1.0.0-ee", Ok(&[&same]));
    check("1.0.0-ce", "1.2", Ok(&["1.1.3-ce: required stop: it must be", "1.2.0-ce: target, the newest of 1.2"]));
    check("1.0.0", "1.2.0-ee", Ok(&["1.1.4-ee: required stop: it must be", "1.2.0-ee: target"]));
    check("1.0.0", "1.2.0", Ok(&["1.1.4: required stop: it must be", "1.2.0: target"]));
    let refused = "no rule allows a change of edition from ee to ce (allowed: ce to ee)";
    check("1.0.0-ee", "1.2.0-ce", Err(refused));
    check("1.2.0-ee", "1.0.0-ce", Err(refused));
    let down =
        "1.2.0-ce to 1.0.0 is a downgrade, which is never planned: the rollback is to restore a backup taken on 1.0.0";
    check("1.2.0-ce", "1.0.0-ee", Err(down));
    check("1.0.1-ee", "1.2.0", Err("release 1.0.1-ee is not published as ee (nearest: 1.0.0, 1.1.4, 1.2.0)"));
    check("1.0.0", "1.1.3-ee", Err("release 1.1.3-ee is not published as ee (nearest: 1.1.4, 1.2.0, 1.0.0)"));
    Ok(())
}

#[test]
fn what_cannot_be_planned_is_refused_with_its_reason() {
    let check = |rules: &Rules, from: &str, to: &str, expected: &str| {
        assert_eq!(walked(rules, &catalog(SMALL), from, to), expected, "{from} to {to}");
    };
    let none = Rules::default();
    check(&none, "1.1.9", "2.0.0", "release 1.1.9 is not published (nearest: 1.1.4, 1.1.0, 1.0.5)");
    check(&none, "1.0.0", "2.0.7", "release 2.0.7 is not published (nearest: 2.0.1, 2.0.0, 2.1.7-rc1)");
    check(
        &none,
        "1.0.1",
        "2.0.7",
        "release 1.0.1 is not published (nearest: 1.0.0, 1.0.5, 1.1.0); release 2.0.7 is not published (nearest: 2.0.1, 2.0.0, 2.1.7-rc1)",
    );
    check(&none, "1.0.0", "4.1", "no release of 4.1 is published (nearest: 4.1.0-beta, 4.0.0, 4.0.0-rc1)");
    check(&none, "1.0.1", "4.1", "release 1.0.1 is not published (nearest: 1.0.0, 1.0.5, 1.1.0)");
    let back = "is a downgrade, which is never planned: the rollback is to restore a backup taken on";
    check(&none, "2.0.0", "1.2.3", &format!("2.0.0 to 1.2.3 {back} 1.2.3"));
    check(&none, "2.0.0", "1.2", &format!("2.0.0 to 1.2.3 {back} 1.2.3"));
    check(&none, "4.0.0", "4.0.0-rc1", &format!("4.0.0 to 4.0.0-rc1 {back} 4.0.0-rc1"));
    check(&none, "2.0.1", "v2.0.1", "already there: 2.0.1 is both source and target");
    check(&none, "2.0.1", "2.0", "already there: 2.0.1 is both source and target");
    check(&none, "1.0-ce", "1.1.0-ee", "no rule allows a change of edition from ce to ee");
    let forbid = vec![edge("<2", ">=2", "no way is known")];
    let blocked = Rules { forbid, ..Rules::default() };
    let reason = "is forbidden and no release in between leads around it: no way is known";
    check(&blocked, "1.0.0", "2.0.0", &format!("the hop 1.0.0 to 2.0.0 {reason}"));
    let spaced = Rules { minors: Spacing::OneAtATime, ..blocked };
    check(&spaced, "1.1.0", "2.1.0", &format!("the hop 1.2.3 to 2.0.1 {reason}"));
}

#[test]
fn a_target_is_a_line_or_a_release() -> Tested {
    let text = r#"["17","17.3","17.3.0","v2-rc1"]"#;
    let targets: Vec<Target> = serde_json::from_str(text)?;
    let expected = [line("17").into(), line("17.3").into(), release("17.3.0").into(), release("v2-rc1").into()];
    assert_eq!(targets, expected);
    assert_eq!(serde_json::to_string(&targets)?, text);
    let error = serde_json::from_str::<Target>(r#""newest""#).map_err(|error| error.to_string());
    assert!(error.is_err_and(|error| error.starts_with("release `newest` has `newest` where a number is expected")));
    Ok(())
}

#[test]
fn the_json_of_a_path_is_the_contract() -> Tested {
    let (rules, catalog) = (stops(&["1.1"]), catalog(SMALL));
    let planner = Planner::new(&rules, &catalog);
    let edition = "ee".parse()?;
    let path = planner.path(&release("v1.0.0-ee.0"), &target("1.2.0"), &Facts::none())?;
    let json = path_json("demo", Some(&edition), &path, &[], &[]);
    let expected = json!({
        "product": "demo", "from": "1.0.0", "to": "1.2.0", "edition": "ee", "path": ["1.1.4", "1.2.0"],
        "hops": [
            { "from": "1.0.0", "to": "1.1.4", "because": "required stop: it must be", "optional": false, "condition": null, "notices": [] },
            { "from": "1.1.4", "to": "1.2.0", "because": "target", "optional": false, "condition": null, "notices": [] },
        ],
        "needless": [], "unpublished": [], "lists": [],
    });
    assert_eq!(json.to_string(), expected.to_string());
    assert_eq!(path_json("demo", None, &path, &[], &[])["edition"], json!(null));
    let refusal = planner.path(&release("1.0.0"), &target("1.0.0"), &Facts::none()).map_err(|r| refusal_json(&r));
    assert_eq!(refusal.err(), Some(json!({ "refused": "already there: 1.0.0 is both source and target" })));
    let read: Path = serde_json::from_str(&serde_json::to_string(&path)?)?;
    assert_eq!(read, path);
    Ok(())
}
