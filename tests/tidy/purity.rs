//! The core waits for nothing, asks nothing, prints nothing and knows no clock: neither by its code nor by a dependency.

use proc_macro2::Span;
use syn::visit::{self, Visit};

use crate::modules::{Code, Crate, Written};
use crate::tree::Source;

/// What product code of the core may not name, and why.
const FORBIDDEN: &[(&[&str], &str)] = &[
    (&["std", "fs"], "files"),
    (&["std", "net"], "sockets"),
    (&["std", "env"], "the environment"),
    (&["std", "process"], "processes"),
    (&["std", "thread"], "threads"),
    (&["std", "os"], "the operating system"),
    (&["std", "io", "stdin"], "the terminal"),
    (&["std", "io", "stdout"], "the terminal"),
    (&["std", "io", "stderr"], "the terminal"),
    (&["std", "time", "Instant"], "a clock"),
    (&["std", "time", "SystemTime"], "a clock"),
    (&["Instant", "now"], "a clock"),
    (&["SystemTime"], "a clock"),
    (&["print"], "the terminal"),
    (&["println"], "the terminal"),
    (&["eprint"], "the terminal"),
    (&["eprintln"], "the terminal"),
    (&["dbg"], "the terminal"),
];

/// Crates that the core may not depend on, neither by themselves nor by those that are named after them.
const IMPURE: &[&str] = &[
    "tokio",
    "futures",
    "async",
    "bollard",
    "testcontainers",
    "reqwest",
    "hyper",
    "chrono",
    "time",
    "jiff",
    "mio",
    "rustix",
];

fn breaches(root: &str, sources: &[Source]) -> Result<Vec<String>, String> {
    let product = Crate::read(root, sources, Code::Product)?;
    let mut found = Vec::new();
    for module in product.modules() {
        for Written { path, line, all } in &module.written {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let whole = *all && matches!(path[..], ["std"] | ["std", "io" | "time"]);
            let renamed = path == ["std"] && !all;
            let named = FORBIDDEN.iter().find(|(bad, _)| path.starts_with(bad) || bad.len() < 3 && path.ends_with(bad));
            let (place, path) = (format!("{}:{line}", module.file), path.join("::"));
            if let Some((_, why)) = named {
                found.push(format!("{place}: {path} reaches {why}"));
            } else if whole || renamed {
                found.push(format!("{place}: {path} as a whole hides what is used of it"));
            }
        }
    }
    for (path, file) in product.files() {
        let mut waits = Waits::default();
        waits.visit_file(file);
        found.extend(waits.0.iter().map(|at| format!("{path}:{}: async code", at.start().line)));
    }
    Ok(found)
}

#[derive(Default)]
struct Waits(Vec<Span>);

impl<'ast> Visit<'ast> for Waits {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.0.extend(signature.asyncness.map(|token| token.span));
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.0.push(block.async_token.span);
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        self.0.extend(closure.asyncness.map(|token| token.span));
        visit::visit_expr_closure(self, closure);
    }
}

/// Those of `cargo tree`'s packages that the core may not depend on.
fn impure(tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let bad = |name: &&str| IMPURE.iter().any(|bad| name == bad || name.starts_with(&format!("{bad}-")));
    names.filter(bad).map(|name| format!("the core depends on {name}")).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::tree::{Tested, files, none, planted, root};

    #[test]
    fn the_code_of_the_core_is_pure() -> Tested {
        none(&breaches("harness/core/src/lib.rs", &files("harness/core/src", "rs")?)?)
    }

    #[test]
    fn the_core_depends_on_nothing_that_waits_asks_or_tells_the_time() -> Tested {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "-p", "rehearse-core", "-e", "normal", "--prefix", "none", "--offline"])
            .current_dir(root())
            .output()?;
        let text = String::from_utf8(tree.stdout)?;
        assert!(text.contains("rehearse-core") && text.contains("serde"), "{}", String::from_utf8_lossy(&tree.stderr));
        none(&impure(&text))
    }

    #[test]
    fn an_impure_dependency_is_found() {
        assert_eq!(impure("rehearse-core v0.1.0\ntimeless v1\nserde v1\n"), [""; 0]);
        let found = ["the core depends on tokio-util", "the core depends on time"];
        assert_eq!(impure("rehearse-core v0.1.0\ntokio-util v0.7\ntime v0.3 (*)\n"), found);
    }

    /// One file of a core, after a line that only tests compile: the rule used to stop at the first of these.
    fn check(line: &str, expected: &[&str]) {
        let sources = [
            planted("x/lib.rs", "mod a;\n#[cfg(test)]\nmod tests;\n"),
            planted(
                "x/a.rs",
                &format!("#[cfg(test)] use std::env;\n{line}\n#[cfg(test)] mod tests {{ use std::fs; }}\n"),
            ),
            planted("x/tests.rs", "use std::process::Command;\n"),
        ];
        assert_eq!(breaches("x/lib.rs", &sources).unwrap(), expected, "{line}");
    }

    #[test]
    fn a_planted_impurity_is_found() {
        check("fn f() { let _ = std::fs::read(\"x\"); }", &["x/a.rs:2: std::fs::read reaches files"]);
        check("use std::{fmt, net::TcpStream};", &["x/a.rs:2: std::net::TcpStream reaches sockets"]);
        check("use std::time::{Duration, SystemTime};", &["x/a.rs:2: std::time::SystemTime reaches a clock"]);
        check("fn f(at: u8) { g(Instant::now()); }", &["x/a.rs:2: Instant::now reaches a clock"]);
        check("fn f() { println!(\"x\"); }", &["x/a.rs:2: println reaches the terminal"]);
        check("fn f() { g!(std::env::var(\"x\")); }", &["x/a.rs:2: std::env::var reaches the environment"]);
        check("use std as other;", &["x/a.rs:2: std as a whole hides what is used of it"]);
        check("async fn f() {}", &["x/a.rs:2: async code"]);
        check("fn f() { g(async { 1 }); }", &["x/a.rs:2: async code"]);
    }

    #[test]
    fn what_only_sounds_impure_is_not() {
        check(
            "use std::time::Duration;\nuse crate::fs;\nfn f() -> &'static str { \"std::fs println! async fn\" }",
            &[],
        );
        check("use std::io::Read;\nfn f(process: u8, env: u8) { let _ = env!(\"CARGO\"); }", &[]);
    }
}
