//! The outcome that a scenario exists to show, as a map or in a short form.

use std::borrow::Cow;
use std::fmt;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use super::CheckKind;
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::finding::Finding;
use crate::outcome::reason::Inconclusive;
use crate::outcome::subject::Subject;
use crate::outcome::verdict::Outcome;
use crate::source::diagnostic::did_you_mean;
use crate::vocabulary::ident::StageId;
use crate::vocabulary::scalar::{Pattern, Scalar, Validator, scalar};
use crate::vocabulary::wildcard::fits;

/// An outcome other than a pass that a scenario exists to show.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expectation {
    /// The outcome of the stage.
    pub outcome: ExpectedOutcome,
    /// The first stage with that outcome: `hop-2/upgrade`; `hop-2` is any stage of that hop.
    pub stage: StageSelector,
    /// Each is met by a finding of that stage, or by a reason why it is inconclusive.
    pub findings: Vec<ExpectedFinding>,
    /// Each is the kind of a check that fails in that stage.
    pub checks: Vec<CheckKind>,
    /// Each is the id of a failure of the product's `failures` that is recognised in that stage.
    pub known: Vec<String>,
    /// Stages that still have to pass: `rollback/check`.
    pub passed: Vec<StageId>,
    /// Stages that may not pass, as a consequence. Any other stage that does not pass is not what was expected.
    pub consequences: Vec<StageId>,
    /// Whether it was written in the short form, which need not name a finding.
    #[serde(skip)]
    pub short: bool,
}

/// The long form: a map.
#[derive(Debug, DeriveDeserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "LongForm")]
struct Long {
    /// The outcome of the stage.
    outcome: ExpectedOutcome,
    /// The first stage with that outcome: `hop-2/upgrade`; `hop-2` is any stage of that hop.
    stage: StageSelector,
    /// Each is met by a finding of that stage, or by a reason why it is inconclusive.
    #[serde(default)]
    findings: Vec<ExpectedFinding>,
    /// Each is the kind of a check that fails in that stage.
    #[serde(default)]
    checks: Vec<CheckKind>,
    /// Each is the id of a failure of the product's `failures` that is recognised in that stage.
    #[serde(default)]
    known: Vec<String>,
    /// Stages that still have to pass: `rollback/check`.
    #[serde(default)]
    passed: Vec<StageId>,
    /// Stages that may not pass, as a consequence. Any other stage that does not pass is not what was expected.
    #[serde(default)]
    consequences: Vec<StageId>,
}

/// An outcome that can be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedOutcome {
    /// The product fails.
    Failed,
    /// It cannot be decided.
    Inconclusive,
}

impl ExpectedOutcome {
    /// The outcome.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Failed => Outcome::Failed,
            Self::Inconclusive => Outcome::Inconclusive,
        }
    }
}

/// A finding, or a reason why something is inconclusive, that is expected. Everything that is given has to hold.
#[derive(Debug, Clone, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExpectedFinding {
    /// Its code: `data.rows-lost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ExpectedCode>,
    /// The name of its subject, with `*` for any characters: a table, a service, a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Matches its text as reports show it: `subject: expected …, seen …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Pattern>,
}

impl ExpectedFinding {
    /// An expected finding by its text alone.
    pub fn matching(pattern: Pattern) -> Self {
        Self { code: None, subject: None, matches: Some(pattern) }
    }

    /// Whether any finding meets it.
    pub fn is_met_by_anything(&self) -> bool {
        let anything = |pattern: &Pattern| pattern.matches_empty();
        self.code.is_none() && self.subject.is_none() && self.matches.as_ref().is_none_or(anything)
    }

    /// Whether a finding meets it.
    pub fn is_met_by(&self, finding: &Finding) -> bool {
        self.code.is_none_or(|code| code == ExpectedCode::Finding(finding.code))
            && self.fits_subject(Some(&finding.subject))
            && self.fits_text(finding)
    }

    /// Whether an inconclusive reason meets it.
    pub fn is_met_by_reason(&self, reason: &Inconclusive) -> bool {
        self.code.is_none_or(|code| code == ExpectedCode::Inconclusive(reason.code))
            && self.fits_subject(reason.subject.as_ref())
            && self.fits_text(reason)
    }

    fn fits_subject(&self, subject: Option<&Subject>) -> bool {
        let Some(pattern) = &self.subject else { return true };
        subject.is_some_and(|subject| fits(pattern, &subject.name()))
    }

