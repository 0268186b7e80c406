use std::collections::hash_map::DefaultHasher;
use std::error::Error;

use proptest::prelude::*;

use super::*;

type Tested = Result<(), Box<dyn Error>>;

fn release(text: &str) -> Release {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn releases_are_read_however_they_are_written() {
    let check = |text: &str, number: &str, name: &str, edition: Option<(&str, Option<u32>)>| {
        let read = release(text);
        assert_eq!(read.number(), number, "number of {text}");
        assert_eq!(read.name(), name, "name of {text}");
        assert_eq!(read.to_string(), text.trim(), "text of {text}");
        assert_eq!(
            read.edition().map(|edition| (edition.as_str(), read.edition_build())),
            edition,
            "edition of {text}"
        );
    };
    check("1", "1.0.0", "1", None);
    check("1.2", "1.2.0", "1.2", None);
    check("1.2.3", "1.2.3", "1.2.3", None);
    check(" v1.2.3 ", "1.2.3", "v1.2.3", None);
    check("V2", "2.0.0", "V2", None);
    check("2024.01.1", "2024.1.1", "2024.01.1", None);
    check("4.0.0.1", "4.0.0.1", "4.0.0.1", None);
    check("4.0.0.0", "4.0.0", "4.0.0.0", None);
    check("1.2-rc1", "1.2.0-rc.1", "1.2-rc1", None);
    check("1.2.0-rc.1", "1.2.0-rc.1", "1.2.0-rc.1", None);
    check("1.2.0-RC-01", "1.2.0-rc.1", "1.2.0-RC-01", None);
    check("1.2.0-beta", "1.2.0-beta", "1.2.0-beta", None);
    check("1.3.0rc1", "1.3.0-rc.1", "1.3.0rc1", None);
    check("1.3.0b2", "1.3.0-beta.2", "1.3.0b2", None);
    check("1.2.3+x", "1.2.3+x", "1.2.3+x", None);
    check("1.2.3+5", "1.2.3+5", "1.2.3+5", None);
    check("1.2.3-rc.1+x.1", "1.2.3-rc.1+x.1", "1.2.3-rc.1+x.1", None);
    check("18.5.7-ee.0", "18.5.7", "18.5.7", Some(("ee", Some(0))));
    check("18.5.7-ce.0", "18.5.7", "18.5.7", Some(("ce", Some(0))));
    check("18.5.7-EE", "18.5.7", "18.5.7", Some(("ee", None)));
    check("v18.5.7+ee.1", "18.5.7", "v18.5.7", Some(("ee", Some(1))));
    check("18.5.7-rc1-ee.0", "18.5.7-rc.1", "18.5.7-rc1", Some(("ee", Some(0))));
    check("13.0.0+rc42.ce.0", "13.0.0-rc.42", "13.0.0+rc42", Some(("ce", Some(0))));
    check("10.4.1-community", "10.4.1", "10.4.1", Some(("community", None)));
}

#[test]
fn texts_that_are_no_releases_say_what_was_expected() {
    let check = |text: &str, message: &str| {
        assert_eq!(text.parse::<Release>().map_err(|error| error.to_string()), Err(message.to_owned()), "{text}");
    };
    check("", "a release is empty: expected a number such as 1.2.3");
    check("  ", "a release is empty: expected a number such as 1.2.3");
    check("latest", "release `latest` has `latest` where a number is expected");
    check("1.x", "release `1.x` has `x` where a number is expected");
    check("1..2", "release `1..2` has `..` where a number is expected");
    check(".1", "release `.1` has `.` where a number is expected");
    check("1..2-rc1", "release `1..2-rc1` has `..` where a number is expected");
    check("1.2.", "release `1.2.` ends in `.`: expected -PRERELEASE, +BUILD or -EDITION");
    check("1.2.0.dev0", "release `1.2.0.dev0` has `dev0` where a number is expected");
    check(
        "99999999999999999999",
        "release `99999999999999999999` has `99999999999999999999` where a number is expected",
    );
    check("1.2.3.4.5", "release `1.2.3.4.5` has 5 numbers: at most four are understood");
    check("1.2.3-", "release `1.2.3-` ends in `-`: expected -PRERELEASE, +BUILD or -EDITION");
    check("1.2.3+", "release `1.2.3+` ends in `+`: expected -PRERELEASE, +BUILD or -EDITION");
    check("1.2.3-rc..1", "release `1.2.3-rc..1` ends in `-rc..1`: expected -PRERELEASE, +BUILD or -EDITION");
    check("1.2.3 beta", "release `1.2.3 beta` ends in ` beta`: expected -PRERELEASE, +BUILD or -EDITION");
    check("1.2.3_1", "release `1.2.3_1` ends in `_1`: expected -PRERELEASE, +BUILD or -EDITION");
    check("1.2.3-é", "release `1.2.3-é` ends in `-é`: expected -PRERELEASE, +BUILD or -EDITION");
}

#[test]
fn package_versions_are_refused_with_the_release_they_package() {
    let check = |text: &str, hint: &str| {
        let expected = Err(ReleaseError::Package { text: text.to_owned(), hint: hint.to_owned() });
        assert_eq!(text.parse::<Release>(), expected, "{text}");
    };
    check("1:5.0.4-5", "5.0.4");
    check("5.0.4-5", "5.0.4");
    check("5.0.4-5+deb12u1", "5.0.4");
    check("5.0.4+dfsg-1", "5.0.4");
    check("2.4-1ubuntu3", "2.4");
    check("5.0.4-1.el8", "5.0.4");
    check("5.0.4-1.1", "5.0.4");
    check("1.2.3~rc1", "1.2.3");
    check("~", "1.2.3");
}

#[test]
fn releases_are_in_their_natural_order() {
    let ascending = [
        "0.9",
        "1.0-alpha",
        "1.0-alpha.1",
        "1.0-beta",
        "1.0-rc.1",
        "1.0-rc2",
        "1.0-rc9",
        "1.0-rc10",
        "1.0",
        "1.0-ce",
        "1.0-ce.0",
        "1.0-ce.1",
        "1.0-ee.0",
        "1.0+a",
        "1.0+b",
        "1.0.0.1-rc1",
        "1.0.0.1",
        "1.0.1-rc1",
        "1.0.1",
        "1.2",
        "1.10",
        "2024.01.1",
        "2024.1.2",
        "2024.10.1",
    ];
    let releases: Vec<Release> = ascending.iter().map(|text| release(text)).collect();
    for (i, a) in releases.iter().enumerate() {
        for (j, b) in releases.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{a} and {b}");
        }
    }
}

