//! Output of a client program that no ordinary table causes.

use super::output::{MOST_VALUES, Output, error_line};
use super::postgres::Postgres;
use super::reader::Reader;
use super::*;
use crate::engine::host::{Sink, Stream};
use crate::test_memory::held;

fn part(most: u64) -> Part {
    let value = |name: &str| part::Value {
        name: name.to_owned(),
        sql: name.to_owned(),
        of_type: "text".to_owned(),
        default: None,
        whole: false,
    };
    Part {
        name: "t".to_owned(),
        table: "t".to_owned(),
        key: vec![value("id")],
        columns: vec![value("id"), value("a")],
        conditions: Vec::new(),
        numbered: false,
        most,
    }
}

/// Reads pieces of a script's output: the table, or why it cannot be read.
fn read(pieces: impl IntoIterator<Item = Vec<u8>>) -> Result<TableState, String> {
    let parts = [part(1000)];
    let mut reader = Reader::new(&parts, &Postgres);
    for piece in pieces {
        reader.take(Stream::Out, &piece);
    }
    reader.finish().map(|mut tables| tables.remove(0))
}

fn lines(text: &str) -> Vec<Vec<u8>> {
    vec![text.as_bytes().to_vec()]
}

#[test]
fn a_row_of_half_a_gigabyte_is_an_error_and_not_kept() {
    let head = lines("\\@s 0 1 5,6 - -\n\\@r 0\n");
    let value = std::iter::repeat_with(|| vec![b'x'; 1 << 20]).take(500);
    let before = held();
    let tail = lines("\n\\@e 0\n\\@z\n");
    assert_eq!(read(head.into_iter().chain(value).chain(tail)).unwrap_err(), "a row of more than 16 MiB");
    assert!(held() - before < 64, "{} MiB", held() - before);
}

#[test]
fn endless_rows_are_an_error_and_not_kept() {
    let head = lines("\\@s 0 1 5,6 - -\n\\@r 0\n");
    let rows = std::iter::repeat_with(|| b"1\tx\n".repeat(1 << 16)).take(200);
    let before = held();
    assert_eq!(read(head.into_iter().chain(rows)).unwrap_err(), "more rows than were requested");
    assert!(held() - before < 16, "{} MiB", held() - before);
}

#[test]
fn any_bytes_are_a_row_and_never_mistaken_for_a_mark() {
    // As COPY writes them: what ends a line, a tab and a backslash are escaped, and everything else is as it is.
    let row = b"1\t\\\\@z\\n\xff\xfe\x00\x1e\x1f\r\\N\n".to_vec();
    let table = read([b"\\@s 0 1 5,6 - -\n\\@r 0\n".to_vec(), row, b"\\@e 0\n\\@z\n".to_vec()]).unwrap();
    let kept = table.kept.unwrap();
    assert_eq!(&*kept.rows[0], "1\t\\\\@z\\n\u{fffd}\u{fffd}\0\u{1e}\u{1f}\r\\N");
}

#[test]
fn unexpected_output_is_quoted_briefly() {
    let long = "x".repeat(1 << 20);
    for (response, expected) in [
        (format!("{long}\n"), "an unexpected row: xxx"),
        (format!("\\@{long}\n"), "unexpected output: xxx"),
        ("\\@s 7 1 5,6 - -\n".to_owned(), "output about part 7, which was not requested"),
        ("\\@s -1 1 5,6 - -\n".to_owned(), "output about part -1"),
        ("\\@s 0 99999999999999999999 5,6 - -\n".to_owned(), "table t: no number of rows"),
        ("\\@s 0 1 5,6,7 - -\n".to_owned(), "table t: 3 checksums for 2 columns"),
        ("\\@e 0\n".to_owned(), "the end of rows that had not begun"),
        ("\\@s 0 2 5,6 - -\n\\@r 0\n1\tx\n\\@e 0\n".to_owned(), "1 rows of 2 were read"),
        ("\\@s 0 1 5,6 - -\n".to_owned(), "the output ends early"),
        ("\\@z\n".to_owned(), "table t was not read"),
    ] {
        let error = read(lines(&response)).unwrap_err();
        assert!(error.starts_with(expected) && error.len() < 300, "{error}");
    }
}

#[test]
fn the_result_of_a_probe_is_complete_or_an_error() {
    let mut output = Output::default();
    let piece = vec![b'x'; 1 << 20];
    let before = held();
    for _ in 0..500 {
        output.take(Stream::Out, &piece);
        output.take(Stream::Err, &piece);
    }
    // What comes after would fit: it is not taken for all of it.
    output.take(Stream::Out, b"1");
    assert_eq!(output.text(b"\n").unwrap_err(), "a result of more than 64 MiB");
    assert!(held() - before < 160, "{} MiB", held() - before);
    assert!(error_line("psql", 1, &output.err).len() < 5000);

    let mut output = Output::default();
    output.take(Stream::Out, &vec![b'|'; MOST_VALUES + 1]);
    assert_eq!(output.text(b"|\n").unwrap_err(), "a result of more than 4000000 values");
    let mut output = Output::default();
    output.take(Stream::Out, b"a|\xff");
    assert_eq!(output.text(b"|\n").unwrap(), "a|\u{fffd}");
}
