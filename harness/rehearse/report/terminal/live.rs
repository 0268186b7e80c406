//! The running stages, moving at the foot of the terminal.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rehearse_core::planning::plan::Plan;
use rehearse_core::vocabulary::ident::StageId;

use super::paint::Paint;
use super::{Colour, lines, screen};

/// The time between two frames.
const TICK: Duration = Duration::from_millis(120);

/// Lines that move. Nothing is drawn unless standard error is a terminal.
pub(super) struct Live {
    all: MultiProgress,
    stages: BTreeMap<StageId, StageLine>,
    foot: Option<ProgressBar>,
    colour: Colour,
}

struct StageLine {
    bar: ProgressBar,
    title: String,
    migrations: usize,
    last: String,
}

impl StageLine {
    fn show(&self) {
        let mut text = self.title.clone();
        if self.migrations > 0 {
            text = format!("{text} · {}", lines::count(self.migrations, "migration"));
        }
        if !self.last.is_empty() {
            text = format!("{text} · {}", self.last);
        }
        self.bar.set_message(text);
    }
}

impl Live {
    pub(super) fn new(moves: bool) -> Self {
        let target = if moves { screen::target() } else { ProgressDrawTarget::hidden() };
        Self { all: MultiProgress::with_draw_target(target), stages: BTreeMap::new(), foot: None, colour: Colour::Off }
    }

    pub(super) fn begin(&mut self, plan: &Plan, paint: Paint) {
        self.colour = paint.0;
        let foot = self.all.add(ProgressBar::new(plan.stages.len().try_into().unwrap_or(u64::MAX)));
        foot.set_style(style("  {pos} of {len} stages, {elapsed_precise}"));
        if !self.all.is_hidden() {
            foot.enable_steady_tick(Duration::from_secs(1));
        }
        self.foot = Some(foot);
    }

    pub(super) fn stage(&mut self, stage: &StageId, numbered: &str, title: &str) {
        let bar = match &self.foot {
            Some(foot) => self.all.insert_before(foot, ProgressBar::new_spinner()),
            None => self.all.add(ProgressBar::new_spinner()),
        };
        let template = match self.colour {
            Colour::On => "  {spinner:.cyan} {elapsed:>4}  {wide_msg}",
            Colour::Off => "  {spinner} {elapsed:>4}  {wide_msg}",
        };
        bar.set_style(style(template));
        if !self.all.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        let line = StageLine { bar, title: format!("{numbered}  {title}"), migrations: 0, last: String::new() };
        line.show();
        self.stages.insert(stage.clone(), line);
    }

    pub(super) fn progress(&mut self, stage: &StageId, text: &str) {
        if let Some(line) = self.stages.get_mut(stage) {
            text.clone_into(&mut line.last);
            line.show();
        }
    }

    pub(super) fn migrated(&mut self, stage: &StageId) {
        if let Some(line) = self.stages.get_mut(stage) {
            line.migrations += 1;
            line.show();
        }
    }

    pub(super) fn end(&mut self, stage: &StageId) {
        if let Some(line) = self.stages.remove(stage) {
            line.bar.finish_and_clear();
            self.all.remove(&line.bar);
        }
        if let Some(foot) = &self.foot {
            foot.inc(1);
        }
    }

    pub(super) fn close(&mut self) {
        if let Some(foot) = self.foot.take() {
            foot.finish_and_clear();
        }
    }

    /// Writes while nothing moves.
    pub(super) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.all.suspend(write)
    }
}

/// The templates are constants; one that did not parse would show the default style.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
