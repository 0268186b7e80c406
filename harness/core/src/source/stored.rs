//! YAML that a program stored, as it is written: tags, quotes and keys of any kind are kept. What it means is for others to
//! say.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

/// How deep values may nest, and how many there may be once aliases are resolved.
const DEEPEST: usize = 64;
const MOST: usize = 50_000;

/// A value with its tag.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its tag, as it is written out in full.
    pub(crate) tag: Option<String>,
    pub(crate) kind: StoredKind,
}

/// What is written.
#[derive(Debug, Clone)]
pub(crate) enum StoredKind {
    /// A text, which has no quotes if it is plain.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Stored>),
    /// Pairs in their order.
    Map(Vec<(Stored, Stored)>),
}

/// The one document of a text; none if it cannot be read as a whole.
pub(crate) fn read(text: &str) -> Option<Stored> {
    // The parser takes it for the end of the text.
    if text.contains('\0') {
        return None;
    }
    let mut reader = Reader { events: Parser::new_from_str(text), anchors: HashMap::new(), left: MOST };
    let mut root = None;
    loop {
        match reader.next()? {
            Event::StreamEnd => return root,
            Event::DocumentStart(_) if root.is_some() => return None,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            event @ (Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd) => root = Some(reader.value(event, 1)?),
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Stored>,
    left: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Event<'a>> {
        match self.events.next_event() {
            Some(Ok((event, _))) => Some(event),
            Some(Err(_)) => None,
            None => Some(Event::StreamEnd),
        }
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Option<Stored> {
        if depth > DEEPEST {
            return None;
        }
        self.spend(1)?;
        let (anchor, tag, kind) = match event {
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor)?.clone();
                self.spend(value.count())?;
                return (depth + value.depth() <= DEEPEST).then_some(value);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                (anchor, tag, StoredKind::Scalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    let event = self.next()?;
                    if event == Event::SequenceEnd {
                        break;
                    }
                    items.push(self.value(event, depth + 1)?);
                }
                (anchor, tag, StoredKind::List(items))
            }
            Event::MappingStart(anchor, tag) => {
                let mut pairs = Vec::new();
                loop {
                    let event = self.next()?;
                    if event == Event::MappingEnd {
                        break;
                    }
                    let key = self.value(event, depth + 1)?;
                    let event = self.next()?;
                    pairs.push((key, self.value(event, depth + 1)?));
                }
                (anchor, tag, StoredKind::Map(pairs))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return None,
        };
        let value = Stored { tag: tag.as_deref().map(Tag::to_string), kind };
        // The parser counts anchors from one; zero is none.
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Some(value)
    }

    fn spend(&mut self, values: usize) -> Option<()> {
        self.left = self.left.checked_sub(values)?;
        Some(())
    }
}

impl Stored {
    fn count(&self) -> usize {
        match &self.kind {
            StoredKind::Scalar { .. } => 1,
            StoredKind::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            StoredKind::Map(pairs) => 1 + pairs.iter().map(|(key, value)| key.count() + value.count()).sum::<usize>(),
        }
    }

    fn depth(&self) -> usize {
        let below = match &self.kind {
            StoredKind::Scalar { .. } => None,
            StoredKind::List(items) => items.iter().map(Self::depth).max(),
            StoredKind::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key.depth(), value.depth()]).max(),
        };
        1 + below.unwrap_or_default()
    }
}
