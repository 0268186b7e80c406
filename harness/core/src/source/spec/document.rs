//! A file that was read, kept to point at its places.

use super::yaml::{Kind, Node};
use crate::source::diagnostic::{Problem, Rejected};
use crate::source::span::{Source, Span};

/// Knows where each value of a file is written, so that later phases can complain about it.
///
/// Places are asked for by JSON pointer (see [`Pointer`](crate::vocabulary::scalar::Pointer)). Where there is nothing at a pointer,
/// the nearest value around it answers. Spans never go past one line.
#[derive(Debug, Clone)]
pub struct Document {
    source: Source,
    root: Node,
}

impl Document {
    pub(super) fn new(source: Source, root: Node) -> Self {
        Self { source, root }
    }

    /// The text it was read from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether something is written at `pointer`; defaults are not.
    pub fn contains(&self, pointer: &str) -> bool {
        self.find(pointer).exact
    }

    /// Where the value at `pointer` is written.
    pub fn span(&self, pointer: &str) -> Span {
        let found = self.find(pointer);
        match (&found.node.kind, found.key) {
            (Kind::Null, Some(key)) => key,
            (_, Some(key)) if !found.exact => key,
            (Kind::Null | Kind::Scalar { .. } | Kind::Seq(_) | Kind::Map(_) | Kind::Broken, _) => {
                self.source.first_line(found.node.span)
            }
        }
    }

    /// Where the key at `pointer` is written; for an item of a list, the item.
    pub fn key_span(&self, pointer: &str) -> Span {
        let found = self.find(pointer);
        found.key.unwrap_or_else(|| self.source.first_line(found.node.span))
    }

    /// A problem with the value at `pointer`.
    pub fn problem(
        &self,
        pointer: &str,
        title: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        Problem { help, ..Problem::new(self.span(pointer), title, label) }
    }

    /// Refuses the file when there are problems with it.
    ///
    /// # Errors
    /// When `problems` is not empty.
    pub fn refuse(&self, problems: Vec<Problem>) -> Result<(), Rejected> {
        Rejected::unless_empty(&self.source, problems)
    }

    fn find(&self, pointer: &str) -> Found<'_> {
        let mut found = Found { node: &self.root, key: None, exact: true };
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match &found.node.kind {
                Kind::Map(entries) => {
                    let entry = entries.iter().find(|entry| entry.key == step);
                    entry.map(|entry| (&entry.value, Some(entry.key_span)))
                }
                Kind::Seq(items) => step.parse().ok().and_then(|at: usize| items.get(at)).map(|item| (item, None)),
                Kind::Null | Kind::Scalar { .. } | Kind::Broken => None,
            };
            let Some((node, key)) = next else { return Found { exact: false, ..found } };
            found = Found { node, key, exact: true };
        }
        found
    }
}

/// The node of a pointer, or the nearest around it.
struct Found<'a> {
    node: &'a Node,
    key: Option<Span>,
    exact: bool,
}
