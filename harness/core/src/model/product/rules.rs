//! Converts the file's path rules to those of the planner.

use std::collections::BTreeMap;

use super::references::settings_in;
use super::{EdgeRule, PathRules, Product, SpacingRule, SqlCondition, StopRule, ZeroDowntime, ZeroDowntimeStops};
use crate::planning::path::{ConditionId, Edge, EditionChange, Facts, Rules, Spacing, Stop, StopList, StopsEvery};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::Release;
use crate::vocabulary::scalar::Because;

/// A setting that cannot decide on a stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the setting {name} is {value:?}, but it decides on the stop at {stop}: expected a number of 0 or more, {}", alternative(.own))]
pub struct SettingError {
    /// The setting.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The stop's line.
    pub stop: String,
    /// The product's own value, where an empty one is not allowed.
    pub own: Option<String>,
}

fn alternative(own: &Option<String>) -> String {
    own.as_ref().map_or_else(|| "or nothing".to_owned(), |own| format!("such as {own}"))
}

/// A count, as conditions compare it.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

impl Product {
    /// What the settings decide about stops.
    ///
    /// # Errors
    /// A setting that decides on a stop, by itself or within a query, and is not a number where one is expected.
    pub fn facts(&self, settings: &BTreeMap<String, String>) -> Result<Facts, SettingError> {
        for stop in &self.path.stops {
            for name in stop.when.iter().flat_map(|when| settings_in(when.sql.text())) {
                let (Some(own), Some(value)) = (self.settings.get(&name), settings.get(&name)) else { continue };
                // What a setting that is text may be is up to the database.
                if number(own).is_some() && number(value).is_none() {
                    let own = Some(own.clone());
                    return Err(SettingError { name, value: value.clone(), stop: stop.at.to_string(), own });
                }
            }
        }
        self.path.decided(settings)
    }
}

impl PathRules {
    /// The planner's rules. The id of a conditional stop's condition is the stop's line.
    pub fn rules(&self) -> Rules {
        let spacing = |rule| match rule {
            SpacingRule::Any => Spacing::Any,
            SpacingRule::OneAtATime => Spacing::OneAtATime,
        };
        let edge =
            |rule: &EdgeRule| Edge { from: rule.from.clone(), to: rule.to.clone(), because: rule.because.to_string() };
        let change = |rule: &super::EditionChange| EditionChange {
            from: rule.from.clone(),
            to: rule.to.clone(),
            because: rule.because.to_string(),
        };
        Rules {
            minors: spacing(self.minors),
            majors: spacing(self.majors),
            stops: self
                .stops
                .iter()
                .map(|stop| Stop {
                    when: stop.condition(),
                    editions: stop.editions.clone(),
                    from: stop.from.clone(),
                    to: stop.to.clone(),
                    before: stop.before.clone(),
                    exactly: stop.exactly.clone(),
                    ..Stop::at(stop.at, stop.because.to_string())
                })
                .collect(),
            stops_every: self
                .stops_every
                .iter()
                .map(|every| StopsEvery {
                    minors: every.minors.clone(),
                    from: every.from,
                    because: every.because.to_string(),
                })
                .collect(),
            until: self.until.clone(),
            allow: self.allow.iter().map(edge).collect(),
            forbid: self.forbid.iter().map(edge).collect(),
            edition_change: self.edition_changes.iter().map(change).collect(),
            edition_refused: self.edition_changes_refused.iter().map(change).collect(),
        }
    }

    /// The condition with this id.
    pub fn condition(&self, id: &ConditionId) -> Option<SqlCondition> {
        let stop = self.stops.iter().find(|stop| stop.when.is_some() && stop.at.to_string() == id.as_str());
        stop.and_then(|stop| stop.when.clone())
    }

    /// The planner's rules for an upgrade without downtime; none if the product has none.
    pub fn zero_downtime_rules(&self, catalog: &Catalog) -> Option<Rules> {
        let ZeroDowntime { stop_at, because, .. } = self.zero_downtime.as_ref()?;
        let mut rules = self.rules();
        match stop_at {
            ZeroDowntimeStops::EveryMinor => {
                rules.stops.extend(catalog.lines().map(|line| Stop::at(line, format!("without downtime, {because}"))));
            }
        }
        Some(rules)
    }

    /// The same rules with another list of stops, which comes from `source`.
    pub fn with_stops(&self, list: &StopList, source: &str) -> PathRules {
        let stop = |release: &Release| StopRule {
            at: release.line(),
            exactly: Some(release.without_edition()),
            from: None,
            to: None,
            before: None,
            editions: Vec::new(),
            when: None,
            when_setting: None,
            because: Because::ours(source),
        };
        PathRules {
            stops: list.stops().iter().map(stop).collect(),
            stops_every: None,
            until: list.newest().cloned(),
            as_of: None,
            source: Some(source.to_owned()),
            ..self.clone()
        }
    }

    /// What the settings decide.
    ///
    /// # Errors
    /// A setting that is neither empty nor a number of 0 or more.
    pub fn decided(&self, settings: &BTreeMap<String, String>) -> Result<Facts, SettingError> {
        let mut facts = Facts::none();
        for stop in &self.stops {
            let (Some(when), Some(id)) = (&stop.when_setting, stop.condition()) else { continue };
            let value = settings.get(&when.name).map_or("", |value| value.trim());
            if value.is_empty() {
                continue;
            }
            let number = number(value).ok_or_else(|| {
                let (name, value, stop) = (when.name.clone(), value.to_owned(), stop.at.to_string());
                SettingError { name, value, stop, own: None }
            })?;
            facts.decided.insert(id, number > when.above);
        }
        Ok(facts)
    }
}

impl StopRule {
    /// The id of its condition, the stop's line; none if it is unconditional.
    pub fn condition(&self) -> Option<ConditionId> {
        let conditional = self.when.is_some() || self.when_setting.is_some();
        conditional.then(|| ConditionId::new(self.at.to_string()))
    }
}
