use super::*;
use crate::model::product::{FileChange, MovedFiles};
use crate::model::scenario::CheckKind;
use crate::observation::Repository;

/// Files of a volume `v`: path, content, mode.
fn volumes(files: &[(&str, &str, u32)]) -> FileTrees {
    let entry = |(path, content, mode): &(&str, &str, u32)| {
        let kind = match content.strip_prefix("-> ") {
            Some(to) => FileKind::Link(to.to_owned()),
            None if *content == "/" => FileKind::Folder,
            None => FileKind::File { size: content.len() as u64, digest: format!("digest of {content}") },
        };
        ((*path).to_owned(), FileEntry { kind, mode: *mode, owner: 33, group: 33 })
    };
    let tree = FileTree { entries: files.iter().map(entry).collect(), ..FileTree::default() };
    [("v".to_owned(), tree)].into()
}

fn git(repository: Repository) -> FileTrees {
    let folders = [("a.git", "/", 0o755), ("a.git/refs", "/", 0o755)];
    let mut volumes = volumes(&folders);
    volumes.values_mut().for_each(|tree| tree.repositories.extend([("a.git".to_owned(), repository.clone())]));
    volumes
}

fn judged(before: &FileTrees, now: &FileTrees, rules: &[FileChange]) -> CheckReport {
    let rule = |allow: &FileChange| FileRule {
        crossing: "6.0".parse().unwrap(),
        allow: allow.clone(),
        because: "x".parse().unwrap(),
    };
    let rules: Vec<FileRule> = rules.iter().map(rule).collect();
    let rules: Vec<&FileRule> = rules.iter().collect();
    let volatile = [("v:tmp/*".to_owned(), "a cache".parse().unwrap())].into();
    let written = ["v:own*".to_owned()].into();
    let mut report = CheckReport::new(CheckKind::Files, "volumes");
    judge_files(before, now, FileTerms { rules: &rules, volatile: &volatile, written: &written }, &mut report);
    report
}

