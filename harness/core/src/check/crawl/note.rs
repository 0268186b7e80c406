//! What a crawl notes: how much of a site it saw, and what it does not hold against a release.

use std::fmt;

use crate::observation::pages::Coverage;

/// Examples that a note shows.
const EXAMPLES: usize = 5;

/// A fact about a crawl that changes no outcome.
#[derive(Debug, Clone, PartialEq)]
pub enum CrawlNote {
    /// How much of the site an identity saw, and how much of that it asked for.
    Coverage {
        /// The identity.
        identity: String,
        /// How much.
        coverage: Coverage,
        /// How many pages of others it asked for.
        of_others: usize,
        /// How many of all were shown.
        shown: usize,
    },
    /// The time for the crawl was over before everything was asked.
    OutOfTime {
        /// The identity.
        identity: String,
    },
    /// How many assets were loaded; how many there were beyond the bound.
    Assets {
        /// Loaded.
        asked: usize,
        /// Not loaded.
        left: usize,
    },
    /// Assets that do not load on the source release either.
    AssetsBroken(Vec<String>),
    /// Paths of the OpenAPI document: taken, and left out because they need a parameter.
    OpenApi {
        /// Taken.
        taken: usize,
        /// Left out.
        left_out: usize,
    },
    /// Pages that people opened, from an access log.
    Logged {
        /// The log.
        file: String,
        /// How many pages.
        pages: usize,
        /// How many requests.
        requests: usize,
    },
    /// Pages that are answered now in one way, now in another, on one and the same release.
    Unstable(Vec<String>),
    /// An answer that was not a page before.
    Answered {
        /// The page.
        page: String,
        /// How it was answered before.
        was: String,
    },
    /// Texts of the product itself that are gone.
    OwnTexts {
        /// The texts, those of most pages first.
        texts: Vec<String>,
        /// The number of pages they are gone from.
        pages: usize,
    },
    /// How many times as long pages take.
    Times {
        /// How many pages were timed.
        pages: usize,
        /// The median.
        median: f64,
    },
    /// Pages that are linked to now, and were not before.
    NewPages {
        /// The identity.
        identity: String,
        /// The pages.
        pages: Vec<String>,
    },
    /// A newly linked page that is answered with an error.
    NewPageFails {
        /// The page.
        page: String,
        /// How it was answered.
        answer: String,
    },
    /// Bodies of which only the type and the length were compared.
    NotRead(usize),
    /// A rule let differences through.
    Allowed {
        /// How many.
        count: u64,
        /// Why.
        because: String,
    },
}

impl fmt::Display for CrawlNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coverage { identity, coverage, of_others, shown } => {
                let Coverage { discovered, shapes, asked, shapes_asked, denied, left } = coverage;
                let unasked = discovered.saturating_sub(asked + denied);
                write!(f, "{identity}: asked {asked} of {discovered} pages of {shapes_asked} of {shapes} shapes")?;
                write!(f, ", and {of_others} that others saw; {shown} were shown")?;
                write!(f, "; {denied} are never asked, {unasked} are beyond the bound")?;
                if left.is_empty() { Ok(()) } else { write!(f, ", such as {}", left.join(", ")) }
            }
            Self::OutOfTime { identity } => write!(f, "{identity}: the time was over before all pages were asked"),
            Self::Assets { asked, left: 0 } => write!(f, "{asked} scripts, styles and images were loaded"),
            Self::Assets { asked, left } => {
                write!(f, "{asked} scripts, styles and images were loaded, {left} are beyond the bound")
            }
            Self::AssetsBroken(paths) => write!(f, "do not load on the source release either: {}", few(paths)),
            Self::OpenApi { taken, left_out } => {
                write!(f, "the OpenAPI document has {taken} paths without parameters; {left_out} need one")
            }
            Self::Logged { file, pages, requests } => {
                write!(f, "{file} has {requests} requests for {pages} pages that may be asked")
            }
            Self::Unstable(pages) => {
                write!(f, "not compared, because two answers of the source release differ: {}", few(pages))
            }
            Self::Answered { page, was } => write!(f, "{page} is answered now (was {was})"),
            Self::OwnTexts { texts, pages } => {
                write!(f, "{} texts of the product itself are gone from {pages} pages: {}", texts.len(), few(texts))
            }
            Self::Times { pages, median } => {
                write!(f, "{pages} pages take {median:.1} times as long as on the source release (median)")
            }
            Self::NewPages { identity, pages } => {
                write!(f, "{identity}: {} pages are linked to that were not: {}", pages.len(), few(pages))
            }
            Self::NewPageFails { page, answer } => write!(f, "newly linked to: {page}: {answer}"),
            Self::NotRead(count) => write!(f, "of {count} bodies only the type and the length were compared"),
            Self::Allowed { count: 1, because } => write!(f, "1 difference by {because}"),
            Self::Allowed { count, because } => write!(f, "{count} differences by {because}"),
        }
    }
}

fn few(all: &[String]) -> String {
    let mut text = all.iter().take(EXAMPLES).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > EXAMPLES {
        text.push_str(&format!(", and {} more", all.len() - EXAMPLES));
    }
    text
}
