//! Lays shapes over a tree of nodes: a value, and everything that does not fit.

use serde_json::Value;

use super::plain;
use super::schema::{Schema, Shape, Text};
use super::yaml::{Kind, Node};
use crate::source::diagnostic::{MOST_PROBLEMS, Problem};
use crate::source::span::Span;
use crate::vocabulary::scalar::quoted;

/// What a node belongs to, for messages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Site<'a> {
    pub(super) key: Option<(&'a str, Span)>,
    pub(super) item: bool,
}

impl Site<'_> {
    pub(super) fn name(&self) -> String {
        match (self.key, self.item) {
            (Some((key, _)), false) => quoted(key),
            (Some((key, _)), true) => format!("an item of {}", quoted(key)),
            (None, true) => "an item of the file".to_owned(),
            (None, false) => "the file".to_owned(),
        }
    }

    pub(super) fn item(self) -> Self {
        Self { item: true, ..self }
    }
}

/// What becomes of scalars with a grammar of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalars {
    /// They are checked, and every bad one is reported.
    Checked,
    /// They are left to the type.
    Trusted,
}

/// Walks nodes and shapes side by side and keeps what it has to complain about.
pub(super) struct Walker<'a> {
    pub(super) schema: &'a Schema,
    scalars: Scalars,
    problems: Vec<Problem>,
}

impl<'a> Walker<'a> {
    /// The value of `root` and all problems, those found before included.
    pub(super) fn walk(
        schema: &'a Schema,
        root: &Node,
        scalars: Scalars,
        problems: Vec<Problem>,
    ) -> (Value, Vec<Problem>) {
        let mut walker = Self { schema, scalars, problems };
        let value = walker.value(root, schema.root(), &Site::default());
        (value, walker.problems)
    }