fn check(before: &FileTrees, now: &FileTrees, rules: &[FileChange], expected: &[(FindingCode, &str)]) {
    let report = judged(before, now, rules);
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.code, finding.subject.name())).collect();
    let found: Vec<_> = found.iter().map(|(code, name)| (*code, name.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_way_in_which_a_file_can_differ_is_found() {
    let before = volumes(&[("a", "1", 0o644), ("d", "/", 0o755), ("d/b", "1", 0o644), ("l", "-> a", 0o777)]);
    check(&before, &before, &[], &[]);
    let file =
        |content, mode| volumes(&[("a", content, mode), ("d", "/", 0o755), ("d/b", "1", 0o644), ("l", "-> a", 0o777)]);
    check(&before, &file("2", 0o644), &[], &[(FindingCode::FileChanged, "v:a")]);
    check(&before, &file("1", 0o600), &[], &[(FindingCode::FilePermissions, "v:a")]);
    let link = volumes(&[("a", "1", 0o644), ("d", "/", 0o755), ("d/b", "1", 0o644), ("l", "-> b", 0o755)]);
    check(&before, &link, &[], &[(FindingCode::FileChanged, "v:l")]);
    let gone = volumes(&[("a", "1", 0o644), ("l", "-> a", 0o777)]);
    check(&before, &gone, &[], &[(FindingCode::FileLost, "v:d")]);
    check(&gone, &before, &[], &[(FindingCode::FileAdded, "v:d")]);
    let empty = volumes(&[("a", "1", 0o644), ("e", "/", 0o755), ("e/f", "/", 0o755), ("l", "-> a", 0o777)]);
    check(&gone, &empty, &[], &[]);
    check(&empty, &gone, &[], &[(FindingCode::FileLost, "v:e")]);
    let kind = volumes(&[("a", "/", 0o644), ("d", "/", 0o755), ("d/b", "1", 0o644), ("l", "-> a", 0o777)]);
    check(&before, &kind, &[], &[(FindingCode::FileChanged, "v:a")]);
}

#[test]
fn a_rule_lets_through_what_it_names_and_nothing_else() {
    let before = volumes(&[("a", "1", 0o644), ("b", "1", 0o644)]);
    let rewritten = FileChange::Rewritten(vec!["v:a".into()]);
    let both = volumes(&[("a", "2", 0o644), ("b", "2", 0o644)]);
    check(&before, &both, std::slice::from_ref(&rewritten), &[(FindingCode::FileChanged, "v:b")]);
    // A rule about content says nothing about a loss.
    check(&before, &volumes(&[("b", "1", 0o644)]), &[rewritten], &[(FindingCode::FileLost, "v:a")]);
    let added = volumes(&[("a", "1", 0o644), ("b", "1", 0o644), ("c", "1", 0o644), ("own.1", "", 0o644)]);
    check(&before, &added, &[FileChange::Added(vec!["v:d*".into()])], &[(FindingCode::FileAdded, "v:c")]);
    check(&before, &added, &[FileChange::Added(vec!["v:c".into()])], &[]);
    let cached = volumes(&[("a", "1", 0o644), ("b", "1", 0o644), ("tmp/x", "1", 0o644)]);
    check(&before, &cached, &[], &[]);
    check(&cached, &before, &[], &[]);
}

#[test]
fn a_moved_file_is_found_again_by_its_content() {
    let rule = [FileChange::Moved(MovedFiles { from: "v:old*".into(), to: "v:new/*".into() })];
    let before = volumes(&[("old.a", "1", 0o644), ("old.b", "2", 0o644), ("old.c", "3", 0o644), ("d", "4", 0o644)]);
    let all = [
        ("new", "/", 0o755),
        ("new/1", "/", 0o755),
        ("new/1/a", "1", 0o644),
        ("new/b", "2", 0o644),
        ("new/c", "3", 0o644),
        ("d", "4", 0o644),
    ];
    check(&before, &volumes(&all), &rule, &[]);
    let report = judged(&before, &volumes(&all), &rule);
    assert_eq!(report.notes, ["3 files by 6.0: x"]);
    // Another content is not the file that was moved, and one file cannot stand for two.
    let mut other = all;
    other[4].1 = "1";
    let lost = (FindingCode::FileLost, "v:old.c");
    check(&before, &volumes(&other), &rule, &[lost, (FindingCode::FileAdded, "v:new/c")]);
    // A place that the rule does not name.
    let mut elsewhere = all;
    elsewhere[4].0 = "newer";
    check(&before, &volumes(&elsewhere), &rule, &[lost, (FindingCode::FileAdded, "v:newer")]);
}

#[test]
fn the_lines_of_a_configuration_file_that_differ_are_shown() {
    let with_text = |text: &str| {
        let mut volumes = volumes(&[("app.yml", text, 0o644)]);
        let tree = volumes.get_mut("v").unwrap();
        tree.texts.insert("app.yml".to_owned(), text.to_owned());
        volumes
    };
    let report = judged(&with_text("port: 80\nhost: a\n"), &with_text("port: 8080\nhost: a\n"), &[]);
    assert!(report.findings[0].actual.ends_with(": -port: 80 | +port: 8080"), "{}", report.findings[0].actual);
    let report = judged(&with_text("port: 80\nhost: a"), &with_text("port: 80 \nhost: a\n"), &[]);
    let alike = ": -port: 80 | -host: a | +port: 80\\u{20} | +host: a\\n";
    assert!(report.findings[0].actual.ends_with(alike), "{}", report.findings[0].actual);
    let long = |value: u32| (0..30).map(|line| format!("line {line} {value}\n")).collect::<String>();
    let report = judged(&with_text(&long(1)), &with_text(&long(2)), &[]);
    assert!(report.findings[0].actual.ends_with("and 52 more lines"), "{}", report.findings[0].actual);
}

#[test]
fn repositories_are_compared_by_meaning() {
    let refs = |branch: &str| [("refs/heads/main".to_owned(), branch.to_owned())].into();
    let before = Repository {
        head: "ref: refs/heads/main".into(),
        references: refs("1111"),
        settings: [("hooks/post-receive".to_owned(), "ab".to_owned())].into(),
        objects: [1, 2, 3].into(),
        damage: Vec::new(),
    };
    check(&git(before.clone()), &git(before.clone()), &[], &[]);
    let more = Repository { objects: [1, 2, 3, 4].into(), ..before.clone() };
    check(&git(before.clone()), &git(more.clone()), &[], &[]);
    let back = Repository { references: refs("0000"), ..before.clone() };
    check(&git(before.clone()), &git(back), &[], &[(FindingCode::ReferenceChanged, "v:a.git/refs/heads/main")]);
    let head = Repository { head: "ref: refs/heads/other".into(), ..before.clone() };
    check(&git(before.clone()), &git(head), &[], &[(FindingCode::ReferenceChanged, "v:a.git/HEAD")]);
    let hook = Repository { settings: BTreeMap::new(), ..before.clone() };
    check(&git(before.clone()), &git(hook), &[], &[(FindingCode::RepositorySettings, "v:a.git/hooks/post-receive")]);
    let damaged = Repository { damage: vec!["a pack without an index".into()], ..before.clone() };
    check(&git(before.clone()), &git(damaged), &[], &[(FindingCode::RepositoryDamaged, "v:a.git")]);
    check(&git(before.clone()), &volumes(&[]), &[], &[(FindingCode::RepositoryLost, "v:a.git")]);
    check(&volumes(&[]), &git(before.clone()), &[], &[(FindingCode::FileAdded, "v:a.git")]);
    let report = judged(&git(more), &git(before), &[]);
    assert_eq!(report.inconclusive.len(), 1, "lost objects may be needed");
}

#[test]
fn rows_and_files_name_each_other() {
    let now = volumes(&[("2026/a", "1", 0o644), ("2026/b", "1", 0o644), ("other", "1", 0o644)]);
    let named = ["v:2026/a".to_owned(), "v:2026/gone".to_owned()].into();
    let needing = ["v:2026/*".to_owned()];
    let after = file_rows(&named, &needing, &now);
    let judged = |before: Option<&FileRowsState>| {
        let mut report = CheckReport::new(CheckKind::Files, "attachments");
        judge_file_rows(&after, before, &mut report);
        let found = report.findings.iter().map(|finding| (finding.code, finding.subject.name())).collect::<Vec<_>>();
        (found, report.notes.len(), report.assertions)
    };
    // On the source release it is noted; afterwards only what is new counts.
    assert_eq!(judged(None), (Vec::new(), 2, 4));
    assert_eq!(judged(Some(&after)), (Vec::new(), 0, 4));
    let expected = [(FindingCode::RowWithoutFile, "v:2026/gone"), (FindingCode::FileWithoutRow, "v:2026/b")];
    assert_eq!(judged(Some(&FileRowsState::default())).0, expected.map(|(code, name)| (code, name.to_owned())));
    let mut report = CheckReport::new(CheckKind::Files, "attachments");
    judge_file_rows(&file_rows(&BTreeSet::new(), &[], &now), None, &mut report);
    assert_eq!(report.inconclusive.len(), 1);
}

#[test]
fn what_is_beyond_the_first_findings_is_counted() {
    let many: Vec<String> = (0..30).map(|number| format!("f{number:02}")).collect();
    let before: Vec<_> = many.iter().map(|path| (path.as_str(), "1", 0o644)).collect();
    let report = judged(&volumes(&before), &volumes(&[]), &[]);
    assert_eq!(report.findings.len(), MOST_FINDINGS + 1);
    assert_eq!(report.findings.last().map(|finding| finding.subject.clone()), Some(Subject::More(10, "files".into())));
}
