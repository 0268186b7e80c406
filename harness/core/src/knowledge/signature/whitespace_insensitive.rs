//! Patterns for texts without whitespace, so that a text is recognised however a terminal or a person has wrapped it.

use memchr::memmem;
use regex::Regex;
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// How far a part of a pattern that matches anything may reach once there are no line ends to stop it.
const REACH: u32 = 300;
/// A text shorter than this is found nearly everywhere.
const SHORTEST: usize = 4;
/// As much of a text is enough to find a candidate; the pattern judges the rest.
const LONGEST: usize = 40;
/// Characters of a class that are listed one by one, and texts that are searched for in place of one pattern.
const FEW: usize = 4;
const MANY: usize = 48;

/// Appends a text without its whitespace.
pub(super) fn push_without_whitespace(text: &str, into: &mut String) {
    into.extend(text.chars().filter(|c| !c.is_whitespace()));
}

/// The pattern for texts without whitespace; `None` for a pattern that depends on where a line begins or ends.
pub(super) fn whitespace_insensitive(pattern: &str) -> Option<Regex> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let anchored = hir.properties().look_set().contains_anchor();
    let joined = without_whitespace(&hir, LineEnds::Refused);
    let specific = joined.properties().minimum_len().unwrap_or(0) >= SHORTEST;
    (!anchored && specific).then(|| Regex::new(&joined.to_string()).ok()).flatten()
}

/// Whether the pattern has to be tried on several lines at once: it names a line end, or it may match one like any other
/// character and cannot be tried on a text without whitespace.
pub(super) fn reaches_over_lines(pattern: &str) -> bool {
    fn any(hir: &Hir, wide: bool) -> bool {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => false,
            HirKind::Literal(literal) => literal.0.contains(&b'\n'),
            HirKind::Class(Class::Unicode(class)) => {
                let ends = class.ranges().iter().any(|range| range.start() <= '\n' && '\n' <= range.end());
                let mut others = class.clone();
                others.difference(&whitespace());
                wide && ends && !others.ranges().is_empty()
            }
            HirKind::Repetition(repetition) => any(&repetition.sub, wide),
            HirKind::Capture(capture) => any(&capture.sub, wide),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(|part| any(part, wide)),
        }
    }
    regex_syntax::parse(pattern).is_ok_and(|hir| any(&hir, hir.properties().look_set().contains_anchor()))
}

/// Texts without whitespace, one of which is in every match of the pattern; `None` when there are no such texts.
pub(super) fn needles(pattern: &str) -> Option<Vec<Vec<u8>>> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut needles = needed(&without_whitespace(&hir, LineEnds::Whitespace))?;
    for needle in &mut needles {
        needle.truncate(LONGEST);
    }
    needles.sort();
    needles.dedup();
    // A text that holds another one need not be searched for: the other one finds it too.
    let all = needles.clone();
    needles.retain(|one| !all.iter().any(|other| other != one && memmem::find(one, other).is_some()));
    (shortest(&needles) >= SHORTEST).then_some(needles)
}

fn shortest(needles: &[Vec<u8>]) -> usize {
    needles.iter().map(Vec::len).min().unwrap_or(0)
}

fn needed(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let whole = exact(hir);
    if whole.as_ref().is_some_and(|texts| shortest(texts) >= SHORTEST) {
        return whole;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) | HirKind::Literal(_) => whole,
        HirKind::Repetition(repetition) => (repetition.min > 0).then(|| needed(&repetition.sub)).flatten(),
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Concat(parts) => {
            // Neighbouring parts whose texts are all known make longer texts.
            let mut all: Vec<Vec<Vec<u8>>> = Vec::new();
            let mut run: Vec<Vec<u8>> = vec![Vec::new()];
            for part in parts {
                match exact(part).and_then(|texts| product(&run, &texts)) {
                    Some(longer) => run = longer,
                    None => {
                        all.push(std::mem::replace(&mut run, exact(part).unwrap_or_else(|| vec![Vec::new()])));
                        all.extend(needed(part));
                    }
                }
            }
            all.push(run);
            all.into_iter().max_by_key(|needles| (shortest(needles).min(LONGEST), usize::MAX - needles.len()))
        }
        HirKind::Alternation(parts) => Some(parts.iter().map(needed).collect::<Option<Vec<_>>>()?.concat()),
    }
}

/// All texts that it can match, if these are few.
fn exact(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Vec::new()]),
        // JSON escapes with a backslash, which is not a significant byte of the text either.
        HirKind::Literal(literal) => Some(vec![literal.0.iter().copied().filter(|byte| *byte != b'\\').collect()]),
        HirKind::Class(Class::Unicode(class)) => {
            let characters: Vec<char> =
                class.ranges().iter().flat_map(|range| range.start()..=range.end()).take(FEW + 1).collect();
            let text = |c: &char| if *c == '\\' { Vec::new() } else { c.to_string().into_bytes() };
            (characters.len() <= FEW).then(|| characters.iter().map(text).collect())
        }
        HirKind::Class(Class::Bytes(_)) => None,
        HirKind::Repetition(repetition) if repetition.min == 0 && repetition.max == Some(1) => {
            let mut texts = exact(&repetition.sub)?;
            texts.push(Vec::new());
            Some(texts)
        }
        HirKind::Repetition(_) => None,
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(vec![Vec::new()], |run, part| exact(part).and_then(|texts| product(&run, &texts)))
        }
        HirKind::Alternation(parts) => {
            let texts = parts.iter().map(exact).collect::<Option<Vec<_>>>()?.concat();
            (texts.len() <= MANY).then_some(texts)
        }
    }
}

