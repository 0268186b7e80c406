//! Arguments that replace values of a scenario: a mistake in one is reported for the argument, never for the file.

use std::path::PathBuf;

use clap::Args;
use rehearse_core::model::product::Product;
use rehearse_core::model::scenario::{CheckKind, Scenario};
use rehearse_core::outcome::coverage::CoverageKind;
use rehearse_core::planning::path::{End, Refusal, Target};
use rehearse_core::planning::plan::PlanError;
use rehearse_core::vocabulary::catalog::Catalog;
use rehearse_core::vocabulary::scalar::{Because, Duration};

/// The arguments of the command line that replace values of a scenario or of its product.
#[derive(Debug, Clone, Default, Args)]
pub struct CliOverrides {
    /// The source release, in place of the scenario's.
    #[arg(long, value_name = "RELEASE")]
    pub from: Option<Target>,
    /// The target release or line, in place of the scenario's.
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<Target>,
    /// The backup's folder, in place of the scenario's.
    #[arg(long, value_name = "DIR")]
    pub backup: Option<PathBuf>,
    /// A product setting; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub settings: Vec<(String, String)>,
    /// A list of stops, `{"supported": […], "all": […]}`, in place of the product's.
    #[arg(long, value_name = "FILE")]
    pub stops: Option<PathBuf>,
    /// Kinds of checks that have to be there and to assert something after every hop; `all` for every kind;
    /// `coverage:KIND=PERCENT` for how much the checks have to look at of databases, tables, columns, volumes, identities
    /// or logs.
    #[arg(long, value_name = "CHECK,…", value_delimiter = ',', value_parser = required)]
    pub require: Vec<Required>,
    /// Kinds of checks that are not made, to see whether another still finds a fault.
    #[arg(long, value_name = "CHECK,…", value_delimiter = ',', value_parser = CheckKind::named)]
    pub skip_checks: Vec<CheckKind>,
    /// How long each rehearsal may take, as 30m or 2h.
    #[arg(long, value_name = "TIME")]
    pub deadline: Option<Duration>,
}

/// What `--require` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// Every kind of check.
    All,
    /// One kind.
    Kind(CheckKind),
    /// How much the checks have to look at, in percent.
    Coverage(CoverageKind, u8),
}

impl Required {
    fn covers(self, kind: CheckKind) -> bool {
        self == Self::All || self == Self::Kind(kind)
    }

    fn name(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Kind(kind) => kind.name().to_owned(),
            Self::Coverage(kind, percent) => format!("coverage:{}={percent}%", kind.name()),
        }
    }
}

fn required(name: &str) -> Result<Required, String> {
    if let Some(coverage) = name.strip_prefix("coverage:") {
        let (kind, percent) =
            coverage.split_once('=').ok_or("expected coverage:KIND=PERCENT, as coverage:tables=100%")?;
        let number = percent.strip_suffix('%').unwrap_or(percent).parse().ok().filter(|number| *number <= 100);
        let number = number.ok_or_else(|| format!("`{percent}` is no percentage from 0% to 100%"))?;
        return CoverageKind::named(kind).map(|kind| Required::Coverage(kind, number));
    }
    if name == "all" { Ok(Required::All) } else { CheckKind::named(name).map(Required::Kind) }
}

/// Parses `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl CliOverrides {
    /// Replaces the values of a scenario.
    pub(super) fn apply(&self, scenario: &mut Scenario) {
        if let Some(from) = &self.from {
            scenario.from = from.clone();
        }
        if let Some(to) = &self.to {
            scenario.to = to.clone();
            // A stop at or after the new target is no longer on the path.
            if let Target::Line(line) = to {
                scenario.via.retain(|via| via < line);
            }
        }
        if let Some(backup) = &self.backup {
            scenario.backup = backup.display().to_string();
        }
        scenario.settings.extend(self.settings.iter().cloned());
        for required in &self.require {
            match required {
                Required::All => scenario.require.extend(CheckKind::ALL),
                Required::Kind(kind) => scenario.require.push(*kind),
                Required::Coverage(kind, percent) => drop(scenario.require_coverage.insert(*kind, *percent)),
            }
        }
        scenario.require.sort();
        scenario.require.dedup();
        for kind in &self.skip_checks {
            scenario.skip_checks.entry(*kind).or_insert_with(|| Because::ours("switched off by --skip-checks"));
        }
        if self.deadline.is_some() {
            scenario.deadline.clone_from(&self.deadline);
        }
    }

    /// The arguments that cause a mistake in a plan, as they are typed.
    pub(super) fn cause_of(&self, mistake: &PlanError) -> Option<String> {
        match mistake {
            // Other arguments at the same places may be about other kinds of checks.
            PlanError::Required { kind, .. } => {
                let require = self.require.iter().filter(|required| required.covers(*kind)).copied().collect();
                let skip_checks = self.skip_checks.iter().filter(|skipped| *skipped == kind).copied().collect();
                Self { require, skip_checks, ..Self::default() }.at(places(mistake))
            }
            PlanError::NoSuchHop { .. }
            | PlanError::NoSuchStage { .. }
            | PlanError::NothingChecked
            | PlanError::SourceIsALine { .. }
            | PlanError::Refused(_)
            | PlanError::Gated(_)
            | PlanError::Setting(_)
            | PlanError::NoZeroDowntime(_)
            | PlanError::Image { .. } => self.at(places(mistake)),
        }
    }

    /// The arguments for any of these places in a scenario, as they are typed and in the order of the places.
    pub(super) fn at(&self, places: &[&str]) -> Option<String> {
        typed(places, |place| match place {
            "/from" => self.from.iter().map(|from| format!("--from {from}")).collect(),
            "/to" => self.to.iter().map(|to| format!("--to {to}")).collect(),
            "/require" => self.require.iter().map(|required| format!("--require {}", required.name())).collect(),
            "/skip-checks" => self.skip_checks.iter().map(|kind| format!("--skip-checks {}", kind.name())).collect(),
            _ => Vec::new(),
        })
    }
}

