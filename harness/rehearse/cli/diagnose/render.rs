//! Renders a diagnosis for people and for programs: root causes with their consequences.

use rehearse_core::knowledge::diagnosis::{DiagnosedFailure, FirstError, WideNetFound};
use rehearse_core::vocabulary::release::Release;
use serde_json::{Value, json};

use super::display_name;

/// Everything that was found, as a list: each root cause before its consequences.
pub(super) fn json(roots: &[DiagnosedFailure<'_>]) -> String {
    fn add(failure: &DiagnosedFailure<'_>, all: &mut Vec<Value>) {
        let found = failure.found;
        all.push(json!({
            "id": found.known.id,
            "file": found.source,
            "line": found.line,
            "cause": found.known.cause,
            "remedy": found.known.remedy,
            "source": found.known.source,
            "consequence_of": failure.follows.map(|of| &of.known.id),
            "count": found.count,
            "harmless": found.harmless,
            "recovered_line": found.recovered.as_ref().map(|(line, _)| line),
            "excerpt": found.excerpt.join("\n"),
        }));
        failure.consequences.iter().for_each(|below| add(below, all));
    }
    let mut all = Vec::new();
    roots.iter().for_each(|root| add(root, &mut all));
    format!("{:#}", Value::Array(all))
}

/// Everything that was found, with consequences indented below their root cause; then errors without a known cause.
pub(super) fn text(known: &[DiagnosedFailure<'_>], harmless: &[DiagnosedFailure<'_>], rest: &Rest<'_>) -> String {
    let releases = rest.release.is_none();
    let mut text = String::new();
    if known.is_empty() {
        text.push_str(&rest.nothing(!harmless.is_empty()));
    }
    for (number, root) in known.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        one(root, "", "", releases, &mut text);
    }
    if !known.is_empty() {
        let below: usize = known.iter().map(consequences).sum();
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        text.push_str(&format!("\n{}, {}\n", counted(known.len(), "root cause"), counted(below, "consequence")));
        text.push_str(&rest.errors(true));
    }
    for one_of in harmless {
        text.push('\n');
        one(one_of, "", "harmless: ", releases, &mut text);
    }
    if known.is_empty() {
        text.push_str(if harmless.is_empty() { "" } else { "\n" });
        text.push_str(&rest.errors(false));
    }
    text
}

fn consequences(failure: &DiagnosedFailure<'_>) -> usize {
    failure.consequences.iter().map(|below| 1 + consequences(below)).sum()
}

fn one(failure: &DiagnosedFailure<'_>, indent: &str, kind: &str, releases: bool, text: &mut String) {
    let found = failure.found;
    let times = if found.count == 1 { String::new() } else { format!("  ({} times, first here)", found.count) };
    text.push_str(&format!(
        "{indent}{kind}{}  {}:{}{times}\n",
        found.known.id,
        display_name(&found.source),
        found.line
    ));
    for line in &found.excerpt {
        text.push_str(format!("{indent}  | {line}").trim_end());
        text.push('\n');
    }
    let mut say = |what: &str, value: &str| text.push_str(&format!("{indent}  {what:<9}{value}\n"));
    if let Some(range) = found.releases.as_ref().filter(|_| releases) {
        say("releases", &range.to_string());
    }
    say("cause", &found.known.cause);
    say("remedy", &found.known.remedy);
    say("source", &found.known.source);
    if let Some((line, value)) = &found.recovered {
        say("later", &format!("line {line} says: {value}"));
    }
    if !failure.consequences.is_empty() {
        text.push_str(&format!("{indent}  from which follows\n"));
        failure.consequences.iter().for_each(|below| one(below, &format!("{indent}    "), "", releases, text));
    }
}

/// What is shown in addition to known failures.
pub(super) struct Rest<'r> {
    pub(super) product: &'r str,
    pub(super) release: Option<&'r Release>,
    /// Errors by the product's log check; `None` if it has none.
    pub(super) errors: Option<&'r [FirstError]>,
    pub(super) wide: &'r WideNetFound,
}

impl Rest<'_> {
    /// All of it, for the reader of a list of known failures.
    pub(super) fn text(&self, known: bool) -> String {
        match (known, self.errors) {
            (false, _) => self.nothing(false) + &self.errors(known),
            (true, Some([]) | None) => String::new(),
            (true, Some(_)) => self.errors(known),
        }
    }

    fn nothing(&self, harmless: bool) -> String {
        let on = self.release.map(|release| format!(" on {release}")).unwrap_or_default();
        let as_failure = if harmless { " as a failure" } else { "" };
        format!("Nothing that is known{as_failure} of {}{on} was recognised.\n", self.product)
    }

    /// The errors without a known cause; if no failure was recognised, the lines that look most like one.
    fn errors(&self, known: bool) -> String {
        match (self.errors, known) {
            (Some(errors @ [_, ..]), true) => {
                format!("\nErrors that none of these explains (the first kinds):\n{}", listed(errors))
            }
            (Some([]), true) => {
                "\nNo other line counts as an error by the product's check of logs; that does not prove that there is none.\n"
                    .to_owned()
            }
            (None, true) => String::new(),
            (Some(errors @ [_, ..]), false) => {
                format!("The first error lines (that are not known to be harmless):\n{}", listed(errors))
            }
            (Some([]), false) => format!(
                "No line counts as an error by the product's check of logs. That proves nothing: a failure may say it in other words.\n{}",
                self.wide()
            ),
            (None, false) => {
                format!("The product has no check of logs, which would tell what else is an error.\n{}", self.wide())
            }
        }
    }

    fn wide(&self) -> String {
        if !self.wide.lines.is_empty() {
            return format!("Lines that look like an error, though no rule says so:\n{}", listed(&self.wide.lines));
        }
        let Some((source, lines)) = &self.wide.end else { return "The logs hold no text.\n".to_owned() };
        let lines: String = lines.iter().map(|line| format!("    | {line}\n")).collect();
        format!(
            "Nor does any line look like one, which does not tell how it went. The log ends with:\n  {}\n{lines}",
            display_name(source)
        )
    }
}

fn listed(errors: &[FirstError]) -> String {
    let mut text = String::new();
    for error in errors {
        let times = if error.count == 1 { String::new() } else { format!("  ({} of its kind)", error.count) };
        text.push_str(&format!("  {}:{}{times}\n", display_name(&error.source), error.line));
        error.example.iter().for_each(|line| text.push_str(&format!("    | {line}\n")));
    }
    text
}
