use std::error::Error;

use super::*;

type Tested = Result<(), Box<dyn Error>>;

const LINES: &str = "
# published releases
1.2.1            # out of order on purpose
1.2.0
v1.2.1
1.10.0-rc1
1.3.4   [ee]
1.3.3   [ce, ee]
1.3.2   [ce ee]
2.0.0-ce.0
2.0.0-ee.0
2.0.1-rc1
3.0.0-beta
";

fn names(catalog: &Catalog) -> Vec<&str> {
    catalog.releases().iter().map(Release::name).collect()
}

#[test]
fn releases_are_sorted_and_each_number_is_there_once() -> Tested {
    let catalog = Catalog::from_lines(LINES)?;
    let expected = ["1.2.0", "1.2.1", "1.3.2", "1.3.3", "1.3.4", "1.10.0-rc1", "2.0.0", "2.0.1-rc1", "3.0.0-beta"];
    assert_eq!(names(&catalog), expected);
    let lines: Vec<String> = catalog.lines().map(|line| line.to_string()).collect();
    assert_eq!(lines, ["1.2", "1.3", "2.0"]);
    Ok(())
}

#[test]
fn the_newest_of_a_line_is_never_a_pre_release() -> Tested {
    let catalog = Catalog::from_lines(LINES)?;
    let check = |line: &str, expected: Option<&str>| {
        let newest = line.parse().ok().and_then(|line| catalog.newest_in(&line));
        assert_eq!(newest.map(Release::name), expected, "{line}");
    };
    check("1.2", Some("1.2.1"));
    check("1.3", Some("1.3.4"));
    check("1.10", None);
    check("1", Some("1.3.4"));
    check("2.0", Some("2.0.0"));
    check("2", Some("2.0.0"));
    check("3", None);
    check("0", None);
    check("1.1", None);
    assert_eq!(catalog.newest().map(Release::name), Some("2.0.0"));
    assert_eq!(Catalog::default().newest(), None);
    Ok(())
}

#[test]
fn editions_share_a_catalog_but_not_all_releases() -> Tested {
    let catalog = Catalog::from_lines(LINES)?;
    let (ce, ee, xx): (Edition, Edition, Edition) = ("ce".parse()?, "ee".parse()?, "xx".parse()?);
    let newest = |edition| catalog.of_edition(edition).newest_in(&Line::of_minor(1, 3)).map(|r| r.name().to_owned());
    assert_eq!(newest(&ce).as_deref(), Some("1.3.3"));
    assert_eq!(newest(&ee).as_deref(), Some("1.3.4"));
    assert_eq!(newest(&xx), None);
    assert_eq!(catalog.of_edition(&xx).releases().len(), 5);
    assert_eq!(catalog.editions(), [ce, ee]);
    for (text, expected) in [
        ("1.3.4", true),
        ("1.3.4-ee.0", true),
        ("1.3.4-ce.0", false),
        ("1.2.0-ce.0", true),
        ("2.0.0-ce", true),
        ("2.0.0-xx.0", false),
        ("1.2.9", false),
    ] {
        assert_eq!(catalog.contains(&text.parse()?), expected, "{text}");
    }
    Ok(())
}

#[test]
fn all_wrong_lines_are_reported_with_their_place() {
    let error =
        Catalog::from_lines("1.0\nlatest\n\n1:2.3-1\n1.3 ee\n1.4 []\n1.5 [1]").map_err(|error| error.to_string());
    let expected = "catalog has problems: \
        line 2: release `latest` has `latest` where a number is expected; \
        line 4: release `1:2.3-1` looks like a distribution's package version: give the product's own release, such as 2.3; \
        line 5: `ee` follows the release: expected editions in brackets, such as [ce, ee] or [ce.1, ee], or `unpublished: REASON`; \
        line 6: `[]` follows the release: expected editions in brackets, such as [ce, ee] or [ce.1, ee], or `unpublished: REASON`; \
        line 7: edition `1` is not a word: expected a letter, then letters, digits or dashes, such as `ee`";
    assert_eq!(error.err().as_deref(), Some(expected));
}

