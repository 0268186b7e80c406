//! The repository's own rules as tests: layers, purity of the core, file sizes, what must never be written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type Tried = Result<(), Box<dyn std::error::Error>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(under: &str, extensions: &[&str]) -> Result<Vec<(PathBuf, String)>, Box<dyn std::error::Error>> {
    let mut found = Vec::new();
    let mut open = vec![root().join(under)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let hidden = path.file_name().is_some_and(|name| name == "target" || name == ".git");
            if path.is_dir() && !hidden {
                open.push(path);
            } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e)) {
                let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing under {under}: the rule would hold for nothing");
    Ok(found)
}

/// A module of the package may use only those that stand after it here.
#[test]
fn layers_look_one_way() -> Tried {
    let rules: [(&str, &[&str]); 5] = [
        ("engine", &["engine"]),
        ("report", &["report"]),
        ("observers", &["observers", "engine"]),
        ("docker", &["docker", "engine"]),
        ("cli", &["cli", "docker", "engine", "load", "observers", "report", "session", "setup", "trial"]),
    ];
    for (layer, allowed) in rules {
        for (path, text) in files(&format!("harness/rehearse/{layer}"), &["rs"])? {
            for (number, line) in text.lines().enumerate() {
                for used in line.split("crate::").skip(1).filter(|_| !line.contains("_crate::")) {
                    let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let grouped = name.is_empty();
                    assert!(
                        grouped || allowed.contains(&name.as_str()),
                        "{}:{}: {layer} uses crate::{name}",
                        path.display(),
                        number + 1
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_core_depends_on_nothing_that_waits_asks_or_tells_the_time() -> Tried {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "-p", "rehearse-core", "-e", "normal", "--prefix", "none", "--offline"])
        .current_dir(root())
        .output()?;
    let text = String::from_utf8(tree.stdout)?;
    assert!(text.contains("rehearse-core"), "{}", String::from_utf8_lossy(&tree.stderr));
    let forbidden = [
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
    for line in text.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        assert!(
            !forbidden.iter().any(|bad| name == *bad || name.starts_with(&format!("{bad}-"))),
            "the core depends on {name}"
        );
    }
    for (path, text) in files("harness/core/src", &["rs"])? {
        for bad in
            ["std::fs", "std::net", "std::env", "std::process", "Instant::now", "SystemTime", "println!", "async fn"]
        {
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            let in_tests = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
            assert!(in_tests || !product.contains(bad), "{}: {bad}", path.display());
        }
    }
    Ok(())
}

#[test]
fn no_rust_of_the_harness_knows_a_product() -> Tried {
    for (path, text) in files("harness/rehearse", &["rs"])? {
        let product = text.split("#[cfg(test)]").next().unwrap_or_default().to_lowercase();
        for name in ["nautobot", "infrahub", "redmine"] {
            let code = |line: &&str| line.contains(name) && !line.trim_start().starts_with("//");
            for line in product.lines().filter(code) {
                // Examples in help texts may name one.
                assert!(path.ends_with("cli/args.rs"), "{}: {line}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn no_file_is_much_longer_than_400_lines() -> Tried {
    let tests = files("tests", &["rs"])?.into_iter().map(|file| (file, 480));
    for ((path, text), most) in files("harness", &["rs"])?.into_iter().map(|file| (file, 480)).chain(tests) {
        let lines = text.lines().count();
        assert!(lines <= most, "{} has {lines} lines: look for the second noun", path.display());
    }
    Ok(())
}

#[test]
fn the_committed_schemas_are_those_of_the_code() -> Tried {
    for format in ["product", "scenario", "events", "runbook"] {
        let made = Command::new(env!("CARGO_BIN_EXE_rehearse")).args(["schema", format]).output()?;
        let path = root().join(format!("docs/schema/{format}.json"));
        if std::env::var_os("REHEARSE_BLESS").is_some() {
            fs::create_dir_all(root().join("docs/schema"))?;
            fs::write(&path, &made.stdout)?;
        }
        let committed = fs::read(&path).unwrap_or_default();
        assert!(made.stdout == committed, "docs/schema/{format}.json is old: REHEARSE_BLESS=1 writes it anew");
    }
    Ok(())
}

#[test]
fn every_product_file_is_said_to_be_embedded_and_every_scenario_is_valid() -> Tried {
    let scenarios = files("scenarios", &["yaml"])?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    command.arg("validate").current_dir(root());
    for (path, _) in scenarios.iter().chain(&files("harness/products", &["yaml"])?) {
        command.arg(path);
    }
    let ran = command.output()?;
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(())
}

#[test]
fn documents_refer_to_files_that_are_there() -> Tried {
    for (path, text) in files("docs", &["md"])?
        .into_iter()
        .chain([(root().join("README.md"), fs::read_to_string(root().join("README.md"))?)])
    {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let target = path.parent().unwrap_or(root()).join(link.split('#').next().unwrap_or_default());
            assert!(target.exists(), "{} links to {link}", path.display());
        }
    }
    Ok(())
}
