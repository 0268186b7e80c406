//! Every ordered pair of releases by our planner and by one that is written here from the description of the official
//! tool; the pairs whose answers the tool gave are golden.

use std::collections::BTreeSet;

use rehearse_core::planning::path::{Facts, Planner, Refusal, Route, Rules, StopList, Target};
use rehearse_core::vocabulary::catalog::Catalog;
use rehearse_core::vocabulary::release::Release;
use serde_json::Value;

use super::{BESIDE_THE_TOOL, STOPS, Tested, VERSIONS, as_the_tool, decided, gitlab};

/// A release as the second planner has it.
type Triple = (u64, u64, u64);

fn triple(text: &str) -> Triple {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(u64::MAX));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn of_release(release: &Release) -> Triple {
    (release.major(), release.minor(), release.patch())
}

/// The second planner, by the official tool: of each stop the latest published patch, those between source and target by
/// plain comparison, then the target as it is.
struct Naive {
    releases: Vec<Triple>,
    stops: Vec<Triple>,
}

impl Naive {
    /// `more` are lines beside those of the official list; `minors` makes a stop of every minor.
    fn new(more: &[&str], minors: bool) -> Result<Naive, Box<dyn std::error::Error>> {
        let names: Vec<String> = serde_json::from_str(VERSIONS)?;
        let mut releases: Vec<Triple> = names.iter().map(|name| triple(name)).collect();
        releases.sort_unstable();
        let data: Value = serde_json::from_str(STOPS)?;
        let mut lines: BTreeSet<(u64, u64)> = BTreeSet::new();
        for at in data["stops"]
            .as_array()
            .ok_or("no stops")?
            .iter()
            .filter_map(|stop| stop["at"].as_str())
            .chain(more.iter().copied())
        {
            let (major, minor, _) = triple(at);
            lines.insert((major, minor));
        }
        // The minors 2, 5, 8, 11 of every major from 17.5 on.
        lines.extend(
            (17..40).flat_map(|major| [2, 5, 8, 11].map(|minor| (major, minor))).filter(|line| *line >= (17, 5)),
        );
        if minors {
            lines.extend(releases.iter().map(|(major, minor, _)| (*major, *minor)));
        }
        let latest = |line: &(u64, u64)| releases.iter().filter(|(a, b, _)| (*a, *b) == *line).max().copied();
        let stops = lines.iter().filter_map(latest).collect();
        Ok(Naive { releases, stops })
    }

    fn path(&self, from: Triple, to: Triple) -> impl Iterator<Item = Triple> + '_ {
        self.stops.iter().copied().filter(move |stop| from < *stop && *stop < to).chain([to])
    }
}

/// Compares all ordered pairs, of which every `step`th starts a path that is compared; gives how many were.
fn agree(rules: &Rules, catalog: &Catalog, facts: &Facts, naive: &Naive, step: usize) -> Result<usize, String> {
    let planner = Planner::new(rules, catalog);
    let releases = catalog.releases();
    if !releases.iter().map(of_release).eq(naive.releases.iter().copied()) {
        return Err("the two have other releases".to_owned());
    }
    let targets: Vec<Target> = releases.iter().cloned().map(Target::Release).collect();
    let row = |i: usize| -> Result<usize, String> {
        let from = &releases[i];
        let mut compared = 0;
        for (j, target) in targets.iter().enumerate() {
            let planned = planner.plan(from, target, facts);
            let wrong = |seen: String| Err(format!("{from} to {target}: {seen}"));
            match (planned, i.cmp(&j)) {
                (Ok(route), std::cmp::Ordering::Less) => {
                    if !walked(&route).eq(naive.path(naive.releases[i], naive.releases[j])) {
                        return wrong(format!("{:?}", walked(&route).collect::<Vec<_>>()));
                    }
                }
                (Err(Refusal::AlreadyThere { .. }), std::cmp::Ordering::Equal)
                | (Err(Refusal::Downgrade { .. }), std::cmp::Ordering::Greater) => {}
                (planned, _) => return wrong(format!("{:?}", planned.map(|route| route.hop_count()))),
            }
            compared += 1;
        }
        Ok(compared)
    };
    let rows: Vec<usize> = (0..releases.len()).step_by(step).collect();
    let halves = rows.split_at(rows.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| halves.1.iter().try_fold(0, |sum, i| Ok::<_, String>(sum + row(*i)?)));
        let mine = halves.0.iter().try_fold(0, |sum, i| Ok::<_, String>(sum + row(*i)?))?;
        Ok(mine + other.join().map_err(|_| "a thread panicked")??)
    })
}

fn walked<'r>(route: &'r Route<'_>) -> impl Iterator<Item = Triple> + 'r {
    route.releases().map(of_release)
}

#[test]
fn all_ordered_pairs_agree_with_the_official_algorithm() -> Tested {
    let (product, catalog) = gitlab()?;
    let compared = agree(&product.path.rules(), &catalog, &as_the_tool(), &Naive::new(&[], false)?, 1)?;
    assert_eq!(compared, 1324 * 1324);
    Ok(())
}

