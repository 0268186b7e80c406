//! The pages of the source release: what each showed, what of it changes by itself, and which texts are the product's own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::check::json::{JsonTerms, differences};
use crate::observation::pages::{Answer, Page, PageContent, Shapes};

/// A text on pages of this many shapes is the product's own.
const MANY_SHAPES: usize = 4;

/// The pages of a site on the source release.
#[derive(Debug, Default)]
pub struct KnownSite {
    /// By identity.
    pub identities: BTreeMap<String, KnownPages>,
    /// What is wrong with the assets that its pages name, by their shapes; none if nothing is.
    pub assets: BTreeMap<String, Option<AssetFault>>,
}

/// What is wrong with an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetFault {
    /// It does not load.
    Fails(Answer),
    /// It has no bytes.
    Empty,
    /// It is a page, and no style, script or image.
    IsPage,
}

impl AssetFault {
    /// What is wrong with an asset; none if nothing is.
    pub fn of(asset: &Page) -> Option<Self> {
        match &asset.answer {
            answer if answer.is_error() || answer.is_refusal() => Some(Self::Fails(answer.clone())),
            Answer::Status(200..=299) if asset.media == "text/html" => Some(Self::IsPage),
            Answer::Status(200) if asset.size == 0 => Some(Self::Empty),
            Answer::Status(_) | Answer::LogIn | Answer::Redirect(..) | Answer::Nothing(_) => None,
        }
    }
}

/// A page that was asked twice, so that what changes by itself is known.
#[derive(Debug)]
pub struct AskedTwice {
    /// Its path with its query.
    pub path: String,
    /// The first answer.
    pub first: Page,
    /// The second.
    pub second: Page,
}

/// A page of the source release.
#[derive(Debug)]
pub struct KnownPage {
    /// As it was answered first.
    pub page: Page,
    pub(super) shape: String,
    pub(super) noise: Noise,
}

impl KnownPage {
    /// The longer of the two times it took.
    pub fn slowest(&self) -> Duration {
        self.noise.slowest
    }
}

/// What differs between two answers of the same release.
#[derive(Debug)]
pub(super) struct Noise {
    pub(super) texts: BTreeSet<String>,
    /// Keys of JSON.
    pub(super) keys: Vec<String>,
    /// It is answered now in one way, now in another.
    pub(super) answers: bool,
    pub(super) sizes: bool,
    slowest: Duration,
}

/// The pages that one identity asked for.
#[derive(Debug, Default)]
pub struct KnownPages {
    /// The paths, in the order in which they were asked.
    pub order: Vec<String>,
    pages: BTreeMap<String, KnownPage>,
    /// How many pages there are of each shape.
    of_shape: BTreeMap<String, usize>,
    /// For each text, on how many pages of each shape it stands.
    texts: BTreeMap<String, BTreeMap<String, usize>>,
}

impl KnownPages {
    /// From pages in the order in which they were asked.
    pub fn of(pages: Vec<AskedTwice>) -> Self {
        let (mut known, mut shapes) = (Self::default(), Shapes::default());
        for AskedTwice { path, first, second } in pages {
            let shape = shapes.of(&path);
            if first.answer.is_success() {
                *known.of_shape.entry(shape.clone()).or_default() += 1;
                let texts: BTreeSet<&str> = first.fragments().iter().map(|fragment| fragment.text.as_str()).collect();
                for text in texts {
                    *known.texts.entry(text.to_owned()).or_default().entry(shape.clone()).or_default() += 1;
                }
            }
            let noise = noise(&first, &second);
            known.order.push(path.clone());
            known.pages.insert(path, KnownPage { page: first, shape, noise });
        }
        known
    }

    /// A page, by its path.
    pub fn get(&self, path: &str) -> Option<&KnownPage> {
        self.pages.get(path)
    }

    /// How many pages were shown.
    pub fn shown(&self) -> usize {
        self.pages.values().filter(|known| known.page.answer.is_success()).count()
    }

    /// Pages that change from asking to asking, so that little can be said of them.
    pub(super) fn unstable(&self) -> impl Iterator<Item = &str> {
        self.pages.iter().filter(|(_, known)| known.noise.answers).map(|(path, _)| path.as_str())
    }

    /// Whether a text is the product's own and no content: it stands on pages of many shapes, or on most pages of this one.
    pub(super) fn is_chrome(&self, text: &str, shape: &str) -> bool {
        let Some(shapes) = self.texts.get(text) else { return false };
        let (with, all) = (shapes.get(shape).copied().unwrap_or(0), self.of_shape.get(shape).copied().unwrap_or(0));
        shapes.len() >= MANY_SHAPES || (with >= 2 && with * 10 >= all * 6)
    }
}

fn noise(first: &Page, second: &Page) -> Noise {
    let texts =
        |page: &Page| -> BTreeSet<String> { page.fragments().iter().map(|fragment| fragment.text.clone()).collect() };
    let keys = match (&first.content, &second.content) {
        (PageContent::Json(first), PageContent::Json(second)) => changing_keys(first, second),
        _ => Vec::new(),
    };
    Noise {
        texts: texts(first).symmetric_difference(&texts(second)).cloned().collect(),
        keys,
        answers: first.answer != second.answer || first.media != second.media,
        sizes: first.size != second.size,
        slowest: first.took.max(second.took),
    }
}

/// The keys whose values differ, wherever they stand.
fn changing_keys(first: &Value, second: &Value) -> Vec<String> {
    let found = differences(first, second, JsonTerms { ordered: false, ignore: &[] });
    let keys = found.kept.iter().filter_map(|difference| difference.at.rsplit('/').next());
    let keys: BTreeSet<&str> = keys.map(|key| key.split('[').next().unwrap_or(key)).collect();
    keys.into_iter().map(str::to_owned).collect()
}
