//! The compatibility of one hop: what refuses it, and its notices.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Advice, Compatibility, Component, ComponentOf, Gate, GateRule, Notice, NoticeKind};
use crate::vocabulary::release::{Line, Release};

/// A notice of a hop, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HopNotice {
    /// What it is about.
    pub kind: NoticeKind,
    /// What it is, in a few words.
    pub title: String,
    /// What happens.
    pub text: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The document that says so.
    pub source: String,
    /// The known failure that shows it when it happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The notices of each hop, each with the earlier hop, counted from 0, that has the same notice. A path shows it there in
/// full, and here only that it holds again.
pub fn notices_by_first_hop<'t>(hops: &[&'t [HopNotice]]) -> Vec<Vec<(&'t HopNotice, Option<usize>)>> {
    let mut first: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut all = Vec::with_capacity(hops.len());
    for (hop, notices) in hops.iter().enumerate() {
        let mut of_hop = Vec::with_capacity(notices.len());
        for notice in *notices {
            let before = first.get(&(&notice.title, &notice.text)).copied();
            first.entry((&notice.title, &notice.text)).or_insert(hop);
            of_hop.push((notice, before));
        }
        all.push(of_hop);
    }
    all
}

/// A hop that its target release would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gated {
    /// Where the hop starts.
    pub from: Release,
    /// Where it ends.
    pub to: Release,
    /// What the release accepts.
    pub needs: String,
    /// The document or code that says so.
    pub source: String,
}

impl fmt::Display for Gated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refuses data of {}: it needs {} ({})", self.to, self.from, self.needs, self.source)
    }
}

impl Compatibility {
    /// Why the release that a hop goes to would refuse it.
    #[must_use]
    pub fn refusal(&self, from: &Release, to: &Release) -> Option<Gated> {
        let refused = |needs: String, source: &str| Gated {
            from: from.clone(),
            to: to.clone(),
            needs,
            source: source.to_owned(),
        };
        let gate = self.gates.iter().find(|gate| gate.releases.contains(to) && !gate.accepts(from, to));
        if let Some(gate) = gate {
            return Some(refused(gate.needed(), &gate.source));
        }
        self.components.iter().find_map(|component| {
            let needs = component.at(to)?.needs.as_ref()?;
            let newest = component.at(from)?.has.iter().filter_map(|has| has.parse::<Release>().ok()).max()?;
            let too_old = newest.cmp_number(needs).is_lt();
            too_old.then(|| {
                let needs = format!("{} {needs}, and {} has {newest} at most", component.name, from.name());
                refused(needs, &component.source)
            })
        })
    }

    /// Whether any gate applies to the target release of a hop.
    #[must_use]
    pub fn is_gated(&self, to: &Release) -> bool {
        self.gates.iter().any(|gate| gate.releases.contains(to))
    }

    /// The notices of a hop, in the order of the kinds and of the file.
    #[must_use]
    pub fn notices(&self, from: &Release, to: &Release) -> Vec<HopNotice> {
        let gates = self.gates.iter().filter(|gate| gate.releases.contains(to)).map(|gate| gate.notice(from, to));
        let components = self.components.iter().flat_map(|component| component.notices(from, to));
        let notices = self.notices.iter().filter(|notice| notice.is_of(from, to)).map(Notice::of_hop);
        let mut notices: Vec<HopNotice> = gates.chain(components).chain(notices).collect();
        notices.sort_by_key(|notice| notice.kind);
        notices
    }
}

impl Gate {
    fn accepts(&self, from: &Release, to: &Release) -> bool {
        match self.rule {
            GateRule::AtLeast => is_at_least(from, self.needs),
            GateRule::ExactlyOnNewMajor => from.major() == to.major() || self.needs.contains(from),
        }
    }

    fn needed(&self) -> String {
        match self.rule {
            GateRule::AtLeast => format!("{} or newer", self.needs),
            GateRule::ExactlyOnNewMajor => format!("exactly {} from another major", self.needs),
        }
    }

    fn notice(&self, from: &Release, to: &Release) -> HopNotice {
        let text = match self.rule {
            GateRule::AtLeast => format!("{} starts on data of {} or newer only", to.name(), self.needs),
            GateRule::ExactlyOnNewMajor if from.major() == to.major() => {
                format!("{} starts on any data of its own major, whatever stops lie between", to.name())
            }
            GateRule::ExactlyOnNewMajor => format!("{} starts on data of exactly {} only", to.name(), self.needs),
        };
        HopNotice {
            kind: NoticeKind::Gate,
            title: format!("data of {} is accepted", from.name()),
            text,
            remedy: None,
            source: self.source.clone(),
            failure: None,
        }
    }
}

fn is_at_least(release: &Release, line: Line) -> bool {
    (release.major(), release.minor()) >= (line.major(), line.minor().unwrap_or(0))
}

impl Component {
    fn at(&self, release: &Release) -> Option<&ComponentOf> {
        self.releases.iter().find(|of| of.of.contains(release))
    }

    fn notices(&self, from: &Release, to: &Release) -> Vec<HopNotice> {
        let (before, Some(after)) = (self.at(from), self.at(to)) else { return Vec::new() };
        let notice = |title: String, advice: Option<&Advice>| HopNotice {
            kind: self.kind,
            title,
            text: advice.map_or_else(String::new, |advice| advice.text.clone()),
            remedy: advice.and_then(|advice| advice.remedy.clone()),
            source: self.source.clone(),
            failure: None,
        };
        let mut notices = Vec::new();
        let changed = before.is_none_or(|before| before.has != after.has);
        if changed {
            let has = |of: &ComponentOf| of.has.join(" and ");
            let title = match before {
                Some(before) => format!("{}: {} → {}", self.name, has(before), has(after)),
                None => format!("{}: {}", self.name, has(after)),
            };
            notices.push(notice(title, self.changed.as_ref()));
        }
        let moved = before.is_none_or(|before| before.moves_to != after.moves_to);
        if let Some(version) = after.moves_to.as_ref().filter(|_| moved) {
            let title = format!("{} is moved to {version} as {} starts", self.name, to.name());
            notices.push(notice(title, self.moved.as_ref()));
        }
        notices
    }
}

impl Notice {
    fn is_of(&self, from: &Release, to: &Release) -> bool {
        let crossed = |release: &Release| from.cmp_number(release).is_lt() && to.cmp_number(release).is_ge();
        let edition = to.edition().or(from.edition());
        self.from.as_ref().is_none_or(|range| range.contains(from))
            && self.to.as_ref().is_none_or(|range| range.contains(to))
            && self.crossing.as_ref().is_none_or(crossed)
            && edition.is_none_or(|edition| self.editions.is_empty() || self.editions.contains(edition))
    }

    fn of_hop(&self) -> HopNotice {
        HopNotice {
            kind: self.kind,
            title: self.title.clone(),
            text: self.text.clone(),
            remedy: self.remedy.clone(),
            source: self.source.clone(),
            failure: self.failure.clone(),
        }
    }
}
