//! The reporters on written event lists, without an engine: golden files, and promises that hold for all of them.
//!
//! `REHEARSE_BLESS=1` writes the golden files again.

mod runs;
mod stories;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rehearse::report::{Colour, Files, Jsonl, Junit, Look, Terminal, events_schema, summary_schema, write_junit};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::coverage::CoverageKind;
use rehearse_core::outcome::event::{Event, EventKind};
use rehearse_core::outcome::previous::PreviousRun;
use rehearse_core::outcome::reporter::Reporter;
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::Exit;

use self::stories::{Fallible, RUN, Run};

/// Another run of the same scenarios.
const AGAIN: Run = Run { id: "c0ffee", unix: 1_811_111_111, slow: 3 };

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

fn replay(events: &[Event], reporter: &mut dyn Reporter) -> Fallible<Summary> {
    let mut summary = Summary::new();
    for event in events {
        summary.fold(event)?;
        reporter.report(event, &summary)?;
    }
    Ok(summary)
}

fn terminal(events: &[Event], look: Look, colour: Colour) -> Fallible<String> {
    let sink = Sink::default();
    let reports = ["junit.xml", "summary.json", "events.jsonl"];
    replay(events, &mut Terminal::new(look, colour, "rehearse-out", &reports, Box::new(sink.clone())))?;
    Ok(sink.text())
}

fn junit(events: &[Event]) -> Fallible<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("deep/junit.xml");
    replay(events, &mut Junit::new(&path, "rehearse-out"))?;
    let others = std::fs::read_dir(folder.path().join("deep"))?.count();
    assert_eq!(others, 1, "nothing but the report is left");
    Ok(std::fs::read_to_string(path)?)
}

/// Compares with a golden file, or writes it.
fn golden(name: &str, actual: &str) -> Fallible {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/report/golden").join(name);
    if std::env::var_os("REHEARSE_BLESS").is_some_and(|bless| bless == "1") {
        return Ok(std::fs::write(path, actual)?);
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(actual.lines()).zip(1..).find(|((expected, actual), _)| expected != actual);
    assert!(expected == actual, "{name} differs (REHEARSE_BLESS=1 writes it again); first at {differs:#?}");
    Ok(())
}

/// A line per element: what is written has none, and a golden file is read by people.
fn lined(xml: &str) -> String {
    xml.replace("><test", ">\n<test").replace("><system-out", ">\n<system-out").replace("></test", ">\n</test")
}

#[test]
fn plain_lines_are_golden() -> Fallible {
    runs::all(&RUN)?.iter().try_for_each(|(name, events)| {
        golden(&format!("{name}.plain.txt"), &terminal(events, Look::Plain, Colour::Off)?)
    })
}

/// What becomes of a terminal must not decide how a run ends; a report in a file that cannot be written is an error.
#[test]
fn a_terminal_that_is_gone_is_no_error_and_a_file_is() -> Fallible {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    for (name, events) in runs::all(&RUN)? {
        for look in [Look::Plain, Look::Live, Look::GitLab] {
            let mut reporter = Terminal::new(look, Colour::Off, "rehearse-out", &[], Box::new(Gone));
            replay(&events, &mut reporter).map_err(|error| format!("{name}: {error}"))?;
        }
        assert!(replay(&events, &mut Junit::new(Path::new("/dev/full/junit.xml"), "rehearse-out")).is_err(), "{name}");
    }
    Ok(())
}

#[test]
fn lines_left_by_the_live_look_are_golden() -> Fallible {
    runs::all(&RUN)?
        .iter()
        .try_for_each(|(name, events)| golden(&format!("{name}.live.txt"), &terminal(events, Look::Live, Colour::Off)?))
}

#[test]
fn a_run_that_looked_at_less_than_is_required_says_what_it_left_out() -> Fallible {
    for (percent, exit) in [(98, Exit::Passed), (99, Exit::Inconclusive)] {
        let mut events = runs::passed(&RUN)?;
        for event in &mut events {
            if let EventKind::RunStarted(started) = &mut event.kind {
                started.plan.require_coverage.insert(CoverageKind::Tables, percent);
            }
        }
        let summary =
            replay(&events, &mut Terminal::new(Look::Plain, Colour::Off, "out", &[], Box::new(Sink::default())))?;
        assert_eq!(summary.exit(), exit);
        let (text, xml) = (terminal(&events, Look::Plain, Colour::Off)?, lined(&junit(&events)?));
        let wanted = ["less was looked at than is required", "tables 57/58, at least 99% required: sessions ("];
        for wanted in wanted {
            assert_eq!(text.contains(wanted), exit == Exit::Inconclusive, "{text}");
            assert_eq!(xml.contains(wanted), exit == Exit::Inconclusive, "{xml}");
        }
        let red = xml
            .lines()
            .any(|line| line.contains("<testcase") && line.contains("name=\"coverage\"") && line.contains("<error"));
        assert_eq!(red, exit == Exit::Inconclusive, "{xml}");
    }
    Ok(())
}

#[test]
fn folded_sections_are_golden_and_never_overlap() -> Fallible {
    let text = terminal(&runs::failed(&RUN)?, Look::GitLab, Colour::Off)?;
    golden("failed.gitlab.txt", &text.replace('\u{1b}', "\\e").replace('\r', "\\r"))?;
    let mut open = None;
    for mark in text.split("\u{1b}[0Ksection_").skip(1) {
        let mut parts = mark.split(['\r', '[']).next().unwrap_or_default().splitn(3, ':');
        let (what, name) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default().to_owned());
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)), "{name}");
        match what {
            "start" => assert_eq!(open.replace(name), None),
            _ => assert_eq!(open.take(), Some(name)),
        }
    }
    assert_eq!(open, None);
    Ok(())
}

