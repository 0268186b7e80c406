//! Runs the probes of a product and judges what they observe, each against the baseline.

use std::collections::BTreeMap;

use rehearse_core::check::{Compared, ExpectContext, RowWrite, judge_response};
use rehearse_core::model::product::{AllowedChange, Aspect, Capture, Expect, NameOr, Probe, ProbeStep};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::Observation;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::vocabulary::template::Template;
use serde_json::{Map, Value};

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::execute::ExecTarget;
use super::host::Host;
use super::login::Logins;
use super::observer::Observer;

/// Observations by request: the kind, the probe, the values of `for-each`, and the number of the active step.
pub(crate) type Observations = BTreeMap<String, Observation>;

/// What a probe is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Against<'a> {
    /// Nothing: this is the baseline.
    Nothing,
    /// The observations of the baseline.
    Baseline(&'a Observations),
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Runs one probe for every combination of its values.
    pub(crate) async fn probe(
        &self,
        ctx: &StageContext,
        kind: CheckKind,
        probe: &Probe,
        against: Against<'_>,
    ) -> Result<Probed, EngineError> {
        let mut report = CheckReport::new(kind, &probe.name);
        let mut made = Vec::new();
        let mut observations = Observations::new();
        let source = &self.case.plan.from;
        let crossed = |change: &&AllowedChange| *source < change.crossing && change.crossing <= ctx.release;
        let crossed: Vec<&AllowedChange> = probe.changes.iter().filter(crossed).collect();
        let values = self.render_values(ctx, &probe.for_each)?;
        let visit = format!("{}/{}", kind.name(), probe.name);
        let mut logins = Logins::default();
        for each in combinations(&values) {
            let changes: Vec<&AllowedChange> = crossed
                .iter()
                .filter(|change| change.each.iter().all(|(key, value)| each.get(key.as_str()) == Some(&value.as_str())))
                .copied()
                .collect();
            let round = Round { ctx, kind, probe, visit: &visit, each: &each, changes: &changes, against };
            let mut seen = RoundSeen {
                captured: logins.captured.clone(),
                logins: &mut logins,
                report: &mut report,
                observations: &mut observations,
            };
            let applies = |step: &&ProbeStep| step.is_for(&ctx.release);
            let steps: Vec<&ProbeStep> = probe.steps.iter().filter(applies).collect();
            let mut done = true;
            for (number, step) in (1..).zip(&steps) {
                done = self.probe_step(&round, step, number, &mut seen).await?;
                if !done {
                    break;
                }
            }
            let last = probe.finally.iter().filter(applies);
            for (number, step) in (steps.len() + 1..).zip(last) {
                match self.probe_step(&round, step, number, &mut seen).await {
                    // What the probe did not come to make has no name to remove it by.
                    Err(EngineError::Template(_)) if !done => {}
                    result => drop(result?),
                }
            }
            let captured = std::mem::take(&mut seen.captured);
            made.extend(self.made(ctx, probe, &each, &captured));
        }
        if is_baseline(against) && report.assertions == 0 && report.inconclusive.is_empty() && !observations.is_empty()
        {
            // On the baseline, a probe that only compares can assert no more than that it observed something.
            report.assertions = u32::try_from(observations.len()).unwrap_or(u32::MAX);
        }
        Ok(Probed { report: report.decide(), observations, made })
    }

    /// The rows that a round of a probe has made. Where it failed before it captured what names them, there are none.
    fn made(
        &self,
        ctx: &StageContext,
        probe: &Probe,
        each: &BTreeMap<&str, &str>,
        captured: &Map<String, Value>,
    ) -> Vec<RowWrite> {
        let context = self.case.placeholders(ctx, each, captured);
        let rows = probe.writes.iter().filter_map(NameOr::detailed).filter(|rows| rows.are_made());
        rows.filter_map(|rows| Some(RowWrite::made(rows.table.as_deref()?, rows.condition.render(&context).ok()?)))
            .collect()
    }

    /// Carries out one step of a probe; `false` if the steps after it make no sense.
    async fn probe_step(
        &self,
        round: &Round<'_>,
        step: &ProbeStep,
        number: usize,
        seen: &mut RoundSeen<'_>,
    ) -> Result<bool, EngineError> {
        let Round { ctx, kind, probe, visit, each, changes, against } = *round;
        let (expect, unchanged, wanted) = parts(step);
        let context = self.case.placeholders(ctx, each, &seen.captured);
        let observation = match step {
            ProbeStep::Http(step) => {
                if let Some(identity) = &step.identity {
                    let identity = identity.render(&context)?;
                    if !self.log_in(ctx, visit, &identity, seen.logins, seen.report).await? {
                        return Ok(false);
                    }
                    seen.captured.extend(seen.logins.captured.clone());
                }
                let context = self.case.placeholders(ctx, each, &seen.captured);
                self.send_http(ctx, step, visit, &context, false).await?
            }
            ProbeStep::Exec(step) => self.run_command(ctx, step, &context, ExecTarget::Inside).await?.0,
            ProbeStep::Sql(step) => self.run_query(ctx, step, &context).await?,
        };
        let key = key(kind, &probe.name, each, number);
        let observation = self.response_faults.applied(&key, observation);
        let compared = match against {
            Against::Nothing => Compared::Nothing,
            Against::Baseline(observations) => Compared::Baseline(observations.get(&key)),
        };
        let expectation = ExpectContext { expect, unchanged, changes, context: &context };
        let passed = judge_response(&observation, expectation, compared, seen.report);
        seen.report.set_service(service(step));
        let captured_all = if passed { self.capture(wanted, &observation, &mut seen.captured) } else { Ok(()) };
        seen.observations.insert(key, observation);
        if let Err(reason) = captured_all {
            seen.report.cannot_tell(InconclusiveCode::NotRead, reason);
            return Ok(false);
        }
        Ok(passed)
    }

    /// The values of `for-each` with their placeholders filled in.
    fn render_values(
        &self,
        ctx: &StageContext,
        values: &BTreeMap<String, Vec<Template>>,
    ) -> Result<BTreeMap<String, Vec<String>>, EngineError> {
        let context = self.case.placeholders(ctx, &BTreeMap::new(), &Map::new());
        let mut rendered = BTreeMap::new();
        for (key, values) in values {
            let values = values.iter().map(|value| value.render(&context)).collect::<Result<_, _>>()?;
            rendered.insert(key.clone(), values);
        }
        Ok(rendered)
    }
}

