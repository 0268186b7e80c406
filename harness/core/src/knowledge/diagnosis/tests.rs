use super::*;
use crate::knowledge::signature::{JsonLines, KnownFailure};
use crate::model::product::LogCheck;
use crate::source::span::Source;
use crate::source::spec::read;

const LIST: &str = r#"
- id: reason
  pattern: 'column "(?P<column>\w+)" is gone'
  before: 'step (?P<step>\d+) begins'
  after: 'try (?P<command>\w+)'
  cause: '{{ match.column }} in step {{ match.step }}'
  remedy: 'run {{ match.command }}'
  source: s
- id: wrapper
  pattern: all later steps canceled
  cause: a step failed
  remedy: look below
  source: s
  consequence-of: [reason, old]
- id: general
  pattern: is gone
  cause: c
  remedy: r
  source: s
  consequence-of: [reason]
- id: old
  pattern: too old
  releases: "<2"
  cause: c
  remedy: r
  source: s
- id: several
  pattern: 'begin\n(?:[^\n]*\n){0,3}?[^\n]*(?P<word>\w+) end of it'
  cause: c {{ match.word }}
  remedy: r
  source: s
"#;

fn failures() -> Vec<KnownFailure> {
    read::<Vec<KnownFailure>>(Source::new("failures.yaml", LIST)).unwrap().0
}

/// The result is the same however the logs are cut into pieces.
fn diagnose(logs: &[&str], release: Option<&str>) -> Vec<Found> {
    let recogniser = Recogniser::new(&failures());
    let by = |piece: usize| {
        let mut diagnosis = Diagnosis::new(&recogniser, release.map(|release| release.parse().unwrap()));
        for (number, log) in logs.iter().enumerate() {
            diagnosis.begin(format!("log {number}"));
            log.as_bytes().chunks(piece).for_each(|piece| diagnosis.take(piece));
        }
        diagnosis.finish()
    };
    let expected = by(usize::MAX);
    for piece in [1, 7, 4096] {
        assert_eq!(by(piece), expected, "in pieces of {piece}");
    }
    expected
}

fn check(logs: &[&str], expected: &[(&str, u64, u64)]) -> Vec<Found> {
    let found = diagnose(logs, None);
    let short: Vec<(&str, u64, u64)> =
        found.iter().map(|found| (found.known.id.as_str(), found.line, found.count)).collect();
    assert_eq!(short, expected, "{logs:#?}");
    found
}

const ATTEMPT: &str =
    "step 1 begins\nstep 2 begins\naborted!\nall later steps canceled:\n\ncolumn \"x\" is gone\ntry this\n";

#[test]
fn a_failure_is_reported_once_with_its_context() {
    let found = check(&[ATTEMPT], &[("wrapper", 4, 1), ("reason", 6, 1)]);
    assert_eq!((found[1].known.cause.as_str(), found[1].known.remedy.as_str()), ("x in step 2", "run this"));
    assert_eq!(found[1].excerpt, ["column \"x\" is gone"]);
}

#[test]
fn a_consequence_is_below_its_cause_wherever_it_occurs() {
    let found = check(&[ATTEMPT], &[("wrapper", 4, 1), ("reason", 6, 1)]);
    let tree = tree(&found);
    assert_eq!(tree.len(), 1);
    assert_eq!(
        (tree[0].found.known.id.as_str(), tree[0].consequences[0].found.known.id.as_str()),
        ("reason", "wrapper")
    );
    assert_eq!(tree[0].consequences[0].follows.map(|found| found.known.id.as_str()), Some("reason"));
}

#[test]
fn of_several_causes_the_nearest_counts() {
    let far = format!("too old\n{}{ATTEMPT}", "fine\n".repeat(10));
    let found = check(&[&far], &[("old", 1, 1), ("wrapper", 15, 1), ("reason", 17, 1)]);
    let tree = tree(&found);
    let roots: Vec<&str> = tree.iter().map(|failure| failure.found.known.id.as_str()).collect();
    assert_eq!((roots, tree[1].consequences.len()), (vec!["old", "reason"], 1));
}

#[test]
fn what_comes_much_later_is_not_a_cause() {
    let late = format!("all later steps canceled\n{}column \"x\" is gone\n", "fine\n".repeat(100));
    let found = check(&[&late], &[("wrapper", 1, 1), ("reason", 102, 1)]);
    assert_eq!(tree(&found).len(), 2);
    let other = ["all later steps canceled\n", &format!("{}column \"x\" is gone\n", "fine\n".repeat(100))];
    let found = check(&other, &[("wrapper", 1, 1), ("reason", 101, 1)]);
    assert_eq!(tree(&found).len(), 1);
}

