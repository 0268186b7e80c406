//! Nothing outside `report` decides by looking into a sentence or an id of ours: facts have types.
//!
//! Whose sentence a text is, the types say that declarations write down ([`declared`]), and names where they do not
//! ([`OURS`]). From there a text is followed to wherever it goes ([`flow`]): what is ours is not searched, taken apart or
//! compared with a literal under any name.

mod declared;
mod flow;

use syn::visit::Visit;

use self::declared::Declared;
use self::flow::{Flow, Inferred};
use crate::allowed::Breach;
use crate::modules::{Code, Crate};
use crate::tree::Source;

/// What facts of ours are called; whatever begins with `finding` is one too, unless its type is known to be another.
const OURS: &[&str] = &[
    "id",
    "object",
    "subject",
    "seen",
    "actual",
    "expected",
    "reason",
    "reasons",
    "because",
    "note",
    "notes",
    "unclear",
    "inconclusive_reasons",
    "inconclusive_reason",
];

/// Fields of our facts that hold the texts of others: of the product, of the file system.
const OTHERS: &[&str] = &["quote", "evidence", "service", "query", "value"];

/// Methods that look into a text.
const LOOKS: &[&str] = &[
    "starts_with",
    "ends_with",
    "contains",
    "strip_prefix",
    "strip_suffix",
    "split_once",
    "rsplit_once",
    "find",
    "rfind",
    "split",
    "rsplit",
    "splitn",
    "matches",
    "trim_start_matches",
    "trim_end_matches",
    "eq_ignore_ascii_case",
];

/// Methods of a pattern that look into the text they are given.
const PATTERN_LOOKS: &[&str] =
    &["is_match", "captures", "captures_iter", "find", "find_iter", "replace", "replace_all"];

/// How often what calls say of functions is carried on to the functions that those call.
const ROUNDS: usize = 4;

