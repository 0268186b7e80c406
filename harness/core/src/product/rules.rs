//! The file's path rules as the planner takes them.

use super::{EdgeRule, PathRules, SpacingRule, SqlCondition};
use crate::path::{ConditionId, Edge, EditionChange, Rules, Spacing, Stop, StopsEvery};

impl PathRules {
    /// The planner's rules. A conditional stop's condition goes by the stop's line.
    pub fn rules(&self) -> Rules {
        let spacing = |rule| match rule {
            SpacingRule::Any => Spacing::Any,
            SpacingRule::OneAtATime => Spacing::OneAtATime,
        };
        let edge =
            |rule: &EdgeRule| Edge { from: rule.from.clone(), to: rule.to.clone(), because: rule.because.clone() };
        Rules {
            minors: spacing(self.minors),
            majors: spacing(self.majors),
            stops: self
                .stops
                .iter()
                .map(|stop| Stop {
                    when: stop.when.as_ref().map(|_| ConditionId::new(stop.at.to_string())),
                    editions: stop.editions.clone(),
                    from: stop.from.clone(),
                    to: stop.to.clone(),
                    before: stop.before.clone(),
                    ..Stop::at(stop.at, stop.because.clone())
                })
                .collect(),
            stops_every: self
                .stops_every
                .iter()
                .map(|every| StopsEvery {
                    minors: every.minors.clone(),
                    from: every.from,
                    because: every.because.clone(),
                })
                .collect(),
            allow: self.allow.iter().map(edge).collect(),
            forbid: self.forbid.iter().map(edge).collect(),
            edition_change: self
                .edition_changes
                .iter()
                .map(|change| EditionChange {
                    from: change.from.clone(),
                    to: change.to.clone(),
                    because: change.because.clone(),
                })
                .collect(),
        }
    }

    /// The condition that goes by this id.
    pub fn condition(&self, id: &ConditionId) -> Option<SqlCondition> {
        let stop = self.stops.iter().find(|stop| stop.when.is_some() && stop.at.to_string() == id.as_str());
        stop.and_then(|stop| stop.when.clone())
    }
}
