//! Nothing outside `report` decides by looking into a sentence or an id of ours: facts have types.
//!
//! A rule over text cannot know whose sentence a value holds, so it goes by names: a receiver that is called like a
//! fact of ours ([`OURS`]) is not searched, taken apart or compared with a literal. What is not called so is not seen.

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, Lit, Member, Pat, Token};

use crate::allowed::Breach;
use crate::modules::{Code, Crate};
use crate::tree::Source;

/// What facts of ours are called; whatever begins with `finding` is one too.
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

/// Methods whose result is not the text itself: items of a list, values of a map.
const LEAVES: &[&str] = &["iter", "into_iter", "get", "values", "keys", "len"];

fn breaches(root: &str, exempt: &str, sources: &[Source]) -> Result<Vec<Breach>, String> {
    let product = Crate::read(root, sources, Code::Product)?;
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| exempt.is_empty() || !source.path.starts_with(exempt)) {
        let Some(file) = product.files().get(&source.path) else { continue };
        let mut looks = Looks::default();
        looks.visit_file(file);
        found.extend(looks.0.into_iter().map(|(line, what)| Breach {
            file: source.path.clone(),
            line,
            text: source.text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned(),
            what,
        }));
    }
    Ok(found)
}

/// The name in a chain of fields and calls by which it is a fact of ours.
fn ours(expr: &Expr) -> Option<String> {
    let named = |name: String| (OURS.contains(&name.as_str()) || name.starts_with("finding")).then_some(name);
    match expr {
        Expr::Path(path) => named(path.path.segments.last()?.ident.to_string()),
        Expr::Field(field) => match &field.member {
            Member::Named(name) => named(name.to_string()).or_else(|| ours(&field.base)),
            Member::Unnamed(_) => ours(&field.base),
        },
        Expr::MethodCall(call) if LEAVES.contains(&call.method.to_string().as_str()) => None,
        Expr::MethodCall(call) => named(call.method.to_string()).or_else(|| ours(&call.receiver)),
        Expr::Call(call) => ours(&call.func),
        Expr::Index(index) => ours(&index.expr),
        Expr::Paren(inner) => ours(&inner.expr),
        Expr::Reference(inner) => ours(&inner.expr),
        Expr::Try(inner) => ours(&inner.expr),
        Expr::Unary(inner) => ours(&inner.expr),
        _ => None,
    }
}

/// Whether an expression is a text that stands in the code: a literal, or a constant.
fn is_written(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(literal) => matches!(literal.lit, Lit::Str(_)),
        Expr::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            name.len() > 1 && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
        }),
        Expr::Reference(inner) => is_written(&inner.expr),
        _ => false,
    }
}

fn is_text(pattern: &Pat) -> bool {
    match pattern {
        Pat::Lit(literal) => matches!(literal.lit, Lit::Str(_)),
        Pat::Or(or) => or.cases.iter().any(is_text),
        Pat::TupleStruct(pattern) => pattern.elems.iter().any(is_text),
        _ => false,
    }
}

#[derive(Default)]
struct Looks(Vec<(usize, String)>);

impl<'ast> Visit<'ast> for Looks {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let method = call.method.to_string();
        let line = call.method.span().start().line;
        // `find` and the like of an iterator take a closure, which is looked into by itself.
        let plain = !call.args.iter().any(|each| matches!(each, Expr::Closure(_)));
        let receiver =
            ours(&call.receiver).filter(|_| plain && LOOKS.contains(&method.as_str()) && !call.args.is_empty());
        let given = call.args.first().and_then(ours).filter(|_| PATTERN_LOOKS.contains(&method.as_str()));
        // A finding that is rendered becomes a sentence that somebody looks into elsewhere.
        let rendered = match &*call.receiver {
            Expr::Path(path) if method == "to_string" => path.path.get_ident().map(ToString::to_string),
            _ => None,
        };
        if let Some(name) = rendered.filter(|name| name.starts_with("finding")) {
            self.0.push((line, format!("`{name}` is rendered")));
        }
        if let Some(name) = receiver.or(given) {
            self.0.push((line, format!("`{method}` looks into `{name}`")));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        if matches!(binary.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_)) {
            let sides = [(&binary.left, &binary.right), (&binary.right, &binary.left)];
            let compared = sides.into_iter().find_map(|(one, other)| ours(one).filter(|_| is_written(other)));
            if let Some(name) = compared {
                self.0.push((binary.span().start().line, format!("`{name}` is compared with a text")));
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_match(&mut self, value: &'ast syn::ExprMatch) {
        if let Some(name) = ours(&value.expr).filter(|_| value.arms.iter().any(|arm| is_text(&arm.pat))) {
            self.0.push((value.span().start().line, format!("`{name}` is matched with a text")));
        }
        visit::visit_expr_match(self, value);
    }

    fn visit_expr_let(&mut self, value: &'ast syn::ExprLet) {
        if let Some(name) = ours(&value.expr).filter(|_| is_text(&value.pat)) {
            self.0.push((value.span().start().line, format!("`{name}` is matched with a text")));
        }
        visit::visit_expr_let(self, value);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.is_ident("matches") {
            let parser = |input: syn::parse::ParseStream<'_>| {
                let value: Expr = input.parse()?;
                input.parse::<Token![,]>()?;
                let pattern = Pat::parse_multi_with_leading_vert(input)?;
                input.parse::<proc_macro2::TokenStream>()?;
                Ok((value, pattern))
            };
            if let Ok((value, pattern)) = call.parse_body_with(parser)
                && let Some(name) = ours(&value).filter(|_| is_text(&pattern))
            {
                self.0.push((call.span().start().line, format!("`{name}` is matched with a text")));
            }
        }
        // `format!`, `vec!`, `assert!` and their like take expressions; others are left alone.
        if let Ok(all) = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            all.iter().for_each(|each| {
                let mut within = Looks::default();
                within.visit_expr(each);
                self.0.extend(within.0);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allowed::{Allowed, unexcused};
    use crate::tree::{Tested, files, none, planted};

    const SHOWN: &str = "rendered for people; no code looks into it";

    const ALLOWED: &[Allowed] = &[
        Allowed {
            file: "harness/core/src/planning/plan/text.rs",
            text: "!seen.contains(&line)",
            because: "a list of lines that are written already",
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
            text: "of_connections.iter().any(|part| actual.contains(part))",
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
        let mut found = breaches("harness/core/src/lib.rs", "", &files("harness/core/src", "rs")?)?;
        let rehearse = files("harness/rehearse", "rs")?;
        found.extend(breaches("harness/rehearse/lib.rs", "harness/rehearse/report/", &rehearse)?);
        none(&unexcused(&found, ALLOWED))
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
        let found = breaches("x/lib.rs", "x/report/", &sources).unwrap();
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
