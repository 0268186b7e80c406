//! Documents link to files that are there, and to headings that they have.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::tree::Source;

/// What a document links to, and the anchors of its headings.
fn read(text: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut links, mut anchors, mut heading) = (Vec::new(), BTreeSet::new(), None::<String>);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => links.push(dest_url.to_string()),
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap_or_default());
                let again = (1..).map(|count| format!("{anchor}-{count}"));
                let free = [anchor.clone()].into_iter().chain(again).find(|name| !anchors.contains(name));
                anchors.extend(free);
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    (links, anchors)
}

/// The anchor of a heading, as forges make it.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// The path that a link leads to from a document.
fn target(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Links to nothing. `exists` knows the other files of the repository.
fn dead(documents: &[Source], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let read: BTreeMap<&str, (Vec<String>, BTreeSet<String>)> =
        documents.iter().map(|document| (document.path.as_str(), read(&document.text))).collect();
    let mut found = Vec::new();
    for (path, (links, _)) in &read {
        for link in links.iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let to = if file.is_empty() { (*path).to_owned() } else { target(path, file) };
            if !read.contains_key(to.as_str()) && !exists(&to) {
                found.push(format!("{path} links to {link}, which is not there"));
            } else if let Some(anchor) = anchor
                && !read.get(to.as_str()).is_some_and(|(_, anchors)| anchors.contains(anchor))
            {
                found.push(format!("{path} links to {link}, and {to} has no such heading"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Tested, files, none, planted, root};

    #[test]
    fn documents_refer_to_files_and_headings_that_are_there() -> Tested {
        let mut documents = files(".", "md")?;
        // What is given to the program as input is not a document of ours.
        documents.retain(|document| !document.path.starts_with("tests/cli/"));
        assert!(documents.iter().any(|document| document.path == "README.md"));
        none(&dead(&documents, |path| root().join(path).exists()))
    }

    #[test]
    fn a_planted_dead_link_is_found() {
        let documents = [
            planted("README.md", "[a](docs/a.md#one-two) [b](docs/b.md) [c](LICENSE) [d](https://x/y.md)\n"),
            planted(
                "docs/a.md",
                "# One, `two`\n# Same\n# Same\n[x](#same-1) [y](../README.md) `[z](no.md)` [r][r]\n\n[r]: no.md\n\n    [i](no.md)\n",
            ),
            planted("docs/c/d.md", "| t |\n|---|\n| [x](../a.md#two) [y](#same) [z](../../LICENSE) |\n"),
        ];
        assert_eq!(
            dead(&documents, |path| path == "LICENSE"),
            [
                "README.md links to docs/b.md, which is not there",
                "docs/a.md links to no.md, which is not there",
                "docs/c/d.md links to ../a.md#two, and docs/a.md has no such heading",
                "docs/c/d.md links to #same, and docs/c/d.md has no such heading",
            ]
        );
    }
}
