//! The path of a scenario or of a command: by the product's rules, checked against its gates, with notices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::PlanError;
use crate::model::product::{Day, Product, ZeroDowntime};
use crate::planning::compatibility::{HopNotice, NoticeKind};
use crate::planning::path::{ConditionId, Path, Planner, Refusal, Stop, StopList, Target};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::{Edition, Line, Release};

/// What to plan a path for.
#[derive(Debug)]
pub struct PathRequest<'a> {
    /// The source.
    pub from: &'a Release,
    /// The target.
    pub to: &'a Target,
    /// The edition, where the source does not name one.
    pub edition: Option<&'a Edition>,
    /// Further lines to pass.
    pub via: &'a [Line],
    /// Whether the product is to stay reachable.
    pub zero_downtime: bool,
    /// The settings, which may decide on stops.
    pub settings: BTreeMap<String, String>,
    /// Decisions that are known from the data.
    pub decided: &'a BTreeMap<ConditionId, bool>,
}

/// A path with its notices.
#[derive(Debug, Clone)]
pub struct PlannedPath {
    /// The path.
    pub path: Path,
    /// The notices of each hop, in the order of the hops.
    pub notices: Vec<Vec<HopNotice>>,
    /// The day of each list, and where it comes from.
    pub lists: Vec<ListOrigin>,
}

/// The day of a list, and where it comes from: what was published later is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListOrigin {
    /// What it lists.
    pub list: String,
    /// The day, if the product states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Day>,
    /// Where it comes from.
    pub source: String,
    /// The newest release in it, where it is a list of releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Release>,
}

impl std::fmt::Display for ListOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.list)?;
        match &self.as_of {
            Some(day) => write!(f, " as of {day}")?,
            None => f.write_str(" of no stated day")?,
        }
        if let Some(newest) = &self.newest {
            write!(f, ", newest {newest}")?;
        }
        write!(f, ": {}", self.source)
    }
}

/// The day of each list of a product, and where it comes from.
#[must_use]
pub fn origins(product: &Product, catalog: &Catalog) -> Vec<ListOrigin> {
    let mut lists = vec![ListOrigin {
        list: "releases".to_owned(),
        as_of: product.releases.as_of.clone(),
        source: product.releases.source.clone().unwrap_or_else(|| product.releases.catalog.clone()),
        newest: catalog.newest().cloned(),
    }];
    // Without a common source, each rule names its own.
    if product.path.source.is_some() || product.path.as_of.is_some() {
        lists.push(ListOrigin {
            list: "stops".to_owned(),
            as_of: product.path.as_of.clone(),
            source: product.path.source.clone().unwrap_or_else(|| "the product file".to_owned()),
            newest: product.path.until.clone(),
        });
    }
    lists
}

/// Plans the path.
///
/// # Errors
/// If there is none, a setting has no usable value, or a release on the path would refuse the data.
pub fn plan_path(product: &Product, catalog: &Catalog, request: &PathRequest<'_>) -> Result<PlannedPath, PlanError> {
    let mut rules = if request.zero_downtime {
        let none = || PlanError::NoZeroDowntime(product.product.clone());
        product.path.zero_downtime_rules(catalog).ok_or_else(none)?
    } else {
        product.path.rules()
    };
    for line in request.via {
        rules.stops.push(Stop::at(*line, "the scenario passes through it"));
    }
    check_editions(product, catalog, request)?;
    let mut facts = product.facts(&request.settings)?;
    facts.decided.extend(request.decided.iter().map(|(id, holds)| (id.clone(), *holds)));
    let source = match (request.from.edition(), request.edition) {
        (None, Some(edition)) => catalog.in_edition(request.from, edition),
        (Some(_), _) | (None, None) => request.from.clone(),
    };
    let path = Planner::new(&rules, catalog).path(&source, request.to, &facts)?;
    let mut notices = Vec::new();
    for hop in &path.hops {
        let known = product.compatibility.get();
        if let Some(gated) = known.and_then(|known| known.refusal(&hop.from, &hop.to)) {
            return Err(PlanError::Gated(Box::new(gated)));
        }
        notices.push(known.map(|known| known.notices(&hop.from, &hop.to)).unwrap_or_default());
    }
    let requirement =
        product.path.zero_downtime.as_ref().filter(|_| request.zero_downtime).and_then(requirement_notice);
    if let (Some(first), Some(requirement)) = (notices.first_mut(), requirement) {
        first.insert(0, requirement);
    }
    Ok(PlannedPath { path, notices, lists: origins(product, catalog) })
}

/// What an upgrade without downtime needs of the installation, as a notice of its first hop.
fn requirement_notice(rule: &ZeroDowntime) -> Option<HopNotice> {
    Some(HopNotice {
        kind: NoticeKind::Requirement,
        title: "an upgrade without downtime".to_owned(),
        text: format!("needs {}", rule.needs.as_ref()?),
        remedy: None,
        source: rule.source.clone().unwrap_or_else(|| rule.because.to_string()),
        failure: None,
    })
}

/// The source of a path, which is one release, as a backup is of one. A line is accepted if a release has its name.
///
/// # Errors
/// If it is a line.
pub fn source(catalog: &Catalog, source: &Target) -> Result<Release, PlanError> {
    let line: Line = match source {
        Target::Line(line) => *line,
        // A line with an edition parses as a release without a patch number.
        Target::Release(release) => match release.name().trim_start_matches('v').parse() {
            Ok(line) => line,
            Err(_) => return Ok(release.clone()),
        },
    };
    let published: Vec<Release> = catalog.of_line(&line).cloned().collect();
    let by_name = published.iter().find(|release| release.name() == line.to_string());
    match (by_name, source) {
        (Some(_), Target::Release(release)) => Ok(release.clone()),
        (Some(release), Target::Line(_)) => Ok(release.clone()),
        (None, _) => Err(PlanError::SourceIsALine { line, published }),
    }
}

/// Checks that every named edition is published. A product without editions accepts any.
fn check_editions(product: &Product, catalog: &Catalog, request: &PathRequest<'_>) -> Result<(), PlanError> {
    let mut known = catalog.editions();
    if known.is_empty() {
        return Ok(());
    }
    let rules = &product.path;
    known.extend(rules.stops.iter().flat_map(|stop| stop.editions.iter().cloned()));
    known.extend(rules.edition_changes.iter().flat_map(|change| [change.from.clone(), change.to.clone()]));
    known.extend(product.releases.default_edition.clone());
    known.sort_unstable();
    known.dedup();
    let target = match request.to {
        Target::Release(release) => release.edition(),
        Target::Line(_) => None,
    };
    let named = [request.edition, request.from.edition(), target];
    match named.into_iter().flatten().find(|edition| !known.contains(edition)) {
        Some(edition) => Err(Refusal::NoEdition { edition: edition.clone(), known }.into()),
        None => Ok(()),
    }
}

/// All stops of a product as a stop list, without those that are known to be needless.
///
/// # Errors
/// If a setting has no usable value.
pub fn stop_list(
    product: &Product,
    catalog: &Catalog,
    settings: &BTreeMap<String, String>,
    decided: &BTreeMap<ConditionId, bool>,
) -> Result<StopList, PlanError> {
    let mut facts = product.facts(settings)?;
    facts.decided.extend(decided.iter().map(|(id, holds)| (id.clone(), *holds)));
    Ok(StopList::of_rules(&product.path.rules(), catalog, &facts))
}
