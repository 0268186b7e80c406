//! Finds forms of secrets in text. A first pass searches for their prefixes, and a second one matches from there, symbol by
//! symbol.
//!
//! The second pass follows all ways to decode the text at once, so its time is proportional to the length of the form.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::decode::{self, Decoder, Symbol};
use super::form::Form;

/// The index of a form, and where in it to begin.
type Entry = (usize, usize);

/// Finds the forms of all known secrets.
pub(super) struct Matcher {
    automaton: AhoCorasick,
    /// By pattern of the automaton, sorted.
    prefixes: Vec<(Vec<u8>, Prefix)>,
    longest_prefix: usize,
    /// By byte, whether a prefix contains it.
    in_prefix: Vec<bool>,
    /// The prefixes of escapes, sorted.
    escapes: Vec<Vec<u8>>,
    /// By the bytes that an escape may follow.
    before_escape: HashMap<Vec<u8>, Vec<Entry>>,
    longest_before_escape: usize,
    /// By byte, whether one of the keys of `before_escape` ends with it.
    ends_before_escape: Vec<bool>,
    /// By the first byte of the form, for forms that begin with an escape.
    by_first: Vec<Vec<Entry>>,
    forms: Vec<Form>,
    /// By form, the index of its replacement.
    replacement_of: Vec<usize>,
    replacements: Vec<String>,
}

/// What text with this prefix may be.
#[derive(Debug, Default, Clone)]
struct Prefix {
    entries: BTreeSet<Entry>,
    /// Whether it may be an escape of a byte of a form's prefix.
    escape: bool,
}

/// A range of the text that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redaction {
    start: usize,
    end: usize,
    /// The indexes of the replacements, without repetition.
    replacements: Vec<usize>,
    /// How many of them are already written.
    written: usize,
}

/// Whether a text is complete, or more of it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Complete,
    Partial,
}

