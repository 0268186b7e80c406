//! All patterns as one that looks over many lines at once.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look};

/// The one pattern, which sees in lines of ASCII what any of `patterns` sees in one of them; none where it cannot be made.
///
/// It never looks beyond the line in which it begins to match: a pattern as `a[^x]*b` would else go through all lines
/// that follow, and again from each of them.
pub(super) fn together(patterns: &[&str]) -> Option<Regex> {
    // In ASCII both mean the same, and without Unicode the search knows more short cuts.
    (!patterns.is_empty()).then(|| build(patterns, false).or_else(|| build(patterns, true))).flatten()
}

fn build(patterns: &[&str], unicode: bool) -> Option<Regex> {
    let mut syntax = ParserBuilder::new();
    syntax.unicode(unicode).utf8(false).multi_line(true);
    // A parser is good for one pattern.
    let line = |pattern: &&str| Some(of_a_line(&syntax.build().parse(pattern).ok()?));
    let lines: Option<Vec<Hir>> = patterns.iter().map(line).collect();
    // What is printed says itself what each part means.
    RegexBuilder::new(&Hir::alternation(lines?).to_string()).size_limit(64 << 20).build().ok()
}

/// The same, but only inside a line: nothing matches its end, and the ends of the text are those of the line.
fn of_a_line(hir: &Hir) -> Hir {
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
        HirKind::Repetition(repetition) => Hir::repetition(repetition.with(of_a_line(&repetition.sub))),
        HirKind::Capture(capture) => of_a_line(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(of_a_line).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(of_a_line).collect()),
    }
}
