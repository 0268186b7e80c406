//! Writes the operators' upgrade plan in Markdown.

use std::collections::BTreeMap;
use std::fmt::{Result, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::timing::{Estimator, Measured, Rehearsed, Timing};
use super::{Downtime, INSTALL_METHOD, Production, Runbook, Task, Variant};
use crate::planning::compatibility::{HopNotice, notices_by_first_hop};
use crate::planning::plan::{Plan, PlannedHop, humane};

/// What the document is written from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The product's name for people.
    pub title: &'a str,
    /// The plan of the rehearsal.
    pub plan: &'a Plan,
    /// What the product's operators do.
    pub runbook: &'a Runbook,
    /// The product's settings, which conditions on the data may name.
    pub settings: &'a BTreeMap<String, String>,
    /// What the scenario says about the production installation.
    pub production: &'a Production,
    /// How long the stages took, if there was a rehearsal.
    pub rehearsed: Option<&'a Rehearsed>,
    /// The maintenance window.
    pub window: Option<Duration>,
}

/// Writes the document.
#[must_use]
pub fn compose(sources: &Sources<'_>) -> String {
    let estimator = Estimator { production: sources.production, rehearsed: sources.rehearsed };
    let mut writer = Writer { sources: *sources, estimator, text: String::new(), open: Vec::new() };
    // Writing to a string cannot fail, so the result is dropped.
    let _ = writer.document();
    writer.text
}

struct Writer<'a> {
    sources: Sources<'a>,
    estimator: Estimator<'a>,
    text: String,
    /// What is still to be found out.
    open: Vec<String>,
}

impl<'a> Writer<'a> {
    fn document(&mut self) -> Result {
        let Sources { title, plan, rehearsed, .. } = self.sources;
        let edition = plan.edition.as_ref().map(|edition| format!(" ({edition})")).unwrap_or_default();
        writeln!(self.text, "# Upgrade plan: {title} {} → {}{edition}\n", plan.from.name(), self.target())?;
        if let Some(about) = &plan.about {
            writeln!(self.text, "{about}\n")?;
        }
        match rehearsed {
            Some(run) => writeln!(
                self.text,
                "Rehearsed on a backup of production: run `{}`, verdict **{}**. Times are those of the rehearsal's machine \
                 unless stated otherwise.\n",
                run.run, run.verdict
            )?,
            None => {
                self.open.push("nothing of this was rehearsed: `rehearse run` the scenario, then write this document again with its output folder".to_owned());
                writeln!(
                    self.text,
                    "**Not rehearsed yet**: how long each step takes is unknown unless it was measured in production.\n"
                )?;
            }
        }
        if let Some(run) = rehearsed.filter(|run| run.verdict != "passed") {
            self.open.push(format!("the rehearsal {}: do not upgrade production before it passes", run.verdict));
        }
        writeln!(self.text, "Follows: {}\n", self.sources.runbook.source)?;
        self.installation()?;
        self.path()?;
        self.notices()?;
        let variant = self.variant();
        if let Some(variant) = variant {
            if let Some(why) = &variant.not_rehearsed {
                self.open.push(format!("{} cannot be rehearsed on one machine: {why}", variant.title));
            }
            if let Some(what) = &variant.not_shown {
                self.open.push(format!("what a rehearsal in containers does not show about {}: {what}", variant.title));
            }
            self.tasks(variant)?;
        }
        self.window(variant)?;
        self.open_points()
    }

    fn target(&self) -> String {
        let plan = self.sources.plan;
        plan.hops.last().map_or_else(|| plan.to.to_string(), |hop| hop.to.name().to_owned())
    }

