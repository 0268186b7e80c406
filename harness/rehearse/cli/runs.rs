//! `rehearse list --runs` and `rehearse sweep`: what runs have on the container engine.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rehearse_core::outcome::verdict::Exit;
use rehearse_core::planning::plan::humane;
use serde_json::json;

use super::args::Format;
use super::args::engine::{ListArgs, SweepArgs};
use super::doctor::unreachable;
use super::{print, runtime, say};
use crate::docker::{Client, OwnershipLabels, Remnant, Selection, Standing, SweepReport, Usage, list, sweep, usage};
use crate::engine::host::HostError;

/// How long the engine may take to say how much space things take.
const SIZES_LIMIT: Duration = Duration::from_secs(30);

/// What one run has on the engine.
#[derive(Debug)]
pub(super) struct RunHere<'r> {
    pub(super) ownership: &'r OwnershipLabels,
    pub(super) standing: Standing,
    lease_ends: SystemTime,
    things: Vec<&'r Remnant>,
}

/// All runs that have something on the engine, in the order of their start.
pub(super) fn runs(remnants: &[Remnant]) -> Vec<RunHere<'_>> {
    let mut all: BTreeMap<&str, RunHere<'_>> = BTreeMap::new();
    for remnant in remnants {
        let ownership = &remnant.ownership;
        let run = all.entry(&ownership.run).or_insert_with(|| RunHere {
            ownership,
            standing: remnant.standing,
            lease_ends: remnant.lease_ends,
            things: Vec::new(),
        });
        run.things.extend(Some(remnant).filter(|remnant| !remnant.is_mark));
    }
    all.into_values().collect()
}

/// Whether an id begins or ends with this text; the names of containers have its end.
pub(super) fn is_named(run: &str, by: &str) -> bool {
    run.starts_with(by) || run.ends_with(by)
}

/// The run that is meant; otherwise the reason why there is none.
pub(super) fn named<'a, 'r>(all: &'a [RunHere<'r>], by: &str) -> Result<&'a RunHere<'r>, String> {
    let found: Vec<&RunHere<'_>> = all.iter().filter(|it| is_named(&it.ownership.run, by)).collect();
    match found.as_slice() {
        [] => Err(format!("nothing of run {by} is left on this engine")),
        [run] => Ok(run),
        several => {
            let ids: Vec<&str> = several.iter().map(|it| it.ownership.run.as_str()).collect();
            Err(format!("{by} may be any of {}", ids.join(", ")))
        }
    }
}

impl<'r> RunHere<'r> {
    fn names(&self, kind: &str) -> impl Iterator<Item = &'r str> {
        self.things.iter().filter(move |it| it.kind == kind).map(|it| it.name.as_str())
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        self.names(kind).count()
    }

    /// `2 containers, 1 network`.
    fn counts(&self) -> String {
        let counts = ["container", "network", "volume"].map(|kind| match self.count(kind) {
            0 => String::new(),
            1 => format!("1 {kind}"),
            several => format!("{several} {kind}s"),
        });
        counts.into_iter().filter(|count| !count.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// Its standing in words, at this time.
    fn stands(&self, now: SystemTime) -> String {
        let lease = humane(self.lease_ends.duration_since(now).unwrap_or_default());
        match self.standing {
            Standing::Live => "still running".to_owned(),
            Standing::Dead => "its process is gone, and kept nothing".to_owned(),
            Standing::Kept => format!("kept, its lease ends in {lease}"),
            Standing::KeptElsewhere => {
                format!("kept by machine {}, its lease ends in {lease}", self.ownership.owner.host)
            }
            Standing::Expired => "its lease is over".to_owned(),
            Standing::Elsewhere => {
                format!("of machine {}, where it may be running; its lease ends in {lease}", self.ownership.owner.host)
            }
        }
    }

    /// What removes it, where a plain sweep does not.
    fn remedy(&self) -> Option<String> {
        match self.standing {
            Standing::Live | Standing::Dead | Standing::Expired => None,
            Standing::Kept | Standing::KeptElsewhere => Some(format!("rehearse sweep {}", self.ownership.run)),
            Standing::Elsewhere => Some(format!("rehearse sweep --all {}", self.ownership.run)),
        }
    }

    fn bytes(&self, usage: &Usage) -> Option<u64> {
        usage.of(self.names("container"), self.names("volume"))
    }
}

/// The name of a standing, for programs.
fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Live => "running",
        Standing::Dead => "dead",
        Standing::Kept => "kept",
        Standing::KeptElsewhere => "kept-elsewhere",
        Standing::Expired => "expired",
        Standing::Elsewhere => "elsewhere",
    }
}

