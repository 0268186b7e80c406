//! Fills in the texts of a dry run, and keeps why one cannot be filled in.

use rehearse_core::check::fill_json;
use rehearse_core::deployment::{Placeholders, command_line};
use rehearse_core::model::product::{Expect, Matcher};
use rehearse_core::source::spec::Command;
use rehearse_core::vocabulary::template::{Template, TemplateError};
use serde_json::Value;

use super::dry_run::{Dry, StageContext};

/// The names of what only a run knows.
const ONLY_A_RUN_KNOWS: [&str; 3] = ["run", "captured", "each"];

impl Dry<'_> {
    pub(super) fn command(&self, ctx: &StageContext<'_>, command: &Command) -> String {
        match command.argv(&self.values(ctx)) {
            Ok(argv) => command_line(&argv),
            Err(error) => {
                self.failed(&error);
                command.to_string()
            }
        }
    }

    /// Notes that a text cannot be filled in, unless what only a run knows may be the cause. Returns why.
    pub(super) fn failed(&self, error: &TemplateError) -> String {
        let (TemplateError::Missing { template, .. } | TemplateError::Failed { template, .. }) = error;
        let names = template.parse::<Template>().map(|template| template.names()).unwrap_or_default();
        if !ONLY_A_RUN_KNOWS.iter().any(|name| names.contains(*name)) {
            self.unfilled.borrow_mut().insert(error.to_string());
        }
        error.to_string()
    }

    pub(super) fn filled(&self, ctx: &StageContext<'_>, json: &Value) -> Value {
        fill_json(json, &self.values(ctx)).unwrap_or_else(|error| {
            self.failed(&error);
            json.clone()
        })
    }

    /// Fills in what is expected, which is not printed.
    pub(super) fn expected(&self, ctx: &StageContext<'_>, expect: &Expect) {
        let patterns = expect.headers.values().chain(&expect.contains).chain(&expect.absent);
        patterns.for_each(|pattern| drop(pattern.filled(&self.values(ctx)).map_err(|error| self.failed(&error))));
        expect.digest.iter().for_each(|digest| drop(self.rendered(ctx, digest)));
        let matchers = expect.json.values().chain(&expect.size).chain(&expect.records).chain(&expect.value);
        for matcher in matchers {
            match matcher {
                Matcher::Equals(value) | Matcher::Not(value) | Matcher::Contains(value) => {
                    drop(self.filled(ctx, value))
                }
                Matcher::Matches(pattern) => {
                    drop(pattern.filled(&self.values(ctx)).map_err(|error| self.failed(&error)))
                }
                Matcher::AtLeast(_) | Matcher::AtMost(_) | Matcher::Present | Matcher::Absent => {}
            }
        }
    }

    /// A text with its placeholders filled in, or unchanged if that is not possible.
    pub(super) fn rendered(&self, ctx: &StageContext<'_>, template: &Template) -> String {
        template.render(&self.values(ctx)).unwrap_or_else(|error| {
            self.failed(&error);
            template.text().to_owned()
        })
    }

    pub(super) fn values(&self, ctx: &StageContext<'_>) -> Value {
        let placeholders = Placeholders {
            product: &self.loaded.product,
            scenario: &self.loaded.scenario,
            release: ctx.release,
            from: ctx.from,
            to: ctx.to,
            hop: ctx.hop,
            stage: &ctx.stage.id,
        };
        placeholders.values("<run>", self.each.clone(), self.captured.clone())
    }
}