fn product(firsts: &[Vec<u8>], seconds: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let both = firsts.iter().flat_map(|first| seconds.iter().map(move |second| [&first[..], second].concat()));
    (firsts.len() * seconds.len() <= MANY).then(|| both.collect())
}

/// What becomes of a line end that a pattern names.
#[derive(Clone, Copy)]
enum LineEnds {
    /// It is whitespace like any other.
    Whitespace,
    /// It can never match: a text without whitespace has no line ends.
    Refused,
}

/// The same expression for texts without whitespace: a part that matches only whitespace becomes empty.
fn without_whitespace(hir: &Hir, ends: LineEnds) -> Hir {
    match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if matches!(ends, LineEnds::Refused) && literal.0.contains(&b'\n') => Hir::fail(),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Hir::literal(text.split_whitespace().collect::<String>().into_bytes()),
            Err(_) => Hir::literal(literal.0.clone()),
        },
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            class.difference(&whitespace());
            if class.ranges().is_empty() { Hir::empty() } else { Hir::class(Class::Unicode(class)) }
        }
        HirKind::Class(Class::Bytes(class)) => Hir::class(Class::Bytes(class.clone())),
        HirKind::Look(_) => Hir::empty(),
        HirKind::Repetition(repetition) => {
            let mut bounded = repetition.with(without_whitespace(&repetition.sub, ends));
            if bounded.max.is_none() && matches_a_space(&repetition.sub) {
                bounded.max = Some(REACH.max(bounded.min));
            }
            if matches!(bounded.sub.kind(), HirKind::Empty) { Hir::empty() } else { Hir::repetition(bounded) }
        }
        HirKind::Capture(capture) => {
            let sub = Box::new(without_whitespace(&capture.sub, ends));
            Hir::capture(Capture { index: capture.index, name: capture.name.clone(), sub })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(|part| without_whitespace(part, ends)).collect()),
        // A branch that can no longer match anything has no minimum length.
        HirKind::Alternation(parts) => {
            let parts = parts.iter().map(|part| without_whitespace(part, ends));
            Hir::alternation(parts.filter(|part| part.properties().minimum_len().is_some()).collect())
        }
    }
}

fn matches_a_space(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().any(|range| range.start() <= ' ' && ' ' <= range.end())
        }
        HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(Class::Bytes(_))
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Capture(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => false,
    }
}

fn whitespace() -> ClassUnicode {
    let ranges = [
        ('\t', '\r'),
        (' ', ' '),
        ('\u{85}', '\u{85}'),
        ('\u{a0}', '\u{a0}'),
        ('\u{1680}', '\u{1680}'),
        ('\u{2000}', '\u{200a}'),
        ('\u{2028}', '\u{2029}'),
        ('\u{202f}', '\u{202f}'),
        ('\u{205f}', '\u{205f}'),
        ('\u{3000}', '\u{3000}'),
    ];
    ClassUnicode::new(ranges.map(|(from, to)| ClassUnicodeRange::new(from, to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, group: Option<&str>) {
        let mut joined = String::new();
        push_without_whitespace(text, &mut joined);
        let found = whitespace_insensitive(pattern).and_then(|regex| {
            let captures = regex.captures(&joined)?;
            Some(captures.name("x").map_or(String::new(), |group| group.as_str().to_owned()))
        });
        assert_eq!(found.as_deref(), group, "{pattern} in {text}");
    }

    #[test]
    fn a_text_is_recognised_however_it_is_wrapped() {
        let pattern = r#"to be marked as '(?P<x>\w+)',\s+but it is"#;
        check(pattern, "to be marked as 'finished', but it is", Some("finished"));
        check(pattern, "to be mar            ked as 'fini\n  shed', but it\nis", Some("finished"));
        check(pattern, "to be marked as 'fin', but is", None);
        check(r"finalize\[(?P<x>[^\]]+\]*)", "finalize[A,\n b,'[[\"id\"]\\, [2]]']", Some("A,b,'[[\"id\"]"));
        check(r"\bword (?P<x>\S+) here", "a wo rd one\nhere", Some("one"));
        check("^begins here", "begins here", None);
        check("one line\nand (?P<x>another)", "one line\nand another", None);
        check("(one line\nand another|or (?P<x>all))", "or\nall", Some("all"));
        check(r"[\s\t]+", "  ", None);
    }

    #[test]
    fn patterns_over_several_lines_are_found_out() {
        let check = |pattern: &str, expected: bool| assert_eq!(reaches_over_lines(pattern), expected, "{pattern}");
        check("a.*b", false);
        check(r"a\sb", false);
        check(r"^a\s+b", false);
        check("a[^x]b", false);
        check("^a[^x]b", true);
        check(r"a\nb", true);
        check(r"a[^\n]*\n", true);
    }

    #[test]
    fn of_the_needles_one_is_in_whatever_matches() {
        let check = |pattern: &str, expected: &[&str]| {
            let found: Vec<String> = needles(pattern)
                .unwrap_or_default()
                .into_iter()
                .map(|needle| String::from_utf8(needle).unwrap())
                .collect();
            assert_eq!(found, expected, "{pattern}");
        };
        check("a known text", &["aknowntext"]);
        check("short .* the longer one", &["thelongerone"]);
        check("(first one|second one) x", &["firstonex", "secondonex"]);
        check("(first one)? and more", &["andmore"]);
        check(r"\w+", &[]);
        check("(long enough|.)", &[]);
        check("HTTP/(1|2) 500", &["HTTP/1500", "HTTP/2500"]);
        check("an?other (one|two)", &["anotherone", "anothertwo", "aotherone", "aothertwo"]);
        check(r"x=[\d.]+, then much more", &[",thenmuchmore"]);
        check(r"finalize\\,x", &["finalize,x"]);
    }
}