    /// Whether as many problems are known as anyone will read; each costs a list of what was expected.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    pub(super) fn report(&mut self, problem: Problem) {
        if !self.is_full() {
            self.problems.push(problem);
        }
    }

    /// The value of `node`; whatever it is where a problem was reported.
    pub(super) fn value(&mut self, node: &Node, shape: &Shape, site: &Site<'_>) -> Value {
        let shape = self.schema.resolve(shape);
        match (shape, &node.kind) {
            (_, Kind::Broken) => Value::Null,
            (Shape::Any, _) => plain::value(node),
            (Shape::Maybe(inner), kind) => {
                if is_nothing(kind) {
                    return Value::Null;
                }
                self.value(node, inner, site)
            }
            (Shape::Null | Shape::Choice(_), kind) if is_nothing(kind) && self.takes(shape, kind) => Value::Null,
            (Shape::Bool, Kind::Scalar { text, plain: true }) => match plain::boolean(text) {
                Some(value) => Value::Bool(value),
                None => self.misfit(node, shape, site),
            },
            (Shape::Integer { min, max }, Kind::Scalar { text, plain: true }) => {
                match plain::integer(text).filter(|number| (*min..=*max).contains(number)).and_then(plain::number) {
                    Some(value) => value,
                    None => self.misfit(node, shape, site),
                }
            }
            (Shape::Number { min, max }, Kind::Scalar { text, plain: true }) => {
                match plain::float(text).filter(|number| (*min..=*max).contains(number)) {
                    Some(value) => Value::from(value),
                    None => self.misfit(node, shape, site),
                }
            }
            (Shape::Text(rules), Kind::Scalar { text, .. }) if !is_nothing(&node.kind) => {
                self.text(text, rules, node.span, site);
                Value::String(text.clone())
            }
            (Shape::List { first, rest, min, max }, Kind::Seq(items)) => {
                self.count(node, items.len(), *min, *max, site);
                let shapes = first.iter().chain(std::iter::repeat(&**rest));
                items.iter().zip(shapes).map(|(item, shape)| self.value(item, shape, &site.item())).collect()
            }
            (Shape::Map(fields), Kind::Map(entries)) => self.map(node, entries, fields, site),
            (Shape::Variants { words, tagged }, Kind::Scalar { text, .. }) if !is_nothing(&node.kind) => {
                self.word(node, text, words, tagged, site)
            }
            (Shape::Variants { words, tagged }, Kind::Map(entries)) if !tagged.is_empty() => {
                self.tagged(node, entries, words, tagged, site)
            }
            (Shape::Choice(shapes), _) => self.choice(node, shapes, site),
            (
                Shape::Null
                | Shape::Bool
                | Shape::Integer { .. }
                | Shape::Number { .. }
                | Shape::Text(_)
                | Shape::List { .. }
                | Shape::Map(_)
                | Shape::Variants { .. }
                | Shape::Ref(_),
                Kind::Null | Kind::Scalar { .. } | Kind::Seq(_) | Kind::Map(_),
            ) => self.misfit(node, shape, site),
        }
    }

    fn count(&mut self, node: &Node, items: usize, min: usize, max: usize, site: &Site<'_>) {
        if (min..=max).contains(&items) {
            return;
        }
        let expected = match (min, max) {
            (1, usize::MAX) => "at least one item".to_owned(),
            (min, usize::MAX) => format!("{min} items or more"),
            (min, max) if min == max => format!("{min} items"),
            (min, max) => format!("{min} to {max} items"),
        };
        let title =
            if items == 0 { format!("{} is empty", site.name()) } else { format!("{} has {items} items", site.name()) };
        self.report(Problem::new(node.span, title, format!("expected {expected}")));
    }

    fn text(&mut self, text: &str, rules: &Text, span: Span, site: &Site<'_>) {
        let reason = match rules {
            Text { not_empty: true, .. } if text.is_empty() => Some(format!("{} is empty", site.name())),
            Text { validator: Some(_), .. } if self.scalars == Scalars::Trusted => None,
            Text { validator: Some(validator), .. } => (validator.check)(text).err(),
            Text { pattern: Some(pattern), .. } if !pattern.regex().is_match(text) => {
                Some(format!("{} is not {}", quoted(text), rules.expected()))
            }
            Text { .. } => None,
        };
        if let Some(reason) = reason {
            self.report(Problem::new(span, reason, format!("expected {}", rules.expected())));
        }
    }

    pub(super) fn fits(&self, node: &Node, shape: &Shape) -> bool {
        // Which alternative is meant shows only when the scalar is checked.
        let mut trial = Walker { schema: self.schema, scalars: Scalars::Checked, problems: Vec::new() };
        trial.value(node, shape, &Site::default());
        trial.problems.is_empty()
    }

    fn choice(&mut self, node: &Node, shapes: &[Shape], site: &Site<'_>) -> Value {
        let fitting: Vec<&Shape> = shapes.iter().filter(|shape| self.takes(shape, &node.kind)).collect();
        // Only scalars are tried out: a trial of nested values could double at each level.
        let scalar = matches!(node.kind, Kind::Scalar { .. });
        let chosen = fitting.iter().find(|shape| scalar && self.fits(node, shape)).or(fitting.first());
        match chosen {
            Some(shape) => self.value(node, shape, site),
            None => {
                let schema = self.schema;
                let label = shapes.iter().map(|shape| schema.expected(shape)).collect::<Vec<_>>().join(", or ");
                let found = match &node.kind {
                    Kind::Seq(_) => "a list",
                    Kind::Map(_) => "a map",
                    Kind::Scalar { .. } => "text",
                    Kind::Null | Kind::Broken => "nothing",
                };
                let span = match (&node.kind, site.key) {
                    (Kind::Null, Some((_, key))) if !site.item => key,
                    _ => node.span,
                };
                let title = format!("{} cannot be {found}", site.name());
                self.report(Problem::new(span, title, format!("expected {label}")));
                Value::Null
            }
        }
    }

    /// Whether a shape is for this kind of node at all.
    fn takes(&self, shape: &Shape, kind: &Kind) -> bool {
        let scalar = matches!(kind, Kind::Scalar { .. });
        match self.schema.resolve(shape) {
            Shape::Any => true,
            Shape::Null => is_nothing(kind),
            Shape::Maybe(inner) => is_nothing(kind) || self.takes(inner, kind),
            Shape::Bool | Shape::Integer { .. } | Shape::Number { .. } => scalar,
            Shape::Text(_) => scalar,
            Shape::List { .. } => matches!(kind, Kind::Seq(_)),
            Shape::Map(_) => matches!(kind, Kind::Map(_)),
            Shape::Variants { words, tagged } => {
                (scalar && !words.is_empty()) || (matches!(kind, Kind::Map(_)) && !tagged.is_empty())
            }
            Shape::Choice(shapes) => shapes.iter().any(|shape| self.takes(shape, kind)),
            Shape::Ref(_) => false,
        }
    }
}

/// Nothing written, or a plain `null` or `~`.
pub(super) fn is_nothing(kind: &Kind) -> bool {
    match kind {
        Kind::Null => true,
        Kind::Scalar { text, plain } => *plain && plain::is_null(text),
        Kind::Seq(_) | Kind::Map(_) | Kind::Broken => false,
    }
}