#[test]
fn spellings_of_one_release_are_equal_and_hash_alike() {
    let check = |a: &str, b: &str| {
        let (a, b) = (release(a), release(b));
        assert_eq!(a, b);
        assert_eq!(hash_of(&a), hash_of(&b), "hashes of {a} and {b}");
    };
    check("1.2", "1.2.0");
    check("v1.2.3", "1.2.3");
    check("4.0", "4.0.0.0");
    check("2024.01.1", "2024.1.1");
    check("1.0-rc1", "1.0.0-RC.1");
    check("1.0rc1", "1.0.0-rc.1");
    check("18.5.7-ee.0", "18.5.7+ee.0");
}

#[test]
fn a_release_keeps_its_name_in_another_edition() -> Tested {
    let edition: Edition = "EE".parse()?;
    let edited = release("v2024.01.1-ce.0").with_edition(&edition);
    assert_eq!(edited.to_string(), "v2024.01.1-ee");
    assert_eq!(edited, release("2024.1.1-ee"));
    assert_eq!(edited.without_edition().to_string(), "v2024.01.1");
    assert!("1e".parse::<Edition>().is_err() && "".parse::<Edition>().is_err());
    Ok(())
}

#[test]
fn releases_lines_and_ranges_are_strings_in_json() -> Tested {
    let text = r#"["v1.2","17.3",">=6.0, <6.1","ee"]"#;
    let read: (Release, Line, Range, Edition) = serde_json::from_str(text)?;
    assert_eq!(serde_json::to_string(&read)?, text);
    let error = serde_json::from_str::<Release>(r#""1:2""#).map_err(|error| error.to_string());
    assert!(error.is_err_and(|error| error.contains("distribution's package version")));
    Ok(())
}

#[test]
fn a_line_holds_its_patches() {
    let check = |line: &str, text: &str, expected: bool| {
        assert_eq!(line.parse::<Line>().map(|line| line.contains(&release(text))), Ok(expected), "{text} in {line}");
    };
    check("6.1", "6.1", true);
    check("6.1", "6.1.9", true);
    check("6.1", "6.1.9-rc1", true);
    check("6.1", "6.10.0", false);
    check("6", "6.10.0-ee.0", true);
    check("6", "7.0.0-rc1", false);
    check("v2024.01", "2024.1.3", true);
}

#[test]
fn a_line_is_one_or_two_numbers() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(text.parse::<Line>().ok().map(|line| line.to_string()).as_deref(), expected, "{text}");
    };
    check("17", Some("17"));
    check(" v17.03 ", Some("17.3"));
    for text in ["", "v", ".", "17.", ".3", "17.x", "17.3.1", "17-rc1", "+1.2", "17.3-ee"] {
        check(text, None);
    }
}

