//! Compares the texts of pages. A text that is only laid out in another way is still there.

use std::collections::BTreeSet;

use crate::observation::pages::{Fragment, Page};

/// A shorter text says too little: others may be equal to it by chance.
const SHORT: usize = 8;
/// Words before the difference that are shown.
const WORDS: usize = 4;

/// All words of a page's texts, so that a text that was split or joined is found.
fn words(page: &Page) -> String {
    let mut words = String::new();
    for fragment in page.fragments() {
        words.push_str(&spaced(&fragment.text));
    }
    words.replace("  ", " ")
}

/// Words without punctuation.
fn plain_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The words of a text, each between blanks, in lower case: a release that begins a label with a capital loses nothing.
fn spaced(text: &str) -> String {
    let mut spaced = String::from(" ");
    for word in plain_words(text) {
        spaced.push_str(&word.to_lowercase());
        spaced.push(' ');
    }
    spaced
}

/// The texts of `before` that are not on `now`, each once.
pub(super) fn lost<'p>(before: &'p Page, now: &Page) -> Vec<&'p Fragment> {
    let there: BTreeSet<&str> = now.fragments().iter().map(|fragment| fragment.text.as_str()).collect();
    let mut words_now = None;
    let mut seen = BTreeSet::new();
    let gone = before.fragments().iter().filter(|fragment| {
        let text = fragment.text.as_str();
        seen.insert(text)
            && !there.contains(text)
            && !words_now.get_or_insert_with(|| words(now)).contains(&spaced(text))
    });
    gone.collect()
}

/// The texts that are on `now`, that another identity saw, and that were not on `before`.
pub(super) fn only_of<'p>(other: &'p Page, before: &Page, now: &Page) -> Vec<&'p str> {
    let there: BTreeSet<&str> = now.fragments().iter().map(|fragment| fragment.text.as_str()).collect();
    let words_before = words(before);
    let texts = other.fragments().iter().filter(|fragment| !fragment.is_label).map(|fragment| fragment.text.as_str());
    let shown = texts
        .filter(|text| text.chars().count() >= SHORT && there.contains(text) && !words_before.contains(&spaced(text)));
    shown.collect()
}

/// A text, cut to begin shortly before the first of its words that is not on the page any more.
pub(super) fn from_the_difference(text: &str, now: &Page) -> String {
    let words_now = words(now);
    let all: Vec<&str> = text.split(' ').collect();
    let mut kept = 0;
    while kept < all.len() && words_now.contains(&spaced(&all[..=kept].join(" "))) {
        kept += 1;
    }
    match kept.saturating_sub(WORDS) {
        0 => text.to_owned(),
        from => format!("… {}", all.get(from..).unwrap_or_default().join(" ")),
    }
}
