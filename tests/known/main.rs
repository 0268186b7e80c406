//! Known failures of the shipped products, against texts as people post them: each is recognised in its own texts, shown with
//! its cause and remedy, on its releases and no others, and not in texts that only look similar.

use std::collections::BTreeSet;
use std::path::Path;

use rehearse::load;
use rehearse_core::knowledge::diagnosis::{Diagnosis, Found, tree};
use rehearse_core::knowledge::signature::{KnownFailure, Recogniser, Sighting};
use rehearse_core::source::span::Source;
use rehearse_core::source::spec::read;
use schemars::JsonSchema;
use serde::Deserialize;

type Tried<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Sample {
    id: String,
    #[serde(default)]
    release: Option<String>,
    #[serde(default)]
    outside: Option<String>,
    says: Vec<String>,
    seen: Vec<String>,
    not: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn known(product: &str) -> Tried<(Vec<KnownFailure>, Vec<Sample>)> {
    let failures = load::failures(&root().join(format!("harness/products/{product}/failures.yaml")))?;
    let path = root().join(format!("tests/known/{product}.yaml"));
    let (samples, _) = read::<Vec<Sample>>(Source::new(path.display().to_string(), std::fs::read_to_string(&path)?))?;
    Ok((failures, samples))
}

fn found(recogniser: &Recogniser, text: &str, release: Option<&str>, piece: usize) -> Tried<Vec<Found>> {
    let release = release.map(str::parse).transpose()?;
    let mut diagnosis = Diagnosis::new(recogniser, release);
    diagnosis.begin("log");
    text.as_bytes().chunks(piece).for_each(|piece| diagnosis.take(piece));
    Ok(diagnosis.finish())
}

/// What is wrong with a sample, all at once.
fn wrong(recogniser: &Recogniser, failure: &KnownFailure, sample: &Sample) -> Tried<Vec<String>> {
    let mut wrong = Vec::new();
    let has = |all: &[Found]| all.iter().any(|found| found.known.id == sample.id);
    for (number, text) in sample.seen.iter().enumerate() {
        let all = found(recogniser, text, None, usize::MAX)?;
        let names: Vec<&str> = all.iter().map(|found| found.known.id.as_str()).collect();
        let Some(it) = all.iter().find(|found| found.known.id == sample.id) else {
            wrong.push(format!("text {number} is not recognised; found: {names:?}"));
            continue;
        };
        let roots: Vec<&str> = tree(&all).iter().map(|failure| failure.found.known.id.as_str()).collect();
        if roots != [&sample.id] {
            wrong.push(format!("text {number}: the root causes are {roots:?}"));
        }
        let texts: Vec<String> =
            all.iter().filter(|found| found.known.id == sample.id).map(|found| found.known.to_string()).collect();
        let missing = sample.says.iter().filter(|part| number == 0 && !texts.iter().any(|text| text.contains(*part)));
        wrong.extend(missing.map(|part| format!("{part:?} is not in {texts:#?}")));
        let open = texts.iter().find(|text| text.contains("{{") || text.contains("{%") || text.contains("  "));
        wrong.extend(open.map(|text| format!("text {number}: a placeholder or stray blanks are left in: {text}")));
        if it.excerpt.is_empty() || it.excerpt.iter().all(|line| line.trim().is_empty()) {
            wrong.push(format!("text {number} has no excerpt"));
        }
        if found(recogniser, text, None, 3)? != all {
            wrong.push(format!("text {number}: cut into pieces, something else is found"));
        }
        // In the middle of a log it is the same.
        let filler = "2024-01-01T00:00:00.000Z INFO all is well in this line of a log\n".repeat(2000);
        let inside = found(recogniser, &format!("{filler}{text}\n{filler}"), None, 1 << 16)?;
        let within: Vec<&str> = inside.iter().map(|found| found.known.id.as_str()).collect();
        if within != names || inside.iter().zip(&all).any(|(one, other)| one.line != other.line + 2000) {
            wrong.push(format!("text {number}: inside a log: {within:?}"));
        }
        let on: Vec<Option<&str>> = [&sample.release, &sample.outside].map(|release| release.as_deref()).to_vec();
        match (&failure.releases, on.as_slice()) {
            (None, [None, None]) => {}
            (Some(_), [Some(inside), Some(outside)]) => {
                if !has(&found(recogniser, text, Some(inside), usize::MAX)?) {
                    wrong.push(format!("text {number} is not recognised on {inside}"));
                }
                if has(&found(recogniser, text, Some(outside), usize::MAX)?) {
                    wrong.push(format!("text {number} is recognised on {outside}"));
                }
            }
            _ => wrong.push("`release` and `outside` are for failures with `releases`, and these need them".to_owned()),
        }
        // A rehearsal recognises it too, in what it looks at.
        let release = sample.release.as_deref().unwrap_or("18.0.0").parse()?;
        let place = failure.places.first().copied().unwrap_or(rehearse_core::knowledge::signature::Place::Log);
        let one = recogniser.recognise(&release, &[Sighting { place, text }]);
        let bounded = |id: &str| all.iter().any(|found| found.known.id == id && found.releases.is_some());
        if one.as_ref().is_none_or(|known| known.id != sample.id && !bounded(&known.id)) {
            wrong.push(format!("text {number}: a rehearsal recognises {one:?}"));
        }
    }
    for (number, text) in sample.not.iter().enumerate() {
        if has(&found(recogniser, text, None, usize::MAX)?) {
            wrong.push(format!("what it is not, {number}, is recognised"));
        }
    }
    if sample.seen.is_empty() || sample.not.is_empty() || sample.says.is_empty() {
        wrong.push("a sample needs `seen`, `not` and `says`".to_owned());
    }
    Ok(wrong)
}

fn check(product: &str) -> Tried {
    let (failures, samples) = known(product)?;
    let lines = load::product(product, None)?.product.log_lines;
    let recogniser = Recogniser::reading(&failures, &lines);
    let mut all = Vec::new();
    for failure in &failures {
        match samples.iter().find(|sample| sample.id == failure.id) {
            None => all.push(format!("{}: there is no sample", failure.id)),
            Some(sample) => {
                all.extend(wrong(&recogniser, failure, sample)?.iter().map(|what| format!("{}: {what}", failure.id)));
            }
        }
    }
    let ids: BTreeSet<&str> = failures.iter().map(|failure| failure.id.as_str()).collect();
    all.extend(samples.iter().filter(|sample| !ids.contains(sample.id.as_str())).map(|s| format!("{}: unknown", s.id)));
    assert!(all.is_empty(), "{} of {} failures:\n{}", all.len(), failures.len(), all.join("\n"));
    Ok(())
}

#[test]
fn every_known_failure_of_gitlab_is_recognised_as_it_is_posted() {
    // The whole of a refused file would be printed otherwise.
    check("gitlab").map_err(|error| error.to_string()).unwrap();
}