#[test]
fn colour_only_repeats_what_words_say() -> Fallible {
    for (name, events) in runs::all(&RUN)? {
        for look in [Look::Plain, Look::Live] {
            let painted = terminal(&events, look, Colour::On)?;
            assert!(painted.contains("\u{1b}[32m"), "{name}");
            assert_eq!(rehearse::report::xml(&painted), terminal(&events, look, Colour::Off)?, "{name}");
        }
    }
    Ok(())
}

#[test]
fn nothing_from_outside_drives_the_terminal() -> Fallible {
    for (name, events) in runs::all(&RUN)? {
        for look in [Look::Plain, Look::Live] {
            let text = terminal(&events, look, Colour::Off)?;
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{name}: {text}");
        }
    }
    Ok(())
}

#[test]
fn junit_is_golden() -> Fallible {
    runs::all(&RUN)?.iter().try_for_each(|(name, events)| golden(&format!("{name}.junit.xml"), &lined(&junit(events)?)))
}

#[test]
fn junit_is_red_exactly_where_the_exit_code_is() -> Fallible {
    let mut all = runs::all(&RUN)?;
    all.push(("expected-with-consequence", runs::expected_with_consequence(&RUN)?));
    for (name, events) in all {
        let summary =
            replay(&events, &mut Terminal::new(Look::Plain, Colour::Off, "out", &[], Box::new(Sink::default())))?;
        let red = cases(&junit(&events)?)?
            .into_iter()
            .filter(|(_, children)| children.iter().any(|child| child == "failure" || child == "error"));
        let red: Vec<String> = red.map(|(case, _)| case).collect();
        // Of a cancelled run, everything that was not reached is skipped.
        let green = matches!(summary.exit(), Exit::Passed | Exit::Cancelled);
        assert_eq!(red.is_empty(), green, "{name}: {:?}, red: {red:?}", summary.exit());
    }
    Ok(())
}

#[test]
fn the_next_run_is_held_against_what_the_summary_says_of_rules() -> Fallible {
    let folder = tempfile::tempdir()?;
    let mut events = runs::passed(&RUN)?;
    let mut checked = None;
    for event in &mut events {
        if let EventKind::Checked { stage, report } = &mut event.kind {
            report.let_through("6.0: rewritten", 2);
            checked = Some((stage.clone(), report.clone()));
        }
    }
    replay(&events, &mut Files::new(folder.path()))?;
    let previous = PreviousRun::read(&std::fs::read_to_string(folder.path().join("summary.json"))?)?;
    let (stage, mut report) = checked.ok_or("no check")?;
    assert!(previous.finished && previous.doubt(&stage, report.clone()).inconclusive.is_empty());
    report.let_through("6.0: rewritten", 48);
    let reasons = previous.doubt(&stage, report).inconclusive;
    assert_eq!(reasons.iter().map(|reason| reason.code).collect::<Vec<_>>(), [InconclusiveCode::RuleGrew]);
    Ok(())
}

