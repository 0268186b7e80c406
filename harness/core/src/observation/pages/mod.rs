//! Pages of a product as they were answered, read by meaning: how they were answered, what they show, where they lead.
//! Which of them are asked, and in which order, is decided here too, without asking any.

mod access_log;
mod frontier;
mod html;
mod links;
mod shape;

pub use access_log::{AccessLogFormat, LoggedRequests};
pub use frontier::{Coverage, Frontier};
pub use links::{Link, LinkKind, Site, openapi_paths};
pub use shape::{Shapes, asset_shape};

use std::fmt;
use std::time::Duration;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;
use serde_json::Value;

use super::{HttpResponse, Response};

static LOG_IN: Lazy<Regex> =
    lazy_regex!(r"(?i)/(log[-_]?in|sign[-_]?in|sso|saml2?|oauth2?|openid|cas|auth|session/new)(/|$)");

/// How a page was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With a status that leads nowhere.
    Status(u16),
    /// With a redirect to a page where one logs in.
    LogIn,
    /// With a redirect, to a path of the site or to another one.
    Redirect(u16, String),
    /// Not at all, in this way.
    Nothing(String),
}

impl Answer {
    /// As rules name it: `200`, `log-in`, `none`.
    pub fn word(&self) -> String {
        match self {
            Self::Status(status) | Self::Redirect(status, _) => status.to_string(),
            Self::LogIn => "log-in".to_owned(),
            Self::Nothing(_) => "none".to_owned(),
        }
    }

    /// Whether the page was shown.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Status(200..=299))
    }

    /// Whether who asked may not see the page: forbidden, sent to log in.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::LogIn | Self::Status(401 | 403))
    }

    /// Whether there is no such page, or it is said not to be.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Status(404 | 410))
    }

    /// Whether the product failed.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Nothing(_) | Self::Status(500..))
    }

    /// Whether the page was shown, or led to another one that is open.
    pub fn leads_on(&self) -> bool {
        self.is_success() || matches!(self, Self::Redirect(..))
    }

    /// Whether it is an error: no page may lead there.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Status(status) => *status >= 400,
            Self::Nothing(_) => true,
            Self::LogIn | Self::Redirect(..) => false,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::LogIn => f.write_str("a redirect to log in"),
            Self::Redirect(status, to) => write!(f, "status {status} to {to}"),
            Self::Nothing(reason) => write!(f, "no response: {reason}"),
        }
    }
}

/// A text of a page, with white space and ages made alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fragment {
    /// The text.
    pub text: String,
    /// Whether it stands where products name things: in a label, a heading of a table, a button, a menu.
    pub is_label: bool,
}

/// What a page holds.
#[derive(Debug, Clone, PartialEq)]
pub enum PageContent {
    /// The visible texts of HTML, its title first.
    Html(Vec<Fragment>),
    /// JSON.
    Json(Value),
    /// It is said to be JSON, and is not: it was cut, or something stands before or behind it.
    BrokenJson,
    /// Anything else: a style, a script, an image, a PDF; or a text that was too long to be kept.
    Other,
}

/// A page as it was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// How.
    pub answer: Answer,
    /// Its media type, without parameters.
    pub media: String,
    /// Bytes of its body.
    pub size: u64,
    /// How long it took.
    pub took: Duration,
    /// What it holds.
    pub content: PageContent,
    /// Where it leads, in its order, each place once.
    pub links: Vec<Link>,
}

impl Page {
    /// Reads the answer to a request for a page of a site.
    pub fn read(site: &Site, path: &str, response: &Response) -> Self {
        match response {
            Response::Http(response) => Self::of_http(site, path, response),
            Response::NoResponse { reason } | Response::ProbeError { reason } => Self::unanswered(reason),
            Response::Exec(_) | Response::Rows(_) | Response::Rejected(_) => Self::unanswered("it is no HTTP response"),
        }
    }

    fn unanswered(reason: &str) -> Self {
        Self {
            answer: Answer::Nothing(reason.to_owned()),
            media: String::new(),
            size: 0,
            took: Duration::ZERO,
            content: PageContent::Other,
            links: Vec::new(),
        }
    }

    fn of_http(site: &Site, path: &str, response: &HttpResponse) -> Self {
        let header = |name: &str| response.headers.get(name).map(String::as_str).unwrap_or_default();
        let media = header("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (status, body) = (response.status, &response.body);
        let mut links = Vec::new();
        let answer = match header("location") {
            to if (300..=399).contains(&status) && !to.is_empty() => {
                let to = match site.resolve(path, to) {
                    Some(to) => {
                        links.push(Link { path: to.clone(), kind: LinkKind::Page, text: String::new() });
                        to
                    }
                    None => to.to_owned(),
                };
                let is_log_in = |path: &str| LOG_IN.is_match(path.split(['?', '#']).next().unwrap_or_default());
                if is_log_in(&to) && !is_log_in(path) { Answer::LogIn } else { Answer::Redirect(status, to) }
            }
            _ => Answer::Status(status),
        };
        let content = match media.as_str() {
            // A part of a text would look like a text that lost its end.
            _ if body.cut => PageContent::Other,
            "text/html" | "application/xhtml+xml" => {
                let (fragments, found) = html::read(site, path, &body.text);
                links.extend(found);
                PageContent::Html(fragments)
            }
            "text/css" => {
                links.extend(links::of_style(site, path, &body.text));
                PageContent::Other
            }
            json if json == "application/json" || json.ends_with("+json") => match serde_json::from_str(&body.text) {
                Ok(value) => {
                    links.extend(links::of_json(site, path, &value));
                    PageContent::Json(value)
                }
                Err(_) => PageContent::BrokenJson,
            },
            _ => PageContent::Other,
        };
        let mut seen = std::collections::BTreeSet::new();
        links.retain(|link| seen.insert((link.path.clone(), link.kind)));
        Self { answer, media, size: body.size, took: response.took, content, links }
    }

    /// Its texts; none if it is no HTML.
    pub fn fragments(&self) -> &[Fragment] {
        match &self.content {
            PageContent::Html(fragments) => fragments,
            PageContent::Json(_) | PageContent::BrokenJson | PageContent::Other => &[],
        }
    }
}

#[cfg(test)]
mod tests;
