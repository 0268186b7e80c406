//! Which case holds a root cause and which only follows from one, indexed by place: a run may have many of both.

use std::collections::HashMap;

use rehearse_core::outcome::cause::{Cause, Symptom};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::summary::StageRecord;

/// The causes of a run, by the cases that report them.
pub(super) struct CauseIndex<'a> {
    causes: Vec<Cause<'a>>,
    cases: HashMap<Place<'a>, Role>,
    stages: HashMap<&'a str, Role>,
}

/// A stage, and the kind and name of one of its checks; no check for what the stage found by itself.
type Place<'a> = (&'a str, Option<(&'a str, &'a str)>);

/// Which causes, by their numbers, have their root in a place, and which it follows from.
#[derive(Default)]
struct Role {
    roots: Vec<usize>,
    follows: Option<usize>,
}

/// The cause that a case follows from.
pub(super) struct Follows<'a> {
    pub(super) cause: &'a Cause<'a>,
    /// Further causes it follows from.
    pub(super) more: usize,
}

fn place<'a>(stage: &'a StageRecord, check: Option<&'a CheckReport>) -> Place<'a> {
    (&stage.id.0, check.map(|check| (check.kind.name(), check.name.as_str())))
}

impl<'a> CauseIndex<'a> {
    pub(super) fn new(causes: Vec<Cause<'a>>) -> Self {
        let (mut cases, mut stages) = (HashMap::<Place<'a>, Role>::new(), HashMap::<&'a str, Role>::new());
        for (number, cause) in causes.iter().enumerate() {
            let place_of = |symptom: &Symptom<'a>| place(symptom.stage, symptom.check);
            cases.entry(place_of(&cause.root)).or_default().roots.push(number);
            stages.entry(&cause.root.stage.id.0).or_default().roots.push(number);
            for other in &cause.consequences {
                cases.entry(place_of(other)).or_default().follows.get_or_insert(number);
                stages.entry(&other.stage.id.0).or_default().follows.get_or_insert(number);
            }
        }
        Self { causes, cases, stages }
    }

    /// The cause that everything in a case follows from; none if the case has a root cause itself.
    pub(super) fn follows(&self, record: &StageRecord, check: Option<&CheckReport>) -> Option<Follows<'_>> {
        let role = self.cases.get(&place(record, check)).filter(|role| role.roots.is_empty())?;
        Some(Follows { cause: self.causes.get(role.follows?)?, more: 0 })
    }

    /// The cause of a stage that is red only because of its checks.
    pub(super) fn stage_follows(&self, record: &StageRecord) -> Option<Follows<'_>> {
        let role = self.stages.get(record.id.0.as_str())?;
        let number = role.roots.first().copied().or(role.follows)?;
        Some(Follows { cause: self.causes.get(number)?, more: role.roots.len().saturating_sub(1) })
    }

    /// The causes whose roots are in a case.
    pub(super) fn roots(&self, record: &StageRecord, check: Option<&CheckReport>) -> Vec<&Cause<'a>> {
        let role = self.cases.get(&place(record, check));
        role.into_iter().flat_map(|role| &role.roots).filter_map(|number| self.causes.get(*number)).collect()
    }
}