#[test]
fn json_is_an_array_of_releases() -> Tested {
    assert_eq!(names(&Catalog::from_json(r#"["1.1", "1.0"]"#)?), ["1.0", "1.1"]);
    let error = Catalog::from_json(r#"["1.1", "x"]"#).map_err(|error| error.to_string());
    assert_eq!(
        error.err().as_deref(),
        Some("catalog has a problem: element 1: release `x` has `x` where a number is expected")
    );
    let error = Catalog::from_json(r#"{"1.1": 1}"#).map_err(|error| error.to_string());
    assert_eq!(error.err().as_deref(), Some("catalog is not a JSON array of strings"));
    Ok(())
}

#[test]
fn the_nearest_names_of_an_unknown_one_are_close_in_number() -> Tested {
    let catalog = Catalog::from_json(include_str!("../../../benches/data/gitlab-versions.json"))?;
    let check = |unknown: &str, expected: &[&str]| {
        let nearest: Vec<&str> = catalog.nearest(unknown, expected.len()).into_iter().map(Release::name).collect();
        assert_eq!(nearest, expected, "{unknown}");
    };
    check("17.1.5", &["17.1.6", "17.1.4"]);
    check("16.12.0", &["16.11.0", "16.11.1"]);
    check("20.0", &["19.0.0", "19.0.1", "19.0.2"]);
    check("99.0", &["19.0.0"]);
    check("l7.3.0", &["17.3.0"]);
    check("17.3.x", &["17.3.7"]);
    Ok(())
}

#[test]
fn the_gitlab_catalog_holds_all_published_releases() -> Tested {
    let catalog = Catalog::from_json(include_str!("../../../benches/data/gitlab-versions.json"))?;
    assert_eq!(catalog.releases().len(), 1324);
    assert_eq!(catalog.newest().map(Release::name), Some("19.3.0"));
    for line in catalog.lines() {
        let naive = catalog.releases().iter().rfind(|release| line.contains(release));
        assert_eq!(catalog.newest_in(&line), naive, "{line}");
    }
    Ok(())
}

#[test]
fn what_was_never_published_is_known_and_no_release() -> Tested {
    let catalog =
        Catalog::from_lines("1.0.0\n1.0.1 unpublished: announced, and no package exists # a comment\n1.0.2 [ee]")?;
    assert_eq!(names(&catalog), ["1.0.0", "1.0.2"]);
    assert_eq!(catalog.unpublished(&"v1.0.1-ee".parse()?), Some("announced, and no package exists"));
    assert_eq!(catalog.unpublished(&"1.0.0".parse()?), None);
    let error = |text: &str| Catalog::from_lines(text).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error("1.0.1 unpublished:").contains("line 1: `unpublished:` follows the release"));
    let both = error("1.0.0\n1.0.1 unpublished: so\n1.0.1 [ce]");
    assert_eq!(both, "catalog has a problem: line 2: the release is listed both as published and as never published");
    Ok(())
}

#[test]
fn an_edition_has_its_newest_build() -> Tested {
    let catalog = Catalog::from_lines("1.0.0 [ce.1, ee]\n1.0.1 [ce.0, ce.2]\n1.0.2-ee.3")?;
    let check = |release: &str, edition: &str, expected: &str| -> Tested {
        let release = catalog.in_edition(&release.parse()?, &edition.parse()?);
        assert_eq!((release.as_str(), release.name()), (expected, expected.split('-').next().unwrap_or_default()));
        Ok(())
    };
    check("1.0.0", "ce", "1.0.0-ce.1")?;
    check("1.0.0", "ee", "1.0.0-ee")?;
    check("1.0.1", "ce", "1.0.1-ce.2")?;
    check("1.0.2", "ee", "1.0.2-ee.3")?;
    check("9.0.0", "ee", "9.0.0-ee")?;
    assert!(Catalog::from_lines("1.0.0 [ce.x]").is_err());
    Ok(())
}