#[test]
fn a_repetition_of_the_same_error_is_not_counted() {
    let again =
        format!("{ATTEMPT}\nCaused by:\nE: column \"x\" is gone\n  at a\nCaused by:\ncolumn \"x\" is gone\ntry this\n");
    check(&[&again], &[("wrapper", 4, 1), ("reason", 6, 1)]);
    check(&[&format!("{again}{ATTEMPT}")], &[("wrapper", 4, 2), ("reason", 6, 2)]);
    check(&[ATTEMPT, ATTEMPT], &[("wrapper", 4, 2), ("reason", 6, 2)]);
    let far = format!("{ATTEMPT}Caused by:\n{}{ATTEMPT}", "  at a\n".repeat(600));
    check(&[&far], &[("wrapper", 4, 2), ("reason", 6, 2)]);
}

#[test]
fn variants_of_a_failure_are_reported_separately_up_to_a_limit() {
    let two = format!("{ATTEMPT}{}", ATTEMPT.replace("\"x\"", "\"y\""));
    check(&[&two], &[("wrapper", 4, 2), ("reason", 6, 1), ("reason", 13, 1)]);
    let many: String = (0..200).map(|n| format!("column \"c{n}\" is gone\n")).collect();
    let found = diagnose(&[&many], None);
    assert_eq!((found.len(), found.iter().map(|found| found.count).sum::<u64>()), (MAX_VARIANTS, 200));
}

#[test]
fn failures_of_other_releases_are_not_reported() {
    let ids = |release: Option<&str>| -> Vec<String> {
        diagnose(&["too old\n"], release).into_iter().map(|found| found.known.id).collect()
    };
    assert_eq!(ids(None), ["old"]);
    assert_eq!(ids(Some("1.9")), ["old"]);
    assert_eq!(ids(Some("2.0")), Vec::<String>::new());
    assert_eq!(diagnose(&["too old"], None)[0].releases.as_ref().map(ToString::to_string).as_deref(), Some("<2"));
}

#[test]
fn prefixes_colours_and_wraps_do_not_hide_a_failure() {
    let prefixed: String =
        ATTEMPT.lines().map(|line| format!("web-1  | 2024-01-02T03:04:05Z     \x1b[31m{line}\x1b[0m\r\n")).collect();
    let found = check(&[&prefixed], &[("wrapper", 4, 1), ("reason", 6, 1)]);
    assert_eq!((found[1].known.cause.as_str(), found[1].known.remedy.as_str()), ("x in step 2", "run this"));
    for wrapped in [
        "step 2 beg\nins\ncolumn \"x\" is\n gone\ntr\ny this\n",
        "step 2 begins\ncol              umn \"x\"   is gone\ntry this\n",
    ] {
        let found = diagnose(&[wrapped], None);
        assert_eq!(found[0].known.id, "reason", "{wrapped}");
        assert!(found[0].known.cause.starts_with("x in step 2"), "{:?}", found[0].known);
    }
    let json = r#"{"severity":"ERROR","message":"all later steps canceled:\n\ncolumn \"x\" is gone\ntry this"}"#;
    let found = check(&[json], &[("reason", 1, 1)]);
    assert_eq!(found[0].known.remedy, "run this");
}

#[test]
fn a_pattern_over_several_lines_does_not_reach_further() {
    check(&["x\nbegin\nmore\nthis is the end of it\ny\n"], &[("several", 2, 1)]);
    check(&["begin\n1\n2\n3\n4\nthis is the end of it\n"], &[]);
    let prefixed = "app_1 | begin\napp_1 | more\napp_1 | the end of it\n";
    check(&[prefixed], &[("several", 1, 1)]);
}

#[test]
fn lines_are_counted_in_logs_larger_than_the_buffer() {
    let filler = "a line that says nothing at all, but takes its room\n".repeat(20_000);
    let text = format!("{filler}{ATTEMPT}{filler}too old");
    check(&[&text], &[("wrapper", 20_004, 1), ("reason", 20_006, 1), ("old", 40_008, 1)]);
    let endless = format!("{}too old{}\nis gone\n", "x".repeat(3 << 20), "y".repeat(3 << 20));
    check(&[&endless], &[("old", 1, 1), ("general", 2, 1)]);
}

