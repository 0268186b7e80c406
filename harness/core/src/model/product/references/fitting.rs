//! What is expected, captured and compared has to be something that a response of its kind has: else nobody would look at it.

use std::collections::BTreeMap;

use super::ReferenceCheck;
use crate::model::product::{Aspect, Capture, ExecStep, Expect, HttpStep, SqlStep};

/// A kind of response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Command,
    Query,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "a response to a request",
            Self::Command => "a command",
            Self::Query => "a query",
        }
    }
}

/// Whether a step is compared with the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compares {
    /// It is a step of a probe.
    WithTheBaseline,
    /// It is none: there is nothing to compare with.
    Nothing,
}

impl ReferenceCheck<'_> {
    pub(super) fn fitting_http(&mut self, step: &HttpStep, compares: Compares, at: &str) {
        self.fitting(Kind::Http, (&step.expect, &step.capture, &step.unchanged), compares, at);
    }

    pub(super) fn fitting_command(&mut self, step: &ExecStep, compares: Compares, at: &str) {
        self.fitting(Kind::Command, (&step.expect, &step.capture, &step.unchanged), compares, at);
    }

    pub(super) fn fitting_query(&mut self, step: &SqlStep, compares: Compares, at: &str) {
        self.fitting(Kind::Query, (&step.expect, &step.capture, &step.unchanged), compares, at);
    }

    fn fitting(
        &mut self,
        kind: Kind,
        (expect, capture, unchanged): (&Expect, &BTreeMap<String, Capture>, &[Aspect]),
        compares: Compares,
        at: &str,
    ) {
        for (key, given, kinds) in of_expect(expect).into_iter().filter(|(_, given, _)| *given) {
            self.fits(kind, key, given, kinds, &format!("{at}/expect/{key}"));
        }
        for (name, from) in capture {
            let (key, kinds) = of_capture(from);
            self.fits(kind, key, true, kinds, &format!("{at}/capture/{}", name.replace('~', "~0").replace('/', "~1")));
        }
        for (index, aspect) in unchanged.iter().enumerate() {
            let at = format!("{at}/unchanged/{index}");
            let (key, kinds) = of_aspect(aspect);
            if compares == Compares::Nothing {
                let title = "`unchanged` compares nothing here";
                self.problem(&at, title, "only steps of probes are compared with the baseline: remove it");
                return;
            }
            self.fits(kind, key, true, kinds, &at);
        }
    }

    fn fits(&mut self, kind: Kind, key: &str, given: bool, kinds: &[Kind], at: &str) {
        if given && !kinds.contains(&kind) {
            let title = format!("{} has no `{key}`", kind.name());
            let of = kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" or ");
            self.problem(at, &title, &format!("`{key}` is of {of}: nobody would look at it here"));
        }
    }
}

/// Each key of `expect`, whether it is given, and what has such.
fn of_expect(expect: &Expect) -> [(&'static str, bool, &'static [Kind]); 10] {
    let Expect { status, exit, headers, contains, absent, json, size, records, value, digest } = expect;
    use Kind::{Command, Http, Query};
    [
        ("status", !status.is_empty(), &[Http]),
        ("exit", exit.is_some(), &[Command]),
        ("headers", !headers.is_empty(), &[Http]),
        ("contains", !contains.is_empty(), &[Http, Command, Query]),
        ("absent", !absent.is_empty(), &[Http, Command, Query]),
        ("json", !json.is_empty(), &[Http, Command, Query]),
        ("size", size.is_some(), &[Http, Command]),
        ("records", records.is_some(), &[Http, Command, Query]),
        ("value", value.is_some(), &[Query]),
        ("digest", digest.is_some(), &[Http, Command]),
    ]
}

fn of_capture(capture: &Capture) -> (&'static str, &'static [Kind]) {
    match capture {
        Capture::Json(_) => ("json", &[Kind::Http, Kind::Command]),
        Capture::Text(_) => ("text", &[Kind::Http, Kind::Command]),
        Capture::Header(_) => ("header", &[Kind::Http]),
        Capture::Value => ("value", &[Kind::Query]),
    }
}

fn of_aspect(aspect: &Aspect) -> (&'static str, &'static [Kind]) {
    match aspect {
        Aspect::Status => ("status", &[Kind::Http, Kind::Command]),
        Aspect::Digest => ("digest", &[Kind::Http, Kind::Command]),
        Aspect::Size => ("size", &[Kind::Http, Kind::Command]),
        Aspect::Records => ("records", &[Kind::Http, Kind::Command, Kind::Query]),
        Aspect::Rows => ("rows", &[Kind::Query]),
        Aspect::Csv(_) => ("csv", &[Kind::Http, Kind::Command]),
        Aspect::Json(_) => ("json", &[Kind::Http, Kind::Command]),
    }
}
