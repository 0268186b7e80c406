//! Completions and man pages name every subcommand that the help lists.

use std::collections::BTreeSet;

use super::{Tried, check, rehearse};

/// The subcommands of the program, or of one of its subcommands, as the help lists them.
fn subcommands(of: &[&str]) -> Result<BTreeSet<String>, Box<dyn std::error::Error>> {
    let help = String::from_utf8(rehearse(&[of, &["--help"]].concat())?.stdout)?;
    let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest).split("\n\n").next().unwrap_or_default();
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned));
    Ok(names.filter(|name| !name.is_empty() && name != "help").collect())
}

#[test]
fn there_is_a_man_page_for_every_subcommand_and_the_first_one_names_them_all() -> Tried {
    let folder = tempfile::tempdir()?;
    let pages = folder.path().join("man1");
    check(&["man", &pages.display().to_string()], 0, &[], &[])?;
    let mut expected = BTreeSet::from(["rehearse.1".to_owned()]);
    let mut open = vec![Vec::new()];
    while let Some(parents) = open.pop() {
        let page = format!("rehearse{}.1", parents.iter().map(|name| format!("-{name}")).collect::<String>());
        let text = std::fs::read_to_string(pages.join(&page))?;
        for name in subcommands(&parents.iter().map(String::as_str).collect::<Vec<_>>())? {
            let path = [parents.clone(), vec![name]].concat();
            let of_its_own = format!("rehearse-{}", path.join("-"));
            assert!(text.contains(&of_its_own.replace('-', "\\-")), "{page} does not name {of_its_own}");
            expected.insert(format!("{of_its_own}.1"));
            open.push(path);
        }
    }
    assert!(expected.len() > 10, "the help lists no subcommands: {expected:?}");
    let written: Result<BTreeSet<String>, std::io::Error> =
        std::fs::read_dir(&pages)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect();
    assert_eq!(written?, expected);
    let under_a_file = folder.path().join("man1/rehearse.1/deeper").display().to_string();
    check(&["man", &under_a_file], 2, &[], &["error: cannot write man pages into", &under_a_file])
}

#[test]
fn completions_name_every_subcommand() -> Tried {
    let names = subcommands(&[])?;
    assert!(names.contains("run") && names.contains("completions") && names.len() > 10, "{names:?}");
    for (shell, form) in [("bash", "rehearse,NAME)"), ("zsh", "'NAME:"), ("fish", "-a \"NAME\"")] {
        let script = String::from_utf8(rehearse(&["completions", shell])?.stdout)?;
        for name in &names {
            let wanted = form.replace("NAME", name);
            assert!(script.contains(&wanted), "the completions for {shell} lack {wanted}");
        }
        assert!(
            !script.contains(&form.replace("NAME", "nothing-of-this-name")),
            "the test for {shell} matches anything"
        );
    }
    Ok(())
}
