//! What is told of a diagnosis: root causes with what follows from them, for people and for programs.

use rehearse_core::diagnosis::Told;
use rehearse_core::release::Release;
use serde_json::{Value, json};

use super::{FirstError, shown};

/// All that was found as a list, a root cause before what follows from it.
pub(super) fn json(roots: &[Told<'_>]) -> String {
    fn add(told: &Told<'_>, all: &mut Vec<Value>) {
        let found = told.found;
        all.push(json!({
            "id": found.known.id,
            "file": found.source,
            "line": found.line,
            "cause": found.known.cause,
            "remedy": found.known.remedy,
            "source": found.known.source,
            "consequence_of": told.follows.map(|of| &of.known.id),
            "count": found.count,
            "excerpt": found.excerpt.join("\n"),
        }));
        told.consequences.iter().for_each(|below| add(below, all));
    }
    let mut all = Vec::new();
    roots.iter().for_each(|root| add(root, &mut all));
    format!("{:#}", Value::Array(all))
}

/// All that was found, what follows from a root cause indented below it.
pub(super) fn text(roots: &[Told<'_>], releases: bool) -> String {
    let mut text = String::new();
    for (number, root) in roots.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        one(root, "", releases, &mut text);
    }
    let below: usize = roots.iter().map(consequences).sum();
    let said = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    text.push_str(&format!("\n{}, {}\n", said(roots.len(), "root cause"), said(below, "consequence")));
    text
}

fn consequences(told: &Told<'_>) -> usize {
    told.consequences.iter().map(|below| 1 + consequences(below)).sum()
}

fn one(told: &Told<'_>, indent: &str, releases: bool, text: &mut String) {
    let found = told.found;
    let times = if found.count == 1 { String::new() } else { format!("  ({} times, first here)", found.count) };
    text.push_str(&format!("{indent}{}  {}:{}{times}\n", found.known.id, shown(&found.source), found.line));
    for line in &found.excerpt {
        text.push_str(format!("{indent}  | {line}").trim_end());
        text.push('\n');
    }
    let mut say = |what: &str, said: &str| text.push_str(&format!("{indent}  {what:<9}{said}\n"));
    if let Some(range) = found.releases.as_ref().filter(|_| releases) {
        say("releases", &range.to_string());
    }
    say("cause", &found.known.cause);
    say("remedy", &found.known.remedy);
    say("source", &found.known.source);
    if !told.consequences.is_empty() {
        text.push_str(&format!("{indent}  from which follows\n"));
        told.consequences.iter().for_each(|below| one(below, &format!("{indent}    "), releases, text));
    }
}

/// That nothing known was recognised, and the first errors there are.
pub(super) fn nothing(product: &str, release: Option<&Release>, errors: Option<&[FirstError]>) -> String {
    let on = release.map(|release| format!(" on {release}")).unwrap_or_default();
    let mut text = format!("Nothing that is known of {product}{on} was recognised.\n");
    match errors {
        None => text.push_str("The product has no check of logs, which would tell what else is an error.\n"),
        Some([]) => text.push_str("Nor is there a line that counts as an error (the product's check of logs).\n"),
        Some(errors) => {
            text.push_str("The first errors that the product does not allow:\n");
            for error in errors {
                let times = if error.count == 1 { String::new() } else { format!("  ({} of its kind)", error.count) };
                text.push_str(&format!("  {}:{}{times}\n", shown(&error.source), error.line));
                error.example.iter().for_each(|line| text.push_str(&format!("    | {line}\n")));
            }
        }
    }
    text
}
