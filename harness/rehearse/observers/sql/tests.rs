//! Answers of a client program that no table of use gives.

use super::output::{MOST_VALUES, Output, last_words};
use super::postgres::Postgres;
use super::reader::Reader;
use super::*;
use crate::engine::host::{Sink, Stream};
use crate::test_memory::held;

fn part(most: u64) -> Part {
    let value = |name: &str| part::Value { name: name.to_owned(), sql: name.to_owned(), of_type: "text".to_owned() };
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

/// Reads pieces of an answer; what it tells, or why it cannot be read.
fn told(pieces: impl IntoIterator<Item = Vec<u8>>) -> Result<TableState, String> {
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
fn a_row_of_half_a_gigabyte_is_told_and_not_kept() {
    let head = lines("\\@s 0 1 5,6 - -\n\\@r 0\n");
    let value = std::iter::repeat_with(|| vec![b'x'; 1 << 20]).take(500);
    let before = held();
    let tail = lines("\n\\@e 0\n\\@z\n");
    assert_eq!(told(head.into_iter().chain(value).chain(tail)).unwrap_err(), "a row of more than 16 MiB");
    assert!(held() - before < 64, "{} MiB", held() - before);
}

#[test]
fn rows_without_end_are_told_and_not_kept() {
    let head = lines("\\@s 0 1 5,6 - -\n\\@r 0\n");
    let rows = std::iter::repeat_with(|| b"1\tx\n".repeat(1 << 16)).take(200);
    let before = held();
    assert_eq!(told(head.into_iter().chain(rows)).unwrap_err(), "more rows than were asked");
    assert!(held() - before < 16, "{} MiB", held() - before);
}

#[test]
fn any_bytes_are_a_row_and_none_of_them_is_taken_for_our_own_word() {
    // As COPY writes them: what ends a line, a tab and a backslash are escaped, and everything else is as it is.
    let row = b"1\t\\\\@z\\n\xff\xfe\x00\x1e\x1f\r\\N\n".to_vec();
    let table = told([b"\\@s 0 1 5,6 - -\n\\@r 0\n".to_vec(), row, b"\\@e 0\n\\@z\n".to_vec()]).unwrap();
    let kept = table.kept.unwrap();
    assert_eq!(&*kept.rows[0], "1\t\\\\@z\\n\u{fffd}\u{fffd}\0\u{1e}\u{1f}\r\\N");
}

#[test]
fn an_answer_that_was_not_asked_is_told_in_short() {
    let long = "x".repeat(1 << 20);
    for (response, expected) in [
        (format!("{long}\n"), "a row that was not asked: xxx"),
        (format!("\\@{long}\n"), "an answer that was not asked: xxx"),
        ("\\@s 7 1 5,6 - -\n".to_owned(), "an answer about part 7, which was not asked"),
        ("\\@s -1 1 5,6 - -\n".to_owned(), "an answer about part -1"),
        ("\\@s 0 99999999999999999999 5,6 - -\n".to_owned(), "table t: no count of rows"),
        ("\\@s 0 1 5,6,7 - -\n".to_owned(), "table t: 3 checksums for 2 columns"),
        ("\\@e 0\n".to_owned(), "rows ended that had not begun"),
        ("\\@s 0 2 5,6 - -\n\\@r 0\n1\tx\n\\@e 0\n".to_owned(), "1 rows of 2 were read"),
        ("\\@s 0 1 5,6 - -\n".to_owned(), "the answer ends in the middle"),
        ("\\@z\n".to_owned(), "table t was not read"),
    ] {
        let said = told(lines(&response)).unwrap_err();
        assert!(said.starts_with(expected) && said.len() < 300, "{said}");
    }
}

#[test]
fn an_answer_to_a_probe_is_whole_or_none() {
    let mut output = Output::default();
    let piece = vec![b'x'; 1 << 20];
    let before = held();
    for _ in 0..500 {
        output.take(Stream::Out, &piece);
        output.take(Stream::Err, &piece);
    }
    // What comes after would fit: it is not taken for all of it.
    output.take(Stream::Out, b"1");
    assert_eq!(output.text(b"\n").unwrap_err(), "an answer of more than 64 MiB");
    assert!(held() - before < 160, "{} MiB", held() - before);
    assert!(last_words("psql", 1, &output.err).len() < 5000);

    let mut output = Output::default();
    output.take(Stream::Out, &vec![b'|'; MOST_VALUES + 1]);
    assert_eq!(output.text(b"|\n").unwrap_err(), "an answer of more than 4000000 values");
    let mut output = Output::default();
    output.take(Stream::Out, b"a|\xff");
    assert_eq!(output.text(b"|\n").unwrap(), "a|\u{fffd}");
}
