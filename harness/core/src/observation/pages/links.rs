//! Where pages lead: links of one site, resolved to paths with their query.

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;
use serde_json::Value;
use url::Url;

static OF_STYLE: Lazy<Regex> = lazy_regex!(r#"(?i)url\(\s*["']?([^"')]+?)["']?\s*\)"#);

static COMMENT: Lazy<Regex> = lazy_regex!(r"(?s)/\*.*?\*/");

/// How deep JSON is searched, and how many links of it are followed at most.
const DEPTH: usize = 8;
const MOST_LINKS: usize = 200;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkKind {
    /// It leads to another page.
    Page,
    /// It loads a part of the page: a style, a script, an image.
    Asset,
}

/// A link within the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The path with its query.
    pub path: String,
    /// What it is for.
    pub kind: LinkKind,
    /// What it is called on the page.
    pub text: String,
}

/// A site: the name and the port that are asked. What leads elsewhere is no part of it.
#[derive(Debug, Clone)]
pub struct Site(Url);

impl Site {
    /// The site of a service and its port; none if the service's name cannot be the name of a host.
    pub fn new(service: &str, port: u16) -> Option<Self> {
        Url::parse(&format!("http://{service}:{port}/")).ok().map(Self)
    }

    /// The path that a link on a page leads to; none if it leads to another site or nowhere.
    pub fn resolve(&self, page: &str, link: &str) -> Option<String> {
        let link = link.trim();
        if link.is_empty() || link.starts_with('#') {
            return None;
        }
        let url = self.0.join(page).ok()?.join(link).ok()?;
        if url.origin() != self.0.origin() {
            return None;
        }
        let query = url.query().filter(|query| !query.is_empty());
        Some(query.map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
    }
}

/// What a style loads.
pub(super) fn of_style(site: &Site, page: &str, text: &str) -> Vec<Link> {
    let text = COMMENT.replace_all(text, "");
    let found = OF_STYLE.captures_iter(&text).filter_map(|found| site.resolve(page, &found[1]));
    found.map(|path| Link { path, kind: LinkKind::Asset, text: String::new() }).collect()
}

/// Where JSON leads: texts that are addresses, under keys that say so.
pub(super) fn of_json(site: &Site, page: &str, value: &Value) -> Vec<Link> {
    let mut found = Vec::new();
    json(site, page, value, "", DEPTH, &mut found);
    found
}

fn json(site: &Site, page: &str, value: &Value, key: &str, depth: usize, found: &mut Vec<Link>) {
    if depth == 0 || found.len() >= MOST_LINKS {
        return;
    }
    match value {
        Value::String(text) if leads(key) && (text.starts_with('/') || text.starts_with("http")) => {
            let path = site.resolve(page, text);
            found.extend(path.map(|path| Link { path, kind: LinkKind::Page, text: String::new() }));
        }
        Value::Array(items) => items.iter().for_each(|item| json(site, page, item, key, depth - 1, found)),
        Value::Object(map) => map.iter().for_each(|(key, item)| json(site, page, item, key, depth - 1, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn leads(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["url", "href", "link", "next", "previous", "self"].iter().any(|end| key.ends_with(end))
}

/// The paths of an OpenAPI document that can be asked without a parameter, and how many need one.
pub fn openapi_paths(document: &Value) -> (Vec<String>, usize) {
    let base = document.pointer("/servers/0/url").or_else(|| document.get("basePath")).and_then(Value::as_str);
    let base = base.filter(|base| base.starts_with('/')).unwrap_or_default().trim_end_matches('/');
    let mut without = Vec::new();
    let mut with = 0;
    for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        let Some(get) = item.get("get") else { continue };
        let parameters = [item.get("parameters"), get.get("parameters")].into_iter().flatten();
        let mut parameters = parameters.filter_map(Value::as_array).flatten();
        if path.contains('{') || parameters.any(|one| one.get("required") == Some(&Value::Bool(true))) {
            with += 1;
        } else {
            without.push(format!("{base}{path}"));
        }
    }
    (without, with)
}
