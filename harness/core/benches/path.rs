//! How many paths a second are planned over the real releases and stops of GitLab.

use std::error::Error;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use rehearse_core::planning::path::{ConditionId, Facts, Planner, Rules, Stop, StopsEvery, Target};
use rehearse_core::vocabulary::catalog::Catalog;
use serde_json::Value;

const VERSIONS: &str = include_str!("data/gitlab-versions.json");
const STOPS: &str = include_str!("data/gitlab-stops.json");

/// Takes one pair in so many, so that sources and targets of all ages mix.
const STRIDE: usize = 87;

fn main() -> Result<(), Box<dyn Error>> {
    let (rules, catalog) = gitlab()?;
    let facts = Facts::none();
    let releases = catalog.releases();
    let targets: Vec<Target> = releases.iter().cloned().map(Target::Release).collect();
    let pairs: Vec<_> = releases
        .iter()
        .enumerate()
        .flat_map(|(i, from)| targets.iter().skip(i + 1).map(move |to| (from, to)))
        .step_by(STRIDE)
        .collect();

    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("gitlab/planner", |bencher| bencher.iter(|| Planner::new(black_box(&rules), &catalog)));
    let planner = Planner::new(&rules, &catalog);
    let mut group = criterion.benchmark_group("gitlab");
    group.throughput(Throughput::Elements(pairs.len() as u64));
    group.bench_function("plan", |bencher| {
        bencher.iter(|| {
            pairs
                .iter()
                .filter_map(|(from, to)| planner.plan(from, to, &facts).ok())
                .map(|r| r.hop_count())
                .sum::<usize>()
        });
    });
    group.bench_function("path", |bencher| {
        bencher.iter(|| {
            pairs
                .iter()
                .filter_map(|(from, to)| planner.path(from, to, &facts).ok())
                .map(|p| p.hops.len())
                .sum::<usize>()
        });
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}

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
