//! Texts that an author writes: products, scenarios, known failures, image recipes.
//!
//! Whatever the text, it is read or refused; every problem points at a place of the text, can be drawn, and says what
//! was expected there.

use std::sync::LazyLock;

use rehearse::cli::draw;
use rehearse::docker::Recipe;
use rehearse_core::knowledge::signature::{self, KnownFailure};
use rehearse_core::model::product::Product;
use rehearse_core::model::scenario::Scenario;
use rehearse_core::source::diagnostic::Rejected;
use rehearse_core::source::span::Source;
use rehearse_core::source::spec::{Document, read, ruby};

/// What a scenario is held against that names no product of its own.
static REDMINE: LazyLock<Option<(Product, Document)>> = LazyLock::new(|| {
    read(Source::new("product.yaml", include_str!("../../harness/products/redmine/product.yaml"))).ok()
});
/// What is held against a product.
static SCENARIO: LazyLock<Option<(Scenario, Document)>> = LazyLock::new(|| {
    read(Source::new("scenario.yaml", include_str!("../../scenarios/redmine-6.1-on-6.0-schema.yaml"))).ok()
});

/// The first byte says as what the rest is read; the text begins behind it.
pub(crate) fn check(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let source = Source::new("text.yaml", text.as_ref());
    let (Some((redmine, _)), Some((scenario, written))) = (REDMINE.as_ref(), SCENARIO.as_ref()) else {
        panic!("the shipped files are read");
    };
    let refused = match kind % 4 {
        0 => read::<Product>(source).and_then(|(product, document)| {
            // A scenario that is fine may be refused for the product that this text makes.
            sound(written.refuse(scenario.problems(&product, written)));
            document.refuse(product.problems(&document))
        }),
        1 => read::<Scenario>(source)
            .and_then(|(scenario, document)| document.refuse(scenario.problems(redmine, &document))),
        2 => read::<Vec<KnownFailure>>(source)
            .and_then(|(failures, document)| document.refuse(signature::problems(&failures, &document, ""))),
        _ => read::<Recipe>(source).map(|_| ()),
    };
    sound(refused);
    // What an archive says of itself is no author's text, and read with less.
    sound(ruby(Source::new("information.yml", text.as_ref())).map(drop));
}

/// Every problem points at one place of its text, on one line, and can be shown.
fn sound(refused: Result<(), Rejected>) {
    let Err(rejected) = refused else { return };
    let (text, problems) = (rejected.source().text(), rejected.problems());
    assert!((1..=1000).contains(&problems.len()), "{}", problems.len());
    for problem in problems {
        let span = problem.span;
        assert!(span.start <= span.end && span.end <= text.len(), "{problem:?}");
        assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{problem:?}");
        assert!(!text[span.start..span.end].contains('\n'), "{problem:?}");
        assert!(!problem.title.is_empty() && !problem.label.is_empty(), "{problem:?}");
        let place = rejected.source().place(span.start);
        assert!(place.line >= 1 && place.line <= rejected.source().line_count() && place.column >= 1, "{place:?}");
    }
    assert!(problems.is_sorted_by_key(|problem| problem.span), "problems stand in the order of the text");
    let drawn = draw(&rejected, false);
    assert!(
        drawn.ends_with(&format!("text.yaml: {}\n", count(problems.len()))) || rejected.source().name() != "text.yaml"
    );
    assert!(!drawn.contains('\u{1b}') || rejected.to_string().contains('\u{1b}') || text.contains('\u{1b}'), "{drawn}");
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}
