use super::*;
use crate::mutation::MutationKind;
use crate::observation::{ItemKind, Structure};

fn product() -> Product {
    let text = r#"{
        "product": "shop", "releases": {"catalog": "releases.txt"}, "services": {}, "backup": {"parts": {}}, "restore": [], "upgrade": [],
        "checks": {
            "data": {"volatile": ["users.seen"], "elsewhere": {"sessions": "they are temporary"}},
            "files": {"volatile": {"cache:*": "a cache"}}
        }
    }"#;
    serde_json::from_str(text).unwrap()
}

fn seen(subject: Subject, code: Option<FindingCode>) -> Seen {
    Seen { by: "data: tables".into(), code, subject }
}

fn check(mutation: Mutation, noise: &[Seen], found: &[Seen], expected: Fate) {
    assert_eq!(judge_mutation(&mutation, &product(), noise, found, (None, None)), expected, "{mutation:?}");
}

fn value(table: &str, column: &str) -> Mutation {
    let target = MutationTarget::Column { table: table.into(), column: column.into() };
    Mutation { kind: MutationKind::ValueChanged, target }
}

#[test]
fn a_mutation_is_noticed_by_what_is_found_about_its_object_only() {
    let of = |table: &str| seen(Subject::Table(table.into()), Some(FindingCode::ValuesChanged));
    let noticed = Fate::Noticed { by: "data: tables".into(), code: Some(FindingCode::ValuesChanged) };
    check(value("users", "name"), &[], &[of("users")], noticed);
    check(value("users", "name"), &[], &[of("users2"), of("user")], Fate::Survived);
    check(
        value("users", "name"),
        &[of("users")],
        &[of("users")],
        Fate::Masked { by: "data: tables".into(), code: Some(FindingCode::ValuesChanged) },
    );
    let unclear = seen(Subject::Table("users".into()), None);
    check(value("users", "name"), &[], &[unclear], Fate::Noticed { by: "data: tables".into(), code: None });
}

#[test]
fn a_fault_of_a_response_may_show_in_a_later_request() {
    let of = |request: &str| seen(Subject::request(request), Some(FindingCode::StatusUnexpected));
    let target =
        MutationTarget::Response { kind: CheckKind::Access, check: "people".into(), request: "GET /me".into() };
    let mutation = Mutation { kind: MutationKind::ResponseFailed, target };
    let noticed = Fate::Noticed { by: "data: tables".into(), code: Some(FindingCode::StatusUnexpected) };
    check(mutation.clone(), &[], &[of("GET /users")], noticed);
    check(mutation.clone(), &[of("GET /users")], &[of("GET /users")], Fate::Survived);
    let masked = Fate::Masked { by: "data: tables".into(), code: Some(FindingCode::StatusUnexpected) };
    check(mutation, &[of("GET /me")], &[of("GET /me")], masked);
}

#[test]
fn what_the_product_file_lets_pass_is_excused_with_its_reason() {
    check(value("users", "seen"), &[], &[], Fate::Excused("volatile: users.seen".into()));
    check(value("sessions", "data"), &[], &[], Fate::Excused("elsewhere: they are temporary".into()));
    let file = Mutation { kind: MutationKind::FileLost, target: MutationTarget::File("cache:a/b".into()) };
    check(file, &[], &[], Fate::Excused("volatile: cache:*: a cache".into()));
}

#[test]
fn a_mutation_of_the_structure_is_told_by_the_items_that_changed() {
    let item = |columns: &[&str]| Item {
        kind: ItemKind::Index,
        table: "users".into(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        text: format!("btree ({})", columns.join(", ")),
        ..Item::default()
    };
    let state = |items: Vec<Item>| DataState {
        structure: Some(Structure { items, ..Structure::default() }),
        ..DataState::default()
    };
    let (before, now) = (state(vec![item(&["a"]), item(&["b"])]), state(vec![item(&["b"])]));
    let mutation = Mutation { kind: MutationKind::IndexLost, target: MutationTarget::Structure("users".into()) };
    let judge = |name: &Item| {
        let found = [seen(Subject::Structure(name_structure(name)), Some(FindingCode::StructureLost))];
        judge_mutation(&mutation, &product(), &[], &found, (Some(&before), Some(&now)))
    };
    assert!(matches!(judge(&item(&["a"])), Fate::Noticed { .. }));
    assert_eq!(judge(&item(&["b"])), Fate::Survived);
}

#[test]
fn what_survived_is_a_finding_and_the_rest_is_counted() {
    let all = [
        Judged {
            mutation: value("users", "name"),
            fate: Fate::Noticed { by: "data: tables".into(), code: Some(FindingCode::ValuesChanged) },
        },
        Judged { mutation: value("roles", "name"), fate: Fate::Survived },
        Judged { mutation: value("users", "seen"), fate: Fate::Excused("volatile: users.seen".into()) },
        Judged { mutation: value("locks", "id"), fate: Fate::NotPlanted("refused".into()) },
    ];
    let [report] = &mutation_reports(&all)[..] else { panic!("not one report") };
    assert_eq!((report.kind, report.assertions), (CheckKind::Data, 3));
    let subjects: Vec<&Subject> = report.findings.iter().map(|finding| &finding.subject).collect();
    assert_eq!(subjects, [&Subject::Table("roles.name".into())]);
    assert_eq!(report.notes.len(), 3, "{:?}", report.notes);
}