    fn fits_text(&self, text: &dyn fmt::Display) -> bool {
        self.matches.as_ref().is_none_or(|pattern| pattern.regex().is_match(&text.to_string()))
    }
}

impl fmt::Display for ExpectedFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map(|code| format!("with the code {code}"));
        let subject = self.subject.as_ref().map(|subject| format!("about {subject:?}"));
        let matches = self.matches.as_ref().map(|pattern| format!("that matches {:?}", pattern.as_str()));
        let parts: Vec<String> = [code, subject, matches].into_iter().flatten().collect();
        write!(f, "one {}", parts.join(" "))
    }
}

/// A code that can be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedCode {
    /// Of a finding.
    Finding(FindingCode),
    /// Of a reason why something is inconclusive.
    Inconclusive(InconclusiveCode),
}

impl Scalar for ExpectedCode {
    const FORMAT: &'static str = "finding-code";
    const EXPECTED: &'static str = "a code of the reference, such as `data.rows-lost`";

    fn parse(text: &str) -> Result<Self, String> {
        let finding = text.parse().map(Self::Finding);
        let found = finding.or_else(|_| text.parse().map(Self::Inconclusive));
        found.map_err(|unknown| {
            let names = FindingCode::ALL.iter().map(|code| code.name());
            let names = names.chain(InconclusiveCode::ALL.iter().map(|code| code.name()));
            match did_you_mean(text, names) {
                Some(name) => format!("{unknown}; did you mean `{name}`?"),
                None => unknown.to_string(),
            }
        })
    }
}

impl fmt::Display for ExpectedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finding(code) => code.fmt(f),
            Self::Inconclusive(code) => code.fmt(f),
        }
    }
}

scalar!(ExpectedCode);

/// A stage, or any stage of a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageSelector {
    /// This stage.
    Stage(StageId),
    /// Any stage of the hop with this number.
    Hop(u32),
}

impl StageSelector {
    /// Whether it selects a stage.
    pub fn selects(&self, stage: &StageId, hop: Option<u32>) -> bool {
        match self {
            Self::Stage(id) => id == stage,
            Self::Hop(number) => hop == Some(*number),
        }
    }
}

impl Scalar for StageSelector {
    const FORMAT: &'static str = "stage";
    const EXPECTED: &'static str = "the id of a stage, such as `hop-2/upgrade`, or `hop-2` for any stage of that hop";

    fn parse(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("hop-").or_else(|| text.strip_prefix("hop")).map(str::trim_start);
        match number.map(str::parse) {
            Some(Ok(hop)) => Ok(Self::Hop(hop)),
            Some(Err(_)) | None => Ok(Self::Stage(StageId(text.to_owned()))),
        }
    }
}

impl fmt::Display for StageSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(id) => id.fmt(f),
            Self::Hop(hop) => write!(f, "hop-{hop}"),
        }
    }
}

scalar!(StageSelector);

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at stage {}", self.outcome.outcome(), self.stage)
    }
}

/// The short form: `failed at hop-2/upgrade, UniqueViolation`.
#[derive(Debug)]
struct Short(Expectation);

static GRAMMAR: Lazy<Regex> = lazy_regex!(r"(?s)^\s*(\S+)\s+at\s+(hop\s+\d+|[^\s,]+)\s*(?:,\s*(.*\S))?\s*$");

impl Scalar for Short {
    const FORMAT: &'static str = "expectation";
    const EXPECTED: &'static str =
        "`failed at hop-2/upgrade, PATTERN`, `failed at hop 2, PATTERN` or `inconclusive at …`, or a map";

    fn parse(text: &str) -> Result<Self, String> {
        let parts = GRAMMAR.captures(text);
        let parts = parts.ok_or_else(|| format!("`{text}` does not name an outcome and a stage"))?;
        let outcome = match &parts[1] {
            "failed" => ExpectedOutcome::Failed,
            "inconclusive" => ExpectedOutcome::Inconclusive,
            other => return Err(format!("`{other}` cannot be expected; expected `failed` or `inconclusive`")),
        };
        let stage = StageSelector::parse(&parts[2])?;
        let findings = parts.get(3).map(|pattern| Pattern::parse(pattern.as_str())).transpose()?;
        let findings = findings.into_iter().map(ExpectedFinding::matching).collect();
        let (checks, known, passed, consequences) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Ok(Self(Expectation { outcome, stage, findings, checks, known, passed, consequences, short: true }))
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.0.outcome.outcome(), self.0.stage)?;
        let patterns = self.0.findings.iter().filter_map(|finding| finding.matches.as_ref());
        patterns.into_iter().try_for_each(|pattern| write!(f, ", {pattern}"))
    }
}

