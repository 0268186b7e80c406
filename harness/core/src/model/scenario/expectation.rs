//! The outcome that a scenario exists to show, as a map or in a short form.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use super::CheckKind;
use crate::outcome::event::StageId;
use crate::outcome::verdict::Outcome;
use crate::vocabulary::scalar::{Pattern, Scalar, Validator};

/// An outcome other than a pass that a scenario exists to show.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expectation {
    /// The outcome of the stage.
    pub outcome: ExpectedOutcome,
    /// The id of the first stage with that outcome: `hop-2/upgrade`; `hop-2` is any stage of that hop.
    pub stage: String,
    /// Each matches a finding, or the reason, of that stage: `object: expected …, seen …`.
    pub findings: Vec<Pattern>,
    /// Each is the kind of a check that fails in that stage.
    pub checks: Vec<CheckKind>,
    /// Each is the id of a failure of the product's `failures` that is recognised in that stage.
    pub known: Vec<String>,
    /// Stages that have to pass all the same: `rollback/check`.
    pub passed: Vec<String>,
    /// Stages that may not pass, as a consequence. Any other stage that does not pass is not what was expected.
    pub consequences: Vec<String>,
    /// It was written in the short form, which may leave open what has to be found.
    #[serde(skip)]
    pub short: bool,
}

/// The map.
#[derive(Debug, DeriveDeserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Whole {
    /// The outcome of the stage.
    outcome: ExpectedOutcome,
    /// The id of the first stage with that outcome: `hop-2/upgrade`; `hop-2` is any stage of that hop.
    stage: String,
    /// Each matches a finding, or the reason, of that stage: `object: expected …, seen …`.
    #[serde(default)]
    findings: Vec<Pattern>,
    /// Each is the kind of a check that fails in that stage.
    #[serde(default)]
    checks: Vec<CheckKind>,
    /// Each is the id of a failure of the product's `failures` that is recognised in that stage.
    #[serde(default)]
    known: Vec<String>,
    /// Stages that have to pass all the same: `rollback/check`.
    #[serde(default)]
    passed: Vec<String>,
    /// Stages that may not pass, as a consequence. Any other stage that does not pass is not what was expected.
    #[serde(default)]
    consequences: Vec<String>,
}

/// An outcome that can be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedOutcome {
    /// The product fails.
    Failed,
    /// It cannot be told.
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

impl Expectation {
    /// Whether this is the stage, or one of the hop, that is expected to be in trouble.
    pub fn is_at(&self, stage: &StageId) -> bool {
        let rest = stage.0.strip_prefix(self.stage.as_str());
        rest.is_some_and(|rest| rest.is_empty() || (self.stage.starts_with("hop-") && rest.starts_with('/')))
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at stage {}", self.outcome.outcome(), self.stage)
    }
}

/// The short form: `failed at hop-2/upgrade, UniqueViolation`.
#[derive(Debug)]
struct Short(Expectation);

static GRAMMAR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?s)^\s*(\S+)\s+at\s+(hop\s+\d+|[^\s,]+)\s*(?:,\s*(.*\S))?\s*$").ok());

impl Scalar for Short {
    const FORMAT: &'static str = "expectation";
    const EXPECTED: &'static str =
        "`failed at hop-2/upgrade, PATTERN`, `failed at hop 2, PATTERN` or `inconclusive at …`, or a map";

    fn parse(text: &str) -> Result<Self, String> {
        let parts = GRAMMAR.as_ref().and_then(|grammar| grammar.captures(text));
        let parts = parts.ok_or_else(|| format!("`{text}` names no outcome and stage"))?;
        let outcome = match &parts[1] {
            "failed" => ExpectedOutcome::Failed,
            "inconclusive" => ExpectedOutcome::Inconclusive,
            other => return Err(format!("`{other}` is no outcome to be expected; it is `failed` or `inconclusive`")),
        };
        let stage = match parts[2].strip_prefix("hop").map(str::trim_start) {
            Some(number) if number.chars().all(|c| c.is_ascii_digit()) => format!("hop-{number}"),
            Some(_) | None => parts[2].to_owned(),
        };
        let findings = parts.get(3).map(|pattern| Pattern::parse(pattern.as_str())).transpose()?;
        let findings = findings.into_iter().collect();
        let (checks, known, passed, consequences) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Ok(Self(Expectation { outcome, stage, findings, checks, known, passed, consequences, short: true }))
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.0.outcome.outcome(), self.0.stage)?;
        self.0.findings.iter().try_for_each(|pattern| write!(f, ", {pattern}"))
    }
}

/// How the short form is checked.
pub(crate) const VALIDATOR: Validator = Validator::of::<Short>();

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
                let whole = Whole::deserialize(MapAccessDeserializer::new(map))?;
                let Whole { outcome, stage, findings, checks, known, passed, consequences } = whole;
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
        let whole = generator.subschema_for::<Whole>();
        json_schema!({
            "description": "An outcome other than a pass that a scenario exists to show: a map, or a short form.",
            "anyOf": [{ "type": "string", "format": Short::FORMAT }, whole],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Result<(Outcome, &str, Option<&str>), &str>) {
        let seen = Short::parse(text).map(|short| short.0);
        match (seen, wanted) {
            (Ok(seen), Ok((outcome, stage, pattern))) => {
                assert_eq!((seen.outcome.outcome(), seen.stage.as_str()), (outcome, stage), "{text}");
                let seen = seen.findings.first().map(ToString::to_string);
                assert_eq!(seen.as_deref(), pattern, "{text}");
            }
            (Err(seen), Err(wanted)) => assert!(seen.contains(wanted), "{seen}"),
            (seen, wanted) => panic!("{text}: {seen:?}, wanted {wanted:?}"),
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
        check("passed at hop 2", Err("`passed` is no outcome to be expected"));
        check("failed hop 2", Err("names no outcome and stage"));
        check("failed at hop 2, (", Err("is not a regular expression"));
    }

    #[test]
    fn a_hop_is_any_of_its_stages_and_of_no_other_hop() {
        let expectation = Short::parse("failed at hop 1, x").unwrap().0;
        for (stage, wanted) in
            [("hop-1/upgrade", true), ("hop-1/check", true), ("hop-10/upgrade", false), ("rollback/check", false)]
        {
            assert_eq!(expectation.is_at(&StageId(stage.to_owned())), wanted, "{stage}");
        }
    }
}
