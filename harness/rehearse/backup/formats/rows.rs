//! Recognises the rows of tables in a dump as SQL: a row may contain anything, even the line that ends a dump.

use std::io::BufRead;

const BEGINS: &[u8] = b"COPY ";
const FOLLOW: &[u8] = b" FROM stdin;";
const END: &[u8] = b"\\.";
/// How much is kept of a line that continues in the next piece: enough to recognise the beginning or the end of rows.
const KEPT: usize = 16;
/// How much is kept of a line that may begin rows, with the names of all columns.
const LONGEST: usize = 256 << 10;

/// A dump that is read in pieces.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// The table whose rows are being read.
    of: Option<Vec<u8>>,
}

impl Rows {
    pub(super) fn see(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let all = piece;
            // Reading from a slice cannot fail.
            let Ok(read) = piece.skip_until(b'\n') else { return };
            let line = all.get(..read).unwrap_or_default();
            match line.strip_suffix(b"\n") {
                Some(line) if self.line.is_empty() => self.ended(line),
                Some(line) => {
                    self.keep(line);
                    let line = std::mem::take(&mut self.line);
                    self.ended(&line);
                }
                None => self.keep(line),
            }
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let (first, rest) = piece.split_at(piece.len().min(KEPT.saturating_sub(self.line.len())));
        self.line.extend_from_slice(first);
        if self.line.starts_with(BEGINS) {
            self.line.extend_from_slice(&rest[..rest.len().min(LONGEST.saturating_sub(self.line.len()))]);
        }
    }

    fn ended(&mut self, line: &[u8]) {
        if self.of.is_some() {
            if line == END {
                self.of = None;
            }
        } else if line.starts_with(BEGINS)
            && let Some(table) = line.strip_prefix(BEGINS).and_then(|line| line.strip_suffix(FOLLOW))
        {
            let name = table.split(|byte| *byte == b'(').next().unwrap_or(table);
            self.of = Some(name.trim_ascii().to_owned());
        }
    }

    /// The table in whose rows the reading is.
    pub(super) fn within(&self) -> Option<&[u8]> {
        self.of.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(dump: &str, pieces: usize) -> Option<String> {
        let mut rows = Rows::default();
        dump.as_bytes().chunks(pieces).for_each(|piece| rows.see(piece));
        rows.within().map(|table| String::from_utf8_lossy(table).into_owned())
    }

    #[test]
    fn the_table_of_unfinished_rows_is_found_however_the_text_is_split() {
        let copy = "COPY public.notes (id, note) FROM stdin;\n1\tx\n\\.x\n-- PostgreSQL database dump complete\n";
        let many = format!("COPY public.wide ({}) FROM stdin;\n1\n", vec!["a_column"; 2000].join(", "));
        for pieces in [1, 2, 7, 64, 1 << 20] {
            assert_eq!(within(copy, pieces).as_deref(), Some("public.notes"), "{pieces}");
            assert_eq!(within(&format!("{copy}\\.\n"), pieces), None, "{pieces}");
            assert_eq!(within(&format!("{copy}\\.\n\n{copy}"), pieces).as_deref(), Some("public.notes"));
            assert_eq!(within(&many, pieces).as_deref(), Some("public.wide"), "{pieces}");
            assert_eq!(within("SELECT 1;\n-- COPY x FROM stdin;\nCOPY a TO stdout;\n", pieces), None);
        }
    }
}