/// How the short form is checked.
pub(crate) const VALIDATORS: [Validator; 3] =
    [Validator::of::<Short>(), Validator::of::<StageSelector>(), Validator::of::<ExpectedCode>()];

impl<'de> Deserialize<'de> for Expectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Expectation;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Short::EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Expectation, E> {
                Short::parse(text).map(|short| short.0).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Expectation, A::Error> {
                let long = Long::deserialize(MapAccessDeserializer::new(map))?;
                let Long { outcome, stage, findings, checks, known, passed, consequences } = long;
                Ok(Expectation { outcome, stage, findings, checks, known, passed, consequences, short: false })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Expectation {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Expectation")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<Long>();
        json_schema!({
            "description": "An outcome other than a pass that a scenario exists to show: a map, or a short form.",
            "anyOf": [{ "type": "string", "format": Short::FORMAT }, long],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(Outcome, &str, Option<&str>), &str>) {
        let actual = Short::parse(text).map(|short| short.0);
        match (actual, expected) {
            (Ok(actual), Ok((outcome, stage, pattern))) => {
                assert_eq!((actual.outcome.outcome(), actual.stage.to_string().as_str()), (outcome, stage), "{text}");
                let found = actual.findings.first().and_then(|finding| Some(finding.matches.as_ref()?.to_string()));
                assert_eq!(found.as_deref(), pattern, "{text}");
            }
            (Err(actual), Err(expected)) => assert!(actual.contains(expected), "{actual}"),
            (actual, expected) => panic!("{text}: {actual:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_short_form_is_the_same_expectation() {
        let pattern = "migration extras.0073, or .* it";
        check(&format!("failed at hop 2, {pattern}"), Ok((Outcome::Failed, "hop-2", Some(pattern))));
        check("failed at hop-2/upgrade", Ok((Outcome::Failed, "hop-2/upgrade", None)));
        check(
            "inconclusive at rollback/restore, no space",
            Ok((Outcome::Inconclusive, "rollback/restore", Some("no space"))),
        );
        check("passed at hop 2", Err("`passed` cannot be expected"));
        check("failed hop 2", Err("does not name an outcome and a stage"));
        check("failed at hop 2, (", Err("is not a regular expression"));
    }

    #[test]
    fn a_hop_selects_its_own_stages_only() {
        let expectation = Short::parse("failed at hop 1, x").unwrap().0;
        for (stage, hop, expected) in [
            ("hop-1/upgrade", Some(1), true),
            ("hop-1/check", Some(1), true),
            ("hop-10/upgrade", Some(10), false),
            ("rollback/check", None, false),
        ] {
            assert_eq!(expectation.stage.selects(&StageId(stage.to_owned()), hop), expected, "{stage}");
        }
    }

    #[test]
    fn everything_that_is_given_about_a_finding_has_to_hold() {
        let finding = Finding::new(FindingCode::RowsLost, Subject::Table("users".to_owned()), "3 rows", "2 rows");
        let reason = Inconclusive::new(InconclusiveCode::NotRead, "the tables were not read");
        for (text, of_finding, of_reason) in [
            (r#"{"code": "data.rows-lost"}"#, true, false),
            (r#"{"code": "data.rows-added"}"#, false, false),
            (r#"{"code": "not-read"}"#, false, true),
            (r#"{"subject": "use*"}"#, true, false),
            (r#"{"subject": "user"}"#, false, false),
            (r#"{"code": "data.rows-lost", "subject": "things"}"#, false, false),
            (r#"{"matches": "2 rows$"}"#, true, false),
            (r#"{"code": "data.rows-lost", "matches": "4 rows"}"#, false, false),
            (r#"{"matches": "not read"}"#, false, true),
        ] {
            let expected: ExpectedFinding = serde_json::from_str(text).unwrap();
            assert_eq!(
                (expected.is_met_by(&finding), expected.is_met_by_reason(&reason)),
                (of_finding, of_reason),
                "{text}"
            );
        }
        assert!("data.row-lost".parse::<ExpectedCode>().unwrap_err().to_string().contains("`data.rows-lost`"));
    }
}
