use std::collections::BTreeSet;
use std::time::Duration;

use junit_report::OffsetDateTime;
use proptest::prelude::*;

use super::budget::{CASES, TEXTS};
use super::cases::{Case, CaseResult, Element};
use super::*;
use crate::report::text::xml as clean;

/// This many cases, each built when it is needed.
struct Made<F>(usize, F);

impl<F: Fn(usize) -> Case> Cases for Made<F> {
    fn each(&self, visit: &mut dyn FnMut(CaseResult, &dyn Fn() -> Case)) {
        for number in 0..self.0 {
            visit(self.1(number).result, &|| self.1(number));
        }
    }
}

fn suite<'a>(name: &str, count: usize, case: impl Fn(usize) -> Case + 'a) -> Suite<'a> {
    let cases = Box::new(Made(count, case));
    Suite { name: shortened(name), began: OffsetDateTime::UNIX_EPOCH, cases }
}

fn failed(name: &str, content: &str) -> Case {
    let (name, content) = (name.to_owned(), content.to_owned());
    let result = CaseResult::NotPassed { kind: Kind::Failed, element: Element::Failure };
    Case { name, time: Duration::from_millis(1500), result, out: content.clone(), content }
}

fn passed(name: &str, out: &str) -> Case {
    let (content, out) = (String::new(), out.to_owned());
    Case { name: name.to_owned(), time: Duration::ZERO, result: CaseResult::Passed, content, out }
}

fn twice<'a>(name: &'a str, content: &'a str) -> Suite<'a> {
    suite(name, 2, move |_| failed(name, content))
}

