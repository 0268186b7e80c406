//! Looks for known failures in what a stage has left: its findings, the output of its commands, the responses, and what
//! the services logged since the hop began.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rehearse_core::knowledge::signature::{Place, SEARCHED, Sighting};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::event::{CheckReport, EventKind};
use rehearse_core::outcome::finding::{Finding, Known};
use rehearse_core::outcome::reason::{Inconclusive, Reason};
use rehearse_core::planning::plan::Stage;
use rehearse_core::vocabulary::ident::DeploymentName;
use rehearse_core::vocabulary::release::Release;

use super::case::StageContext;
use super::context::RunContext;
use super::evidence::TextKind;
use super::host::{Host, InstanceRef};
use super::observer::Observer;
use super::state::State;

/// A text of evidence, and where it comes from.
type Text = (Place, String);

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Emits the report of a check, with the known failures that are recognised in it, and doubts about rules that let far
    /// more through than on the run before.
    pub(crate) fn emit_check(&self, ctx: &StageContext, state: &State, mut report: CheckReport) {
        if let Some(previous) = &self.case.previous {
            report = previous.doubt(&ctx.stage, report);
        }
        if self.has_known_failures() {
            let place = if report.kind == CheckKind::Logs { Place::Log } else { Place::Finding };
            for finding in &mut report.findings {
                let texts = match place {
                    // A log line is its own evidence; the rest of the log is about something else.
                    Place::Log => Vec::new(),
                    Place::Finding | Place::Output | Place::Response => self.evidence_texts(state, finding),
                };
                finding.known = self.recognise(&ctx.release, place, &finding.to_string(), &texts);
            }
            if !report.inconclusive.is_empty() {
                report.known = self.recognise(&ctx.release, Place::Finding, &joined(&report.inconclusive), &[]);
            }
        }
        self.events.emit(EventKind::Checked { stage: ctx.stage.clone(), report });
    }

    /// Recognises known failures in the findings of a stage that has ended, or behind the reason why it could not end.
    pub(crate) fn recognise_stage(
        &self,
        stage: &Stage,
        state: &State,
        findings: &mut [Finding],
        reason: Option<&Reason>,
    ) -> Option<Known> {
        if !self.has_known_failures() {
            return None;
        }
        let release = state.ctx(&self.case, stage).to;
        for finding in &mut *findings {
            let texts = self.evidence_texts(state, finding);
            finding.known = self.recognise(&release, Place::Finding, &finding.to_string(), &texts);
        }
        match (findings.iter_mut().next(), reason) {
            (Some(first), _) => {
                // If no finding shows a known failure, the logs of the services may.
                if first.known.is_none() {
                    first.known = self.recognise(&release, Place::Finding, "", &self.log_texts(stage, state));
                }
                None
            }
            (None, Some(Reason::Inconclusive(reason))) => {
                let mut texts = self.log_texts(stage, state);
                texts.extend(self.last_output(stage));
                self.recognise(&release, Place::Finding, &reason.to_string(), &texts)
            }
            (None, Some(Reason::Cancelled(_) | Reason::Skipped(_)) | None) => None,
        }
    }

    fn has_known_failures(&self) -> bool {
        !self.recogniser.is_empty()
    }

    fn recognise(&self, release: &Release, place: Place, text: &str, texts: &[Text]) -> Option<Known> {
        let also = (place != Place::Finding).then_some(Sighting { place: Place::Finding, text });
        let mut sightings = vec![Sighting { place, text }];
        sightings.extend(also);
        sightings.extend(texts.iter().map(|(place, text)| Sighting { place: *place, text }));
        self.recogniser.recognise(release, &sightings)
    }

    /// The text of a finding's evidence; of a service's log, only what was printed since the hop began.
    fn evidence_texts(&self, state: &State, finding: &Finding) -> Vec<Text> {
        let Some(evidence) = &finding.evidence else { return Vec::new() };
        let path = self.case.out.join(evidence);
        if path.starts_with(self.case.out.join("logs")) {
            return read_ends(&path, state.printed_before(&path)).map(|text| (Place::Log, text)).into_iter().collect();
        }
        // Tables and other states are written by us; they hold no text of the product.
        let Some(kind) = self.evidence.text_kind(evidence) else { return Vec::new() };
        read_ends(&path, 0).map(|text| (place(kind), text)).into_iter().collect()
    }

    /// What the services of a stage's deployment have printed since the hop began.
    fn log_texts(&self, stage: &Stage, state: &State) -> Vec<Text> {
        let deployment = stage.deployment.clone().unwrap_or_else(DeploymentName::main);
        let services = self.case.product.services.keys();
        let logs = services.filter_map(|name| self.host.log_file(&InstanceRef::of(&deployment, name)));
        logs.filter_map(|file| Some((Place::Log, read_ends(&file, state.printed_before(&file))?))).collect()
    }

    /// The output of the last command of a stage, or its last response.
    fn last_output(&self, stage: &Stage) -> Option<Text> {
        let (file, kind) = self.evidence.last_text(&stage.id.0)?;
        Some((place(kind), read_ends(&self.case.out.join(file), 0)?))
    }
}

fn place(kind: TextKind) -> Place {
    match kind {
        TextKind::Output => Place::Output,
        TextKind::Response => Place::Response,
    }
}

fn joined(reasons: &[Inconclusive]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The part of a file, from an offset on, that is searched: its beginning and its end.
fn read_ends(path: &Path, from: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let (length, part) = (file.metadata().ok()?.len(), SEARCHED as u64);
    let from = if from <= length { from } else { 0 };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from)).ok()?;
    if length - from <= 2 * part {
        file.take(2 * part).read_to_end(&mut bytes).ok()?;
    } else {
        (&mut file).take(part).read_to_end(&mut bytes).ok()?;
        // An empty line between the two, so that nothing matches across the gap.
        bytes.extend_from_slice(b"\n\n");
        file.seek(SeekFrom::Start(length - part + 2)).ok()?;
        file.take(part - 2).read_to_end(&mut bytes).ok()?;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_and_the_end_of_a_long_log_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.log");
        std::fs::write(&path, format!("old\nfirst{}last", "x".repeat(3 * SEARCHED))).unwrap();
        let text = read_ends(&path, 4).unwrap();
        assert!(text.starts_with("first") && text.ends_with("last") && text.len() <= 2 * SEARCHED, "{}", text.len());
        assert!(!read_ends(&path, 4).unwrap().contains("old"));
        std::fs::write(&path, "short").unwrap();
        assert_eq!(read_ends(&path, 2).as_deref(), Some("ort"));
        assert_eq!(read_ends(&path, 99).as_deref(), Some("short"));
    }
}
