//! Combines all patterns into one that searches many lines at once.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look};

/// The combined pattern. In ASCII lines it matches where any of `patterns` matches one of the lines; none if it cannot be
/// built.
///
/// A match never leaves its line: a pattern such as `a[^x]*b` would otherwise search all following lines, and again from
/// each of them.
pub(super) fn together(patterns: &[&str]) -> Option<Regex> {
    // In ASCII both mean the same, and without Unicode the search is faster.
    (!patterns.is_empty()).then(|| build(patterns, false).or_else(|| build(patterns, true))).flatten()
}

fn build(patterns: &[&str], unicode: bool) -> Option<Regex> {
    let mut syntax = ParserBuilder::new();
    syntax.unicode(unicode).utf8(false).multi_line(true);
    // A parser serves for one pattern only.
    let line = |pattern: &&str| Some(within_a_line(&syntax.build().parse(pattern).ok()?));
    let lines: Option<Vec<Hir>> = patterns.iter().map(line).collect();
    // The printed form needs no flags: each part states its own meaning.
    RegexBuilder::new(&Hir::alternation(lines?).to_string()).size_limit(64 << 20).build().ok()
}

/// The same, restricted to one line: nothing matches a line end, and the ends of the text become those of the line.
fn within_a_line(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => Hir::fail(),
        HirKind::Literal(literal) => Hir::literal(literal.0.clone()),
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(class)) => {
            let mut class = class.clone();
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Hir::class(Class::Bytes(class))
        }
        HirKind::Look(Look::Start | Look::StartCRLF) => Hir::look(Look::StartLF),
        HirKind::Look(Look::End | Look::EndCRLF) => Hir::look(Look::EndLF),
        HirKind::Look(look) => Hir::look(*look),
        HirKind::Repetition(repetition) => Hir::repetition(repetition.with(within_a_line(&repetition.sub))),
        HirKind::Capture(capture) => within_a_line(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(within_a_line).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(within_a_line).collect()),
    }
}
