use super::*;
use crate::source::span::Source;
use crate::source::spec::read;

const KNOWN: &str = r#"
gates:
  - { releases: ">=2, <3", needs: "1.4", rule: exactly-on-new-major, source: entry point }
  - { releases: ">=3", needs: "2.5", source: entry point }
components:
  - name: database
    kind: database
    source: images
    changed: { text: reindex, remedy: look at the indexes }
    moved: { text: takes twice the disk }
    releases:
      - { of: "<2", has: ["9.6", "10"] }
      - { of: ">=2, <3", has: ["10", "11"], needs: "10", moves-to: "11" }
      - { of: ">=3, <4", has: ["11"], needs: "11", moves-to: "11" }
      - { of: ">=4", has: ["12"], needs: "12" }
notices:
  - { kind: setting, title: a key is gone, crossing: "2.0", text: remove it, source: notes of 2.0 }
  - { kind: known-issue, title: it panics, to: "=2.1.0", editions: [ee], text: use another, source: notes of 2.1, failure: panic }
"#;

fn known(text: &str) -> (Compatibility, Document) {
    read::<Compatibility>(Source::new("compatibility.yaml", text)).unwrap()
}

fn release(text: &str) -> Release {
    text.parse().unwrap()
}

#[test]
fn a_gate_refuses_what_it_does_not_accept() {
    let check = |from: &str, to: &str, needs: Option<&str>| {
        let refused = known(KNOWN).0.refusal(&release(from), &release(to));
        assert_eq!(refused.map(|gated| gated.needs).as_deref(), needs, "{from} to {to}");
    };
    check("1.4.0", "2.0.0", None);
    check("1.3.9", "2.0.0", Some("exactly 1.4 from another major"));
    check("2.0.0", "2.9.0", None);
    check("2.5.0", "3.0.0", None);
    check("2.4.9", "3.1.0", Some("2.5 or newer"));
    check("3.0.0", "3.1.0", None);
    check("3.9.0", "4.0.0", Some("database 12, and 3.9.0 has 11 at most"));
    check("0.9.0", "1.4.0", None);
}

#[test]
fn a_component_has_a_notice_where_it_changes_and_where_data_are_moved() {
    let check = |from: &str, to: &str, titles: &[&str]| {
        let notices = known(KNOWN).0.notices(&release(from), &release(to));
        let actual: Vec<&str> = notices
            .iter()
            .filter(|notice| notice.kind == NoticeKind::Database)
            .map(|notice| notice.title.as_str())
            .collect();
        assert_eq!(actual, titles, "{from} to {to}");
    };
    check("1.4.0", "2.0.0", &["database: 9.6 and 10 → 10 and 11", "database is moved to 11 as 2.0.0 starts"]);
    check("2.0.0", "2.5.0", &[]);
    check("2.5.0", "3.0.0", &["database: 10 and 11 → 11"]);
    check("0.9.0", "1.0.0", &[]);
}

#[test]
fn a_notice_is_of_the_hops_and_editions_that_it_names() {
    let check = |from: &str, to: &str, titles: &[&str]| {
        let notices = known(KNOWN).0.notices(&release(from), &release(to));
        let actual: Vec<&str> = notices
            .iter()
            .filter(|notice| !matches!(notice.kind, NoticeKind::Database | NoticeKind::Gate))
            .map(|notice| notice.title.as_str())
            .collect();
        assert_eq!(actual, titles, "{from} to {to}");
    };
    check("1.4.0", "2.0.0", &["a key is gone"]);
    check("1.4.0", "2.1.0", &["a key is gone", "it panics"]);
    check("1.4.0-ce", "2.1.0-ce", &["a key is gone"]);
    check("2.0.0", "2.1.0-ee", &["it panics"]);
    check("2.0.0", "2.1.1", &[]);
}

#[test]
fn mistakes_that_the_shape_does_not_show_are_found_at_their_place() {
    let text = KNOWN.replace("crossing: \"2.0\", ", "").replace("has: [\"12\"]", "has: [twelve]");
    let (known, document) = known(&text);
    let rejected = document.refuse(known.problems(&document, "")).unwrap_err().to_string();
    for wanted in ["the notice is of every hop", "`twelve` cannot be compared"] {
        assert!(rejected.contains(wanted), "{rejected}");
    }
}