fn cases(xml: &str) -> Fallible<Vec<(String, Vec<String>)>> {
    let read = roxmltree::Document::parse(xml)?;
    let case = |node: roxmltree::Node<'_, '_>| {
        let id = format!(
            "{} {}",
            node.attribute("classname").unwrap_or_default(),
            node.attribute("name").unwrap_or_default()
        );
        (id, node.children().map(|child| child.tag_name().name().to_owned()).collect())
    };
    Ok(read.descendants().filter(|node| node.has_tag_name("testcase")).map(case).collect())
}

#[test]
fn names_are_the_same_in_another_run_at_another_time() -> Fallible {
    for ((name, first), (_, second)) in runs::all(&RUN)?.iter().zip(runs::all(&AGAIN)?) {
        let (first, second) = (cases(&junit(first)?)?, cases(&junit(&second)?)?);
        assert_eq!(first, second, "{name}");
        assert!(first.iter().all(|(id, _)| !id.contains(RUN.id)), "{name}");
    }
    Ok(())
}

#[test]
fn no_name_occurs_twice_even_when_a_scenario_does() -> Fallible {
    let folder = tempfile::tempdir()?;
    let summaries = runs::all(&RUN)?
        .iter()
        .map(|(_, events)| replay(events, &mut Files::new(folder.path())))
        .collect::<Fallible<Vec<_>>>()?;
    let path = folder.path().join("junit.xml");
    write_junit(&path, summaries.iter().map(|summary| (summary, "")))?;
    let cases = cases(&std::fs::read_to_string(path)?)?;
    let names: BTreeSet<&String> = cases.iter().map(|(name, _)| name).collect();
    assert!(cases.len() > 100 && names.len() == cases.len(), "{} of {}", names.len(), cases.len());
    Ok(())
}

#[test]
fn no_type_is_a_word_that_rails_casts() -> Fallible {
    // ActiveSupport's XmlMini: these are cast or, for yaml and symbol, refuse the whole suite.
    let magic = [
        "symbol",
        "date",
        "dateTime",
        "datetime",
        "integer",
        "float",
        "decimal",
        "boolean",
        "string",
        "yaml",
        "base64Binary",
        "hexBinary",
        "duration",
        "file",
        "array",
        "hash",
        "binary",
        "double",
        "bignum",
    ];
    for (name, events) in runs::all(&RUN)? {
        let xml = junit(&events)?;
        for node in roxmltree::Document::parse(&xml)?.descendants() {
            let kind = node.attribute("type").unwrap_or("rehearse::");
            assert!(kind.starts_with("rehearse::") && !magic.contains(&kind), "{name}: {kind}");
        }
    }
    Ok(())
}

#[test]
fn an_expected_failure_is_not_a_failure_in_junit() -> Fallible {
    let came = |events: &[Event]| -> Fallible<Vec<String>> {
        let troubled = cases(&junit(events)?)?;
        let wrong = |elements: &[String]| elements.iter().any(|element| element == "failure" || element == "error");
        Ok(troubled.into_iter().filter(|(_, elements)| wrong(elements)).map(|(id, _)| id).collect())
    };
    assert_eq!(came(&runs::failed(&RUN)?)?, ["rehearse.redmine-5.0-to-6.1 09 hop-2/upgrade"]);
    assert_eq!(came(&runs::expected_failure(&RUN)?)?, Vec::<String>::new());
    let left = came(&runs::leftovers(&RUN)?)?;
    assert_eq!(left, ["rehearse.redmine-5.0-to-6.1 14 teardown", "rehearse.redmine-5.0-to-6.1 leftovers"]);
    Ok(())
}

#[test]
fn gitlab_finds_our_attachment_and_none_that_came_from_outside() -> Fallible {
    for (name, events) in runs::all(&RUN)? {
        let xml = junit(&events)?;
        assert!(!xml.contains("[[ATTACHMENT|stolen"), "{name}");
    }
    assert!(junit(&runs::failed(&RUN)?)?.contains("[[ATTACHMENT|rehearse-out/evidence/hop-2-upgrade/migrate.log]]"));
    Ok(())
}

