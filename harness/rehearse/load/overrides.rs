//! Arguments that replace values of a scenario: a mistake in one is reported for the argument, never for the file.

use rehearse_core::model::product::Product;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::planning::path::{End, Refusal};
use rehearse_core::planning::plan::PlanError;
use rehearse_core::vocabulary::catalog::Catalog;

/// Arguments as they were typed, each with the JSON pointer of the value in the scenario that it replaces.
#[derive(Debug, Clone, Default)]
pub struct CliOverrides(Vec<(&'static str, String)>);

impl CliOverrides {
    /// Records an argument.
    pub fn note(&mut self, place: &'static str, argument: String) {
        self.0.push((place, argument));
    }

    /// Whether an argument replaces the value at a place.
    pub(super) fn has(&self, place: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == place)
    }

    /// The arguments that cause a mistake in a plan.
    pub(super) fn cause_of(&self, mistake: &PlanError) -> Option<String> {
        let of_kind = |kind: &CheckKind| {
            let about = |(_, argument): &&(&str, String)| {
                argument.ends_with(&format!(" {}", kind.name())) || argument.ends_with(" all")
            };
            Self(self.0.iter().filter(about).cloned().collect())
        };
        match mistake {
            // Other arguments at the same places may be about other kinds of checks.
            PlanError::Required { kind, .. } => of_kind(kind).at(places(mistake)),
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

    /// The arguments for any of these places, in the order of the places.
    pub(crate) fn at(&self, places: &[&str]) -> Option<String> {
        let found = places.iter().flat_map(|place| self.0.iter().filter(move |(known, _)| known == place));
        let found: Vec<&str> = found.map(|(_, argument)| argument.as_str()).collect();
        (!found.is_empty()).then(|| found.join(" "))
    }
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
    use crate::load::rehearsal;

    #[test]
    fn a_backup_is_relative_to_the_file_or_to_the_working_directory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.yaml");
        std::fs::write(&file, "scenario: s\nproduct: redmine\nfrom: 5.0.4\nto: 6.1.5\nbackup: same\n").unwrap();
        let written = rehearsal(&file, None, |_| CliOverrides::default()).unwrap();
        assert_eq!(written.backup, folder.path().join("same"));
        let typed = rehearsal(&file, None, |_| {
            let mut overrides = CliOverrides::default();
            overrides.note("/backup", "--backup same".to_owned());
            overrides
        });
        assert_eq!(typed.unwrap().backup, Path::new("same"));
    }
}
