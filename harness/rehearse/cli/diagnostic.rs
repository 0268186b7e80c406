//! Renders what is wrong with a file: an excerpt, the place, what was expected, and how to fix it.

use std::borrow::Cow;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use rehearse_core::source::diagnostic::{Problem, Rejected};
use rehearse_core::source::span::Source;

/// Lines shown above a problem.
const CONTEXT: usize = 1;
/// Characters of a line shown; with more, the place would be out of sight.
const WIDTH: usize = 140;
/// Characters of a message shown.
const LONGEST: usize = 1000;

/// All problems of a file, as a compiler would show them.
pub fn render(rejected: &Rejected, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let drawn = rejected.problems().iter().map(|problem| draw(&renderer, rejected.source(), problem));
    let count = match rejected.problems().len() {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    };
    format!("{}\n\n{}: {count}\n", drawn.collect::<Vec<_>>().join("\n\n"), rejected.source().name())
}

/// Cuts a message that quotes a very long text.
fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

fn draw(renderer: &Renderer, source: &Source, problem: &Problem) -> String {
    let span = problem.span;
    // The renderer gets only the lines that are shown, because it reads everything that it gets, for each problem.
    let line = source.place(span.start).line;
    let first = line.saturating_sub(CONTEXT).max(1);
    let (start, end) = (source.line(first).start, source.line(line).end.max(span.end));
    let excerpt = source.text().get(start..end).unwrap_or_default();
    let shown =
        Snippet::source(excerpt).path(source.name()).line_start(first).fold(false).annotation(
            AnnotationKind::Primary.span(span.start - start..span.end - start).label(shorten(&problem.label)),
        );
    let group = Level::ERROR.primary_title(shorten(&problem.title)).element(shown);
    let group = match &problem.help {
        Some(help) => group.element(Level::HELP.message(shorten(help))),
        None => group,
    };
    renderer.render(&[group])
}

#[cfg(test)]
mod tests {
    use rehearse_core::source::span::Span;

    use super::*;

    fn problem(text: &str, at: &str, help: Option<&str>) -> Rejected {
        let start = text.find(at).unwrap_or(text.len());
        let span = Span { start, end: (start + at.len()).min(text.len()) };
        let problem = Problem { help: help.map(str::to_owned), ..Problem::new(span, "unknown key", "expected `a`") };
        Rejected::new(Source::new("dir/product.yaml", text), problem, Vec::new())
    }

    #[test]
    fn a_problem_is_shown_with_its_place_label_and_help() {
        let drawn =
            render(&problem("größe: 1\nländer: 日本, servises: 2\n", "servises", Some("did you mean it?")), false);
        let expected = "\
error: unknown key
 --> dir/product.yaml:2:13
  |
1 | größe: 1
2 | länder: 日本, servises: 2
  |               ^^^^^^^^ expected `a`
  |
  = help: did you mean it?

dir/product.yaml: 1 problem
";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn an_empty_file_and_an_end_of_file_can_be_pointed_at() {
        for text in ["", "a: 1", "a: 1\n", "\n\n\n", "\u{feff}", "é\r\n"] {
            let drawn = render(&problem(text, "absent", None), false);
            assert!(drawn.contains("expected `a`") && drawn.contains("dir/product.yaml:"), "{text:?}:\n{drawn}");
        }
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let rejected = problem("a: 1\nb: 2\n", "b", None);
        let (plain, styled) = (render(&rejected, false), render(&rejected, true));
        assert!(styled.contains("\u{1b}[") && !plain.contains('\u{1b}'));
        assert_eq!(rehearse_core::text::plain(&styled), plain);
    }

    #[test]
    fn a_very_long_line_is_cut_around_its_problem() {
        let text = format!("{}servises{}", "x".repeat(10_000), "y".repeat(10_000));
        let drawn = render(&problem(&text, "servises", None), false);
        assert!(drawn.len() < 2000 && drawn.contains("servises"), "{drawn}");
    }
}