fn size(bytes: u64) -> String {
    let (kib, mib, gib) = ((1_u64 << 10) as f64, (1_u64 << 20) as f64, (1_u64 << 30) as f64);
    match bytes as f64 {
        bytes if bytes >= gib => format!("{:.1} GiB", bytes / gib),
        bytes if bytes >= mib => format!("{:.0} MiB", bytes / mib),
        bytes => format!("{:.0} KiB", bytes / kib),
    }
}

/// Lists the runs that have something on the engine.
pub(crate) fn list_runs(args: &ListArgs) -> Exit {
    let Some(runtime) = runtime() else { return Exit::Inconclusive };
    let listed = runtime.block_on(async {
        let client = Client::connect(None, say).await?;
        let remnants = list(&client).await?;
        let sizes = if remnants.is_empty() { Ok(Usage::default()) } else { usage(SIZES_LIMIT).await };
        Ok::<_, HostError>((remnants, sizes))
    });
    let (remnants, sizes) = match listed {
        Ok(listed) => listed,
        Err(error) => return unreachable(&error),
    };
    if let Err(error) = &sizes {
        say(&format!("note: sizes are unknown: {}", error.chain()));
    }
    let (runs, now) = (runs(&remnants), SystemTime::now());
    let bytes = |run: &RunHere<'_>| sizes.as_ref().ok().and_then(|usage| run.bytes(usage));
    print(&match args.format {
        Format::Json => {
            let runs: Vec<_> = runs
                .iter()
                .map(|run| {
                    json!({
                        "run": run.ownership.run, "scenario": run.ownership.scenario, "standing": word(run.standing),
                        "lease_ends": run.lease_ends.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
                        "containers": run.count("container"), "networks": run.count("network"),
                        "volumes": run.count("volume"), "bytes": bytes(run),
                    })
                })
                .collect();
            format!("{}\n", json!({ "runs": runs }))
        }
        Format::Text if runs.is_empty() => "no run has anything on this engine\n".to_owned(),
        Format::Text => runs.iter().map(|run| in_text(run, bytes(run), now)).collect(),
    });
    Exit::Passed
}

fn in_text(run: &RunHere<'_>, bytes: Option<u64>, now: SystemTime) -> String {
    let size = bytes.map_or_else(|| "size unknown".to_owned(), size);
    format!("{}  {}\n    {}; {}; {size}\n", run.ownership.run, run.ownership.scenario, run.stands(now), run.counts())
}

