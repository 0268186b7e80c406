//! A scripted client: what it prints for each query, and how it ends.

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use rehearse_core::observation::Unread;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, oneshot};

use super::super::mysql::Mysql;
use super::super::postgres::Postgres;
use super::*;
use crate::engine::host::{HostError, Stream};

/// What the client does with one query.
enum Does {
    /// It prints this, both marks behind it, in pieces of this many bytes.
    Responds(&'static str, usize),
    /// It prints this and the first mark, this besides, and ends with this code.
    DiesRested(&'static str, i64),
    /// It prints this besides, and ends with this code.
    Ends(&'static str, i64),
    /// It says nothing until its input ends, then prints this besides, and ends with this code.
    WaitsForTheEnd(&'static str, i64),
}

fn client(dialect: &'static dyn Dialect, all: Vec<Does>) -> Session {
    let (input, theirs) = tokio::io::duplex(64);
    let (prints, heard) = mpsc::unbounded_channel::<Result<(Stream, Vec<u8>), HostError>>();
    let (ends, code) = oneshot::channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(theirs).lines();
        let print = |stream, text: &str| drop(prints.send(Ok((stream, text.as_bytes().to_vec()))));
        let mut code = 0;
        for does in all {
            let mut line = String::new();
            while !line.contains(" rested") {
                line = lines.next_line().await.unwrap().unwrap();
            }
            let mark = line.split([' ', '\'']).find(|word| word.starts_with("rehearse-")).unwrap().to_owned();
            match does {
                Does::Responds(text, piece) => {
                    let all = format!("{text}{mark}\n{mark} rested\n");
                    all.as_bytes().chunks(piece).for_each(|piece| {
                        drop(prints.send(Ok((Stream::Out, piece.to_vec()))));
                    });
                }
                Does::DiesRested(text, with) => {
                    print(Stream::Out, &format!("{text}{mark}\n"));
                    print(Stream::Err, "psql:<stdin>:3: ERROR:  25001: DISCARD ALL cannot run\n");
                    code = with;
                    break;
                }
                Does::Ends(text, with) => {
                    print(Stream::Err, text);
                    code = with;
                    break;
                }
                Does::WaitsForTheEnd(text, with) => {
                    while lines.next_line().await.unwrap().is_some() {}
                    print(Stream::Err, text);
                    code = with;
                    break;
                }
            }
        }
        let _ = ends.send(code);
    });
    let output = stream::unfold(heard, |mut heard| async { heard.recv().await.map(|piece| (piece, heard)) });
    let code = async { Ok(code.await.unwrap()) }.boxed();
    Session { dialect, client: Interactive { input: Box::pin(input), output: output.boxed(), code } }
}

fn values(rows: Result<Rows, Unread>) -> Vec<Vec<Option<String>>> {
    rows.unwrap().rows
}

fn row(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

#[tokio::test]
async fn one_client_answers_several_queries_however_its_output_is_split() {
    for piece in [1, 7, 4096] {
        let answers = ["a\u{1f}b\u{1e}c\u{1f}\n", "", "\n"].map(|text| Does::Responds(text, piece));
        let session = client(&Postgres, answers.into());
        let (rows, session) = session.query("select 1").await;
        assert_eq!(values(rows), [row(&["a", "b"]), row(&["c", ""])]);
        let (rows, session) = session.unwrap().query("select 1 where false").await;
        assert_eq!(values(rows), Vec::<Vec<_>>::new());
        let (rows, session) = session.unwrap().query("select ''").await;
        assert_eq!(values(rows), [row(&[""])]);
        session.unwrap().close().await;
    }
    let session = client(&Mysql, vec![Does::Responds("1\t2\n", 3)]);
    assert_eq!(values(session.query("select 1, 2").await.0), [row(&["1", "2"])]);
}

#[tokio::test]
async fn an_error_ends_the_client_and_is_judged_by_what_it_printed() {
    let session = client(&Postgres, vec![Does::Ends("psql:<stdin>:1: FEHLER:  42P01: no\n", 3)]);
    let (rows, session) = session.query("select 1").await;
    assert!(matches!(rows, Err(Unread::Refused(refusal)) if refusal.sqlstate == "42P01"));
    assert!(session.is_none());
    let session = client(&Mysql, vec![Does::Ends("ERROR 2013 (HY000) at line 9: Lost\n", 1)]);
    let (rows, session) = session.query("select 1").await;
    assert!(matches!(rows, Err(Unread::Unavailable(_))) && session.is_none());
}

#[tokio::test]
async fn a_failed_reset_ends_the_session_but_does_not_fail_the_query() {
    let session = client(&Postgres, vec![Does::DiesRested("1\n", 3)]);
    let (rows, session) = session.query("begin; select 1").await;
    assert_eq!(values(rows), [row(&["1"])]);
    assert!(session.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_statement_is_carried_out_as_it_is() {
    let error = "psql:<stdin>:4: ERROR:  42601: unterminated quoted string\n";
    let session = client(&Postgres, vec![Does::WaitsForTheEnd(error, 3)]);
    let began = tokio::time::Instant::now();
    let (rows, session) = session.query("select 'a").await;
    assert!(matches!(rows, Err(Unread::Refused(refusal)) if refusal.sqlstate == "42601"));
    assert!(session.is_none() && began.elapsed() == UNFINISHED_AFTER);
}

#[tokio::test]
async fn a_mark_within_a_line_does_not_end_a_result() {
    let mut output = Output::default();
    output.take(Stream::Out, b"value mark\n");
    assert!(!output.take_end(b"mark\n"));
    output.take(Stream::Out, b"mark\n");
    assert!(output.take_end(b"mark\n") && !output.take_end(b"mark\n"));
}
