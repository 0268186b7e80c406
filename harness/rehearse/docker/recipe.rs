//! Recipes: how images are built that cannot be pulled. They are the data of `images/<name>/image.yaml`; the caller reads
//! the files and fills the catalog.

use std::collections::BTreeMap;

use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::release::Line;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::docker::context::ContextFile;

/// How to obtain one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recipe {
    /// The name it is requested by, without a tag: `postgres`, `rehearse/webshop`.
    pub image: String,
    /// Whether to try a registry first.
    #[serde(default)]
    pub pull: Pull,
    /// The file inside the image that states its release.
    #[serde(default)]
    pub release_file: Option<String>,
    /// The tags that are built from the Dockerfile next to the recipe.
    #[serde(default)]
    pub builds: Vec<Build>,
    /// The tags that are base systems, built by debootstrap.
    #[serde(default)]
    pub bootstraps: Vec<Bootstrap>,
}

/// Whether to try a registry first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pull {
    /// No registry has it, because the name is ours.
    Never,
    /// The public image is preferred, if it can be pulled.
    #[default]
    Try,
}

/// One tag, built from the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Build {
    /// The tag. If it is a line, such as `6.1`, it is also used for the releases of that line.
    pub tag: String,
    /// The image it is built on; the Dockerfile gets it as `BASE`.
    pub base: String,
    /// Further build arguments.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
}

/// One tag that is a base system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bootstrap {
    /// The tag.
    pub tag: String,
    /// The suite of Debian.
    pub suite: String,
    /// Whether an archive that was last signed long ago is refused. Should be off for a suite in development, whose mirrors
    /// may lag behind.
    #[serde(default = "yes")]
    pub check_valid_until: bool,
}

fn yes() -> bool {
    true
}

/// What a recipe offers for a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer<'a> {
    Build(&'a Build),
    Bootstrap(&'a Bootstrap),
}

impl Offer<'_> {
    pub(crate) fn tag(&self) -> &str {
        match self {
            Self::Build(build) => &build.tag,
            Self::Bootstrap(bootstrap) => &bootstrap.tag,
        }
    }
}

impl Recipe {
    /// The offer for a tag, or else for the release that the image has to hold.
    pub(crate) fn offer(&self, tag: &str, holds: Option<&Target>) -> Option<Offer<'_>> {
        let exact = self.offers().find(|offer| offer.tag() == tag);
        exact.or_else(|| {
            let fits = |offer: &Offer<'_>| match (offer.tag().parse::<Line>(), holds) {
                (Ok(line), Some(Target::Release(release))) => line.contains(release),
                (Ok(line), Some(Target::Line(wanted))) => line == *wanted,
                (Err(_), _) | (_, None) => false,
            };
            self.offers().filter(fits).max_by_key(|offer| offer.tag().len())
        })
    }

    /// The tags that it offers, for people.
    pub(crate) fn tags(&self) -> String {
        self.offers().map(|offer| offer.tag().to_owned()).collect::<Vec<_>>().join(", ")
    }

    fn offers(&self) -> impl Iterator<Item = Offer<'_>> {
        self.builds.iter().map(Offer::Build).chain(self.bootstraps.iter().map(Offer::Bootstrap))
    }
}

/// The recipes of a rehearsal, with the files they build from.
#[derive(Debug, Clone, Default)]
pub struct RecipeCatalog {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) recipe: Recipe,
    pub(crate) files: Vec<ContextFile>,
}

/// Why a recipe cannot be added.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecipeError {
    /// Two recipes are for one image.
    #[error("image {0} has two recipes")]
    Twice(String),
    /// One recipe offers one tag twice.
    #[error("the recipe of image {image} offers tag {tag} twice")]
    Tag {
        /// The image.
        image: String,
        /// The tag.
        tag: String,
    },
    /// There is nothing to build from.
    #[error("the recipe of image {0} has builds, but no Dockerfile next to it")]
    Dockerfile(String),
}

