//! HTML: the visible texts in their order, and the links that a careful visitor may follow.

use ego_tree::iter::Edge;
use lazy_regex::{Lazy, lazy_regex, regex};
use regex::Regex;
use scraper::node::Element;
use scraper::{Html, Node};

use super::Fragment;
use super::links::{Link, LinkKind, Site};

static AGE: Lazy<Regex> = lazy_regex!(
    r"(?i)\b(?:(?:about|almost|over|less than) )?(?:an?|\d+) (?:second|minute|hour|day|week|month|year)s?\b(?: ago\b)?"
);

/// Elements within a line of text.
const INLINE: [&str; 26] = [
    "abbr", "b", "bdi", "bdo", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "samp",
    "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr",
];
/// Elements that show nothing.
const UNSEEN: [&str; 7] = ["script", "style", "template", "noscript", "head", "iframe", "object"];
/// Elements in which products name things: what stands there changes with the release.
const LABELS: [&str; 11] =
    ["label", "th", "legend", "button", "nav", "footer", "summary", "dt", "option", "optgroup", "caption"];

/// The visible texts, the title first, and the links.
pub(super) fn read(site: &Site, page: &str, text: &str) -> (Vec<Fragment>, Vec<Link>) {
    let html = Html::parse_document(text);
    let mut reader =
        Reader { site, page, texts: Vec::new(), line: String::new(), unseen: 0, labels: 0, links: Vec::new() };
    reader.title(&html);
    let mut named: Vec<(usize, String)> = Vec::new();
    for edge in html.tree.root().traverse() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Element(element) => {
                    reader.open(element);
                    if element.name() == "a" {
                        named.push((reader.links.len(), String::new()));
                        reader.follow(element);
                    }
                }
                Node::Text(text) => {
                    reader.text(text);
                    if let Some((_, name)) = named.last_mut() {
                        name.push_str(text);
                    }
                }
                Node::Document
                | Node::Fragment
                | Node::Doctype(_)
                | Node::Comment(_)
                | Node::ProcessingInstruction(_) => {}
            },
            Edge::Close(node) => {
                if let Node::Element(element) = node.value() {
                    reader.close(element);
                    if element.name() == "a"
                        && let Some((at, name)) = named.pop()
                        && let Some(link) = reader.links.get_mut(at).filter(|link| link.kind == LinkKind::Page)
                    {
                        link.text = alike(&name);
                    }
                }
            }
        }
    }
    reader.flush();
    (reader.texts, reader.links)
}

struct Reader<'a> {
    site: &'a Site,
    page: &'a str,
    texts: Vec<Fragment>,
    line: String,
    /// How many elements that show nothing, and that hold labels, are open.
    unseen: usize,
    labels: usize,
    links: Vec<Link>,
}

impl Reader<'_> {
    fn title(&mut self, html: &Html) {
        let title =
            html.tree.nodes().find(|node| node.value().as_element().is_some_and(|element| element.name() == "title"));
        let text: String = title
            .iter()
            .flat_map(|title| title.children())
            .filter_map(|node| node.value().as_text().map(|text| &**text))
            .collect();
        self.line.push_str(&text);
        self.flush();
    }

    fn open(&mut self, element: &Element) {
        if INLINE.contains(&element.name()) && !is_unseen(element) {
            return;
        }
        self.flush();
        self.unseen += usize::from(is_unseen(element));
        self.labels += usize::from(LABELS.contains(&element.name()));
        if element.name() != "a" {
            self.follow(element);
        }
    }

    fn close(&mut self, element: &Element) {
        if INLINE.contains(&element.name()) && !is_unseen(element) {
            return;
        }
        self.flush();
        self.unseen -= usize::from(is_unseen(element)).min(self.unseen);
        self.labels -= usize::from(LABELS.contains(&element.name())).min(self.labels);
    }

    fn text(&mut self, text: &str) {
        if self.unseen == 0 {
            self.line.push_str(text);
        }
    }

    fn flush(&mut self) {
        let text = alike(&self.line);
        self.line.clear();
        if !text.is_empty() {
            self.texts.push(Fragment { text, is_label: self.labels > 0 });
        }
    }

    /// Notes where an element leads.
    fn follow(&mut self, element: &Element) {
        let relation = element.attr("rel").unwrap_or_default().to_ascii_lowercase();
        let is = |what: &str| relation.split_ascii_whitespace().any(|word| word.contains(what));
        match element.name() {
            "a" | "area" if !acts(element) => self.link(element.attr("href"), LinkKind::Page),
            "iframe" | "frame" => self.link(element.attr("src"), LinkKind::Page),
            "form"
                if element.attr("method").is_none_or(|method| method.eq_ignore_ascii_case("get")) && !acts(element) =>
            {
                self.link(element.attr("action"), LinkKind::Page);
            }
            "link" if is("stylesheet") || is("icon") || is("preload") || is("manifest") => {
                self.link(element.attr("href"), LinkKind::Asset);
            }
            "link" if is("alternate") || is("next") || is("prev") => self.link(element.attr("href"), LinkKind::Page),
            "script" | "img" | "source" | "embed" | "video" | "audio" => {
                self.link(element.attr("src"), LinkKind::Asset);
                for one in element.attr("srcset").into_iter().flat_map(|set| set.split(", ")) {
                    self.link(one.split_ascii_whitespace().next(), LinkKind::Asset);
                }
            }
            _ => {}
        }
    }

    fn link(&mut self, to: Option<&str>, kind: LinkKind) {
        let path = to.and_then(|to| self.site.resolve(self.page, to));
        self.links.extend(path.map(|path| Link { path, kind, text: String::new() }));
    }
}

/// Whether following an element does more than to ask for a page.
fn acts(element: &Element) -> bool {
    element.attrs().any(|(name, value)| match name {
        "onclick" | "onsubmit" | "data-confirm" | "data-remote" => true,
        "data-method" | "data-turbo-method" | "data-http-method" => !value.eq_ignore_ascii_case("get"),
        _ => name.starts_with("hx-") && name != "hx-get",
    })
}

fn is_unseen(element: &Element) -> bool {
    UNSEEN.contains(&element.name())
        || element.attr("hidden").is_some()
        || element.attr("style").is_some_and(|style| regex!(r"(?i)display\s*:\s*none").is_match(style))
}

/// A text with white space and ages made alike, without the punctuation around it.
pub(super) fn alike(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let text = AGE.replace_all(&text, "⟨age⟩");
    text.trim_matches(|character: char| !character.is_alphanumeric() && !"⟨⟩".contains(character)).to_owned()
}
