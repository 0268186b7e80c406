//! The real releases and stops of GitLab, against its official tool's answers and a naive planner.

use std::error::Error;

use serde_json::Value;

use super::*;

type Tested = Result<(), Box<dyn Error>>;

const VERSIONS: &str = include_str!("../../../benches/data/gitlab-versions.json");
const STOPS: &str = include_str!("../../../benches/data/gitlab-stops.json");
const TRUTH: &str = include_str!("gitlab-truth.txt");

fn gitlab() -> Result<(Rules, Catalog), Box<dyn Error>> {
    let data: Value = serde_json::from_str(STOPS)?;
    let mut rules = Rules::default();
    for entry in data["stops"].as_array().ok_or("no stops")? {
        let because = entry["because"].as_str().unwrap_or("config/upgrade_path.yml");
        let when = entry["when"].as_str().map(ConditionId::new);
        rules.stops.push(Stop { when, ..Stop::at(entry["at"].as_str().ok_or("no line")?.parse()?, because) });
    }
    let minors = data["every"]["minors"].as_array().ok_or("no minors")?.iter().filter_map(Value::as_u64).collect();
    let from = data["every"]["from"].as_str().ok_or("no line")?.parse()?;
    rules.stops_every.push(StopsEvery { minors, from, because: "each major stops here".to_owned() });
    Ok((rules, Catalog::from_json(VERSIONS)?))
}

#[test]
fn paths_are_those_of_the_official_tool() -> Tested {
    let (rules, catalog) = gitlab()?;
    let mut pairs = 0;
    for row in TRUTH.lines() {
        let (ends, expected) = row.split_once(": ").ok_or("no path")?;
        let (from, to) = ends.split_once(' ').ok_or("no target")?;
        let expected = match expected {
            "DOWNGRADE" => format!(
                "{from} to {to} is a downgrade, which is never planned: the way back is to restore a backup taken on {to}"
            ),
            same if from == to => format!("already there: {same} is both source and target"),
            path => path.to_owned(),
        };
        assert_eq!(walked(&rules, &catalog, from, to), expected, "{from} to {to}");
        pairs += 1;
    }
    assert_eq!(pairs, 30);
    Ok(())
}

/// The official algorithm, written without any of ours: numbers in triples, the newest of each stop, in between.
#[test]
fn paths_agree_with_a_naive_planner_on_all_pairs() -> Tested {
    let (rules, catalog) = gitlab()?;
    let planner = Planner::new(&rules, &catalog);
    let triple = |text: &str| {
        let mut numbers = text.split('.').map(|number| number.parse::<u64>().unwrap_or(u64::MAX));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    };
    let names: Vec<String> = serde_json::from_str(VERSIONS)?;
    let mut numbers: Vec<(u64, u64, u64)> = names.iter().map(|name| triple(name)).collect();
    numbers.sort_unstable();
    let data: Value = serde_json::from_str(STOPS)?;
    let listed = data["stops"].as_array().ok_or("no stops")?.iter().filter_map(|stop| stop["at"].as_str()).map(triple);
    let scheduled =
        (17..30).flat_map(|major| [2, 5, 8, 11].map(|minor| (major, minor, 0))).filter(|stop| *stop >= (17, 5, 0));
    let mut stops: Vec<(u64, u64, u64)> = listed
        .chain(scheduled)
        .filter_map(|(major, minor, _)| numbers.iter().rfind(|number| (number.0, number.1) == (major, minor)).copied())
        .collect();
    stops.sort_unstable();
    stops.dedup();

    let every = if std::env::var("REHEARSE_TIER").is_ok_and(|tier| tier == "nightly") { 1 } else { 23 };
    let facts = Facts::none();
    let targets: Vec<Target> = catalog.releases().iter().cloned().map(Target::Release).collect();
    let (mut seen, mut compared) = (0_usize, 0_usize);
    for (i, from) in numbers.iter().enumerate() {
        for (j, to) in numbers.iter().enumerate().skip(i + 1) {
            seen += 1;
            if !seen.is_multiple_of(every) {
                continue;
            }
            let between = stops.iter().filter(|stop| *stop > from && *stop < to).chain([to]);
            let route = planner.plan(&catalog.releases()[i], &targets[j], &facts)?;
            let planned = route.releases().map(|release| (release.major(), release.minor(), release.patch()));
            assert!(planned.eq(between.copied()), "{from:?} to {to:?}: {:?}", route.releases().collect::<Vec<_>>());
            compared += 1;
        }
    }
    assert_eq!((seen, compared), (1324 * 1323 / 2, seen / every));
    Ok(())
}

#[test]
fn each_hop_has_its_reason() -> Tested {
    let (rules, catalog) = gitlab()?;
    let expected = [
        "17.1.8 (optional): conditional stop, `large-ci-pipeline-messages` is not decided yet: \
            Conditional stop; not required by all instances (large ci_pipeline_messages)",
        "17.3.7: required stop: config/upgrade_path.yml",
        "17.5.5: required stop: From 17.5 on, stops land on X.2, X.5, X.8, X.11",
        "17.5.5: target",
    ];
    assert_eq!(told(&rules, &catalog, "16.11.10", "17.6.0", &Facts::none())?[..3], expected[..3]);
    let last = told(&rules, &catalog, "18.11.11", "19.3", &Facts::none())?;
    assert_eq!(last, ["19.2.4: required stop: each major stops here", "19.3.0: target, the newest of 19.3"]);
    let planner = Planner::new(&rules, &catalog);
    let (first, newest) = (&catalog.releases()[0], Target::Line(Line::of_major(19)));
    assert_eq!(planner.path(first, &newest, &Facts::none())?.hops.len(), 36);
    for from in &catalog.releases()[..catalog.releases().len() - 1] {
        let path = planner.path(from, &newest, &Facts::none())?;
        assert!(path.hops.iter().all(|hop| hop.because.starts_with("required stop: ")
            || hop.because.starts_with("conditional stop, ")
            || hop.because == "target, the newest of 19"));
    }
    Ok(())
}
