//! No Rust of the harness knows a product: products are data. Comments and tests count too, since a name in them shows
//! for which product the code beside it was written.

use crate::allowed::Breach;
use crate::tree::Source;

/// Where a name may stand.
struct Exception {
    /// A file, or a folder where it ends with a slash.
    place: &'static str,
    phrase: &'static str,
    because: &'static str,
}

const EXAMPLE: &str = "an example in a help text has to work as it stands";
const CI: &str = "the CI system that reads the report, and not the product";
const OWN_FILE: &str = "the test of a product's own file and data";

const EXCEPTIONS: &[Exception] = &[
    Exception { place: "harness/rehearse/cli/args.rs", phrase: "scenarios/redmine-5.0-to-6.1.yaml", because: EXAMPLE },
    Exception { place: "harness/rehearse/cli/args.rs", phrase: "scenarios/data/redmine-5.0.4", because: EXAMPLE },
    Exception {
        place: "harness/rehearse/cli/args.rs",
        phrase: "scenarios/gitlab-15.11-to-18.2.yaml",
        because: EXAMPLE,
    },
    Exception { place: "harness/rehearse/cli/args.rs", phrase: "--product redmine", because: EXAMPLE },
    Exception { place: "harness/rehearse/cli/args.rs", phrase: "--product nautobot", because: EXAMPLE },
    Exception { place: "harness/rehearse/cli/args.rs", phrase: "--product gitlab", because: EXAMPLE },
    Exception { place: "harness/rehearse/cli/args.rs", phrase: "_gitlab_backup.tar", because: EXAMPLE },
    Exception { place: "harness/rehearse/cli/args.rs", phrase: "docker logs gitlab", because: EXAMPLE },
    Exception { place: "harness/rehearse/cli/args.rs", phrase: "/var/log/gitlab", because: EXAMPLE },
    Exception { place: "harness/rehearse/cli/args/runbook.rs", phrase: "--product gitlab", because: EXAMPLE },
    Exception { place: "harness/rehearse/cli/run.rs", phrase: "in_gitlab", because: CI },
    Exception { place: "harness/rehearse/cli/run.rs", phrase: "GITLAB_CI", because: CI },
    Exception { place: "harness/rehearse/cli/run.rs", phrase: "Look::GitLab", because: CI },
    Exception { place: "harness/rehearse/cli/run.rs", phrase: "GitLab finds attachments by their path", because: CI },
    Exception { place: "harness/rehearse/report/junit.rs", phrase: "GitLab shows only the", because: CI },
    Exception {
        place: "harness/rehearse/report/junit.rs",
        phrase: "GitLab drops the second case of a name",
        because: CI,
    },
    Exception { place: "harness/rehearse/report/junit/budget.rs", phrase: "beyond which GitLab", because: CI },
    Exception { place: "harness/rehearse/report/junit/tests.rs", phrase: "below_what_gitlab_takes", because: CI },
    Exception { place: "harness/rehearse/report/junit.rs", phrase: "GitLab's parser obeys those", because: CI },
    Exception { place: "harness/rehearse/report/junit/cases.rs", phrase: "GitLab's link to a file", because: CI },
    Exception {
        place: "harness/rehearse/report/junit/names.rs",
        phrase: "GitLab drops the second case of a name",
        because: CI,
    },
    Exception { place: "harness/rehearse/report/terminal.rs", phrase: "GitLab's folding sections", because: CI },
    Exception { place: "harness/rehearse/report/terminal.rs", phrase: "section that GitLab folds", because: CI },
    Exception { place: "harness/rehearse/report/terminal.rs", phrase: "Look::GitLab", because: CI },
    Exception { place: "harness/rehearse/report/terminal.rs", phrase: "    GitLab,", because: CI },
    Exception { place: "harness/rehearse/report/terminal.rs", phrase: "GitLab's sections cannot overlap", because: CI },
    Exception { place: "harness/core/tests/gitlab/", phrase: "gitlab", because: OWN_FILE },
    Exception { place: "harness/core/tests/gitlab/", phrase: "GitLab", because: OWN_FILE },
    Exception { place: "harness/core/benches/path.rs", phrase: "gitlab", because: OWN_FILE },
    Exception { place: "harness/core/benches/path.rs", phrase: "stops of GitLab", because: OWN_FILE },
    Exception {
        place: "harness/core/src/vocabulary/catalog/tests.rs",
        phrase: "data/gitlab-versions.json",
        because: OWN_FILE,
    },
    Exception {
        place: "harness/core/src/vocabulary/catalog/tests.rs",
        phrase: "the_gitlab_catalog_holds",
        because: OWN_FILE,
    },
    Exception { place: "harness/core/src/source/spec/tests/fine.rs", phrase: "nautobot", because: OWN_FILE },
    Exception { place: "harness/rehearse/load/overrides.rs", phrase: "product: redmine", because: OWN_FILE },
];

