use std::sync::Arc;

use super::*;
use crate::model::scenario::CheckKind;
use crate::observation::{Item, ItemKind, RetainedRows, Structure, TableState};

fn table(key: &[&str], columns: &[&str], rows: &[&[&str]]) -> TableState {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let kept = RetainedRows { columns: own(columns), rows: rows.iter().map(|row| row.join("\t").into()).collect() };
    TableState {
        rows: rows.len() as u64,
        key: own(key),
        columns: own(columns),
        kept: Some(Arc::new(kept)),
        ..TableState::default()
    }
}

fn state(tables: &[(&str, TableState)], items: Vec<Item>) -> DataState {
    DataState {
        tables: tables.iter().map(|(name, table)| ((*name).to_owned(), table.clone())).collect(),
        structure: Some(Structure { items, ..Structure::default() }),
        ..DataState::default()
    }
}

fn item(kind: ItemKind, table: &str, columns: &[&str], text: &str) -> Item {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Item { kind, table: table.into(), columns, text: text.into(), ..Item::default() }
}

fn judged<T: ?Sized>(
    judge: fn(&T, &T, FreshTerms<'_>, &mut CheckReport) -> Vec<Lacking>,
    fresh: &T,
    upgraded: &T,
    rules: &[FreshRule],
) -> CheckReport {
    let rules: Vec<&FreshRule> = rules.iter().collect();
    let none = BTreeMap::new();
    let volatile = ["users.*_at".to_owned()];
    let terms = FreshTerms { rules: &rules, elsewhere: &none, volatile: &volatile, volatile_files: &none };
    let mut report = CheckReport::new(CheckKind::Fresh, "a test");
    judge(fresh, upgraded, terms, &mut report);
    report.decide()
}

fn found(report: &CheckReport) -> Vec<String> {
    report.findings.iter().map(|finding| format!("{} {}: {}", finding.code, finding.subject, finding.actual)).collect()
}

fn rule(allow: FreshDifference) -> FreshRule {
    FreshRule { releases: None, allow, because: "a test allows it".parse().unwrap() }
}

#[test]
fn what_only_the_fresh_structure_has_is_found_and_the_rest_is_noted() {
    let items = |index: &str, default: &str| {
        vec![
            item(ItemKind::Index, "users", &["login"], index),
            item(ItemKind::Default, "users", &["state"], default),
            item(ItemKind::Type, "users", &["login"], "text"),
            // It goes with its table.
            item(ItemKind::Sequence, "audits", &["id"], "owned by shop"),
        ]
    };
    let users = table(&["id"], &["id", "login", "state"], &[]);
    let fresh = state(&[("users", users.clone()), ("audits", users.clone())], items("unique btree (login)", "'new'"));
    let mut upgraded = state(&[("users", users.clone()), ("old", users)], items("btree (login)", "'new'"));
    upgraded.structure.iter_mut().for_each(|structure| structure.items.retain(|item| item.table != "audits"));
    let report = judged(judge_fresh_structure, &fresh, &upgraded, &[]);
    assert_eq!(
        found(&report),
        [
            "fresh.structure-lacking table audits: it is not there",
            "fresh.structure-lacking index on users: unique btree (login): btree (login)"
        ]
    );
    assert!(report.notes.iter().any(|note| note.contains("table old")), "{:?}", report.notes);
    let allowed = rule(FreshDifference::Structure(vec!["table audits".into(), "index on users: unique*".into()]));
    assert_eq!(found(&judged(judge_fresh_structure, &fresh, &upgraded, &[allowed])), [""; 0]);
    upgraded = fresh.clone();
    assert_eq!(found(&judged(judge_fresh_structure, &fresh, &upgraded, &[])), [""; 0]);
    let structure = upgraded.structure.get_or_insert_default();
    structure.items[0].broken = true;
    let broken = found(&judged(judge_fresh_structure, &fresh, &upgraded, &[]));
    assert_eq!(broken, ["fresh.structure-lacking index on users: unique btree (login): it is there, but not valid"]);
    let column = table(&["id"], &["id", "login"], &[]);
    upgraded = state(
        &[
            ("users", column),
            (
                "audits",
                TableState { columns: vec!["id".into(), "login".into(), "state".into()], ..TableState::default() },
            ),
        ],
        Vec::new(),
    );
    let lost = found(&judged(judge_fresh_structure, &fresh, &upgraded, &[]));
    assert!(lost.contains(&"fresh.structure-lacking column users.state: it is not there".to_owned()), "{lost:?}");
    assert!(!lost.iter().any(|finding| finding.contains("default of users.state")), "{lost:?}");
}

#[test]
fn rows_are_found_again_whatever_their_numbers_are() {
    let foreign = |table: &str, column: &str, refers: &str| Item {
        refers: Some(refers.into()),
        ..item(ItemKind::ForeignKey, table, &[column], "references")
    };
    let items = vec![foreign("rights", "type_id", "types")];
    let types = |first: &str, second: &str| {
        table(&["id"], &["id", "name", "seen"], &[&[first, "device", "2026-01-01 10:00:00"], &[second, "rack", "\\N"]])
    };
    let fresh = state(
        &[
            ("types", types("1", "2")),
            ("rights", table(&["id"], &["id", "type_id", "code"], &[&["1", "1", "add"], &["2", "2", "add"]])),
        ],
        items.clone(),
    );
    // The same rows under other numbers, and one more.
    let rights =
        table(&["id"], &["id", "type_id", "code"], &[&["7", "31", "add"], &["8", "30", "add"], &["9", "30", "see"]]);
    let upgraded = state(&[("types", types("30", "31")), ("rights", rights)], items.clone());
    let report = judged(judge_fresh_rows, &fresh, &upgraded, &[]);
    assert_eq!((found(&report), report.assertions), (Vec::new(), 4));
    // The right is there for another type only.
    let rights = table(&["id"], &["id", "type_id", "code"], &[&["7", "30", "add"], &["8", "30", "see"]]);
    let upgraded = state(&[("types", types("30", "31")), ("rights", rights)], items);
    let lacks = "fresh.rows-lacking table rights: 1 of them missing (type_id=(name='rack') code='add')";
    assert_eq!(found(&judged(judge_fresh_rows, &fresh, &upgraded, &[])), [lacks]);
    let by_row = rule(FreshDifference::Rows(vec!["rights type_id=(name='rack')*".into()]));
    assert_eq!(found(&judged(judge_fresh_rows, &fresh, &upgraded, &[by_row])), [""; 0]);
    let other_row = rule(FreshDifference::Rows(vec!["rights type_id=(name='device')*".into()]));
    assert_eq!(found(&judged(judge_fresh_rows, &fresh, &upgraded, &[other_row])), [lacks]);
}

#[test]
fn a_row_with_the_same_name_and_another_value_is_there() {
    let settings = |name: &str, value: &str| {
        table(&["id"], &["id", "name", "value"], &[&["1", name, value], &["2", "other", "1"]])
    };
    let fresh = state(&[("settings", settings("limit", "500"))], Vec::new());
    let changed = state(&[("settings", settings("limit", "20"))], Vec::new());
    assert_eq!(found(&judged(judge_fresh_rows, &fresh, &changed, &[])), [""; 0]);
    let renamed = state(&[("settings", settings("limits", "500"))], Vec::new());
    assert_eq!(
        found(&judged(judge_fresh_rows, &fresh, &renamed, &[])),
        ["fresh.rows-lacking table settings: 1 of them missing (name='limit')"]
    );
}

#[test]
fn a_secret_identifies_a_row_and_is_not_shown() {
    let keys = |value: &str| table(&["id"], &["id", "api_key"], &[&["1", value], &["2", "other"]]);
    let (fresh, upgraded) = (state(&[("t", keys("abc"))], Vec::new()), state(&[("t", keys("xyz"))], Vec::new()));
    let findings = found(&judged(judge_fresh_rows, &fresh, &upgraded, &[]));
    assert_eq!(findings, ["fresh.rows-lacking table t: 1 of them missing (api_key=(hidden))"]);
}

#[test]
fn nothing_to_compare_is_inconclusive() {
    let empty = state(&[("t", table(&["id"], &["id"], &[]))], Vec::new());
    for report in [
        judged(judge_fresh_rows, &empty, &empty, &[]),
        judged(judge_fresh_structure, &DataState::default(), &empty, &[]),
        judged(judge_fresh_structure, &state(&[], Vec::new()), &empty, &[]),
    ] {
        assert_eq!(report.inconclusive.len(), 1, "{report:?}");
    }
    let (fresh, some) = (SettingValues::new(), settings_in_text("a = 1"));
    let mut report = CheckReport::new(CheckKind::Fresh, "a test");
    let none = BTreeMap::new();
    let terms = FreshTerms { rules: &[], elsewhere: &none, volatile: &[], volatile_files: &none };
    judge_fresh_settings("show", &fresh, &some, terms, &mut report);
    assert_eq!(report.decide().inconclusive.len(), 1);
}

#[test]
fn settings_are_read_from_json_lines_and_sections() {
    let names = |text: &str| settings_in_text(text).into_keys().collect::<Vec<_>>().join(" ");
    assert_eq!(names(r#"{"a": {"b": 1, "c": []}, "d": null}"#), "/a/b /a/c /d");
    assert_eq!(names("# c\nexport A=1\nB = 'x'\nnot a setting\n"), "A B");
    assert_eq!(
        names("production:\n  adapter: x\n  pool:\n    size: 5\nother: 1\n"),
        "other production production.adapter production.pool production.pool.size"
    );
    assert_eq!(names("[main]\nhost = a\n[other]\nhost = b\n"), "main.host other.host");
}

#[test]
fn files_and_settings_in_them_that_only_the_fresh_one_has_are_found() {
    let tree = |files: &[(&str, &str)]| {
        let mut tree = FileTree::default();
        for (path, text) in files {
            let kind = FileKind::File { size: text.len() as u64, digest: format!("{:x}", text.len()) };
            tree.entries.insert((*path).to_owned(), FileEntry { kind, mode: 0o644, owner: 0, group: 0 });
            tree.texts.insert((*path).to_owned(), (*text).to_owned());
        }
        FileTrees::from([("config".to_owned(), tree)])
    };
    let fresh = tree(&[("a.yml", "pool: 5\nhost: x\n"), ("b.yml", "x: 1\n")]);
    let upgraded = tree(&[("a.yml", "host: mine\nold: 1\n")]);
    assert_eq!(
        found(&judged(judge_fresh_files, &fresh, &upgraded, &[])),
        ["fresh.file-lacking config:b.yml: it is not there", "fresh.setting-lacking config:a.yml: it is not set"]
    );
    let rules = [
        rule(FreshDifference::Settings(vec!["config:a.yml pool".into()])),
        rule(FreshDifference::Files(vec!["config:b*".into()])),
    ];
    assert_eq!(found(&judged(judge_fresh_files, &fresh, &upgraded, &rules)), [""; 0]);
}

#[test]
fn a_type_that_takes_less_is_found_and_one_that_takes_more_is_noted() {
    let of = |text: &str| state(&[("t", table(&["id"], &["id"], &[]))], vec![item(ItemKind::Type, "t", &["id"], text)]);
    let narrow = judged(judge_fresh_structure, &of("text"), &of("character varying(8)"), &[]);
    assert_eq!(found(&narrow), ["fresh.structure-lacking type of t.id: text: character varying(8)"]);
    let wide = judged(judge_fresh_structure, &of("integer"), &of("bigint"), &[]);
    assert_eq!(found(&wide), [""; 0]);
    assert!(wide.notes.iter().any(|note| note.contains("bigint")), "{:?}", wide.notes);
}