#[test]
fn what_is_not_decided_is_planned_besides() -> Tested {
    let (product, catalog) = gitlab()?;
    let rules = product.path.rules();
    let compared = agree(&rules, &catalog, &Facts::none(), &Naive::new(&BESIDE_THE_TOOL, false)?, 11)?;
    assert_eq!(compared, 121 * 1324);
    // The product itself says nothing of how many nodes run the web interface: only who runs it can.
    assert_eq!(product.facts(&product.settings)?, decided(&[]));
    let mut settings = product.settings.clone();
    settings.insert("web_nodes".to_owned(), "1".to_owned());
    let settings = product.facts(&settings)?;
    assert_eq!(settings, decided(&[("15.1", false)]));
    agree(&rules, &catalog, &settings, &Naive::new(&BESIDE_THE_TOOL[1..], false)?, 37)?;
    // What the data does not need is left out, and nothing else.
    let none = decided(&[("15.1", false), ("16.0", false), ("16.1", false), ("16.2", false), ("17.1", false)]);
    let mut naive = Naive::new(&[], false)?;
    naive.stops.retain(|stop| (stop.0, stop.1) != (17, 1));
    agree(&rules, &catalog, &none, &naive, 37)?;
    Ok(())
}

#[test]
fn without_downtime_every_minor_is_a_stop() -> Tested {
    let (product, catalog) = gitlab()?;
    let rules = product.path.zero_downtime_rules(&catalog).ok_or("no rules")?;
    let compared = agree(&rules, &catalog, &as_the_tool(), &Naive::new(&[], true)?, 23)?;
    assert_eq!(compared, 58 * 1324);
    let planner = Planner::new(&rules, &catalog);
    let path = planner.path(&"17.11.7".parse()?, &"18.2.8".parse()?, &as_the_tool())?;
    let hops: Vec<String> = path.hops.iter().map(|hop| hop.to.to_string()).collect();
    assert_eq!(hops, ["18.0.6", "18.1.6", "18.2.8"]);
    Ok(())
}

#[test]
fn the_answers_of_the_official_tool_are_ours() -> Tested {
    let (product, catalog) = gitlab()?;
    let rules = product.path.rules();
    let planner = Planner::new(&rules, &catalog);
    let facts = as_the_tool();
    let mut pairs = 0;
    for row in include_str!("truth.txt").lines() {
        let (ends, expected) = row.split_once(": ").ok_or("no path")?;
        let (from, to) = ends.split_once(' ').ok_or("no target")?;
        let planned = planner.plan(&from.parse()?, &to.parse()?, &facts);
        let notices = match &planned {
            Ok(route) => route.releases().map(Release::name).collect::<Vec<_>>().join(" "),
            Err(Refusal::Downgrade { .. }) => "DOWNGRADE".to_owned(),
            // The tool answers with the release itself, we with a refusal that says so.
            Err(Refusal::AlreadyThere { at }) => at.to_string(),
            Err(refusal) => return Err(format!("{row}: {refusal}").into()),
        };
        assert_eq!(notices, expected, "{from} to {to}");
        pairs += 1;
    }
    assert_eq!(pairs, 30);
    Ok(())
}

#[test]
fn conditional_stops_say_what_decides_on_them() -> Tested {
    let (product, catalog) = gitlab()?;
    let rules = product.path.rules();
    let planner = Planner::new(&rules, &catalog);
    let path = planner.path(&"14.10.5".parse()?, &"17.3.7".parse()?, &Facts::none())?;
    let optional: Vec<String> =
        path.hops.iter().filter_map(|hop| Some(format!("{} {}", hop.to, hop.optional.as_ref()?))).collect();
    assert_eq!(optional, ["15.1.6 15.1", "16.0.10 16.0", "16.1.8 16.1", "16.2.11 16.2", "17.1.8 17.1"]);
    for line in ["16.0", "16.1", "16.2", "17.1"] {
        assert!(
            product.path.condition(&rehearse_core::planning::path::ConditionId::new(line)).is_some(),
            "{line} has a query"
        );
    }
    let mut settings = product.settings.clone();
    for (value, expected) in [("1", Some(false)), ("2", Some(true)), ("", None), (" 12 ", Some(true))] {
        settings.insert("web_nodes".to_owned(), value.to_owned());
        assert_eq!(product.path.decided(&settings)?.decided.get("15.1").copied(), expected, "{value:?}");
    }
    settings.insert("web_nodes".to_owned(), "several".to_owned());
    let refused = product.path.decided(&settings).map_err(|error| error.to_string());
    let expected = "the setting web_nodes is \"several\", but it decides on the stop at 15.1: expected a number of 0 or more, or nothing";
    assert_eq!(refused, Err(expected.to_owned()));
    // What stands in a question to the data is a number where the product's own value is one.
    for (name, value, taken) in [
        ("many_users", "abc", false),
        ("many_users", "", false),
        ("many_users", "-1", false),
        ("many_users", "NaN", false),
        ("many_users", "100000", true),
        ("many_pipeline_variables", "1 or true", false),
        ("omnibus_config", "abc", true),
    ] {
        let mut settings = product.settings.clone();
        settings.insert(name.to_owned(), value.to_owned());
        assert_eq!(product.facts(&settings).is_ok(), taken, "{name}={value}");
    }
    // A stop whose condition is decided to be false is listed as unnecessary.
    let path = planner.path(&"14.10.5".parse()?, &"17.3.7".parse()?, &as_the_tool())?;
    let needless: Vec<String> = path.needless.iter().map(|stop| stop.at.to_string()).collect();
    assert_eq!(needless, ["15.1", "16.0", "16.1", "16.2"]);
    Ok(())
}

