//! XML and HTML: elements with their attributes in any order, without the white space that nobody sees.

use ego_tree::NodeRef;
use scraper::{Html, Node};

use super::{DEEPEST, Parsed};

/// An element: its attributes, and what is in it.
fn element(name: &str, attributes: Vec<(Parsed, Parsed)>, content: Vec<Parsed>) -> Option<Parsed> {
    let inside = vec![
        (Parsed::Text("attributes".to_owned()), Parsed::map(attributes)?),
        (Parsed::Text("content".to_owned()), Parsed::List(content)),
    ];
    Some(Parsed::Named(format!("<{name}>"), Box::new(Parsed::Map(inside))))
}

fn text_pair(key: &str, value: &str) -> (Parsed, Parsed) {
    (Parsed::Text(key.to_owned()), Parsed::Text(value.to_owned()))
}

pub(super) fn xml(text: &str) -> Option<Parsed> {
    let document = roxmltree::Document::parse(text).ok()?;
    Some(Parsed::List(document.root().children().map(|node| xml_node(node, 1)).collect::<Option<_>>()?))
}

fn xml_node(node: roxmltree::Node<'_, '_>, depth: usize) -> Option<Parsed> {
    if depth > DEEPEST {
        return None;
    }
    if node.is_comment() {
        return Some(Parsed::Named("comment".to_owned(), Box::new(Parsed::Text(node.text()?.to_owned()))));
    }
    if let Some(instruction) = node.pi() {
        let value = Parsed::Text(instruction.value.unwrap_or_default().to_owned());
        return Some(Parsed::Named(format!("<?{}>", instruction.target), Box::new(value)));
    }
    if node.is_text() {
        return Some(Parsed::Text(node.text()?.to_owned()));
    }
    let name =
        |space: Option<&str>, name: &str| space.map_or_else(|| name.to_owned(), |space| format!("{{{space}}}{name}"));
    let attribute = |attribute: roxmltree::Attribute<'_, '_>| {
        text_pair(&name(attribute.namespace(), attribute.name()), attribute.value())
    };
    let tag = node.tag_name();
    let between_elements = node.children().any(|child| child.is_element());
    let blank =
        |child: &roxmltree::Node<'_, '_>| child.is_text() && child.text().is_some_and(|text| text.trim().is_empty());
    let children = node.children().filter(|child| !(between_elements && blank(child)));
    let content = children.map(|child| xml_node(child, depth + 1)).collect::<Option<_>>()?;
    element(&name(tag.namespace(), tag.name()), node.attributes().map(attribute).collect(), content)
}

/// Elements in which white space is shown as it is, or is no text for people.
const AS_WRITTEN: [&str; 4] = ["pre", "textarea", "script", "style"];
/// Elements that begin a line of their own: white space beside them is not seen.
const BLOCKS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "ol",
    "p",
    "section",
    "table",
    "tbody",
    "td",
    "tr",
    "ul",
];

pub(super) fn html(text: &str) -> Option<Parsed> {
    let document = Html::parse_fragment(text);
    Some(Parsed::List(html_children(document.tree.root(), true, false, 1)?))
}

fn is_block(node: Option<NodeRef<'_, Node>>) -> bool {
    node.and_then(|node| node.value().as_element()).is_some_and(|element| BLOCKS.contains(&element.name()))
}

fn html_children(parent: NodeRef<'_, Node>, block: bool, as_written: bool, depth: usize) -> Option<Vec<Parsed>> {
    if depth > DEEPEST {
        return None;
    }
    let mut all = Vec::new();
    for child in parent.children() {
        match child.value() {
            Node::Element(inner) => {
                let name = inner.name();
                let written = as_written || AS_WRITTEN.contains(&name);
                let content = html_children(child, is_block(Some(child)) || name == "html", written, depth + 1)?;
                let attributes = inner.attrs().map(|(key, value)| text_pair(key, value)).collect();
                all.push(element(name, attributes, content)?);
            }
            Node::Text(text) if as_written => all.push(Parsed::Text(text.to_string())),
            Node::Text(text) => {
                let edge = |sibling: Option<NodeRef<'_, Node>>| {
                    if sibling.is_some() { is_block(sibling) } else { block }
                };
                let mut shown = collapsed(text);
                if edge(child.prev_sibling()) {
                    shown = shown.trim_start_matches(' ').to_owned();
                }
                if edge(child.next_sibling()) {
                    shown = shown.trim_end_matches(' ').to_owned();
                }
                if !shown.is_empty() {
                    all.push(Parsed::Text(shown));
                }
            }
            Node::Comment(comment) => {
                all.push(Parsed::Named("comment".to_owned(), Box::new(Parsed::Text(comment.to_string()))));
            }
            Node::ProcessingInstruction(instruction) => {
                let text = format!("{} {}", &*instruction.target, &*instruction.data);
                all.push(Parsed::Named("instruction".to_owned(), Box::new(Parsed::Text(text))));
            }
            Node::Document | Node::Fragment | Node::Doctype(_) => {}
        }
    }
    Some(all)
}

/// Each run of the white space that a browser shows as one space.
fn collapsed(text: &str) -> String {
    let white = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if !white(character) {
            shown.push(character);
        } else if !shown.ends_with(' ') {
            shown.push(' ');
        }
    }
    shown
}