/// What `args` select; otherwise the reason why that cannot be swept.
fn selection(args: &SweepArgs, all: &[RunHere<'_>]) -> Result<Selection, String> {
    let Some(by) = &args.run else { return Ok(Selection::Dead { kept: args.kept, elsewhere: args.all }) };
    let run = named(all, by)?;
    match run.standing {
        Standing::Live => {
            return Err(format!("run {} is still running; cancel it, and it removes everything", run.ownership.run));
        }
        Standing::Elsewhere if !args.all => {
            return Err(format!(
                "run {} belongs to machine {}, and may be running there; if it does not: rehearse sweep --all {by}",
                run.ownership.run, run.ownership.owner.host
            ));
        }
        Standing::Dead | Standing::Kept | Standing::KeptElsewhere | Standing::Expired | Standing::Elsewhere => {}
    }
    Ok(Selection::Run { run: run.ownership.run.to_owned(), elsewhere: args.all })
}

/// Removes what dead and expired runs left, and what else `args` say.
pub(crate) fn sweep_leftovers(args: &SweepArgs) -> Exit {
    let Some(runtime) = runtime() else { return Exit::Inconclusive };
    let done = runtime.block_on(async {
        let client = Client::connect(None, say).await?;
        let remnants = list(&client).await?;
        let selection = match selection(args, &runs(&remnants)) {
            Ok(selection) => selection,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if args.dry_run {
            let (removed, spared) = remnants.into_iter().partition(|remnant| selection.includes(remnant));
            return Ok(Ok(SweepReport { removed, spared, leftovers: Vec::new() }));
        }
        sweep(&client, &selection).await.map(Ok)
    });
    let report = match done {
        Ok(Ok(report)) => report,
        Ok(Err(refusal)) => {
            say(&format!("error: {refusal}"));
            return Exit::BadInput;
        }
        Err(error) => return unreachable(&error),
    };
    print(&swept(args, &report, SystemTime::now()));
    if report.leftovers.is_empty() { Exit::Passed } else { Exit::Inconclusive }
}

fn swept(args: &SweepArgs, report: &SweepReport, now: SystemTime) -> String {
    let mut text = String::new();
    for run in runs(&report.removed) {
        let word = if args.dry_run { "would remove" } else { "removed" };
        for remnant in report.removed.iter().filter(|remnant| remnant.ownership.run == run.ownership.run) {
            let (kind, name) = (remnant.kind, &remnant.name);
            text.push_str(&format!(
                "{word} {kind} {name} (run {}, {}; {})\n",
                run.ownership.run,
                run.ownership.scenario,
                run.stands(now)
            ));
        }
    }
    for leftover in &report.leftovers {
        text.push_str(&format!("left behind {} {}: {}\n", leftover.kind, leftover.name, leftover.reason));
    }
    // Whoever names a run does not ask for the others.
    let spared = if args.run.is_none() { runs(&report.spared) } else { Vec::new() };
    for run in &spared {
        let counts = run.counts();
        text.push_str(&format!(
            "spared run {} ({}): {}; {counts}\n",
            run.ownership.run,
            run.ownership.scenario,
            run.stands(now)
        ));
        if let Some(remedy) = run.remedy() {
            text.push_str(&format!("  it goes with: {remedy}\n"));
        }
    }
    if text.is_empty() { "nothing to remove\n".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::Owner;

    fn remnant(run: &str, kind: &'static str, standing: Standing) -> Remnant {
        let lease_ends = UNIX_EPOCH + Duration::from_secs(7200);
        let owner = Owner { host: "vm".to_owned(), ..Owner::current() };
        let ownership = OwnershipLabels { run: run.to_owned(), scenario: "s".to_owned(), owner, expires: lease_ends };
        Remnant { kind, name: format!("{run}-{kind}"), ownership, standing, lease_ends, is_mark: false }
    }

    #[test]
    fn a_run_is_found_by_the_beginning_or_the_end_of_its_id() {
        let all = ["aa11", "aa22"].map(|run| remnant(run, "volume", Standing::Kept));
        let all = runs(&all);
        let found = |by| named(&all, by).map(|it| it.ownership.run.as_str());
        assert_eq!((found("aa1"), found("22")), (Ok("aa11"), Ok("aa22")));
        assert_eq!(found("aa"), Err("aa may be any of aa11, aa22".to_owned()));
        assert_eq!(found("bb"), Err("nothing of run bb is left on this engine".to_owned()));
    }

    #[test]
    fn a_run_that_runs_or_may_run_is_not_swept_by_its_name() {
        let args = |all| SweepArgs { run: Some("aa".to_owned()), kept: false, dry_run: false, all };
        let select = |standing, all| selection(&args(all), &runs(&[remnant("aa11", "volume", standing)]));
        let chosen = |elsewhere| Ok(Selection::Run { run: "aa11".to_owned(), elsewhere });
        assert_eq!(select(Standing::Kept, false), chosen(false));
        assert_eq!(select(Standing::Elsewhere, true), chosen(true));
        assert!(select(Standing::Elsewhere, false).is_err_and(|why| why.contains("machine vm")));
        assert!(select(Standing::Live, true).is_err_and(|why| why.contains("still running")));
    }

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 2048, 5 << 20, 3 << 30].map(size);
        assert_eq!(sizes, ["0 KiB", "2 KiB", "5 MiB", "3.0 GiB"]);
    }
}
