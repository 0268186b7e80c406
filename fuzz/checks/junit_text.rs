//! Texts of a product in `junit.xml`: of findings, doubts, notes, migrations, names.
//!
//! Whatever they are, the file is XML that reads back as what was sanitised, and no two cases have one name.

use std::collections::BTreeSet;
use std::time::Duration;

use rehearse::report::{attribute, head_and_tail, junit, one_line, xml};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::migrations::Migration;
use rehearse_core::outcome::code::{FindingCode, InconclusiveCode};
use rehearse_core::outcome::event::{CheckReport, Event, EventKind, RunStarted, StageTime};
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::reason::{Inconclusive, Reason};
use rehearse_core::outcome::subject::Subject;
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::planning::plan::{Phase, Plan, Stage, StageAction};
use rehearse_core::vocabulary::ident::{RunId, StageId};

/// The first byte says what the run came to; texts stand behind it, one after the other behind each 0xfe.
pub(crate) fn check(data: &[u8]) {
    let Some((seed, rest)) = data.split_first() else { return };
    // As every text from outside is read.
    let texts: Vec<String> =
        rest.split(|byte| *byte == 0xfe).take(24).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    texts.iter().for_each(|text| sanitised(text));
    let Some(summary) = summary(*seed, &texts) else { panic!("the events follow one another") };
    let Ok(file) = junit([(&summary, "out"), (&summary, "")]) else { panic!("memory takes all that is written") };
    let Ok(file) = String::from_utf8(file) else { panic!("the file is text") };
    let read = match roxmltree::Document::parse(&file) {
        Ok(read) => read,
        Err(error) => panic!("no XML: {error}"),
    };
    let mut names = BTreeSet::new();
    for node in read.descendants() {
        let value = |name| node.attribute(name).unwrap_or_default();
        if node.has_tag_name("testcase") {
            assert!(
                names.insert((value("classname"), value("name"))),
                "{} {} twice",
                value("classname"),
                value("name")
            );
        }
        if let Some(kind) = node.attribute("type") {
            assert!(kind.starts_with("rehearse::"), "{kind}");
        }
        for attribute in node.attributes() {
            assert!(!attribute.value().contains(|c: char| c.is_control() && c != '\u{85}'), "{attribute:?}");
            assert!(attribute.value().chars().count() <= 600, "{attribute:?}");
        }
    }
    let said: Vec<String> = read
        .descendants()
        .filter(|node| node.has_tag_name("failure") || node.has_tag_name("error"))
        .map(|node| node.children().filter_map(|part| part.text()).collect())
        .collect();
    // What a finding saw stands in a case as it was sanitised, unless it is long enough to be cut.
    for text in texts.iter().filter(|text| text.len() < 1000 && rest.len() < 8000) {
        let line = format!("\nactual    {}", xml(text));
        assert!(said.iter().any(|said| said.contains(&line)), "{line:?} is in none of {said:?}");
    }
}

/// What has passed the sanitiser passes it unchanged, and every text fits where it is to go.
fn sanitised(text: &str) {
    let clean = xml(text);
    assert!(clean.len() <= text.len() && xml(&clean) == clean, "{text:?}");
    assert!(!clean.contains(['\u{1b}', '\u{9b}', '\0', '\r', '\u{fffe}', '\u{ffff}']), "{clean:?}");
    assert!(!attribute(text).contains(['\n', '\t', '\r']));
    let line = one_line(text);
    assert!(
        !line.contains(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{202e}') && line.trim() == line,
        "{line:?}"
    );
    for limit in [0, 80, 200, 1000] {
        let cut = head_and_tail(&clean, limit);
        assert!(cut.len() <= limit.max(100), "{} of {limit}", cut.len());
        assert!(clean.len() > limit || cut == clean);
    }
}

/// A run of two stages with checks that are made of the texts.
fn summary(seed: u8, texts: &[String]) -> Option<Summary> {
    let text = |at: usize| texts.get(at % texts.len().max(1)).cloned().unwrap_or_default();
    let stage = |number: u32, at: usize, action| Stage {
        number,
        id: StageId(format!("{number}{}", text(at))),
        title: text(at + 1),
        phase: Phase::Source,
        hop: None,
        deployment: None,
        parent: None,
        action,
    };
    let stages = vec![
        stage(1, 2, StageAction::Baseline { checks: vec![CheckKind::Data, CheckKind::Logs] }),
        stage(2, 4, StageAction::Upgrade { steps: Vec::new() }),
        stage(3, 4, StageAction::Teardown),
    ];
    let ids: Vec<StageId> = stages.iter().map(|stage| stage.id.clone()).collect();
    let plan = Plan {
        scenario: text(0),
        about: None,
        product: text(1),
        edition: None,
        lists: Vec::new(),
        zero_downtime: false,
        needless: Vec::new(),
        from: "1.0".parse().ok()?,
        to: "2.0".parse().ok()?,
        hops: Vec::new(),
        backup: String::new(),
        deadline: Duration::from_secs(1),
        require: Vec::new(),
        require_coverage: Default::default(),
        skip_checks: Default::default(),
        production: None,
        stages,
    };
    let started =
        RunStarted { run: RunId("run".to_owned()), unix: 1_795_000_000, tool: "1".to_owned(), plan, expectation: None };
    let mut kinds = vec![EventKind::RunStarted(Box::new(started)), EventKind::StageStarted { stage: ids[0].clone() }];
    for (at, seen) in texts.iter().enumerate() {
        let finding = |seen: &str| {
            let subject = Subject::Table(text(at + 1));
            let mut finding = Finding::new(FindingCode::RowsLost, subject, text(at + 2), seen);
            finding.evidence = (seed & 1 == 0).then(|| text(at + 3));
            finding
        };
        let mut report = CheckReport::new(
            if at % 2 == 0 { CheckKind::Data } else { CheckKind::Logs },
            format!("{at}{}", text(at + 4)),
        );
        report.assertions = 1;
        report.findings.push(finding(seen));
        report.notes.push(text(at + 5));
        report.inconclusive.extend((seed & 2 == 0).then(|| Inconclusive::new(InconclusiveCode::NotRead, text(at + 6))));
        report.evidence.push(text(at + 7));
        kinds.push(EventKind::Checked { stage: ids[0].clone(), report: report.decide() });
        kinds.push(EventKind::Noted { stage: ids[0].clone(), note: Note::Remark(seen.clone()) });
    }
    let end = |stage: &StageId, outcome, reason| EventKind::StageFinished {
        stage: stage.clone(),
        outcome,
        findings: Vec::new(),
        reason,
        known: None,
        time: StageTime::default(),
    };
    kinds.push(end(&ids[0], Outcome::Passed, None));
    kinds.push(EventKind::StageStarted { stage: ids[1].clone() });
    let migration = Migration { version: text(0), name: text(1), took: None };
    kinds.push(EventKind::Migrated { stage: ids[1].clone(), migration });
    kinds.push(end(
        &ids[1],
        Outcome::Inconclusive,
        Some(Reason::Inconclusive(Inconclusive::new(InconclusiveCode::NotRead, text(3)))),
    ));
    if seed & 4 == 0 {
        kinds.push(EventKind::StageStarted { stage: ids[2].clone() });
        kinds.push(end(&ids[2], Outcome::Passed, None));
        kinds.push(EventKind::LeftBehind { leftovers: texts.to_vec() });
        kinds.push(EventKind::RunFinished);
    }
    let mut summary = Summary::new();
    for kind in kinds {
        summary.fold(&Event { at: Duration::ZERO, kind }).ok()?;
    }
    Some(summary)
}
