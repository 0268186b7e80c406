//! What is refused, each with its reason.

use rehearse_core::planning::path::{Facts, Planner};
use rehearse_core::vocabulary::release::Release;

use super::{Tested, gitlab};

#[test]
fn every_refusal_has_its_reason() -> Tested {
    let (product, catalog) = gitlab()?;
    let rules = product.path.rules();
    let planner = Planner::new(&rules, &catalog);
    let check = |from: &str, to: &str, expected: &str| -> Tested {
        let notices = planner.plan(&from.parse()?, &to.parse()?, &Facts::none()).map(|route| route.hop_count());
        assert_eq!(notices.map_err(|refusal| refusal.to_string()), Err(expected.to_owned()), "{from} to {to}");
        Ok(())
    };
    check("16.99.0", "17.0.0", "release 16.99.0 is not published (nearest: 16.11.0, 16.11.1, 16.11.2)")?;
    check("17.0.0", "17.99", "no release of 17.99 is published (nearest: 17.11.0, 17.11.1, 17.11.2)")?;
    let never = "release 16.7.1 was never published: the changelog announces it for 2023-12-23, and no tag and no package \
                 of it exists (nearest: 16.7.2, 16.7.0, 16.7.3)";
    check("16.7.1", "17.0.0", never)?;
    check("16.7.1-ee", "17.0.0-ee", never)?;
    check(
        "15.4.0",
        "15.7.4",
        "release 15.7.4 was never published: tagged on 2023-01-12, and in no index of packages (nearest: 15.7.5, 15.7.3, 15.7.6)",
    )?;
    check(
        "18.5.7",
        "18.2.8",
        "18.5.7 to 18.2.8 is a downgrade, which is never planned: the rollback is to restore a backup taken on 18.2.8",
    )?;
    check("18.8.11", "18.8.11", "already there: 18.8.11 is both source and target")?;
    check(
        "18.2.8-ee",
        "18.5.7-ce",
        "a change of edition from ee to ce is refused: that is a downgrade in kind: the database keeps tables and migrations \
         of the Enterprise Edition that the Community Edition does not know, and no upgrade document leads there \
         (allowed: ce to ee)",
    )?;
    check(
        "18.2.8-ce",
        "18.5.7-enterprise",
        "no rule allows a change of edition from ce to enterprise (allowed: ce to ee)",
    )?;
    check("12.4.0-ee", "12.5.1-ee", "release 12.5.1-ee is not published as ee (nearest: 12.5.0, 12.5.3, 12.5.4)")
}

#[test]
fn what_was_announced_and_never_published_is_no_release() -> Tested {
    let (product, catalog) = gitlab()?;
    let rules = product.path.rules();
    let planner = Planner::new(&rules, &catalog);
    let unpublished: Vec<&Release> = catalog.all_unpublished().collect();
    assert_eq!(unpublished.len(), 14);
    assert_eq!(catalog.releases().len(), 1324);
    let (oldest, newest) = (&catalog.releases()[0], &catalog.releases()[1323]);
    for release in unpublished {
        for (from, to) in [(oldest, release), (release, newest)] {
            let notices = planner.plan(from, &to.clone().into(), &Facts::none()).map(|route| route.hop_count());
            let notices = notices.map_err(|refusal| refusal.to_string()).err().unwrap_or_default();
            assert!(notices.contains(&format!("release {release} was never published: ")), "{notices}");
        }
        assert!(catalog.newest_in(&release.line()).is_some_and(|newest| newest != release), "{release}");
    }
    Ok(())
}
