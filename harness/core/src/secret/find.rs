//! Finds forms of secrets in text: a first look over all of it for how one may begin, and a second one there, sign by sign.
//!
//! The second look follows every way to read the text at once, so that it takes time in proportion to the form.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::form::Form;
use super::read::{self, Reader, Sign};

/// A form of a list, and where in it to begin.
type Try = (usize, usize);

/// What is looked for.
pub(super) struct Found {
    automaton: AhoCorasick,
    /// By pattern of the automaton, sorted.
    openings: Vec<(Vec<u8>, Opening)>,
    longest_opening: usize,
    /// By byte, whether an opening holds it.
    in_openings: Vec<bool>,
    /// What escapes begin with, sorted.
    escapes: Vec<Vec<u8>>,
    /// By what may stand before an escape.
    parts: HashMap<Vec<u8>, Vec<Try>>,
    longest_part: usize,
    /// By byte, whether it ends one of them.
    ends_part: Vec<bool>,
    /// By the first sign: what an escape may stand for.
    by_first: Vec<Vec<Try>>,
    forms: Vec<Form>,
    /// By form, what is written in its place.
    marks: Vec<usize>,
    texts: Vec<String>,
}

/// What begins like this.
#[derive(Debug, Default, Clone)]
struct Opening {
    tries: BTreeSet<Try>,
    /// Whether it may be an escape of one of the first signs.
    escape: bool,
}

/// Part of a text that is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    start: usize,
    end: usize,
    /// What is told in its place, without repetition.
    marks: Vec<usize>,
    /// How many of them are told already.
    told: usize,
}

/// Whether text is whole, or more of it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    None,
    Comes,
}

