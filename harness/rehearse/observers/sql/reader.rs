//! Reads the output of a script about parts as it arrives, in bounded memory.
//!
//! Lines that begin with the mark announce what follows: `s <part> <rows> <sums> <whole> <top>`, `r <part>` before its rows, `e
//! <part>` after them, `z` at the end of all. Everything else is a row.

use std::sync::Arc;

use rehearse_core::observation::{RetainedRows, TableState};

use crate::engine::host::{Sink, Stream};

use super::dialect::Dialect;
use super::output::keep_beginning;
use super::part::Part;

/// How many bytes of rows are kept in one reading; tables beyond that are compared by checksums.
const BUDGET: usize = 192 << 20;
/// A longer row is an error: of a long value, only its beginning and a digest are read.
const MAX_LINE: usize = 16 << 20;

/// Reads the output about parts.
pub(super) struct Reader<'a> {
    parts: &'a [Part],
    dialect: &'static dyn Dialect,
    tables: Vec<Option<TableState>>,
    /// The part whose rows are being read.
    rows: Option<(usize, RetainedRows)>,
    line: Vec<u8>,
    kept: usize,
    error: Option<String>,
    ended: bool,
    pub(super) err: Vec<u8>,
}

impl Sink for Reader<'_> {
    fn take(&mut self, stream: Stream, mut bytes: &[u8]) {
        match stream {
            Stream::Err => keep_beginning(&mut self.err, bytes),
            Stream::Out => {
                while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                    self.buffer_line(&bytes[..end]);
                    bytes = &bytes[end + 1..];
                    let line = std::mem::take(&mut self.line);
                    if self.error.is_none() {
                        self.error = self.line(&String::from_utf8_lossy(&line)).err();
                    }
                    self.line = line;
                    self.line.clear();
                }
                self.buffer_line(bytes);
            }
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(parts: &'a [Part], dialect: &'static dyn Dialect) -> Self {
        let tables = parts.iter().map(|_| None).collect();
        let (rows, line, err, error) = (None, Vec::new(), Vec::new(), None);
        Self { parts, dialect, tables, rows, line, kept: 0, error, ended: false, err }
    }

    /// Adds a piece of a line, unless the line is too long or there was an error before.
    fn buffer_line(&mut self, piece: &[u8]) {
        if self.line.len() + piece.len() > MAX_LINE && self.error.is_none() {
            self.error = Some(format!("a row of more than {} MiB", MAX_LINE >> 20));
        }
        if self.error.is_some() {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let Some(message) = line.strip_prefix(self.dialect.mark()) else { return self.row(line) };
        let words: Vec<&str> = message.split(' ').collect();
        let index = |text: &str| {
            let index = text.parse::<usize>().ok().filter(|index| *index < self.parts.len());
            index.ok_or_else(|| format!("output about part {text}, which was not requested"))
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
                    Some(_) | None => return Err("the end of rows that had not begun".to_owned()),
                }
            }
            ["z"] => self.ended = true,
            _ => return Err(format!("unexpected output: {}", message.chars().take(200).collect::<String>())),
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
            rows: rows.parse().map_err(|_| format!("table {}: no number of rows", part.name))?,
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
            return Err(format!("an unexpected row: {}", line.chars().take(200).collect::<String>()));
        };
        if self.parts.get(*at).is_none_or(|part| kept.rows.len() as u64 >= part.most) {
            return Err("more rows than were requested".to_owned());
        }
        self.kept += line.len() + size_of::<Box<str>>();
        let row = self.dialect.row(line);
        // Beyond the budget, rows are only counted.
        kept.rows.push(if self.kept <= BUDGET { row } else { Box::default() });
        Ok(())
    }

    /// The tables, in the order of the parts.
    pub(super) fn finish(self) -> Result<Vec<TableState>, String> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.ended {
            return Err("the output ends early".to_owned());
        }
        let missing = |part: &Part| format!("table {} was not read", part.name);
        self.tables.into_iter().zip(self.parts).map(|(table, part)| table.ok_or_else(|| missing(part))).collect()
    }
}