#[test]
fn secrets_next_to_a_failure_are_not_shown() {
    let found = diagnose(&["password=geheim token: abc column \"x\" is gone"], None);
    assert_eq!(found[0].excerpt, ["password=[not shown] token: [not shown] column \"x\" is gone"]);
}

#[test]
fn a_wrapped_quotation_of_any_depth_is_recognised() {
    for mark in ["> ", ">>", "> >> ", "> > > > > > > > "] {
        let log = format!("{mark}all later\n{mark}steps\n{mark}canceled\n");
        check(&[&log], &[("wrapper", 1, 1)]);
    }
}

/// The first lines and the counts of unexplained errors in a log, the same however it is cut into pieces.
fn unexplained(log: &str, most: usize) -> Vec<(u64, u64)> {
    let check: LogCheck = read(Source::new("check.yaml", "errors: ['ERROR']\nallow: []\n")).unwrap().0;
    let recogniser = Recogniser::new(&failures());
    let by = |piece: usize| {
        let mut diagnosis = Diagnosis::new(&recogniser, None);
        let mut errors = Unexplained::new(&check, &JsonLines::default(), None, most).unwrap();
        diagnosis.begin("log");
        errors.begin("log");
        for piece in log.as_bytes().chunks(piece) {
            diagnosis.take(piece);
            errors.take(piece, &diagnosis.explained());
        }
        diagnosis.end();
        errors.end(&diagnosis.explained());
        errors.first().iter().map(|error| (error.line, error.count)).collect::<Vec<_>>()
    };
    let expected = by(usize::MAX);
    for piece in [7, 4096] {
        assert_eq!(by(piece), expected, "in pieces of {piece}");
    }
    expected
}

#[test]
fn an_error_on_the_lines_of_a_known_failure_is_explained() {
    assert_eq!(unexplained("ERROR a\nERROR all later steps canceled\nERROR b\n", 5), [(1, 1), (3, 1)]);
    assert_eq!(unexplained("ERROR: it says:\n\nall later steps canceled\nERROR: it says:\n", 5), [(4, 1)]);
    assert_eq!(unexplained("ERROR a\n  all later steps canceled\nERROR a\n", 5), [(3, 1)]);
    assert_eq!(unexplained("ERROR\nERROR all later\nsteps canceled\nERROR\n", 5), [(1, 2)]);
    assert_eq!(unexplained("ERROR a\nERROR b\nERROR c\nERROR a\n", 2), [(1, 2), (2, 1)]);
    // In a long log as in a short one.
    let log = format!("{}ERROR all later steps canceled\n{0}ERROR x y\n{0}", "nothing here\n".repeat(200_000));
    assert_eq!(unexplained(&log, 5), [(400_002, 1)]);
}

fn netted(log: &str) -> (Vec<u64>, Vec<String>) {
    let by = |piece: usize| {
        let mut net = WideNet::new(None, &JsonLines::default(), &failures(), 5).unwrap();
        net.begin("log");
        log.as_bytes().chunks(piece).for_each(|piece| net.take(piece, true));
        net.end();
        let found = net.finish();
        (found.lines.iter().map(|error| error.line).collect::<Vec<_>>(), found.end.unwrap_or_default().1)
    };
    let expected = by(usize::MAX);
    for piece in [1, 7, 4096] {
        assert_eq!(by(piece), expected, "in pieces of {piece}");
    }
    expected
}

#[test]
fn a_wide_net_finds_words_of_errors_unless_they_are_denied() {
    for line in [
        "tar: Unexpected EOF in archive",
        "free space: NOT OK",
        "Could not chdir",
        "can't write",
        "mkdir: Permission denied",
        "java.lang.IllegalStateException: x",
        "0 errors, 3 failures",
        "10 errors",
        "Exiting.",
    ] {
        assert_eq!(netted(&format!("fine\n{line}\nfine")).0, [2], "{line}");
    }
    for line in [
        "0 errors",
        "no error",
        "12 passed, 0 failed",
        "errors: 0",
        "{\"error\":null,\"exception\": \"\"}",
        "reading /var/log/error.log",
        "without any errors",
        "terrors of failover",
    ] {
        assert_eq!(netted(&format!("fine\n{line}\nfine")).0.len(), 0, "{line}");
    }
    assert_eq!(netted(&"failed\n".repeat(9)).0, [1, 2, 3, 4, 5]);
    assert_eq!(netted("a\nb\n\n  \nc\r\nd").1, ["b", "c", "d"]);
    assert_eq!(netted(&"x".repeat(1 << 20)).1.len(), 1);
    assert_eq!(netted("\n\n").1.len(), 0);
}
