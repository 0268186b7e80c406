//! What the repository ships is what the code reads and writes: schemas, products, scenarios.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::process::Command;

    use crate::tree::{Tested, files, root};

    const FORMATS: [&str; 4] = ["product", "scenario", "events", "runbook"];

    fn rehearse() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
        command.current_dir(root());
        command
    }

    #[test]
    fn the_committed_schemas_are_those_of_the_code() -> Tested {
        for format in FORMATS {
            let made = rehearse().args(["schema", format]).output()?;
            assert!(made.status.success() && made.stdout.starts_with(b"{"), "{format}");
            let path = root().join(format!("docs/schema/{format}.json"));
            if std::env::var_os("REHEARSE_BLESS").is_some() {
                fs::create_dir_all(root().join("docs/schema"))?;
                fs::write(&path, &made.stdout)?;
            }
            let committed = fs::read(&path).unwrap_or_default();
            assert!(made.stdout == committed, "docs/schema/{format}.json is old: REHEARSE_BLESS=1 writes it anew");
        }
        let committed: BTreeSet<String> = files("docs/schema", "json")?.into_iter().map(|file| file.path).collect();
        assert_eq!(committed, FORMATS.map(|format| format!("docs/schema/{format}.json")).into());
        Ok(())
    }

    /// The reference page of the codes, as the code has them.
    fn codes_page() -> String {
        use rehearse_core::outcome::code::{FindingCode, InconclusiveCode};
        let mut page = String::from(
            "# Codes\n\n\
             A code says what kind of fault a finding is, or why something could not be decided. Codes are stable: one that is\n\
             published keeps its meaning. They stand in `junit.xml` (as the properties `finding` and `inconclusive` of a case),\n\
             in `summary.json` and in `events.jsonl`; a scenario names them under [`expect`](scenario.md). This page is made\n\
             from the code.\n\n\
             ## Findings: the product failed\n\n| code | what it means | what to do |\n|---|---|---|\n",
        );
        for code in FindingCode::ALL {
            page.push_str(&format!("| `{code}` | {} | {} |\n", code.meaning(), code.remedy()));
        }
        page.push_str(
            "\n## Inconclusive: it could not be decided\n\n| code | what it means | what to do |\n|---|---|---|\n",
        );
        for code in InconclusiveCode::ALL {
            page.push_str(&format!("| `{code}` | {} | {} |\n", code.meaning(), code.remedy()));
        }
        page
    }

    #[test]
    fn the_reference_page_of_the_codes_is_that_of_the_code() -> Tested {
        let (page, path) = (codes_page(), root().join("docs/reference/finding-codes.md"));
        if std::env::var_os("REHEARSE_BLESS").is_some() {
            fs::write(&path, &page)?;
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(page == committed, "docs/reference/finding-codes.md is old: REHEARSE_BLESS=1 writes it anew");
        Ok(())
    }

    /// The reference page of the command line, as the code has it.
    fn command_line_page() -> String {
        let options = clap_markdown::MarkdownOptions::new().title("Command line".to_owned()).show_footer(false);
        let made = clap_markdown::help_markdown_command_custom(&rehearse::cli::command(), &options);
        let made =
            made.replace("This document contains the help content for the `rehearse` command-line program.", ABOUT_CLI);
        // Help texts are plain: their examples are the indented lines.
        let (mut page, mut in_example) = (String::new(), false);
        for line in made.lines() {
            let is_example = line.starts_with("  rehearse ") || line.starts_with("  docker ");
            if is_example != in_example {
                page.push_str(if is_example { "\n```sh\n" } else { "```\n" });
            }
            in_example = is_example;
            page.push_str(if is_example { line.trim_start() } else { line });
            page.push('\n');
        }
        // Runs of empty lines mean nothing.
        while page.contains("\n\n\n") {
            page = page.replace("\n\n\n", "\n\n");
        }
        page
    }

    const ABOUT_CLI: &str = "Every command with its options, as `--help` prints them. This page is made from the code. What \
                             the exit codes mean is in [exit codes](exit-codes.md).";

    #[test]
    fn the_reference_page_of_the_command_line_is_that_of_the_code() -> Tested {
        let page = command_line_page();
        let path = root().join("docs/reference/cli.md");
        if std::env::var_os("REHEARSE_BLESS").is_some() {
            fs::write(&path, &page)?;
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(page == committed, "docs/reference/cli.md is old: REHEARSE_BLESS=1 writes it anew");
        Ok(())
    }

    #[test]
    fn every_product_and_every_scenario_is_valid_and_every_product_is_embedded() -> Tested {
        let (scenarios, products) = (files("scenarios", "yaml")?, files("harness/products", "yaml")?);
        let all = scenarios.iter().chain(&products).map(|file| &file.path);
        let validated = rehearse().arg("validate").args(all).output()?;
        assert!(validated.status.success(), "{}", String::from_utf8_lossy(&validated.stderr));
        let listed = String::from_utf8(rehearse().arg("list").output()?.stdout)?;
        for file in products.iter().filter(|file| file.path.ends_with("/product.yaml")) {
            let name = file.path.split('/').nth(2).unwrap_or_default();
            assert!(listed.lines().any(|line| line.split_whitespace().any(|word| word == name)), "{name}:\n{listed}");
        }
        Ok(())
    }

    #[test]
    fn an_invalid_file_would_be_noticed() -> Tested {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("broken.yaml");
        fs::write(&file, "scenario: s\nproduct: p\nnonsense: 1\n")?;
        assert_eq!(rehearse().arg("validate").arg(&file).output()?.status.code(), Some(2));
        Ok(())
    }
}