impl Matcher {
    /// Prepares to find values, each given with its replacement.
    pub(super) fn new<'s>(secrets: impl Iterator<Item = (&'s str, String)>) -> Option<Self> {
        let (mut forms, mut replacement_of, mut replacements) = (Vec::new(), Vec::new(), Vec::new());
        for (value, replacement) in secrets {
            let all = Form::all(value);
            replacement_of.extend(all.iter().map(|_| replacements.len()));
            forms.extend(all);
            replacements.push(replacement);
        }
        let mut by_first = vec![Vec::new(); 256];
        let mut before_escape: HashMap<Vec<u8>, Vec<Entry>> = HashMap::new();
        let mut prefixes: BTreeMap<Vec<u8>, Prefix> = BTreeMap::new();
        let mut escapable = BTreeSet::new();
        let form_prefixes =
            forms.iter().enumerate().flat_map(|(at, form)| form.prefixes().into_iter().map(move |it| (at, it)));
        for (form, prefix) in form_prefixes {
            let entry = (form, prefix.begin);
            by_first[usize::from(prefix.first)].push(entry);
            escapable.extend(prefix.escapable);
            for spelling in prefix.spellings {
                prefixes.entry(spelling).or_default().entries.insert(entry);
            }
            for beginning in prefix.before_escape {
                before_escape.entry(beginning).or_default().push(entry);
            }
        }
        let escapes: BTreeSet<Vec<u8>> =
            escapable.into_iter().flat_map(decode::escape_prefixes).map(String::into_bytes).collect();
        for escape in &escapes {
            prefixes.entry(escape.clone()).or_default().escape = true;
        }
        // The automaton reports only the longest prefix, so that one includes what the shorter ones mean.
        let shorter: Vec<(Vec<u8>, Prefix)> = prefixes
            .keys()
            .flat_map(|prefix| (1..prefix.len()).map(move |end| (prefix, &prefix[..end])))
            .filter_map(|(prefix, beginning)| Some((prefix.clone(), prefixes.get(beginning)?.clone())))
            .collect();
        for (prefix, beginning) in shorter {
            let known = prefixes.entry(prefix).or_default();
            known.entries.extend(beginning.entries);
            known.escape |= beginning.escape;
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(prefixes.keys()).ok()?;
        let mut ends_before_escape = vec![false; 256];
        let last_bytes = before_escape.keys().filter_map(|beginning| beginning.last());
        last_bytes.for_each(|byte| ends_before_escape[usize::from(*byte)] = true);
        let longest_before_escape = before_escape.keys().map(Vec::len).max().unwrap_or(0);
        let longest_prefix = prefixes.keys().map(Vec::len).max()?;
        let mut in_prefix = vec![false; 256];
        prefixes.keys().flatten().for_each(|byte| in_prefix[usize::from(*byte)] = true);
        let prefixes = prefixes.into_iter().collect();
        Some(Self {
            automaton,
            prefixes,
            longest_prefix,
            in_prefix,
            escapes: escapes.into_iter().collect(),
            before_escape,
            longest_before_escape,
            ends_before_escape,
            by_first,
            forms,
            replacement_of,
            replacements,
        })
    }

    /// The redactions of a text, and the position from which it is pending: a secret that begins at or after it can only be
    /// recognized once more of the text is there. `carried` is a redaction that began in the text before.
    pub(super) fn search(&self, text: &[u8], carried: Option<Redaction>, extent: Extent) -> (Vec<Redaction>, usize) {
        let pending = if extent == Extent::Partial { self.pending_from(text) } else { text.len() };
        let mut search =
            Search { matcher: self, decoder: Decoder::new(text), text, extent, pending, matches: Vec::new() };
        let mut at = 0;
        while let Some(found) = self.automaton.find(Input::new(text).span(at..text.len())) {
            // From here on, no match begins before the pending part.
            if found.start() > search.pending + self.longest_before_escape {
                break;
            }
            search.at_prefix(found.start(), &self.prefixes[found.pattern().as_usize()].1);
            at = found.start() + 1;
        }
        // From left to right, and the longest first.
        search.matches.sort_unstable();
        let mut redactions: Vec<Redaction> = carried.into_iter().collect();
        let decided = search.matches.into_iter().take_while(|(start, ..)| *start < search.pending);
        decided.for_each(|(start, Reverse(end), replacement)| redact(&mut redactions, start, end, replacement));
        (redactions, search.pending)
    }

    /// The position from which the end of the text may become a prefix, or an escape after the beginning of one.
    fn pending_from(&self, text: &[u8]) -> usize {
        let begins = |end: &[u8]| {
            let from = self.prefixes.partition_point(|(prefix, _)| prefix.as_slice() <= end);
            self.prefixes.get(from).is_some_and(|(prefix, _)| prefix.starts_with(end))
        };
        let escapes = |end: &[u8]| {
            let from = self.escapes.partition_point(|escape| escape.as_slice() <= end);
            self.escapes.get(from).is_some_and(|escape| escape.starts_with(end))
        };
        // Most pieces end with a line end, and no prefix begins with one.
        let last = text.len().saturating_sub(self.longest_prefix - 1);
        let foreign = text[last..].iter().rposition(|byte| !self.in_prefix[usize::from(*byte)]);
        let from = foreign.map_or(last, |at| last + at + 1);
        let Some(pending) = (from..text.len()).find(|at| begins(&text[*at..])) else { return text.len() };
        let starts = (pending..text.len()).filter(|at| escapes(&text[*at..])).filter_map(|at| {
            let first = at.saturating_sub(self.longest_before_escape);
            (first..at).find(|start| self.before_escape.contains_key(&text[*start..at]))
        });
        starts.min().map_or(pending, |start| start.min(pending))
    }

    /// Writes a text up to its pending part. Returns the redaction that reaches into the pending part, if there is one.
    pub(super) fn write(
        &self,
        text: &[u8],
        redactions: Vec<Redaction>,
        pending: usize,
        clean: &mut Vec<u8>,
    ) -> Option<Redaction> {
        let mut at = 0;
        for redaction in redactions.into_iter().filter(|it| it.start < pending || it.written > 0) {
            let Redaction { start, end, replacements, written } = redaction;
            clean.extend_from_slice(text.get(at..start).unwrap_or_default());
            for replacement in &replacements[written..] {
                clean.extend_from_slice(self.replacements[*replacement].as_bytes());
            }
            if end > pending {
                return Some(Redaction { start: 0, end: end - pending, written: replacements.len(), replacements });
            }
            at = end;
        }
        clean.extend_from_slice(text.get(at..pending).unwrap_or_default());
        None
    }
}

/// The second pass over a text.
struct Search<'m, 't> {
    matcher: &'m Matcher,
    decoder: Decoder<'t>,
    text: &'t [u8],
    extent: Extent,
    /// From where the result depends on text that is still to come.
    pending: usize,
    /// The start and end of each match, and the index of its replacement.
    matches: Vec<(usize, Reverse<usize>, usize)>,
}