#[test]
fn a_range_holds_by_plain_order() {
    let check = |range: &str, inside: &[&str], outside: &[&str]| {
        let read: Range = range.parse().unwrap_or_else(|error| panic!("{range}: {error}"));
        for (texts, expected) in [(inside, true), (outside, false)] {
            for text in texts {
                assert_eq!(read.contains(&release(text)), expected, "{text} in {range}");
            }
        }
    };
    check("*", &["0", "1.0-rc1", "99-ee"], &[]);
    check(">=4, <5", &["4.0", "4.2.0-rc.1", "4.99.1-ee.0", "5.0.0-rc.1"], &["4.0.0-rc.1", "3.9", "5"]);
    check("<6.1", &["6.0.99", "6.1.0-rc1"], &["6.1.0", "6.1.5"]);
    check("<=6.1", &["6.0", "6.1.0", "6.1.5", "6.1.0-rc1"], &["6.2.0-rc1", "6.2"]);
    check("<=6.1.0", &["6.1.0", "6.1.0-ee.0", "6.1.0+x"], &["6.1.1"]);
    check(">6.1", &["6.2.0-rc1", "6.2"], &["6.1.0", "6.1.5", "6.1.0-rc1"]);
    check(">6.1.0", &["6.1.1-rc1", "6.1.1"], &["6.1.0", "6.1.0-ee.0", "6.1.0+x"]);
    check("6.1", &["6.1.0", "6.1.5"], &["6.2", "6.0"]);
    check("=6", &["6.1.0", "6.0.0-rc1"], &["7.0.0-rc1", "5.9"]);
    check("6.1.0", &["6.1", "6.1.0.0"], &["6.1.1", "6.1.0-rc1"]);
    check(" >= 1.2 ,< 1.4", &["1.2.0", "1.3.9"], &["1.4"]);
}

#[test]
fn texts_that_are_no_ranges_are_refused() {
    let check = |text: &str, message: &str| {
        assert_eq!(text.parse::<Range>().map_err(|error| error.to_string()), Err(message.to_owned()), "{text}");
    };
    check("", "range `` lacks a comparison: expected comparisons such as `>=6.0, <6.1`, or `*`");
    check(">=1,", "range `>=1,` lacks a comparison: expected comparisons such as `>=6.0, <6.1`, or `*`");
    check("^1.2", "range `^1.2` has `^1.2`: expected one of >=, >, <=, <, = and a release");
    check(">=", "range `>=` has `>=`: expected one of >=, >, <=, <, = and a release");
    check("5.0 - 6.0", "range `5.0 - 6.0` has `5.0 - 6.0`: expected one of >=, >, <=, <, = and a release");
    check(">=1 <2", "range `>=1 <2` has `>=1 <2`: expected one of >=, >, <=, <, = and a release");
    check(">=new", "range `>=new` compares with something that is not a release");
}

fn hash_of(release: &Release) -> u64 {
    let mut hasher = DefaultHasher::new();
    release.hash(&mut hasher);
    hasher.finish()
}

fn any_release() -> impl Strategy<Value = Release> {
    let text = "v?[0-2](\\.0?[0-2]){0,3}(-(rc|beta)\\.?(1|9|10))?(\\+[xy])?(-(ce|ee)(\\.[01])?)?";
    text.prop_map(|text| release(&text))
}

proptest! {
    #[test]
    fn the_order_is_total(a in any_release(), b in any_release(), c in any_release()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&a), Ordering::Equal);
        prop_assert!(!(a <= b && b <= c) || a <= c, "{} {} {}", a, b, c);
        prop_assert!(a.cmp(&b).is_ne() || a.cmp(&c) == b.cmp(&c));
    }

    #[test]
    fn equality_hash_and_order_agree(a in any_release(), b in any_release()) {
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        prop_assert!(a != b || hash_of(&a) == hash_of(&b));
        prop_assert_eq!(a.cmp(&b).is_eq(), a.number() == b.number() && a.edition() == b.edition() && a.edition_build() == b.edition_build());
    }

    #[test]
    fn a_number_reads_back_as_itself(a in any_release()) {
        prop_assert_eq!(release(&a.number()), a.without_edition());
        prop_assert_eq!(release(a.as_str()), a);
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in "\\PC{0,24}|[v0-9.+~:a-ce-]{0,16}|[<>=0-9., *ré+-]{0,16}") {
        let _ = (text.parse::<Release>(), text.parse::<Range>(), text.parse::<Line>(), text.parse::<Edition>());
    }
}
