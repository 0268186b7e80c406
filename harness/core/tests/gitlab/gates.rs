//! What each image says of itself: that no path of ours is refused by one, and that the product's ranges say the same as
//! the images, release by release.

use std::collections::BTreeMap;

use rehearse_core::planning::compatibility::{Compatibility, NoticeKind};
use rehearse_core::planning::path::{Facts, Planner, StopList, Target};
use rehearse_core::planning::plan::{PathRequest, plan_path};
use rehearse_core::vocabulary::release::Release;

use super::{Tested, as_the_tool, decided, gitlab};

/// What an image demands and ships, as its tag has it.
struct Image {
    checks: bool,
    /// The line its entry point asks for.
    line: Option<(u64, u64)>,
    /// The PostgreSQL it asks for, and those it ships.
    postgresql: (Release, Vec<Release>),
    system: String,
}

fn images() -> Result<BTreeMap<Release, Image>, Box<dyn std::error::Error>> {
    let mut images = BTreeMap::new();
    for row in include_str!("images.txt").lines().filter(|row| !row.starts_with('#')) {
        let [release, checks, line, needs, ships, system] = row.split(' ').collect::<Vec<_>>()[..] else {
            return Err(row.into());
        };
        let line = match line.split_once('.') {
            Some((major, minor)) => Some((major.parse()?, minor.parse()?)),
            None => None,
        };
        let ships = ships.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let postgresql = (needs.parse()?, ships);
        images.insert(
            release.parse()?,
            Image { checks: checks == "checks", line, postgresql, system: system.to_owned() },
        );
    }
    Ok(images)
}

impl Image {
    /// Whether its entry point starts on the data of a release; none where it does not look.
    fn accepts(&self, from: &Release, to: &Release) -> Option<bool> {
        let line = self.line.filter(|_| self.checks)?;
        // From 16.4 on the line is the least one; before, it is the only one that may come from another major.
        let strict = (to.major(), to.minor()) >= (16, 4);
        let seen = (from.major(), from.minor());
        Some(if strict { seen >= line } else { from.major() == to.major() || seen == line })
    }
}

fn known(product: &rehearse_core::model::product::Product) -> Result<&Compatibility, &'static str> {
    product.compatibility.get().ok_or("nothing is known")
}

#[test]
fn no_image_refuses_a_hop_of_any_path() -> Tested {
    let (product, catalog) = gitlab()?;
    let known = known(&product)?;
    let images = images()?;
    let rules = product.path.rules();
    let none = decided(&[("15.1", false), ("16.0", false), ("16.1", false), ("16.2", false), ("17.1", false)]);
    let planner = Planner::new(&rules, &catalog);
    let releases = catalog.releases();
    let targets: Vec<Target> = releases.iter().cloned().map(Target::Release).collect();
    // Every pair of releases, with every conditional stop, with those of the official tool, and with none.
    let mut taken = vec![false; releases.len() * releases.len()];
    for facts in [Facts::none(), as_the_tool(), none] {
        for (i, from) in releases.iter().enumerate() {
            for target in &targets[i + 1..] {
                let mut at = i;
                for next in planner.plan(from, target, &facts)?.positions() {
                    taken[at * releases.len() + next] = true;
                    at = next;
                }
            }
        }
    }
    let ends = |at: usize| (&releases[at / releases.len()], &releases[at % releases.len()]);
    let hops: Vec<(&Release, &Release)> = (0..taken.len()).filter(|at| taken[*at]).map(ends).collect();
    let (mut gated, mut judged) = (0, 0);
    for (from, to) in hops.iter().copied() {
        assert_eq!(known.refusal(from, to), None, "{from} to {to}");
        gated += usize::from(known.is_gated(to));
        let Some(image) = images.get(to) else { continue };
        judged += usize::from(image.accepts(from, to).inspect(|accepts| assert!(accepts, "{from} to {to}")).is_some());
    }
    assert_eq!(gated, judged);
    assert!(judged > 12_000, "{judged} of {} hops", hops.len());
    Ok(())
}

/// Not only on paths: what our ranges refuse and what the images refuse is the same for any two releases.
#[test]
fn the_gates_are_those_of_the_images_for_any_two_releases() -> Tested {
    let (product, catalog) = gitlab()?;
    let known = known(&product)?;
    let images = images()?;
    let (mut refused, mut accepted) = (0, 0);
    for (to, image) in &images {
        for from in catalog.releases().iter().filter(|from| from.cmp_number(to).is_lt()).step_by(7) {
            let gate = image.accepts(from, to);
            assert_eq!(gate.is_some(), known.is_gated(to), "{to}");
            let old_database = images.get(from).is_some_and(|source| {
                let newest = source.postgresql.1.iter().max();
                newest.is_some_and(|newest| newest.cmp_number(&image.postgresql.0).is_lt())
            });
            let ours = known.refusal(from, to);
            assert_eq!(ours.is_some(), gate == Some(false) || old_database, "{from} to {to}: {ours:?}");
            if ours.is_some() { refused += 1 } else { accepted += 1 }
        }
    }
    assert!(refused > 10_000 && accepted > 10_000, "{refused} refused, {accepted} accepted");
    Ok(())
}

