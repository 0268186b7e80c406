//! Recipes: how the images are made that can't be pulled. Data of `images/<name>/image.yaml`, whose text is read by
//! whoever fills the book.

use std::collections::BTreeMap;

use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::release::Line;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::docker::context::ContextFile;

/// How one image is had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recipe {
    /// The name it is asked for by, without a tag: `postgres`, `rehearse/webshop`.
    pub image: String,
    /// Whether a registry is asked for it first.
    #[serde(default)]
    pub pull: Pull,
    /// The file inside the image that states the release it holds.
    #[serde(default)]
    pub release_file: Option<String>,
    /// The tags that are built from the Dockerfile beside the recipe.
    #[serde(default)]
    pub builds: Vec<Build>,
    /// The tags that are base systems, put together by debootstrap.
    #[serde(default)]
    pub bootstraps: Vec<Bootstrap>,
}

/// Whether a registry is asked first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pull {
    /// No registry has it: it is ours by name.
    Never,
    /// The public image is better, where it can be had.
    #[default]
    Try,
}

/// One tag, built from the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Build {
    /// The tag. Where it is a line, `6.1`, it also answers for the releases of that line.
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
    /// Whether packages of an archive that was last signed long ago are refused. Not for a suite in the making, whose
    /// mirrors may lag.
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
    /// What is on offer for a tag, or failing that, for the release the image is to hold.
    pub(crate) fn offer(&self, tag: &str, holds: Option<&Target>) -> Option<Offer<'_>> {
        let exact = self.offers().find(|offer| offer.tag() == tag);
        exact.or_else(|| {
            let answers = |offer: &Offer<'_>| match (offer.tag().parse::<Line>(), holds) {
                (Ok(line), Some(Target::Release(release))) => line.contains(release),
                (Ok(line), Some(Target::Line(wanted))) => line == *wanted,
                (Err(_), _) | (_, None) => false,
            };
            self.offers().filter(answers).max_by_key(|offer| offer.tag().len())
        })
    }

    /// The tags on offer, for people.
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
    pages: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) recipe: Recipe,
    pub(crate) files: Vec<ContextFile>,
}

/// A recipe that can't be taken in.
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
    #[error("the recipe of image {0} has builds, but no Dockerfile beside it")]
    Dockerfile(String),
}

impl RecipeCatalog {
    /// Takes in a recipe and the files beside it.
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
        match self.pages.insert(image.clone(), Entry { recipe, files }) {
            Some(_) => Err(RecipeError::Twice(image)),
            None => Ok(()),
        }
    }

    /// Takes in the recipes of another book for the images that this one has none for.
    pub fn merge_defaults(&mut self, other: Self) {
        for (image, page) in other.pages {
            self.pages.entry(image).or_insert(page);
        }
    }

    /// The recipes.
    pub fn recipes(&self) -> impl Iterator<Item = &Recipe> {
        self.pages.values().map(|page| &page.recipe)
    }

    pub(crate) fn page(&self, repository: &str) -> Option<&Entry> {
        self.pages.get(repository)
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
    fn a_release_is_answered_for_by_the_line_it_belongs_to() {
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
    fn a_book_takes_one_recipe_for_an_image() {
        let dockerfile = || vec![ContextFile::new("Dockerfile", false, b"FROM scratch".as_slice())];
        let mut book = RecipeCatalog::default();
        assert_eq!(book.add(recipe(), Vec::new()), Err(RecipeError::Dockerfile("rehearse/webshop".into())));
        assert_eq!(book.add(recipe(), dockerfile()), Ok(()));
        assert_eq!(book.add(recipe(), dockerfile()), Err(RecipeError::Twice("rehearse/webshop".into())));
    }

    #[test]
    fn a_book_beneath_adds_images_and_replaces_none() {
        let named = |image: &str, tag: &str| Recipe {
            image: image.into(),
            pull: Pull::Never,
            release_file: None,
            builds: Vec::new(),
            bootstraps: vec![Bootstrap { tag: tag.into(), suite: "s".into(), check_valid_until: true }],
        };
        let (mut book, mut other) = (RecipeCatalog::default(), RecipeCatalog::default());
        assert_eq!(book.add(named("debian", "mine"), Vec::new()), Ok(()));
        assert_eq!(other.add(named("debian", "theirs"), Vec::new()), Ok(()));
        assert_eq!(other.add(named("postgres", "15"), Vec::new()), Ok(()));
        book.merge_defaults(other);
        let tags: Vec<_> = book.recipes().map(|recipe| (recipe.image.as_str(), recipe.tags())).collect();
        assert_eq!(tags, [("debian", "mine".to_owned()), ("postgres", "15".to_owned())]);
    }
}