#[test]
fn a_report_is_complete_after_every_event() -> Fallible {
    let folder = tempfile::tempdir()?;
    let (xml, json) = (folder.path().join("junit.xml"), folder.path().join("summary.json"));
    let mut reporters: [Box<dyn Reporter>; 3] =
        [Box::new(Junit::new(&xml, "")), Box::new(Files::new(folder.path())), Box::new(Jsonl::new(folder.path())?)];
    let mut summary = Summary::new();
    for (number, event) in runs::killed(&RUN)?.iter().enumerate() {
        summary.fold(event)?;
        reporters.iter_mut().try_for_each(|reporter| reporter.report(event, &summary))?;
        roxmltree::Document::parse(&std::fs::read_to_string(&xml)?)?;
        let read: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&json)?)?;
        assert_eq!(read["finished"], false);
        assert_ne!(read["exit_code"], 0, "a run that has not ended is never green");
        let lines = std::fs::read_to_string(folder.path().join("events.jsonl"))?;
        assert_eq!(lines.lines().count(), number + 1);
    }
    let plan: rehearse_core::planning::plan::Plan =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("plan.json"))?)?;
    assert_eq!(plan.stages.len(), 14);
    Ok(())
}

#[test]
fn files_are_golden() -> Fallible {
    for (name, events) in runs::all(&RUN)? {
        let folder = tempfile::tempdir()?;
        replay(&events, &mut Files::new(folder.path()))?;
        golden(&format!("{name}.summary.json"), &std::fs::read_to_string(folder.path().join("summary.json"))?)?;
        replay(&events, &mut Jsonl::new(folder.path())?)?;
        golden(&format!("{name}.events.jsonl"), &std::fs::read_to_string(folder.path().join("events.jsonl"))?)?;
    }
    Ok(())
}

#[test]
fn schemas_are_golden() -> Fallible {
    golden("events.schema.json", &(serde_json::to_string_pretty(&events_schema())? + "\n"))?;
    golden("summary.schema.json", &(serde_json::to_string_pretty(&summary_schema())? + "\n"))
}

#[test]
fn time_of_background_stages_is_counted_once() -> Fallible {
    let folder = tempfile::tempdir()?;
    let summary = replay(&runs::passed(&RUN)?, &mut Files::new(folder.path()))?;
    let read: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("summary.json"))?)?;
    let seconds = |key: &str| read["totals"][key].as_f64().unwrap_or_default();
    let sum = seconds("product_s") + seconds("engine_s") + seconds("own_s");
    assert!((sum - summary.wall().as_secs_f64()).abs() < 0.002, "{sum}");
    assert!(seconds("own_share") < 0.05, "{}", seconds("own_share"));
    Ok(())
}

#[test]
fn a_report_that_cannot_be_written_names_the_file() -> Fallible {
    let folder = tempfile::tempdir()?;
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "")?;
    let error = |result: Fallible<Summary>| result.err().map(|error| error.to_string()).unwrap_or_default();
    let events = runs::passed(&RUN)?;
    assert!(error(replay(&events, &mut Junit::new(&blocked.join("junit.xml"), ""))).contains("file/junit.xml"));
    assert!(error(replay(&events, &mut Files::new(&blocked))).contains("file/plan.json"));
    assert!(Jsonl::new(Path::new(&blocked)).is_err());
    Ok(())
}

/// The time grows with the checks: looking for each among all others would take minutes for these.
#[test]
fn many_checks_are_folded_in_linear_time_and_each_only_once() -> Fallible {
    let stage = "hop-1/check";
    let mut log = stories::EventLog::new(&RUN, None)?.begin(stage);
    for number in 0..60_000 {
        log = log.checked(stage, stories::good(CheckKind::Access, &format!("the object of number {number}"), 1));
    }
    let mut summary = Summary::new();
    let began = std::time::Instant::now();
    log.events.iter().try_for_each(|event| summary.fold(event))?;
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert_eq!(summary.checks(), 60_000);
    let mut twice = log.events.last().cloned().ok_or("no event")?;
    let refused = summary.fold(&twice).err().map(|illegal| illegal.to_string()).unwrap_or_default();
    assert!(refused.contains("a second check \"access: the object of number 59999\" in hop-1/check"), "{refused}");
    // The same name of another kind is another check.
    if let EventKind::Checked { report, .. } = &mut twice.kind {
        report.kind = CheckKind::Artifacts;
    }
    summary.fold(&twice)?;
    assert_eq!(summary.checks(), 60_001);
    Ok(())
}
