//! Logs of a product, with the patterns of shipped products and some that are harder: sifted, judged, and searched for
//! known failures.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rehearse_core::check::{LogScanner, judge_logs};
use rehearse_core::knowledge::signature::{KnownFailure, Place, Sighting, recognise};
use rehearse_core::model::product::LogCheck;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::LogReview;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::source::span::Source;
use rehearse_core::source::spec::read;
use rehearse_core::vocabulary::release::Release;
use serde_json::json;

use crate::pieces::pieces;

static CHECKS: LazyLock<Vec<LogCheck>> = LazyLock::new(|| {
    let checks = [
        json!({
            "errors": ["^[EF], .* -- : (\\[[0-9a-f-]{36}\\] \\S|[^\\[])", " (ERROR|FATAL|PANIC):  ", "(?i)^(error|fatal|fault)\\b",
                "\\b(ERROR|CRITICAL)\\b", "\\b[A-Z]\\w+Error\\)", "^Traceback"],
            "allow": [{"pattern": "gs binary", "because": "optional"}, {"pattern": "KeyError: 'known'", "because": "known"}],
        }),
        json!({"errors": ["\\b(ERROR|FATAL)\\b", "^[A-Z]\\w*Error", "(?i)^échec", "ENDS$", "^$"]}),
        json!({"errors": ["one\\s+ERROR", "[^x]ERROR", "(?s)a.b", "E[^x]*Z"]}),
        json!({"errors": ["\\AERROR", "lost\\z", "(?x) E R R O R  # a word", "\\W\\D$"]}),
    ];
    checks.into_iter().filter_map(|check| serde_json::from_value(check).ok()).collect()
});
static RELEASE: LazyLock<Option<Release>> = LazyLock::new(|| "2.0".parse().ok());
static KNOWN: LazyLock<Vec<KnownFailure>> = LazyLock::new(|| {
    let text = include_str!("../../harness/products/nautobot/failures.yaml");
    read(Source::new("failures.yaml", text)).map(|(list, _)| list).unwrap_or_default()
});

/// The first byte chooses patterns and where the log is cut; the log begins behind it.
pub(crate) fn check(data: &[u8]) {
    let Some((seed, log)) = data.split_first() else { return };
    let (Some(release), [_, _, _, _], false) = (RELEASE.as_ref(), CHECKS.as_slice(), KNOWN.is_empty()) else {
        panic!("the patterns are good");
    };
    let patterns = &CHECKS[usize::from(seed % 4)];
    let whole = review(patterns, release, [log]);
    assert_eq!(whole, review(patterns, release, pieces(log, *seed)), "it does not matter where a log is cut");
    sound(&whole, log);
    judged(&whole);
    recognised(release, log);
}

fn review<'a>(check: &LogCheck, release: &Release, pieces: impl IntoIterator<Item = &'a [u8]>) -> LogReview {
    let Ok(mut scanner) = LogScanner::new(check, release, "web") else { panic!("the patterns are good") };
    for piece in pieces {
        scanner.take(piece);
    }
    scanner.finish()
}

/// Every line is counted once, and every error belongs to a line and a kind.
fn sound(review: &LogReview, log: &[u8]) {
    let ends = log.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(review.lines, ends + u64::from(log.last().is_some_and(|last| *last != b'\n')), "lines");
    let of_kinds: u64 = review.kinds.iter().map(|kind| kind.count).sum();
    assert_eq!(review.count, of_kinds + review.beyond);
    assert!(review.count + review.allowed.values().sum::<u64>() <= review.lines, "{review:?}");
    assert!(review.kinds.len() <= 1000);
    assert!(review.kinds.is_sorted_by_key(|kind| kind.line), "kinds stand in the order in which each was first met");
    for kind in &review.kinds {
        assert!(kind.count > 0 && (1..=review.lines).contains(&kind.line), "{kind:?}");
        assert!((1..=9).contains(&kind.example.len()), "{kind:?}");
        assert!(kind.example.iter().all(|line| line.len() < 4000 && !line.contains('\n')), "{kind:?}");
        assert!(kind.shape.len() < 4000, "{kind:?}");
    }
    let mut shapes: Vec<&str> = review.kinds.iter().map(|kind| kind.shape.as_str()).collect();
    shapes.sort_unstable();
    shapes.dedup();
    assert_eq!(shapes.len(), review.kinds.len(), "a kind is kept once");
}

/// What the baseline had too is no finding; what it had not is.
fn judged(review: &LogReview) {
    let outcome = |baseline: &[LogReview]| {
        let mut report = CheckReport::new(CheckKind::Logs, "all");
        judge_logs(std::slice::from_ref(review), baseline, &BTreeSet::new(), &mut report);
        report.decide().outcome
    };
    let (same, new) = (outcome(std::slice::from_ref(review)), outcome(&[]));
    match (review.lines, review.beyond) {
        (0, _) => assert_eq!((same, new), (Outcome::Inconclusive, Outcome::Inconclusive)),
        (_, 0) => {
            assert_eq!(same, Outcome::Passed);
            assert_eq!(new, if review.kinds.is_empty() { Outcome::Passed } else { Outcome::Failed });
        }
        (_, _) => assert!(same != Outcome::Passed && new != Outcome::Passed),
    }
}

/// A known failure is told with what its pattern found, and without a placeholder that was left open.
fn recognised(release: &Release, log: &[u8]) {
    let text = String::from_utf8_lossy(log);
    for place in [Place::Log, Place::Output] {
        if let Some(known) = recognise(&KNOWN, release, &[Sighting { place, text: &text }]) {
            assert!(KNOWN.iter().any(|failure| failure.id == known.id));
            assert!(!known.cause.contains("{{ match.") && !known.remedy.contains("{{ match."), "{known:?}");
        }
    }
}