#[test]
fn what_comes_with_each_image_is_told_where_it_changes() -> Tested {
    let (product, _) = gitlab()?;
    let known = known(&product)?;
    let images = images()?;
    let rows: Vec<(&Release, &Image)> = images.iter().collect();
    for pair in rows.windows(2) {
        let ((from, old), (to, new)) = (pair[0], pair[1]);
        let notices = known.notices(from, to);
        let database: Vec<&str> = notices
            .iter()
            .filter(|notices| notices.title.starts_with("PostgreSQL: "))
            .map(|notices| notices.title.as_str())
            .collect();
        let versions = |image: &Image| image.postgresql.1.iter().map(Release::name).collect::<Vec<_>>().join(" and ");
        let changed = format!("PostgreSQL: {} → {}", versions(old), versions(new));
        let expected: &[&str] = if versions(old) == versions(new) { &[] } else { &[&changed] };
        assert_eq!(database, expected, "{from} to {to}");
        let system = notices.iter().filter(|notices| notices.kind == NoticeKind::System).count();
        assert_eq!(system, usize::from(old.system != new.system), "{from} to {to}");
    }
    // Where the start of an image moves the data to another major version, in the documents' words of docker.
    let moves = |from: &str, to: &str| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let notices = known.notices(&from.parse()?, &to.parse()?);
        Ok(notices
            .into_iter()
            .filter(|notices| notices.title.contains("is moved to"))
            .map(|notices| notices.title)
            .collect())
    };
    for (from, to, version) in [
        ("12.1.17", "12.10.14", "11"),
        ("13.1.11", "13.8.8", "12"),
        ("15.4.6", "15.11.13", "13"),
        ("16.7.10", "16.11.10", "14"),
        ("17.8.7", "17.11.7", "16"),
        ("18.8.11", "18.11.11", "17"),
    ] {
        assert_eq!(moves(from, to)?, [format!("PostgreSQL is moved to {version} as {to} starts")]);
    }
    for (from, to) in [("13.8.8", "13.12.15"), ("15.11.13", "16.3.9"), ("16.3.9", "16.7.10"), ("19.2.4", "19.3.0")] {
        assert_eq!(moves(from, to)?, Vec::<String>::new(), "{from} to {to}");
    }
    Ok(())
}

#[test]
fn a_path_that_an_image_would_refuse_is_refused() -> Tested {
    let (mut product, catalog) = gitlab()?;
    let list = StopList::read(r#"{"supported": [], "all": ["17.3.7", "19.3.0"]}"#)?;
    product.path = product.path.with_stops(&list, "a list");
    let check = |from: &str, to: &str, expected: &str| -> Tested {
        let (from, to) = (from.parse()?, to.parse()?);
        let asked = PathRequest {
            from: &from,
            to: &to,
            edition: None,
            via: &[],
            zero_downtime: false,
            settings: product.settings.clone(),
            decided: &BTreeMap::new(),
        };
        let refused = plan_path(&product, &catalog, &asked)
            .map(|planned| planned.path.hops.len())
            .map_err(|error| error.to_string());
        assert_eq!(refused, Err(expected.to_owned()));
        Ok(())
    };
    check(
        "16.7.10",
        "17.4.0",
        "17.3.7 refuses data of 16.7.10: it needs 16.11 or newer (gitlab-ctl upgrade-check in the image (docker/assets of \
         omnibus-gitlab)); no such path is taken",
    )?;
    check(
        "13.12.15",
        "14.5.0",
        "14.5.0 refuses data of 13.12.15: it needs exactly 14.0 from another major (gitlab-ctl upgrade-check in the image \
         (docker/assets of omnibus-gitlab)); no such path is taken",
    )
}

#[test]
fn every_hop_tells_what_is_known_of_it() -> Tested {
    let (product, _) = gitlab()?;
    let known = known(&product)?;
    let notices = known.notices(&"15.11.13".parse()?, &"16.3.9".parse()?);
    let titles: Vec<&str> = notices.iter().map(|notices| notices.title.as_str()).collect();
    for wanted in [
        "data of 15.11.13 is accepted",
        "PostgreSQL: 12 and 13 → 12 and 13 and 14",
        "base system: Ubuntu 20.04 → Ubuntu 22.04",
        "Docker 20.10.10 or newer",
        "twice as many database connections",
        "duplicate npm packages",
        "access tokens expire",
    ] {
        assert!(titles.contains(&wanted), "{wanted}: {titles:?}");
    }
    for unwanted in ["gitlab-kas does not start", "Redis 7 is asked for", "runners register by authentication tokens"] {
        assert!(!titles.contains(&unwanted), "{unwanted}");
    }
    assert!(notices.iter().all(|notices| !notices.source.is_empty()));
    // Of an edition only what is about it.
    let ee =
        |from: &str, to: &str| Ok::<_, Box<dyn std::error::Error>>(known.notices(&from.parse()?, &to.parse()?).len());
    assert_eq!(ee("16.3.9-ce", "16.7.10-ce")? + 1, ee("16.3.9-ee", "16.7.10-ee")?);
    Ok(())
}

#[test]
fn the_failures_that_notices_speak_of_are_known() -> Tested {
    let (product, _) = gitlab()?;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../products/gitlab");
    let text = std::fs::read_to_string(folder.join("failures.yaml"))?;
    let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("- id: ")).map(str::trim).collect();
    assert!(ids.len() > 70, "{}", ids.len());
    let spoken: Vec<&str> = known(&product)?.notices.iter().filter_map(|notice| notice.failure.as_deref()).collect();
    let unknown: Vec<&&str> = spoken.iter().filter(|id| !ids.contains(id)).collect();
    assert!(unknown.is_empty() && spoken.len() > 30, "{unknown:?} of {}", spoken.len());
    Ok(())
}