/// Looks into sentences of ours in crates, each with its root file, but for the files below `exempt`.
fn breaches(crates: &[(&str, &[Source])], exempt: &str) -> Result<Vec<Breach>, String> {
    let mut files = Vec::new();
    let read: Result<Vec<Crate>, String> =
        crates.iter().map(|(root, sources)| Crate::read(root, sources, Code::Product)).collect();
    let read = read?;
    let mut declared = Declared::default();
    for (product, (_, sources)) in read.iter().zip(crates) {
        product.files().values().for_each(|file| declared.visit_file(file));
        let looked_at = sources.iter().filter(|source| exempt.is_empty() || !source.path.starts_with(exempt));
        files.extend(looked_at.filter_map(|source| product.files().get(&source.path).map(|file| (source, file))));
    }
    let mut known = Inferred::default();
    let mut found = Vec::new();
    for _ in 0..ROUNDS {
        found.clear();
        let mut learned = known.clone();
        for (source, file) in &files {
            let mut flow = Flow::new(&declared, &known);
            flow.visit_file(file);
            learned.add(flow.learned);
            found.extend(flow.looks.into_iter().map(|(line, what)| Breach {
                file: source.path.clone(),
                line,
                text: source.text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned(),
                what,
            }));
        }
        if learned == known {
            break;
        }
        known = learned;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allowed::{Allowed, unexcused};
    use crate::tree::{Tested, files, none, planted};

    const SHOWN: &str = "rendered for people; no code looks into it";

    const ALLOWED: &[Allowed] = &[
        Allowed {
            file: "harness/rehearse/cli/runs.rs",
            text: "run.starts_with(by) || run.ends_with(by)",
            because: "people name a run by the beginning or the end of its id",
        },
        Allowed {
            file: "harness/core/src/runbook/mod.rs",
            text: "question.id == INSTALL_METHOD",
            because: "a key of the product file, whose schema names it",
        },
        Allowed {
            file: "harness/core/src/outcome/summary/expected.rs",
            text: "finding.to_string()",
            because: "shown, or matched with the pattern of a scenario's author",
        },
        Allowed {
            file: "harness/core/src/outcome/cause.rs",
            text: "SymptomDetail::Finding(finding) => finding.to_string()",
            because: SHOWN,
        },
        Allowed {
            file: "harness/core/src/outcome/cause.rs",
            text: "name.rsplit('.')",
            because: "a table's name is the product's own, with its schema before it",
        },
        Allowed {
            file: "harness/core/src/outcome/cause/shape.rs",
            text: "pattern.captures_iter(text)",
            because: "the product's own words, which a finding quotes",
        },
        Allowed {
            file: "harness/core/src/model/scenario/expectation.rs",
            text: "pattern.regex().is_match(&text.to_string())",
            because: "matched with the pattern of a scenario's author",
        },
        Allowed {
            file: "harness/core/src/vocabulary/ident.rs",
            text: "run.rsplit('-')",
            because: "the id's own module, which knows its groups",
        },
        Allowed {
            file: "harness/core/src/outcome/cause.rs",
            text: "connection_words.iter().any(|part| actual.contains(part))",
            because: "the product's own words, whatever it answered",
        },
        Allowed { file: "harness/rehearse/engine/checks/stopwatch.rs", text: "finding.to_string()", because: SHOWN },
        Allowed {
            file: "harness/rehearse/engine/known.rs",
            text: "&finding.to_string()",
            because: "matched with the patterns of a product's known failures, which are data",
        },
        Allowed { file: "harness/rehearse/trial.rs", text: "finding.to_string()", because: SHOWN },
    ];

    #[test]
    fn nothing_outside_report_decides_by_a_sentence_of_ours() -> Tested {
        let (core, rehearse) = (files("harness/core/src", "rs")?, files("harness/rehearse", "rs")?);
        let crates = [("harness/core/src/lib.rs", &*core), ("harness/rehearse/lib.rs", &*rehearse)];
        none(&unexcused(&breaches(&crates, "harness/rehearse/report/")?, ALLOWED))
    }

    fn check(line: &str, expected: &[&str]) {
        let sources = [
            planted("x/lib.rs", "mod a;\nmod report;\n"),
            planted(
                "x/a.rs",
                &format!("fn f() {{\n{line}\n}}\n#[cfg(test)] mod tests {{ fn f() {{ id.contains(\"x\"); }} }}\n"),
            ),
            planted("x/report.rs", "mod view;"),
            planted("x/report/view.rs", "fn f() { note.strip_prefix(\"hop \"); }\n"),
        ];
        let found = breaches(&[("x/lib.rs", &sources)], "x/report/").unwrap();
        let found: Vec<String> = found.into_iter().map(|breach| format!("{}: {}", breach.line, breach.what)).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn a_planted_look_into_a_sentence_is_found() {
        check("if stage.id.0.starts_with(\"rollback\") {}", &["2: `starts_with` looks into `id`"]);
        check("finding\n.object.as_str()\n.strip_prefix(prefix);", &["4: `strip_prefix` looks into `object`"]);
        check(
            "let x = all.iter().any(|reason| reason.contains(\"it holds\"));",
            &["2: `contains` looks into `reason`"],
        );
        check("let x = no_room(&finding.to_string());", &["2: `finding` is rendered"]);
        check("let x = HOP.captures(&note);", &["2: `captures` looks into `note`"]);
        check("let x = format!(\"{}\", seen.split_once(' ').is_some());", &["2: `split_once` looks into `seen`"]);
        check("if finding.expected == SILENT {}", &["2: `expected` is compared with a text"]);
        check("if \"images\" != stage.id.0 {}", &["2: `id` is compared with a text"]);
        check("match stage.id.0.as_str() { \"images\" => {} _ => {} }", &["2: `id` is matched with a text"]);
        check("if matches!(self.reason(), \"a\" | \"b\") {}", &["2: `reason` is matched with a text"]);
        check("if findings_text.contains(\"errno 28\") {}", &["2: `contains` looks into `findings_text`"]);
    }

    /// What the planted functions declare: facts of ours, and what holds them.
    const FACTS: &str = "pub struct Finding { pub actual: String, pub quote: Option<String> }\n\
        pub struct StageId(pub String);\n\
        pub enum SkipReason { Interfered(String), Cancelled }\n\
        pub enum HostError { Unreachable { hint: String } }\n\
        pub struct Record { pub stage: StageId, pub troubles: Vec<Finding>, pub title: String }\n\
        pub struct Shown { line: String }\n\
        impl Finding { pub fn line(&self) -> String { self.to_string() } }\n\
        pub fn start() -> Result<String, HostError> { todo() }\n";

    fn check_flow(function: &str, expected: &[&str]) {
        let sources = [planted("x/lib.rs", &format!("{FACTS}{function}\n"))];
        let found = breaches(&[("x/lib.rs", &sources)], "").unwrap();
        let found: Vec<&str> = found.iter().map(|breach| breach.what.as_str()).collect();
        assert_eq!(found, expected, "{function}");
    }

    #[test]
    fn a_sentence_is_followed_under_any_name() {
        let looks = |text: &str| check_flow(text, &["`contains` looks into `actual`"]);
        // A variable of another name, through one `let` and several.
        looks("fn f(it: &Finding) { let words = &it.actual; words.contains(\"x\"); }");
        looks("fn f(it: &Finding) { let a = it.actual.trim(); let b = a.to_lowercase(); if b.contains(\"x\") {} }");
        looks(
            "fn f(it: Option<Finding>) { let Some(Finding { actual: words, .. }) = it else { return }; words.contains(\"x\"); }",
        );
        looks("fn f(it: &Finding) { let mut all = String::new(); all.push_str(&it.actual); all.contains(\"x\"); }");
        looks("fn f(it: &Finding) { let words = if a { \"\" } else { &it.actual }; words.contains(\"x\"); }");
        // The arm of a match, a tuple, a loop, the parameter of a closure.
        looks(
            "fn f(it: &Finding) { match it { Finding { actual: words, .. } if words.contains(\"x\") => {} _ => {} } }",
        );
        looks("fn f(it: &Finding) { let (_, words) = (1, &it.actual); words.contains(\"x\"); }");
        looks("fn f(all: &[Finding]) { for it in all { let words = &it.actual; words.contains(\"x\"); } }");
        looks("fn f(record: &Record) { record.troubles.iter().any(|it| { let w = &it.actual; w.contains(\"x\") }); }");
        looks("fn f(all: &[Finding]) { all.iter().map(|it| it.actual.clone()).any(|words| words.contains(\"x\")); }");
        // A method of a type of ours, and what a function gives to another one or stores for it.
        check_flow(
            "fn f(it: &Finding) { let l = it.line(); l.starts_with(\"x\"); }",
            &["`starts_with` looks into `Finding`"],
        );
        looks("fn f(it: &Finding) { has(&it.actual); }\nfn has(words: &str) -> bool { words.contains(\"x\") }");
        looks(
            "fn f(it: &Finding) { a(&it.actual); }\nfn a(t: &str) { b(t); }\nfn b(words: &str) { words.contains(\"x\"); }",
        );
        looks(
            "fn f(it: &Finding) -> Shown { Shown { line: it.actual.clone() } }\nfn g(it: &Shown) { it.line.contains(\"x\"); }",
        );
        looks(
            "fn w(it: &Finding) -> String { it.actual.clone() }\nfn f(it: &Finding) { let words = w(it); words.contains(\"x\"); }",
        );
    }

    #[test]
    fn what_is_rendered_is_a_sentence() {
        let one = |text: &str, what: &str| check_flow(text, &[what]);
        one("fn f(it: &Finding) { let l = it.to_string(); l.contains(\"x\"); }", "`contains` looks into `Finding`");
        one("fn f(it: &Finding) { let l = format!(\"{it}\"); l.contains(\"x\"); }", "`contains` looks into `Finding`");
        one(
            "fn f(it: &Finding) { let l = format!(\"{}: {it:?}\", 1); l.contains(\"x\"); }",
            "`contains` looks into `Finding`",
        );
        one(
            "fn f(it: SkipReason) { if let SkipReason::Interfered(w) = it { PATTERN.is_match(&w); } }",
            "`is_match` looks into `SkipReason::Interfered`",
        );
        one(
            "fn f() { if let Err(it) = start() { it.to_string().contains(\"x\"); } }",
            "`contains` looks into `HostError`",
        );
        one("fn f() { start().map_err(|it| it.to_string() == \"x\"); }", "`HostError` is compared with a text");
        one(
            "fn f(it: HostError) { match it { HostError::Unreachable { hint: h } => h.contains(\"x\") } }",
            "`contains` looks into `hint`",
        );
    }

    #[test]
    fn an_id_is_not_taken_apart_under_any_name() {
        check_flow("fn f(it: &StageId) { it.0.starts_with(\"x\"); }", &["`starts_with` looks into `StageId`"]);
        check_flow(
            "fn f(it: &Record) { let s = &it.stage; let t = &s.0; t == \"x\"; }",
            &["`StageId` is compared with a text"],
        );
        check_flow(
            "fn f(it: &Record) { match it.stage.0.as_str() { \"x\" if a => {} _ => {} } }",
            &["`StageId` is matched with a text"],
        );
        check_flow(
            "fn f(it: &Record) { match (1, it.stage.0.as_str()) { (_, \"x\") => {} _ => {} } }",
            &["`StageId` is matched with a text"],
        );
        check_flow(
            "fn f(it: &Record) { [\"a\", \"b\"].contains(&it.stage.0.as_str()); }",
            &["`StageId` is compared with a text"],
        );
        check_flow(
            "fn f(it: Option<&StageId>) { it.map(|s| s.0.as_str()) == Some(\"x\"); }",
            &["`StageId` is compared with a text"],
        );
    }

    #[test]
    fn a_text_that_is_not_ours_is_not_followed() {
        check_flow("fn f(it: &Finding) { it.quote.as_deref().is_some_and(|line| line.contains(\"x\")); }", &[]);
        check_flow("fn f(it: &Record) { it.title.contains(\"x\"); it.troubles.len() == 2; }", &[]);
        check_flow("fn f(it: &Record, other: &StageId) { it.stage == *other; it.stage.0 == other.0; }", &[]);
        check_flow("fn f(it: &Finding) { let it = \"a\"; it.contains(\"x\"); }", &[]);
        check_flow("fn f(reason: &[i32]) { reason.contains(&7); }", &[]);
        check_flow("fn f(id: &str) { has(id); }\nfn has(words: &str) -> bool { words.contains(\"x\") }", &[]);
    }

    #[test]
    fn what_is_not_ours_or_not_a_text_may_be_looked_at() {
        check("if line.starts_with(\"ERROR\") {}", &[]);
        check("if stage.id == other.id {}", &[]);
        check("let x = seen.lacks.iter().find(inside);", &[]);
        check("let x = count.to_string();", &[]);
        check("if seen.status == 200 {}", &[]);
        check("if findings.iter().find(|each| each.code == Code::Lost).is_some() {}", &[]);
        check("match finding.subject { Subject::Table(_) => {} _ => {} }", &[]);
        check("let x = reason.replace('a', \"b\");", &[]);
    }
}
