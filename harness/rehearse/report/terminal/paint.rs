//! Colour, which only repeats what a word says.

use anstyle::{AnsiColor, Effects, Style};
use rehearse_core::outcome::verdict::{Outcome, Verdict};

/// Whether there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// The stream shows it, and nobody turned it off.
    On,
    /// Plain text only.
    Off,
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Uncertain,
    Strong,
    Dim,
}

/// Adds colour to texts, or leaves them as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(pub(super) Colour);

impl Paint {
    pub(super) fn tone(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().effects(Effects::BOLD),
            Tone::Uncertain => AnsiColor::Yellow.on_default(),
            Tone::Strong => Style::new().bold(),
            Tone::Dim => Style::new().dimmed(),
        };
        match self.0 {
            Colour::On if !text.is_empty() => format!("{style}{text}{style:#}"),
            Colour::On | Colour::Off => text.to_owned(),
        }
    }

    /// `✗ failed`.
    pub(super) fn outcome(self, outcome: Outcome) -> String {
        self.tone(tone(outcome), &format!("{} {outcome}", symbol(outcome)))
    }
}

pub(super) fn symbol(outcome: Outcome) -> char {
    match outcome {
        Outcome::Passed => '✓',
        Outcome::Failed => '✗',
        Outcome::Inconclusive => '?',
        Outcome::Cancelled => '!',
        Outcome::Skipped => '–',
    }
}

pub(super) fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Passed => Tone::Good,
        Outcome::Failed => Tone::Bad,
        Outcome::Inconclusive | Outcome::Cancelled => Tone::Uncertain,
        Outcome::Skipped => Tone::Dim,
    }
}

pub(super) fn verdict(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Passed => Tone::Good,
        Verdict::Failed => Tone::Bad,
        Verdict::Inconclusive | Verdict::Cancelled => Tone::Uncertain,
    }
}
