//! What to say when something else is there than was expected.

use serde_json::Value;

use super::schema::Shape;
use super::walker::{Site, Walker, is_nothing};
use super::yaml::{Kind, Node};
use crate::source::diagnostic::Problem;
use crate::source::span::Span;
use crate::vocabulary::scalar::quoted;

impl Walker<'_> {
    /// Something else is there than was expected.
    pub(super) fn misfit(&mut self, node: &Node, shape: &Shape, site: &Site<'_>) -> Value {
        let schema = self.schema;
        let (name, brief) = (site.name(), schema.brief(shape));
        let title = match &node.kind {
            kind if is_nothing(kind) => format!("{name} is empty"),
            Kind::Scalar { text, plain: true } => format!("{name} takes {brief}, not {}", quoted(text)),
            Kind::Scalar { text, plain: false } => format!("{name} takes {brief}, not the text {}", quoted(text)),
            Kind::Seq(_) => format!("{name} takes {brief}, not a list"),
            Kind::Map(_) | Kind::Null | Kind::Broken => format!("{name} takes {brief}, not a map"),
        };
        let help = match &node.kind {
            Kind::Scalar { text, plain } => self.mended(text, *plain, shape),
            Kind::Null | Kind::Seq(_) | Kind::Map(_) | Kind::Broken => None,
        };
        let span = match (&node.kind, site) {
            // Nothing has no place of its own.
            (Kind::Null, Site { key: Some((_, key)), item: false }) => *key,
            (Kind::Null | Kind::Scalar { .. } | Kind::Seq(_) | Kind::Map(_) | Kind::Broken, _) => node.span,
        };
        let label = format!("expected {}", schema.expected(shape));
        self.report(Problem { help, ..Problem::new(span, title, label) });
        Value::Null
    }

    fn mended(&self, text: &str, plain: bool, shape: &Shape) -> Option<String> {
        let unquoted = Node { span: Span::default(), kind: Kind::Scalar { text: text.to_owned(), plain: true } };
        match shape {
            Shape::Bool | Shape::Integer { .. } | Shape::Number { .. } if !plain => {
                self.fits(&unquoted, shape).then(|| format!("drop the quotes: {}", quoted(text)))
            }
            Shape::Bool => match text.to_ascii_lowercase().as_str() {
                "yes" | "y" | "on" => Some("write `true`".to_owned()),
                "no" | "n" | "off" => Some("write `false`".to_owned()),
                _ => None,
            },
            Shape::List { rest, .. } if !text.contains('\n') => {
                let quote = if plain { "" } else { "\"" };
                self.fits(&unquoted, rest).then(|| format!("write it as a list: `[{quote}{text}{quote}]`"))
            }
            Shape::Any
            | Shape::Null
            | Shape::Maybe(_)
            | Shape::Integer { .. }
            | Shape::Number { .. }
            | Shape::Text(_)
            | Shape::List { .. }
            | Shape::Map(_)
            | Shape::Variants { .. }
            | Shape::Choice(_)
            | Shape::Ref(_) => None,
        }
    }
}
