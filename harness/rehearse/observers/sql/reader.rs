//! Takes what a script about parts prints, as it comes and in bounded memory.
//!
//! Lines that begin with the mark say what comes: `s <part> <rows> <sums> <whole> <top>`, `r <part>` before its rows, `e
//! <part>` after them, `z` at the end of all. Everything else is a row.

use std::sync::Arc;

use rehearse_core::observation::{RetainedRows, TableState};

use crate::engine::host::{Sink, Stream};

use super::dialect::Dialect;
use super::output::words;
use super::part::Part;

/// Bytes of rows kept of one look; the tables that come after it are compared by checksums.
const BUDGET: usize = 192 << 20;
/// A row longer than this is none: of a long value only its beginning and a digest are asked.
const LONGEST_LINE: usize = 16 << 20;

/// Reads the answers about parts.
pub(super) struct Reader<'a> {
    parts: &'a [Part],
    dialect: &'static dyn Dialect,
    tables: Vec<Option<TableState>>,
    /// The part whose rows are coming.
    rows: Option<(usize, RetainedRows)>,
    line: Vec<u8>,
    kept: usize,
    trouble: Option<String>,
    ended: bool,
    pub(super) err: Vec<u8>,
}

impl Sink for Reader<'_> {
    fn take(&mut self, stream: Stream, mut bytes: &[u8]) {
        match stream {
            Stream::Err => words(&mut self.err, bytes),
            Stream::Out => {
                while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                    self.hold(&bytes[..end]);
                    bytes = &bytes[end + 1..];
                    let line = std::mem::take(&mut self.line);
                    if self.trouble.is_none() {
                        self.trouble = self.line(&String::from_utf8_lossy(&line)).err();
                    }
                    self.line = line;
                    self.line.clear();
                }
                self.hold(bytes);
            }
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(parts: &'a [Part], dialect: &'static dyn Dialect) -> Self {
        let tables = parts.iter().map(|_| None).collect();
        let (rows, line, err, trouble) = (None, Vec::new(), Vec::new(), None);
        Self { parts, dialect, tables, rows, line, kept: 0, trouble, ended: false, err }
    }

    /// Takes a piece of a line, unless it grows beyond all rows or nothing is read any more.
    fn hold(&mut self, piece: &[u8]) {
        if self.line.len() + piece.len() > LONGEST_LINE && self.trouble.is_none() {
            self.trouble = Some(format!("a row of more than {} MiB", LONGEST_LINE >> 20));
        }
        if self.trouble.is_some() {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let Some(said) = line.strip_prefix(self.dialect.mark()) else { return self.row(line) };
        let words: Vec<&str> = said.split(' ').collect();
        let index = |text: &str| {
            let index = text.parse::<usize>().ok().filter(|index| *index < self.parts.len());
            index.ok_or_else(|| format!("an answer about part {text}, which was not asked"))
        };
        match words.as_slice() {
            ["s", part, rows, sums, whole, top] => {
                let at = index(part)?;
                let table = self.table(at, rows, sums, whole, top)?;
                self.set(at, Some(table));
            }
            ["r", part] => {
                let at = index(part)?;
                let columns = self.parts.get(at).into_iter().flat_map(|part| &part.columns);
                self.rows = Some((
                    at,
                    RetainedRows { columns: columns.map(|value| value.name.clone()).collect(), rows: Vec::new() },
                ));
            }
            ["e", part] => {
                let at = index(part)?;
                match self.rows.take() {
                    Some((of, kept)) if of == at => {
                        let table = self.tables.get_mut(at).and_then(Option::as_mut);
                        let table = table.ok_or("rows of a table that was not counted")?;
                        if kept.rows.len() as u64 != table.rows {
                            return Err(format!("{} rows of {} were read", kept.rows.len(), table.rows));
                        }
                        if self.kept <= BUDGET {
                            table.kept = Some(Arc::new(kept));
                        }
                    }
                    Some(_) | None => return Err("rows ended that had not begun".to_owned()),
                }
            }
            ["z"] => self.ended = true,
            _ => return Err(format!("an answer that was not asked: {}", said.chars().take(200).collect::<String>())),
        }
        Ok(())
    }

    fn set(&mut self, at: usize, table: Option<TableState>) {
        if let Some(place) = self.tables.get_mut(at) {
            *place = table;
        }
    }

    fn table(&self, at: usize, rows: &str, sums: &str, whole: &str, top: &str) -> Result<TableState, String> {
        let part = self.parts.get(at).ok_or("no such part")?;
        let names: Vec<String> = part.columns.iter().map(|value| value.name.clone()).collect();
        let sums: Vec<&str> = sums.split(',').filter(|sum| *sum != "-").collect();
        if sums.len() != names.len() {
            return Err(format!("table {}: {} checksums for {} columns", part.name, sums.len(), names.len()));
        }
        let some = |text: &str| (text != "-").then(|| text.to_owned());
        Ok(TableState {
            rows: rows.parse().map_err(|_| format!("table {}: no count of rows", part.name))?,
            key: part.key.iter().map(|value| value.name.clone()).collect(),
            sums: names.iter().cloned().zip(sums.into_iter().map(str::to_owned)).collect(),
            columns: names,
            whole: some(whole),
            top: some(top),
            kept: None,
        })
    }

    fn row(&mut self, line: &str) -> Result<(), String> {
        let Some((at, kept)) = &mut self.rows else {
            return Err(format!("a row that was not asked: {}", line.chars().take(200).collect::<String>()));
        };
        if self.parts.get(*at).is_none_or(|part| kept.rows.len() as u64 >= part.most) {
            return Err("more rows than were asked".to_owned());
        }
        self.kept += line.len() + size_of::<Box<str>>();
        let row = self.dialect.row(line);
        // Beyond the budget rows are only counted.
        kept.rows.push(if self.kept <= BUDGET { row } else { Box::default() });
        Ok(())
    }

    /// The tables, in the order of the parts.
    pub(super) fn finish(self) -> Result<Vec<TableState>, String> {
        if let Some(trouble) = self.trouble {
            return Err(trouble);
        }
        if !self.ended {
            return Err("the answer ends in the middle".to_owned());
        }
        let missing = |part: &Part| format!("table {} was not read", part.name);
        self.tables.into_iter().zip(self.parts).map(|(table, part)| table.ok_or_else(|| missing(part))).collect()
    }
}