/// Names of products in a text, whatever their case, where no exception allows them; and exceptions without a use.
fn breaches(sources: &[Source], products: &[String], exceptions: &[Exception]) -> Vec<String> {
    let mut used = vec![false; exceptions.len()];
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            let mut rest = line.to_owned();
            for (exception, used) in exceptions.iter().zip(&mut used) {
                let here = if exception.place.ends_with('/') {
                    source.path.starts_with(exception.place)
                } else {
                    source.path == exception.place
                };
                if here && rest.contains(exception.phrase) {
                    rest = rest.replace(exception.phrase, "");
                    *used = true;
                }
            }
            let rest = rest.to_lowercase();
            found.extend(products.iter().filter(|name| rest.contains(name.as_str())).map(|name| Breach {
                file: source.path.clone(),
                line: number + 1,
                text: line.trim().to_owned(),
                what: format!("names {name}"),
            }));
        }
    }
    let breaches = found.iter().map(|Breach { file, line, text, what }| format!("{file}:{line}: {what}\n    {text}"));
    let stale = exceptions.iter().zip(used).filter(|(_, used)| !used);
    let stale = stale.map(|(exception, _)| {
        let Exception { place, phrase, because } = exception;
        format!("{place}: the exception for `{phrase}` ({because}) allows nothing any more: remove it")
    });
    breaches.chain(stale).collect()
}

/// The products are the folders of `harness/products`, and one that was thought of and never shipped.
fn products(files: &[Source]) -> Vec<String> {
    let mut names: Vec<String> =
        files.iter().filter_map(|file| file.path.split('/').nth(2)).map(str::to_lowercase).collect();
    names.push("infrahub".to_owned());
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Tested, files, none, planted};

    #[test]
    fn no_rust_of_the_harness_knows_a_product() -> Tested {
        let products = products(&files("harness/products", "yaml")?);
        assert!(
            ["gitlab", "nautobot", "redmine"].iter().all(|name| products.contains(&(*name).to_owned())),
            "{products:?}"
        );
        none(&breaches(&files("harness", "rs")?, &products, EXCEPTIONS))
    }

    fn check(path: &str, line: &str, expected: &[&str]) {
        let exceptions = [
            Exception { place: "a/args.rs", phrase: "--product shop", because: EXAMPLE },
            Exception { place: "b/", phrase: "Shop shows", because: CI },
        ];
        let used = [planted("a/args.rs", "--product shop"), planted("b/c/d.rs", "// Shop shows")];
        let sources: Vec<Source> = used.into_iter().chain([planted(path, line)]).collect();
        assert_eq!(breaches(&sources, &["shop".to_owned()], &exceptions), expected);
    }

    #[test]
    fn a_planted_name_is_found_and_an_exception_is_narrow() {
        check("a/x.rs", "let image = \"postgres\";", &[]);
        check("a/x.rs", "if product == \"Shop\" {", &["a/x.rs:1: names shop\n    if product == \"Shop\" {"]);
        check("a/x.rs", "  // as SHOP does", &["a/x.rs:1: names shop\n    // as SHOP does"]);
        check("a/x.rs", "x --product shop", &["a/x.rs:1: names shop\n    x --product shop"]);
        check("a/args.rs", "x --product shop y", &[]);
        check("a/args.rs", "--product shop is_shop()", &["a/args.rs:1: names shop\n    --product shop is_shop()"]);
        check("b/x.rs", "// Shop shows", &[]);
    }

    #[test]
    fn an_exception_without_a_use_fails() {
        let exceptions = [Exception { place: "a.rs", phrase: "shop 1", because: OWN_FILE }];
        let found = breaches(&[planted("b.rs", "shop 1")], &["shop".to_owned()], &exceptions);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|line| line.contains("allows nothing any more")), "{found:?}");
    }
}