impl RecipeCatalog {
    /// Adds a recipe and the files next to it.
    pub fn add(&mut self, recipe: Recipe, files: Vec<ContextFile>) -> Result<(), RecipeError> {
        let image = recipe.image.clone();
        let mut tags: Vec<_> = recipe.offers().map(|offer| offer.tag().to_owned()).collect();
        tags.sort();
        if let Some([tag, _]) = tags.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(RecipeError::Tag { image, tag: tag.clone() });
        }
        if !recipe.builds.is_empty() && !files.iter().any(|file| file.path == "Dockerfile") {
            return Err(RecipeError::Dockerfile(image));
        }
        match self.entries.insert(image.clone(), Entry { recipe, files }) {
            Some(_) => Err(RecipeError::Twice(image)),
            None => Ok(()),
        }
    }

    /// Adds the recipes of another catalog for images that this one has no recipe for.
    pub fn merge_defaults(&mut self, other: Self) {
        for (image, entry) in other.entries {
            self.entries.entry(image).or_insert(entry);
        }
    }

    /// The recipes.
    pub fn recipes(&self) -> impl Iterator<Item = &Recipe> {
        self.entries.values().map(|entry| &entry.recipe)
    }

    pub(crate) fn entry(&self, repository: &str) -> Option<&Entry> {
        self.entries.get(repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        serde_json::from_str(
            r#"{"image": "rehearse/webshop", "pull": "never", "release-file": "/etc/rehearse/release",
                "builds": [{"tag": "6.0", "base": "debian:trixie-slim"}, {"tag": "6.1", "base": "debian:forky-slim"}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_release_is_offered_by_the_line_it_belongs_to() {
        let recipe = recipe();
        let check = |tag: &str, holds: Option<Target>, expected: Option<&str>| {
            assert_eq!(recipe.offer(tag, holds.as_ref()).as_ref().map(Offer::tag), expected);
        };
        check("6.1", None, Some("6.1"));
        check("6.1.5", None, None);
        check("6.1.5", Some(Target::Release("6.1.5".parse().unwrap())), Some("6.1"));
        check("latest", Some(Target::Line("6.0".parse().unwrap())), Some("6.0"));
        check("7.0.0", Some(Target::Release("7.0.0".parse().unwrap())), None);
    }

    #[test]
    fn a_catalog_has_one_recipe_for_an_image() {
        let dockerfile = || vec![ContextFile::new("Dockerfile", false, b"FROM scratch".as_slice())];
        let mut recipes = RecipeCatalog::default();
        assert_eq!(recipes.add(recipe(), Vec::new()), Err(RecipeError::Dockerfile("rehearse/webshop".into())));
        assert_eq!(recipes.add(recipe(), dockerfile()), Ok(()));
        assert_eq!(recipes.add(recipe(), dockerfile()), Err(RecipeError::Twice("rehearse/webshop".into())));
    }

    #[test]
    fn merged_defaults_add_images_and_replace_none() {
        let named = |image: &str, tag: &str| Recipe {
            image: image.into(),
            pull: Pull::Never,
            release_file: None,
            builds: Vec::new(),
            bootstraps: vec![Bootstrap { tag: tag.into(), suite: "s".into(), check_valid_until: true }],
        };
        let (mut recipes, mut other) = (RecipeCatalog::default(), RecipeCatalog::default());
        assert_eq!(recipes.add(named("debian", "mine"), Vec::new()), Ok(()));
        assert_eq!(other.add(named("debian", "theirs"), Vec::new()), Ok(()));
        assert_eq!(other.add(named("postgres", "15"), Vec::new()), Ok(()));
        recipes.merge_defaults(other);
        let tags: Vec<_> = recipes.recipes().map(|recipe| (recipe.image.as_str(), recipe.tags())).collect();
        assert_eq!(tags, [("debian", "mine".to_owned()), ("postgres", "15".to_owned())]);
    }
}