    fn answer(&self, id: &str) -> Option<&'a str> {
        self.sources.production.answers.get(id).map(String::as_str)
    }

    fn variant(&self) -> Option<&'a Variant> {
        self.sources.runbook.variant(self.sources.production)
    }

    fn installation(&mut self) -> Result {
        writeln!(self.text, "## The installation\n\n| asked | answer |\n|---|---|")?;
        for question in &self.sources.runbook.questions {
            let answer = match self.answer(&question.id) {
                Some(answer) => cell(answer),
                None => {
                    self.open
                        .push(format!("{} ({}; `production.answers.{}`)", question.ask, question.because, question.id));
                    "**not answered**".to_owned()
                }
            };
            writeln!(self.text, "| {} | {answer} |", cell(&question.ask))?;
        }
        writeln!(self.text)
    }

    fn path(&mut self) -> Result {
        writeln!(self.text, "## The path\n\n| hop | from | to | why | takes |\n|---|---|---|---|---|")?;
        let variant = self.variant();
        for hop in &self.sources.plan.hops {
            let takes = variant
                .map_or(Timing::UNKNOWN, |variant| self.estimator.tasks(hop_tasks(variant, hop), Some(hop.number)));
            let only = match &hop.when {
                Some(when) => {
                    let names = json!({ "settings": self.sources.settings });
                    let sql = when.sql.render(&names).unwrap_or_else(|_| when.sql.text().to_owned());
                    let text = format!("hop {} is taken only if this holds on production's data: `{sql}`", hop.number);
                    self.open.push(text);
                    " (decided on the data)"
                }
                None if hop.undecided.is_some() => {
                    self.open.push(format!(
                        "hop {} is a stop under a condition that is not decided yet: {}",
                        hop.number, hop.because
                    ));
                    " (to be decided)"
                }
                None => "",
            };
            writeln!(
                self.text,
                "| {} | {} | {} | {}{only} | {} |",
                hop.number,
                hop.from.name(),
                hop.to.name(),
                cell(&hop.because),
                timing_text(takes)
            )?;
        }
        writeln!(self.text)
    }

    /// Writes what is known of each hop. A notice that applies to several hops is written out once; later hops refer to it.
    fn notices(&mut self) -> Result {
        let hops = &self.sources.plan.hops;
        if hops.iter().all(|hop| hop.notices.is_empty()) {
            return Ok(());
        }
        writeln!(self.text, "## What to know of each hop\n")?;
        let each: Vec<&[HopNotice]> = hops.iter().map(|hop| hop.notices.as_slice()).collect();
        for (hop, notices) in hops.iter().zip(notices_by_first_hop(&each)).filter(|(_, notices)| !notices.is_empty()) {
            writeln!(self.text, "### Before hop {}: {} → {}\n", hop.number, hop.from.name(), hop.to.name())?;
            for (notice, before) in notices {
                if let Some(before) = before.and_then(|at| hops.get(at)) {
                    writeln!(self.text, "- {}: {} (as at hop {})", notice.kind.name(), notice.title, before.number)?;
                    continue;
                }
                let text = if notice.text.is_empty() { String::new() } else { format!(": {}", cell(&notice.text)) };
                let remedy = notice.remedy.as_deref().map(|remedy| format!(" → {}", cell(remedy))).unwrap_or_default();
                writeln!(
                    self.text,
                    "- **{}: {}**{text}{remedy} ({})",
                    notice.kind.name(),
                    notice.title,
                    notice.source
                )?;
            }
            writeln!(self.text)?;
        }
        Ok(())
    }

    fn tasks(&mut self, variant: &'a Variant) -> Result {
        writeln!(self.text, "## Before the window\n")?;
        self.list(&variant.before.iter().collect::<Vec<_>>(), None)?;
        writeln!(self.text, "## In the window\n\n### Begin\n")?;
        self.list(&variant.begin.iter().collect::<Vec<_>>(), None)?;
        for hop in &self.sources.plan.hops {
            writeln!(self.text, "### Hop {}: {} → {}\n", hop.number, hop.from.name(), hop.to.name())?;
            self.list(&hop_tasks(variant, hop), Some(hop))?;
        }
        writeln!(self.text, "### End\n")?;
        self.list(&variant.end.iter().collect::<Vec<_>>(), None)?;
        writeln!(self.text, "## Point of no return\n")?;
        match self.sources.plan.hops.first().and_then(|hop| {
            hop_tasks(variant, hop).iter().position(|task| task.no_return).map(|at| (hop.number, at + 1))
        }) {
            Some((hop, task)) => writeln!(
                self.text,
                "Step {task} of hop {hop}. From there on the data is that of a newer release, and only the backup leads back; what \
                 users do after it is lost on the rollback.\n"
            )?,
            None => writeln!(self.text, "The first hop's upgrade: from there on only the backup leads back.\n")?,
        }
        writeln!(self.text, "## The rollback\n")?;
        self.list(&variant.back.iter().collect::<Vec<_>>(), None)
    }

    fn list(&mut self, tasks: &[&Task], hop: Option<&PlannedHop>) -> Result {
        let context = self.context(hop);
        for (task, number) in tasks.iter().zip(1..) {
            let text = task.task.render(&context).unwrap_or_else(|_| task.task.text().to_owned());
            let mut facts = Vec::new();
            if !task.measured_by.is_empty() {
                facts.push(timing_text(self.estimator.tasks(std::iter::once(*task), hop.map(|hop| hop.number))));
            }
            match task.downtime {
                Some(Downtime::Begins) => facts.push("users cannot work from here on".to_owned()),
                Some(Downtime::Ends) => facts.push("users can work again".to_owned()),
                None => {}
            }
            if task.no_return {
                facts.push("**point of no return**".to_owned());
            }
            let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join("; ")) };
            writeln!(self.text, "{number}. {}{facts}", text.trim())?;
            if let Some(command) = &task.command {
                let command = command.render(&context).unwrap_or_else(|_| command.text().to_owned());
                writeln!(self.text, "\n   ```sh")?;
                command.trim_end().lines().try_for_each(|line| writeln!(self.text, "   {line}"))?;
                writeln!(self.text, "   ```\n")?;
            }
        }
        writeln!(self.text)
    }

    fn context(&self, hop: Option<&PlannedHop>) -> Value {
        let Sources { plan, runbook, .. } = self.sources;
        let answers = runbook
            .questions
            .iter()
            .map(|question| (question.id.clone(), Value::from(self.answer(&question.id).unwrap_or("(not answered)"))));
        let edition = plan.edition.as_ref().map(ToString::to_string).unwrap_or_default();
        let of = |hop: &PlannedHop| json!({ "from": hop.from.name(), "to": hop.to.name(), "number": hop.number });
        let mut context = json!({
            "from": plan.from.name(),
            "to": self.target(),
            "edition": edition,
            "answers": answers.collect::<serde_json::Map<_, _>>(),
            "hops": plan.hops.iter().map(of).collect::<Vec<_>>(),
        });
        if let (Some(hop), Some(names)) = (hop, context.as_object_mut()) {
            names.insert("hop".to_owned(), of(hop));
        }
        context
    }

    fn window(&mut self, variant: Option<&'a Variant>) -> Result {
        writeln!(self.text, "## The window\n")?;
        let Some(variant) = variant else {
            return writeln!(self.text, "Without an answer to `{INSTALL_METHOD}` nothing can be said about it.\n");
        };
        let hops = &self.sources.plan.hops;
        let each: Vec<Timing> =
            hops.iter().map(|hop| self.estimator.tasks(hop_tasks(variant, hop), Some(hop.number))).collect();
        let begin = self.estimator.tasks(&variant.begin, None);
        let all = each.iter().copied().fold(begin, Timing::plus);
        let down = if has_downtime(variant) { all } else { Timing::NONE };
        let back = self.estimator.tasks(&variant.back, None);
        writeln!(self.text, "| what | takes |\n|---|---|")?;
        writeln!(self.text, "| its beginning, with the backup | {} |", timing_text(begin))?;
        writeln!(
            self.text,
            "| to the end of the last hop | {} |\n| of that, users cannot work | {} |",
            timing_text(all),
            timing_text(down)
        )?;
        writeln!(self.text, "| the rollback | {} |", timing_text(back))?;
        let Some(window) = self.sources.window else {
            self.open.push("how long the maintenance window is (`production.window`, or `--window`)".to_owned());
            return writeln!(self.text, "| the window | **not given** |\n");
        };
        writeln!(self.text, "| the window | {} |\n", humane(window))?;
        let whole = all.plus(back);
        let known = whole.known;
        if known > window {
            let missing = humane(known - window);
            let at_least = if whole.unknown { "at least " } else { "" };
            self.open.push(format!("the window is too short by {at_least}{missing}"));
            writeln!(
                self.text,
                "**It does not fit**: hops and rollback take {at_least}{}, {missing} more than the window.\n",
                humane(known)
            )?;
            return self.split(&each, begin.plus(back), window);
        }
        if whole.unknown {
            self.open.push("whether the window leaves time to go back: not every time is known".to_owned());
            return writeln!(
                self.text,
                "**Whether it fits is not known**: {} of {} are known to be needed, and not every time is known. Rehearse it, or \
                 say under `production.takes` what is known of production.\n",
                humane(known),
                humane(window)
            );
        }
        let decide = humane(window - back.known);
        writeln!(
            self.text,
            "**It fits**: hops and rollback together take {} of {}. To be back within the window, decide by {decide} after its \
             beginning at the latest.\n",
            humane(known),
            humane(window)
        )
    }

    /// Groups the hops into windows so that each window leaves time for the rollback.
    fn split(&mut self, each: &[Timing], back: Timing, window: Duration) -> Result {
        if back.unknown || back.known >= window || each.iter().any(|hop| hop.unknown) {
            return Ok(());
        }
        let room = window - back.known;
        let (mut windows, mut spent): (Vec<Vec<usize>>, _) = (vec![Vec::new()], Duration::ZERO);
        for (hop, number) in each.iter().zip(1..) {
            if hop.known > room {
                return writeln!(self.text, "Hop {number} alone does not leave time to go back.\n");
            }
            if spent + hop.known > room {
                windows.push(Vec::new());
                spent = Duration::ZERO;
            }
            spent += hop.known;
            if let Some(last) = windows.last_mut() {
                last.push(number);
            }
        }
        let fits = windows.iter().map(|hops| {
            let numbers: Vec<String> = hops.iter().map(ToString::to_string).collect();
            format!("{} {}", if numbers.len() == 1 { "hop" } else { "hops" }, numbers.join(", "))
        });
        let fits = fits.collect::<Vec<_>>().join(" · ");
        writeln!(
            self.text,
            "In {} windows of this length it would fit: {fits}. Make a backup before each.\n",
            windows.len()
        )
    }

    fn open_points(&mut self) -> Result {
        writeln!(self.text, "## Open points\n")?;
        if self.open.is_empty() {
            return writeln!(self.text, "None.");
        }
        self.open.iter().try_for_each(|point| writeln!(self.text, "- {point}"))
    }
}

/// Whether the upgrade has downtime.
fn has_downtime(variant: &Variant) -> bool {
    let begins = |task: &Task| task.downtime == Some(Downtime::Begins);
    variant.begin.iter().chain(&variant.hop).any(begins)
}

fn hop_tasks<'t>(variant: &'t Variant, hop: &PlannedHop) -> Vec<&'t Task> {
    let applies = |task: &&Task| task.releases.as_ref().is_none_or(|range| range.contains(&hop.to));
    variant.hop.iter().filter(applies).collect()
}

fn timing_text(timing: Timing) -> String {
    let measured = match timing.measured {
        None if timing.unknown => return "unknown".to_owned(),
        None => return "no time".to_owned(),
        Some(Measured::InProduction) => "in production",
        Some(Measured::Rehearsed) => "rehearsed",
    };
    let rest = if timing.unknown { ", and more that is unknown" } else { "" };
    format!("{} {measured}{rest}", humane(timing.known))
}

/// A text as the cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