impl Search<'_, '_> {
    /// Matches where a prefix was found; if it is an escape, from the bytes before it too.
    fn at_prefix(&mut self, at: usize, prefix: &Prefix) {
        prefix.entries.iter().for_each(|entry| self.match_form(at, *entry));
        if !prefix.escape {
            return;
        }
        let mut firsts = BTreeSet::new();
        self.decoder.decode_at(at, &mut |decoded| {
            firsts.insert(match decoded.symbol {
                Symbol::Byte(byte) => byte,
                Symbol::Char(character) => character.encode_utf8(&mut [0; 4]).as_bytes()[0],
            });
        });
        self.defer_if_cut(at);
        let matcher = self.matcher;
        let entries = firsts.iter().flat_map(|first| &matcher.by_first[usize::from(*first)]);
        entries.for_each(|entry| self.match_form(at, *entry));
        // The byte before most escapes belongs to no form.
        let belongs = |before: &usize| matcher.ends_before_escape[usize::from(self.text[*before])];
        let Some(before) = at.checked_sub(1).filter(belongs) else { return };
        for start in at.saturating_sub(matcher.longest_before_escape)..=before {
            let entries = matcher.before_escape.get(&self.text[start..at]).into_iter().flatten();
            entries.for_each(|entry| self.match_form(start, *entry));
        }
    }

    fn match_form(&mut self, start: usize, (form, begin): Entry) {
        let end = self.matcher.forms[form].longest_match(&self.decoder, begin, start);
        self.defer_if_cut(start);
        self.matches.extend(end.map(|end| (start, Reverse(end), self.matcher.replacement_of[form])));
    }

    /// Makes the text pending from `start` if decoding reached its end and more of it follows.
    fn defer_if_cut(&mut self, start: usize) {
        if self.decoder.ran_out() && self.extent == Extent::Partial {
            self.pending = self.pending.min(start);
        }
    }
}

/// Adds a redaction. Overlapping ones are merged: the end of one secret may be the beginning of another.
fn redact(redactions: &mut Vec<Redaction>, start: usize, end: usize, replacement: usize) {
    match redactions.last_mut() {
        Some(last) if start < last.end => {
            if end > last.end {
                last.end = end;
                if !last.replacements.contains(&replacement) {
                    last.replacements.push(replacement);
                }
            }
        }
        Some(_) | None => redactions.push(Redaction { start, end, replacements: vec![replacement], written: 0 }),
    }
}

impl Form {
    /// The end of the longest match of this form, from `begin` on, that starts at `start` in the text.
    fn longest_match(&self, decoder: &Decoder<'_>, begin: usize, start: usize) -> Option<usize> {
        let limit = start + self.max_length();
        // A state is an index in the form and a position in the text.
        let (mut states, mut longest) = (BTreeSet::new(), None);
        let mut state = Some((begin, start));
        while let Some((mut index, mut at)) = state {
            // Most text is neither escaped nor wrapped, and there is only one way to decode it.
            while states.is_empty() && index < self.len() && at < limit {
                let Some(byte) = decoder.raw(at) else { return longest };
                if decode::may_begin_escape(byte) || !self.must_match(index, byte) {
                    break;
                }
                let Some(next) = self.accept(index, Symbol::Byte(byte)) else { return longest };
                (index, at) = (next, at + 1);
            }
            if index == self.len() {
                longest = longest.max(Some(at));
            } else if at < limit {
                self.step(decoder, begin, (index, at), &mut states);
            }
            state = states.pop_first();
        }
        longest
    }

    /// Adds all states that follow one.
    fn step(
        &self,
        decoder: &Decoder<'_>,
        begin: usize,
        (index, at): (usize, usize),
        states: &mut BTreeSet<(usize, usize)>,
    ) {
        let raw = decoder.raw(at);
        decoder.decode_at(at, &mut |decoded| {
            states.extend(self.accept(index, decoded.symbol).map(|next| (next, decoded.end)));
            let skips = index > begin && self.may_skip(index, decoded.symbol, raw);
            states.extend(skips.then_some((index, decoded.end)));
        });
        if self.is_text() && index > begin {
            // A symbol of the form must follow at once: a long run of quotes is not part of it.
            for end in decoder.after_requoting(at) {
                let mut accept = |decoded: decode::Decoded| {
                    states.extend(self.accept(index, decoded.symbol).map(|next| (next, decoded.end)));
                };
                decoder.decode_at(end, &mut accept);
            }
            states.extend(self.may_be_missing(index).then_some((index + 1, at)));
        }
    }
}