fn all(suites: &[Suite<'_>]) -> String {
    let mut content = Vec::new();
    xml::write(&report(suites), &mut content).unwrap();
    String::from_utf8(content).unwrap()
}

fn names(xml: &str) -> Vec<(String, String)> {
    let read = roxmltree::Document::parse(xml).unwrap();
    let name = |node: roxmltree::Node<'_, '_>| {
        let value = |name| node.attribute(name).unwrap_or_default().to_owned();
        (value("classname"), value("name"))
    };
    read.descendants().filter(|node| node.has_tag_name("testcase")).map(name).collect()
}

fn text(node: roxmltree::Node<'_, '_>, element: &str) -> Option<String> {
    let found = node.descendants().find(|node| node.has_tag_name(element))?;
    // A parser joins the sections of a text that was split; roxmltree gives them as one node or several.
    Some(found.children().filter_map(|part| part.text()).collect())
}

#[test]
fn the_text_of_a_case_is_limited() {
    for line in ["a line of a log ]]>\n", "]]>"] {
        let long = line.repeat(20_000);
        let xml = all(&[twice("one", &long)]);
        assert!((CASE / 4..2 * CASE + 2000).contains(&xml.len()), "{}", xml.len());
        assert!(xml.contains("are left out here"));
    }
}

#[test]
fn a_file_stays_below_what_gitlab_takes() {
    let (name, text) = ("\"<&>'".repeat(30), "]]>".repeat(200));
    let xml = all(&[suite(&name, CASES + 1, |number| failed(&format!("{number}{name}"), &text))]);
    assert!((TEXTS / 2..30_000_000).contains(&xml.len()), "{}", xml.len());
}

#[test]
fn the_second_case_of_a_name_gets_a_number() {
    let xml = all(&[twice("same", "x")]);
    assert!(xml.contains("name=\"same\"") && xml.contains("name=\"same (2)\""), "{xml}");
}

#[test]
fn a_suite_counts_its_cases() {
    let case = |number| match number {
        0 => passed("a", ""),
        1 => failed("b", "x"),
        _ => Case {
            result: CaseResult::NotPassed { kind: Kind::Unfinished, element: Element::Error },
            ..failed("c", "")
        },
    };
    let xml = all(&[suite("tests=\"0\" time=\"0\"", 4, case), suite("other", 0, case)]);
    let read = roxmltree::Document::parse(&xml).unwrap();
    let suites: Vec<roxmltree::Node<'_, '_>> =
        read.descendants().filter(|node| node.has_tag_name("testsuite")).collect();
    let value = |at: usize, name| suites[at].attribute(name).unwrap_or_default();
    let actual = ["id", "name", "tests", "errors", "failures", "time", "package"].map(|name| value(0, name));
    assert_eq!(actual, ["0", "tests=\"0\" time=\"0\"", "4", "2", "1", "4.5", "rehearse"]);
    assert_eq!(["id", "name", "tests", "time"].map(|name| value(1, name)), ["1", "other", "0", "0"]);
}

#[test]
fn thousands_of_cases_of_one_name_get_unique_names_in_linear_time() {
    let long = "n".repeat(2 * ATTRIBUTE);
    let name = |number: usize| match number % 4 {
        0 => "same".to_owned(),
        // A name that another case would get.
        1 => format!("same ({})", number / 2),
        2 => format!("{long}{number}"),
        _ => "same\u{0}\u{1b}[1m".to_owned(),
    };
    let xml = all(&[suite("s", 9000, |number| passed(&name(number), "")), suite("s", 3, |_| passed("same", ""))]);
    let actual = names(&xml);
    let different: BTreeSet<&(String, String)> = actual.iter().take(9000).collect();
    assert_eq!((actual.len(), different.len()), (9003, 9000));
    assert_eq!(actual[0].1, "same");
    // With a search through all earlier names this takes minutes.
    let mut names = Names::default();
    let began = std::time::Instant::now();
    (0..200_000).for_each(|_| drop(names.unique("same".to_owned())));
    assert_eq!(names.unique("same".to_owned()), "same (200001)");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn red_cases_come_first_and_left_out_cases_are_counted() {
    let written = |failing: usize, passing: usize| {
        // The cases that passed come first in the run.
        let case = |number: usize| {
            let name = format!("case {number}");
            if number < passing { passed(&name, "x") } else { failed(&name, "x") }
        };
        let xml = all(&[suite("s", passing + failing, case)]);
        let read = roxmltree::Document::parse(&xml).unwrap();
        let suite = read.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        let cases: Vec<_> = read.descendants().filter(|node| node.has_tag_name("testcase")).collect();
        assert_eq!(suite.attribute("tests"), Some(cases.len().to_string().as_str()));
        let failures = cases.iter().filter(|node| text(**node, "failure").is_some()).count();
        let last = cases.last().unwrap();
        let errors = suite.attribute("errors").unwrap().to_owned();
        (cases.len(), failures, errors, text(*last, "skipped").or(text(*last, "error")).unwrap_or_default())
    };
    assert_eq!(written(10, 100), (110, 10, "0".to_owned(), String::new()));
    let (cases, failures, errors, last) = written(10, CASES);
    assert_eq!((cases, failures, errors.as_str()), (CASES + 1, 10, "0"));
    assert!(last.contains("\n10 cases that passed or were skipped\n"), "{last}");
    // Left-out red cases make the file red all the same.
    let (cases, failures, errors, last) = written(CASES + 7, 5);
    assert_eq!((cases, failures, errors.as_str()), (CASES + 1, CASES, "1"));
    assert!(last.contains("\n7 cases in which something went wrong\n5 cases that passed"), "{last}");
}

/// Bytes that products print: pieces of sequences, marks, characters that XML has no way to write, and what is left of
/// other encodings when they are read as UTF-8.
fn hostile() -> impl Strategy<Value = String> {
    let pieces: Vec<&'static [u8]> = vec![
        b"\x1b[31m",
        b"\x1b[",
        b"\x1b",
        b"\x1b]0;title\x07",
        b"\x1b]8;;http://x\x1b\\",
        b"\x1b]never ended",
        b"\x1bPq#0\x1b\\",
        b"\x9b1m",
        b"\xc2\x9b1m",
        b"\xc2\x9d0;x\xc2\x9c",
        b"\0",
        b"\x01\x08\x0b\x0c",
        b"\x7f",
        b"\xc2\x80",
        b"\xc2\x85",
        // U+FFFE, U+FFFF, U+1FFFE, U+FFFD, a byte order mark, line separators.
        b"\xef\xbf\xbe",
        b"\xef\xbf\xbf",
        b"\xf0\x9f\xbf\xbe",
        b"\xef\xbf\xbd",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xae",
        // Lone surrogates and pairs of them as CESU-8 writes them; UTF-16 in both orders; Latin-1; bytes that begin nothing.
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\xbd\xed\xb8\x80",
        b"\xff\xfea\0b\0",
        b"\xfe\xff\0a\0b",
        b"gr\xf6\xdfe",
        b"\x00\xd8",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\xf0\x9f",
        b"]]>",
        b"]]",
        b"]",
        b">",
        b"<![CDATA[",
        b"</testcase>",
        b"<!--",
        b"<?xml",
        b"&amp;",
        b"&#0;",
        b"&",
        b"<",
        b"\"",
        b"'",
        b" tests=\"0\"",
        b"\n",
        b"\r\n",
        b"\r",
        b"\t",
        b" ",
        b"[[ATTACHMENT|x]]",
        b"a",
        "ü🦀".as_bytes(),
    ];
    let piece = prop_oneof![
        6 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => any::<String>().prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| String::from_utf8_lossy(&pieces.concat()).into_owned())
}

/// ActiveSupport's XmlMini casts by these, and refuses a file for two of them.
const CASTS: [&str; 22] = [
    "symbol",
    "date",
    "dateTime",
    "datetime",
    "time",
    "integer",
    "float",
    "decimal",
    "boolean",
    "string",
    "yaml",
    "base64Binary",
    "hexBinary",
    "duration",
    "file",
    "array",
    "hash",
    "binary",
    "double",
    "bignum",
    "rational",
    "big_decimal",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_read_back_as_they_were_sanitised(first in hostile(), second in hostile(), name in hostile()) {
        let joined = format!("{first}]]>{second}");
        let case = |number: usize| failed(&name, [&first, &second, &joined][number]);
        let suites = [suite(&name, 3, case), suite(&first, 1, |_| passed(&second, &joined))];
        let xml_text = all(&suites);
        let read = roxmltree::Document::parse(&xml_text).unwrap();
        let cases: Vec<_> = read.descendants().filter(|node| node.has_tag_name("testcase")).collect();
        prop_assert_eq!(cases.len(), 4);
        for (node, raw) in cases.iter().zip([&first, &second, &joined]) {
            let expected = clean(raw);
            prop_assert_eq!(text(*node, "failure").unwrap_or_default(), expected.clone());
            prop_assert_eq!(text(*node, "system-out").unwrap_or_default(), expected);
        }
        prop_assert_eq!(text(cases[3], "system-out").unwrap_or_default(), clean(&joined));
        // Names stay the same from one writing to the next, and are unique.
        let actual = names(&xml_text);
        prop_assert_eq!(&actual, &names(&all(&suites)));
        let base = shortened(&name);
        let expected = [base.clone(), format!("{base} (2)"), format!("{base} (3)"), shortened(&second)];
        prop_assert_eq!(actual.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), expected);
        let class = format!("rehearse.{}", base);
        prop_assert!(actual.iter().take(3).all(|(name, _)| *name == class));
        for node in read.descendants() {
            let kind = node.attribute("type").unwrap_or("rehearse::");
            prop_assert!(kind.starts_with("rehearse::") && !CASTS.contains(&kind));
            for attribute in node.attributes() {
                // Neither a parser nor a terminal changes the value.
                prop_assert!(!attribute.value().contains(|c: char| c.is_control() && c != '\u{85}'), "{:?}", attribute);
            }
        }
    }
}
