//! Text of a release -> [`Release`]. Lenient in how a release is written, strict in what one is.

use semver::{BuildMetadata, Prerelease, Version};

use super::{Edition, Release, ReleaseError};

/// Words that only a distribution puts into a version.
const PACKAGERS: [&str; 9] = ["dfsg", "ds", "deb", "debian", "ubuntu", "bpo", "nmu", "el", "fc"];

pub(super) fn release(typed: &str) -> Result<Release, ReleaseError> {
    let text = typed.trim();
    if text.is_empty() {
        return Err(ReleaseError::Empty);
    }
    let body = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (numbers, rest) = body.split_at(body.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(body.len()));
    if text.contains([':', '~']) {
        let upstream = body.rsplit_once(':').map_or(body, |(_, after)| after);
        let end = upstream.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(upstream.len());
        return Err(package(text, upstream.get(..end).unwrap_or_default()));
    }

    let (suffix, edition, edition_build) = split_edition(rest);
    let [major, minor, patch, fourth] = four_numbers(text, numbers, rest)?;
    let (pre, build) = split_suffix(text, suffix)?;
    if is_revision(&pre) || names_packager(&pre) || names_packager(build) {
        return Err(package(text, numbers));
    }
    let bad = || ReleaseError::BadSuffix { text: text.to_owned(), rest: rest.to_owned() };
    let version = Version {
        major,
        minor,
        patch,
        pre: Prerelease::new(&natural(&pre).ok_or_else(bad)?).map_err(|_| bad())?,
        build: BuildMetadata::new(build).map_err(|_| bad())?,
    };
    let name_len = text.len() - (rest.len() - suffix.len());
    Ok(Release { text: text.into(), name_len, version, fourth, edition, edition_build })
}

fn package(text: &str, numbers: &str) -> ReleaseError {
    let hint = if numbers.is_empty() { "1.2.3" } else { numbers };
    ReleaseError::Package { text: text.to_owned(), hint: hint.to_owned() }
}

fn four_numbers(text: &str, numbers: &str, rest: &str) -> Result<[u64; 4], ReleaseError> {
    let mut four = [0; 4];
    let count = numbers.split('.').count();
    for (index, part) in numbers.split('.').enumerate() {
        let number = part.parse().map_err(|_| not_a_number(text, part, numbers, rest))?;
        *four.get_mut(index).ok_or_else(|| ReleaseError::TooManyNumbers { text: text.to_owned(), count })? = number;
    }
    Ok(four)
}

fn not_a_number(text: &str, part: &str, numbers: &str, rest: &str) -> ReleaseError {
    let part = match part {
        "" if numbers.contains("..") => "..",
        "" if numbers.starts_with('.') => ".",
        "" if rest.is_empty() => return ReleaseError::BadSuffix { text: text.to_owned(), rest: ".".to_owned() },
        "" => rest,
        too_large => too_large,
    };
    ReleaseError::NotANumber { text: text.to_owned(), part: part.to_owned() }
}

/// `-rc1-ee.0` -> `-rc1`, ee, 0.
fn split_edition(rest: &str) -> (&str, Option<Edition>, Option<u32>) {
    let lower = rest.to_ascii_lowercase();
    let with_build = lower.rsplit_once('.').and_then(|(head, tail)| Some((head, Some(tail.parse::<u32>().ok()?))));
    for (text, build) in with_build.into_iter().chain([(lower.as_str(), None)]) {
        for word in Edition::SUFFIXES {
            if let Some(head) = text.strip_suffix(word)
                && head.ends_with(['-', '.', '+'])
            {
                // The mark before the edition goes with it; all of these are ASCII, so the cut is on a boundary.
                let kept = rest.get(..head.len() - 1).unwrap_or(rest);
                return (kept, Some(Edition::of_suffix(word)), build);
            }
        }
    }
    (rest, None, None)
}

/// What follows the numbers -> pre-release and build metadata.
fn split_suffix<'a>(text: &str, suffix: &'a str) -> Result<(String, &'a str), ReleaseError> {
    let bad = || ReleaseError::BadSuffix { text: text.to_owned(), rest: suffix.to_owned() };
    let (pre, build) = match suffix.split_once('+') {
        Some((_, "")) => return Err(bad()),
        Some((pre, build)) => (pre, build),
        None => (suffix, ""),
    };
    if pre.is_empty() {
        // Some products tag candidates as `13.0.0+rc42.ce.0`; these come before 13.0.0 all the same.
        let is_candidate = build.strip_prefix("rc").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        return Ok(if is_candidate { (build.to_owned(), "") } else { (String::new(), build) });
    }
    match pre.strip_prefix('-') {
        Some("") => Err(bad()),
        Some(pre) => Ok((pre.to_owned(), build)),
        None => attached(pre).map(|pre| (pre, build)).ok_or_else(bad),
    }
}

/// Python's `1.3.0rc1`, `1.3.0b2`: the pre-release follows the number without a dash.
fn attached(pre: &str) -> Option<String> {
    let lower = pre.to_ascii_lowercase();
    let (word, number) = lower.split_at(lower.find(|c: char| c.is_ascii_digit()).unwrap_or(lower.len()));
    let word = match word {
        "a" | "alpha" => "alpha",
        "b" | "beta" => "beta",
        "c" | "rc" => "rc",
        _ => return None,
    };
    number.bytes().all(|b| b.is_ascii_digit()).then(|| format!("{word}{number}"))
}

/// A package revision (`5.0.4-5`) means newer, the same text in semver means older: nobody may guess which.
fn is_revision(pre: &str) -> bool {
    !pre.is_empty() && pre.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn names_packager(part: &str) -> bool {
    part.to_ascii_lowercase().split(|c: char| !c.is_ascii_alphabetic()).any(|word| PACKAGERS.contains(&word))
}

/// `RC10` -> `rc.10`: words and numbers apart, so that semver's own order is the natural one.
fn natural(pre: &str) -> Option<String> {
    let mut dotted = String::new();
    let pre = pre.to_ascii_lowercase();
    for part in pre.split(['.', '-']).filter(|_| !pre.is_empty()) {
        let mut rest = part;
        if rest.is_empty() {
            return None;
        }
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            let zeros = run.len() - run.trim_start_matches('0').len();
            let run = if digits { run.get(zeros.min(run.len() - 1)..).unwrap_or(run) } else { run };
            if !dotted.is_empty() {
                dotted.push('.');
            }
            dotted.push_str(run);
            rest = after;
        }
    }
    Some(dotted)
}