impl Found {
    /// Prepares to look for values, each with what is written in its place.
    pub(super) fn new<'s>(secrets: impl Iterator<Item = (&'s str, String)>) -> Option<Self> {
        let (mut forms, mut marks, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for (value, mark) in secrets {
            let all = Form::all(value);
            marks.extend(all.iter().map(|_| texts.len()));
            forms.extend(all);
            texts.push(mark);
        }
        let mut by_first = vec![Vec::new(); 256];
        let mut parts: HashMap<Vec<u8>, Vec<Try>> = HashMap::new();
        let mut openings: BTreeMap<Vec<u8>, Opening> = BTreeMap::new();
        let mut signs = BTreeSet::new();
        let begins =
            forms.iter().enumerate().flat_map(|(at, form)| form.openings().into_iter().map(move |it| (at, it)));
        for (form, opening) in begins {
            let begin = (form, opening.begin);
            by_first[usize::from(opening.first)].push(begin);
            signs.extend(opening.signs);
            for head in opening.whole {
                openings.entry(head).or_default().tries.insert(begin);
            }
            for part in opening.parts {
                parts.entry(part).or_default().push(begin);
            }
        }
        let escapes: BTreeSet<Vec<u8>> = signs.into_iter().flat_map(read::heads).map(String::into_bytes).collect();
        for head in &escapes {
            openings.entry(head.clone()).or_default().escape = true;
        }
        // The automaton tells the longest one: it stands for those that it begins with, too.
        let shorter: Vec<(Vec<u8>, Opening)> = openings
            .keys()
            .flat_map(|opening| (1..opening.len()).map(move |end| (opening, &opening[..end])))
            .filter_map(|(opening, beginning)| Some((opening.clone(), openings.get(beginning)?.clone())))
            .collect();
        for (opening, beginning) in shorter {
            let known = openings.entry(opening).or_default();
            known.tries.extend(beginning.tries);
            known.escape |= beginning.escape;
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(openings.keys()).ok()?;
        let mut ends_part = vec![false; 256];
        parts.keys().filter_map(|part| part.last()).for_each(|byte| ends_part[usize::from(*byte)] = true);
        let longest_part = parts.keys().map(Vec::len).max().unwrap_or(0);
        let longest_opening = openings.keys().map(Vec::len).max()?;
        let mut in_openings = vec![false; 256];
        openings.keys().flatten().for_each(|byte| in_openings[usize::from(*byte)] = true);
        let openings = openings.into_iter().collect();
        Some(Self {
            automaton,
            openings,
            longest_opening,
            in_openings,
            escapes: escapes.into_iter().collect(),
            parts,
            longest_part,
            ends_part,
            by_first,
            forms,
            marks,
            texts,
        })
    }

    /// What of a text is not shown, and from where it may go on in what is still to come. What begins behind that is told
    /// when more of it is there. `carried` is covered by what came before.
    pub(super) fn look(&self, text: &[u8], carried: Option<Cover>, rest: Rest) -> (Vec<Cover>, usize) {
        let open = if rest == Rest::Comes { self.opens_at(text) } else { text.len() };
        let mut look = Look { found: self, reader: Reader::new(text), text, rest, open, matches: Vec::new() };
        let mut at = 0;
        while let Some(seen) = self.automaton.find(Input::new(text).span(at..text.len())) {
            // Nothing that is seen from here on begins before what is open.
            if seen.start() > look.open + self.longest_part {
                break;
            }
            look.at(seen.start(), &self.openings[seen.pattern().as_usize()].1);
            at = seen.start() + 1;
        }
        // From left to right, and the longest first.
        look.matches.sort_unstable();
        let mut covers: Vec<Cover> = carried.into_iter().collect();
        let closed = look.matches.into_iter().take_while(|(start, ..)| *start < look.open);
        closed.for_each(|(start, Reverse(end), mark)| cover(&mut covers, start, end, mark));
        (covers, look.open)
    }

    /// From where the text ends in what may become an opening, or an escape behind part of one.
    fn opens_at(&self, text: &[u8]) -> usize {
        let begins = |end: &[u8]| {
            let from = self.openings.partition_point(|(opening, _)| opening.as_slice() <= end);
            self.openings.get(from).is_some_and(|(opening, _)| opening.starts_with(end))
        };
        let escapes = |end: &[u8]| {
            let from = self.escapes.partition_point(|escape| escape.as_slice() <= end);
            self.escapes.get(from).is_some_and(|escape| escape.starts_with(end))
        };
        // Most pieces end in a line end, and nothing begins with that.
        let last = text.len().saturating_sub(self.longest_opening - 1);
        let foreign = text[last..].iter().rposition(|byte| !self.in_openings[usize::from(*byte)]);
        let from = foreign.map_or(last, |at| last + at + 1);
        let Some(opens) = (from..text.len()).find(|at| begins(&text[*at..])) else { return text.len() };
        let starts = (opens..text.len()).filter(|at| escapes(&text[*at..])).filter_map(|at| {
            (at.saturating_sub(self.longest_part)..at).find(|start| self.parts.contains_key(&text[*start..at]))
        });
        starts.min().map_or(opens, |start| start.min(opens))
    }

    /// Writes a text up to where it is open, and gives what is covered beyond that.
    pub(super) fn write(&self, text: &[u8], covers: Vec<Cover>, open: usize, clean: &mut Vec<u8>) -> Option<Cover> {
        let mut at = 0;
        for cover in covers.into_iter().filter(|cover| cover.start < open || cover.told > 0) {
            clean.extend_from_slice(text.get(at..cover.start).unwrap_or_default());
            for mark in &cover.marks[cover.told..] {
                clean.extend_from_slice(self.texts[*mark].as_bytes());
            }
            if cover.end > open {
                return Some(Cover { start: 0, end: cover.end - open, told: cover.marks.len(), marks: cover.marks });
            }
            at = cover.end;
        }
        clean.extend_from_slice(text.get(at..open).unwrap_or_default());
        None
    }
}

/// A second look at places of a text.
struct Look<'f, 't> {
    found: &'f Found,
    reader: Reader<'t>,
    text: &'t [u8],
    rest: Rest,
    /// From where more of the text may tell more.
    open: usize,
    /// Where secrets begin and end, and what is written in their place.
    matches: Vec<(usize, Reverse<usize>, usize)>,
}

impl Look<'_, '_> {
    /// Looks where an opening was seen, and before it where an escape was.
    fn at(&mut self, at: usize, opening: &Opening) {
        opening.tries.iter().for_each(|it| self.check(at, *it));
        if !opening.escape {
            return;
        }
        let mut firsts = BTreeSet::new();
        self.reader.each(at, &mut |read| {
            firsts.insert(match read.sign {
                Sign::Byte(byte) => byte,
                Sign::Char(character) => character.encode_utf8(&mut [0; 4]).as_bytes()[0],
            });
        });
        self.wait(at);
        let found = self.found;
        firsts.iter().flat_map(|first| &found.by_first[usize::from(*first)]).for_each(|it| self.check(at, *it));
        // What stands before most escapes is no part of anything.
        let Some(before) = at.checked_sub(1).filter(|before| found.ends_part[usize::from(self.text[*before])]) else {
            return;
        };
        for start in at.saturating_sub(found.longest_part)..=before {
            found.parts.get(&self.text[start..at]).into_iter().flatten().for_each(|it| self.check(start, *it));
        }
    }

    fn check(&mut self, start: usize, (form, begin): Try) {
        let end = self.found.forms[form].end(&self.reader, begin, start);
        self.wait(start);
        self.matches.extend(end.map(|end| (start, Reverse(end), self.found.marks[form])));
    }

    /// Leaves for later what the text is too short for.
    fn wait(&mut self, start: usize) {
        if self.reader.ran_out() && self.rest == Rest::Comes {
            self.open = self.open.min(start);
        }
    }
}

/// Adds to what is covered. What overlaps goes together: the end of one secret may be the beginning of another.
fn cover(covers: &mut Vec<Cover>, start: usize, end: usize, mark: usize) {
    match covers.last_mut() {
        Some(last) if start < last.end => {
            if end > last.end {
                last.end = end;
                if !last.marks.contains(&mark) {
                    last.marks.push(mark);
                }
            }
        }
        Some(_) | None => covers.push(Cover { start, end, marks: vec![mark], told: 0 }),
    }
}

impl Form {
    /// Where this form ends that begins at a place of the text, at the farthest.
    fn end(&self, reader: &Reader<'_>, begin: usize, start: usize) -> Option<usize> {
        let limit = start + self.reach();
        let (mut ways, mut farthest) = (BTreeSet::new(), None);
        let mut way = Some((begin, start));
        while let Some((mut sign, mut at)) = way {
            // Most text is neither escaped nor broken, and there is one way to read it.
            while ways.is_empty() && sign < self.len() && at < limit {
                let Some(byte) = reader.raw(at) else { return farthest };
                if read::introduces(byte) || !self.strict(sign, byte) {
                    break;
                }
                let Some(next) = self.fits(sign, Sign::Byte(byte)) else { return farthest };
                (sign, at) = (next, at + 1);
            }
            if sign == self.len() {
                farthest = farthest.max(Some(at));
            } else if at < limit {
                self.step(reader, begin, (sign, at), &mut ways);
            }
            way = ways.pop_first();
        }
        farthest
    }

    /// All ways to go on from one.
    fn step(&self, reader: &Reader<'_>, begin: usize, (sign, at): (usize, usize), ways: &mut BTreeSet<(usize, usize)>) {
        let raw = reader.raw(at);
        reader.each(at, &mut |read| {
            ways.extend(self.fits(sign, read.sign).map(|next| (next, read.end)));
            ways.extend((sign > begin && self.passes(sign, read.sign, raw)).then_some((sign, read.end)));
        });
        if self.is_text() && sign > begin {
            // Right behind it a sign stands: a flood of quotes is none.
            for end in reader.requoted(at) {
                reader.each(end, &mut |read| ways.extend(self.fits(sign, read.sign).map(|next| (next, read.end))));
            }
            ways.extend(self.may_lack(sign).then_some((sign + 1, at)));
        }
    }
}