#[test]
fn a_community_release_and_an_enterprise_release_have_their_own_patches() -> Tested {
    let (product, catalog) = gitlab()?;
    let rules = product.path.rules();
    let planner = Planner::new(&rules, &catalog);
    let line: Target = "12.5".parse()?;
    let newest = |from: &str| {
        Ok::<_, Box<dyn std::error::Error>>(planner.path(&from.parse()?, &line, &as_the_tool())?.to.to_string())
    };
    assert_eq!(newest("12.4.0-ce")?, newest("12.4.0-ee")?.replace("ee", "ce"));
    assert!(planner.plan(&"12.4.4-ce".parse()?, &line, &as_the_tool()).is_ok(), "12.4.4 exists as ce");
    assert!(planner.plan(&"12.4.4-ee".parse()?, &line, &as_the_tool()).is_err(), "12.4.4 does not exist as ee");
    assert!(planner.plan(&"12.5.0-ee".parse()?, &"12.5.4-ee".parse()?, &as_the_tool()).is_ok());
    assert!(planner.plan(&"12.5.0-ce".parse()?, &"12.5.4-ce".parse()?, &as_the_tool()).is_err());
    // The image of an edition has the number of its newest build.
    let path = planner.path(&"8.5.13-ce".parse()?, &"8.7.7-ee".parse()?, &as_the_tool())?;
    let hops: Vec<&str> = path.hops.iter().map(|hop| hop.to.as_str()).collect();
    assert_eq!((path.from.as_str(), hops.as_slice()), ("8.5.13-ce.3", ["8.5.13-ee.3", "8.7.7-ee.3"].as_slice()));
    Ok(())
}

#[test]
fn lists_of_stops_go_out_and_come_in_again() -> Tested {
    let (product, catalog) = gitlab()?;
    let rules = product.path.rules();
    let list = StopList::of_rules(&rules, &catalog, &as_the_tool());
    // What the official tool publishes: the latest patch of each stop, then the newest release.
    let names: Vec<&str> = list.all.iter().map(Release::name).collect();
    let expected: Vec<String> = Naive::new(&[], false)?
        .stops
        .iter()
        .map(|(a, b, c)| format!("{a}.{b}.{c}"))
        .chain(["19.3.0".to_owned()])
        .collect();
    assert_eq!(names, expected);
    let supported: Vec<&str> = list.supported.iter().map(Release::name).collect();
    assert_eq!(supported, ["18.2.8", "18.5.7", "18.8.11", "18.11.11", "19.2.4"]);
    let again = StopList::read(&serde_json::to_string(&list)?)?;
    assert_eq!(again, list);
    let listed = product.path.with_stops(&again, "a list").rules();
    agree(&listed, &catalog, &Facts::none(), &Naive::new(&[], false)?, 29)?;
    // Its last entry is the newest release and no stop; beyond it nothing is known.
    let old = StopList::read(r#"{"supported": [], "all": ["16.11.10", "17.3.7", "17.5.2"]}"#)?;
    let rules = product.path.with_stops(&old, "a list").rules();
    let planner = Planner::new(&rules, &catalog);
    let hops = |to: &str| {
        planner
            .plan(&"16.7.10".parse()?, &to.parse()?, &Facts::none())
            .map(|route| walked(&route).count())
            .map_err(|refusal| Box::<dyn std::error::Error>::from(refusal.to_string()))
    };
    assert_eq!(hops("17.5.2")?, 3);
    assert_eq!(hops("17.5.1")?, 3);
    let beyond = hops("17.5.3").map_err(|error| error.to_string());
    assert_eq!(
        beyond,
        Err("17.5.3 is newer than 17.5.2, where the list of stops ends: nothing is known of the stops on the way"
            .to_owned())
    );
    for (text, wrong) in [
        (r#"{"supported": [], "all": []}"#, "`all` is empty"),
        (r#"{"supported": [], "all": ["17.3.7", "16.11.10"]}"#, "16.11.10 comes after 17.3.7"),
        (r#"["17.3.7"]"#, "expected {\"supported\""),
        (r#"{"supported": [], "all": ["seventeen"]}"#, "expected {\"supported\""),
    ] {
        let error = StopList::read(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(wrong), "{text}: {error}");
    }
    Ok(())
}