/// What a probe has come to.
pub(crate) struct Probed {
    pub(crate) report: CheckReport,
    pub(crate) observations: Observations,
    /// Rows that it has made, by what it captured.
    pub(crate) made: Vec<RowWrite>,
}

/// One combination of a probe's values.
#[derive(Clone, Copy)]
struct Round<'a> {
    ctx: &'a StageContext,
    kind: CheckKind,
    probe: &'a Probe,
    visit: &'a str,
    each: &'a BTreeMap<&'a str, &'a str>,
    changes: &'a [&'a AllowedChange],
    against: Against<'a>,
}

/// What the steps of a round leave for each other.
struct RoundSeen<'a> {
    captured: Map<String, Value>,
    logins: &'a mut Logins,
    report: &'a mut CheckReport,
    observations: &'a mut Observations,
}

fn is_baseline(against: Against<'_>) -> bool {
    matches!(against, Against::Nothing)
}

type Parts<'a> = (&'a Expect, &'a [Aspect], &'a BTreeMap<String, Capture>);

fn parts(step: &ProbeStep) -> Parts<'_> {
    match step {
        ProbeStep::Http(step) => (&step.expect, &step.unchanged, &step.capture),
        ProbeStep::Exec(step) => (&step.expect, &step.unchanged, &step.capture),
        ProbeStep::Sql(step) => (&step.expect, &step.unchanged, &step.capture),
    }
}

/// The service that a step sends its request to; `None` for a query, which does not involve a service of the product.
fn service(step: &ProbeStep) -> Option<&str> {
    match step {
        ProbeStep::Http(step) => Some(&step.service),
        ProbeStep::Exec(step) => Some(&step.service),
        ProbeStep::Sql(_) => None,
    }
}

fn key(kind: CheckKind, name: &str, each: &BTreeMap<&str, &str>, step: usize) -> String {
    let each = each.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
    format!("{}/{name}[{each}]#{step}", kind.name())
}

/// Every combination of the values; one empty combination when there are none.
fn combinations(values: &BTreeMap<String, Vec<String>>) -> Vec<BTreeMap<&str, &str>> {
    let mut all = vec![BTreeMap::new()];
    for (key, values) in values {
        let grown = all.iter().flat_map(|one| {
            values.iter().map(move |value| {
                let mut one: BTreeMap<&str, &str> = one.clone();
                one.insert(key, value);
                one
            })
        });
        all = grown.collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_has_every_combination_once() {
        let values = BTreeMap::from([
            ("as".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
            ("path".to_owned(), vec!["/1".to_owned(), "/2".to_owned(), "/3".to_owned()]),
        ]);
        let expected = ["a", "b"].into_iter().flat_map(|each| {
            ["/1", "/2", "/3"].into_iter().map(move |path| BTreeMap::from([("as", each), ("path", path)]))
        });
        assert_eq!(combinations(&values), expected.collect::<Vec<_>>());
        assert_eq!(combinations(&BTreeMap::new()), [BTreeMap::new()]);
    }
}