/// The arguments for any of these places in a scenario, in the order of the places.
pub(crate) fn typed(places: &[&str], at: impl Fn(&str) -> Vec<String>) -> Option<String> {
    let arguments: Vec<String> = places.iter().flat_map(|place| at(place)).collect();
    (!arguments.is_empty()).then(|| arguments.join(" "))
}

/// The places in a scenario that can cause a mistake in a plan, the likeliest first.
pub(super) fn places(mistake: &PlanError) -> &'static [&'static str] {
    match mistake {
        PlanError::NoSuchHop { .. } => &["/hops"],
        PlanError::NoSuchStage { .. } => &["/expect"],
        PlanError::NothingChecked => &["/skip-checks"],
        PlanError::Required { .. } => &["/require", "/skip-checks"],
        PlanError::SourceIsALine { .. } => &["/from"],
        PlanError::Refused(refusal) => ends(refusal),
        PlanError::Gated(_) => &["/to", "/from"],
        PlanError::Setting(_) => &["/settings"],
        PlanError::NoZeroDowntime(_) => &["/zero-downtime"],
        PlanError::Image { .. } => &[""],
    }
}

/// The places of the ends of the path that a refusal is about.
pub(crate) fn ends(refusal: &Refusal) -> &'static [&'static str] {
    if let Refusal::NoEdition { .. } = refusal {
        return &["/edition"];
    }
    match refusal.end() {
        End::Source => &["/from"],
        End::Target => &["/to"],
        End::Both => &["/to", "/from"],
    }
}

/// What to do about a mistake in an argument.
pub(super) fn help(mistake: &PlanError, product: &Product, catalog: &Catalog) -> String {
    match mistake {
        PlanError::Refused(_) | PlanError::SourceIsALine { .. } => published(product, catalog),
        PlanError::NothingChecked => "keep at least one kind of check".to_owned(),
        PlanError::Required { .. } => "require only checks that the product has and that are not skipped".to_owned(),
        PlanError::NoSuchHop { .. } | PlanError::NoSuchStage { .. } => {
            "the path has no such hop; see `rehearse path` for its hops".to_owned()
        }
        PlanError::Gated(_) => "see `rehearse path` for the hops and their gates".to_owned(),
        PlanError::Setting(_) | PlanError::NoZeroDowntime(_) | PlanError::Image { .. } => {
            "see the product file".to_owned()
        }
    }
}

/// All releases if they fit on a line, else their number with the first and the newest.
fn published(product: &Product, catalog: &Catalog) -> String {
    let names: Vec<String> = catalog.releases().iter().map(ToString::to_string).collect();
    let names = match names.as_slice() {
        [first, .., last] if names.len() > 8 => format!("{} releases from {first} to {last}", names.len()),
        few => few.join(", "),
    };
    format!("the published releases of {} are {names} (from its {})", product.product, product.releases.catalog)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::load::RehearsalFiles;

    #[test]
    fn a_backup_is_relative_to_the_file_or_to_the_working_directory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.yaml");
        std::fs::write(&file, "scenario: s\nproduct: redmine\nfrom: 5.0.4\nto: 6.1.5\nbackup: same\n").unwrap();
        let backup = |overrides| RehearsalFiles::read(&file, None).unwrap().plan(&overrides).unwrap().backup;
        assert_eq!(backup(CliOverrides::default()), folder.path().join("same"));
        let typed = CliOverrides { backup: Some("same".into()), ..CliOverrides::default() };
        assert_eq!(backup(typed), Path::new("same"));
    }

    #[test]
    fn an_argument_about_another_kind_of_check_is_not_the_cause() {
        let overrides = CliOverrides {
            require: vec![Required::Kind(CheckKind::Graphql), Required::All],
            skip_checks: vec![CheckKind::Logs, CheckKind::Data],
            ..CliOverrides::default()
        };
        let mistake = PlanError::Required { kind: CheckKind::Data, why: String::new() };
        assert_eq!(overrides.cause_of(&mistake).as_deref(), Some("--require all --skip-checks data"));
    }
}
