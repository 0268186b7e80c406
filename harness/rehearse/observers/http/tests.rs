//! The observer against a server that does what no product should.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::test_memory::held;

/// What a server does with a connection once it has read a request.
#[derive(Clone)]
enum Does {
    /// Says this, and hangs up.
    Says(Vec<u8>),
    /// Says the first, and then the second without end, as fast as it is read.
    SaysForEver(Vec<u8>, Vec<u8>),
    /// Says the first, and then the second a byte at a time without end.
    Drips(Vec<u8>, Vec<u8>),
    /// Sets so many cookies, by other names each time.
    SetsCookies(usize),
}

struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

async fn server(does: Does) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, does.clone(), number));
        }
    });
    Server { address, asked }
}

async fn serve(mut stream: TcpStream, does: Does, number: usize) -> std::io::Result<()> {
    let mut request = vec![0; 1 << 20];
    let _ = stream.read(&mut request).await?;
    match does {
        Does::Says(text) => stream.write_all(&text).await?,
        Does::SaysForEver(first, then) => {
            stream.write_all(&first).await?;
            let much = then.repeat((1 << 16) / then.len() + 1);
            loop {
                stream.write_all(&much).await?;
            }
        }
        Does::Drips(first, then) => {
            stream.write_all(&first).await?;
            for byte in then.iter().cycle() {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Does::SetsCookies(many) => {
            let cookie = |at: usize| format!("Set-Cookie: c{number}x{at}=1; Path=/\r\n");
            let cookies: String = (0..many).map(cookie).collect();
            let text = format!("HTTP/1.1 200 OK\r\n{cookies}Content-Length: 2\r\n\r\nok");
            stream.write_all(text.as_bytes()).await?;
        }
    }
    stream.shutdown().await
}

fn question(server: &Server) -> HttpRequest {
    HttpRequest {
        address: server.address,
        method: "GET",
        path: "/".to_owned(),
        headers: BTreeMap::new(),
        body: None,
        jar: None,
        deadline: Duration::from_secs(1),
        keep: 4 << 20,
    }
}

async fn respond(does: Does) -> Response {
    let server = server(does).await;
    let began = Instant::now();
    let answer = Web::new().unwrap().ask(question(&server)).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    answer
}

/// Why nothing that can be judged was answered.
#[track_caller]
fn silent(answer: Response, expected: &str) {
    match answer {
        Response::NoResponse { reason } => assert!(reason.contains(expected) && reason.len() < 500, "{reason}"),
        other @ (Response::Http(_)
        | Response::Exec(_)
        | Response::Rows(_)
        | Response::Rejected { .. }
        | Response::ProbeError { .. }) => panic!("{other:?}"),
    }
}

fn response(answer: Response) -> HttpResponse {
    match answer {
        Response::Http(response) => response,
        other @ (Response::NoResponse { .. }
        | Response::Exec(_)
        | Response::Rows(_)
        | Response::Rejected { .. }
        | Response::ProbeError { .. }) => panic!("{other:?}"),
    }
}

fn says(text: &str) -> Does {
    Does::Says(text.as_bytes().to_vec())
}

const OK: &str = "HTTP/1.1 200 OK\r\n";

#[tokio::test]
async fn a_body_without_end_is_read_to_a_limit_in_flat_memory() {
    let server = server(Does::SaysForEver(format!("{OK}\r\n").into_bytes(), b"0123456789abcdef".to_vec())).await;
    let web = Web::new().unwrap();
    let before = held();
    let ask = || HttpRequest { deadline: Duration::from_secs(60), ..question(&server) };
    silent(web.ask(ask()).await, "an answer of more than 268435456 bytes");
    let rise = held() - before;
    assert!(rise < 32, "{rise} MiB");
    // As a query that may have answers of sixteen megabytes asks.
    silent(web.ask(HttpRequest { keep: 16 << 20, ..ask() }).await, "an answer of more than 268435456 bytes");
    let rise = held() - before;
    assert!(rise < 96, "{rise} MiB");
    // Chunks are no way around it.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(1 << 16));
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let server = super::tests::server(Does::SaysForEver(chunked, chunk.into_bytes())).await;
    let ask = HttpRequest { deadline: Duration::from_secs(60), ..question(&server) };
    silent(web.ask(ask).await, "an answer of more than 268435456 bytes");
}

#[tokio::test]
async fn whoever_drips_is_heard_to_the_deadline_of_the_whole_answer() {
    let whole = "no whole answer within 1s";
    let body = format!("{OK}Content-Length: 1000000\r\n\r\n").into_bytes();
    silent(respond(Does::Drips(body, b"x".to_vec())).await, whole);
    silent(respond(Does::Drips(OK.as_bytes().to_vec(), b"X-A: b\r\n".to_vec())).await, whole);
    silent(respond(Does::Drips(Vec::new(), OK.as_bytes().to_vec())).await, whole);
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    silent(respond(Does::Drips(chunked, b"1\r\nx\r\n".to_vec())).await, whole);
    // Accepted and never answered: the connection is in the system's queue, and nobody takes it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { address: listener.local_addr().unwrap(), asked: Arc::default() };
    silent(Web::new().unwrap().ask(question(&server)).await, whole);
}

#[tokio::test]
async fn headers_without_end_are_no_answer() {
    let before = held();
    silent(respond(Does::SaysForEver(OK.as_bytes().to_vec(), b"X-A: b\r\n".to_vec())).await, "error sending request");
    silent(respond(Does::SaysForEver(OK.as_bytes().to_vec(), b"x".to_vec())).await, "message head is too large");
    silent(respond(says(&format!("{OK}X-A: {}\r\n\r\n", "b".repeat(1 << 20)))).await, "message head is too large");
    // A hundred are enough.
    let many = |count: usize| format!("{OK}{}\r\n", "X-A: b\r\n".repeat(count));
    assert_eq!(response(respond(says(&many(90))).await).headers["x-a"].len(), 90 * 3 - 2);
    silent(respond(says(&many(1000))).await, "message head is too large");
    assert!(held() - before < 16, "{} MiB", held() - before);
}

#[tokio::test]
async fn answers_before_the_answer_are_heard_to_the_deadline() {
    let before = held();
    let flood = |text: &str| Does::SaysForEver(Vec::new(), text.as_bytes().to_vec());
    silent(respond(flood("HTTP/1.1 100 Continue\r\n\r\n")).await, "no whole answer within 1s");
    silent(respond(flood("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")).await, "no whole answer within 1s");
    let then = response(respond(says(&format!("HTTP/1.1 102 Processing\r\n\r\n{OK}\r\nhello"))).await);
    assert_eq!((then.status, then.body.text.as_str()), (200, "hello"));
    assert!(held() - before < 16, "{} MiB", held() - before);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_goes_there() {
    let elsewhere = server(says("HTTP/1.1 200 OK\r\n\r\nstolen")).await;
    let web = Web::new().unwrap();
    for status in [301, 302, 303, 307, 308] {
        for target in [format!("http://{}/", elsewhere.address), "/".to_owned(), "\u{1}".to_owned()] {
            let from = server(says(&format!("HTTP/1.1 {status} Go\r\nLocation: {target}\r\nRefresh: 0\r\n\r\n"))).await;
            let answer = web.ask(HttpRequest { jar: Some("a".to_owned()), ..question(&from) }).await;
            if target == "\u{1}" {
                silent(answer, "invalid HTTP header parsed");
            } else {
                let answer = response(answer);
                assert_eq!((answer.status, answer.headers["location"].as_str()), (status, target.as_str()));
            }
            assert_eq!(from.asked.load(Ordering::Relaxed), 1, "asked once: a circle is never gone round");
        }
    }
    assert_eq!(elsewhere.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_length_that_is_not_that_of_the_body_is_found_out() {
    let body = |headers: &str, body: &str| says(&format!("{OK}{headers}\r\n\r\n{body}"));
    silent(respond(body("Content-Length: 100", "short")).await, "the answer broke off");
    let long = response(respond(body("Content-Length: 5", "hello, world")).await);
    assert_eq!((long.body.size, long.body.text.as_str()), (5, "hello"));
    for length in ["-1", "5, 6", "5\r\nContent-Length: 6", "99999999999999999999999", "0x5", "five"] {
        silent(respond(body(&format!("Content-Length: {length}"), "hello")).await, "error sending request");
    }
    silent(respond(body("Content-Length: 18446744073709551615", "hello")).await, "error");
}

#[tokio::test]
async fn chunks_that_are_none_are_found_out() {
    let chunked = |text: &str| says(&format!("{OK}Transfer-Encoding: chunked\r\n\r\n{text}"));
    assert_eq!(response(respond(chunked("5\r\nhello\r\n0\r\n\r\n")).await).body.text, "hello");
    for text in [
        "xyz\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello",
        "5\r\nhello, world\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFF\r\nhello",
        "-5\r\nhello\r\n0\r\n\r\n",
        "\r\n",
    ] {
        silent(respond(chunked(text)).await, "the answer broke off");
    }
    let extension = Does::SaysForEver(format!("{OK}Transfer-Encoding: chunked\r\n\r\n5;").into_bytes(), b"x".to_vec());
    silent(respond(extension).await, "the answer broke off");
    let trailers = format!("{OK}Transfer-Encoding: chunked\r\n\r\n0\r\n").into_bytes();
    silent(respond(Does::SaysForEver(trailers, b"X-A: b\r\n".to_vec())).await, "the answer broke off");
}

#[tokio::test]
async fn a_bomb_in_a_body_never_goes_off() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..32 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let head = format!("{OK}RequestBody-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let before = held();
    let seen = response(respond(Does::Says([head.as_bytes(), &bomb].concat())).await);
    assert_eq!(seen.body.size, bomb.len() as u64, "we ask for no compression, and undo none");
    assert!(held() - before < 16, "{} MiB", held() - before);
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_none() {
    for (text, expected) in [
        ("", "connection closed before message completed"),
        ("\0\0\0\0", "invalid HTTP version"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "invalid HTTP version"),
        ("HTTP/1.1 1000 Many\r\n\r\n", "invalid HTTP status-code"),
        ("HTTP/1.1 099 Few\r\n\r\n", "invalid"),
        ("HTTP/1.1 abc\r\n\r\n", "invalid HTTP status-code"),
        ("HTTP/9.9 200 OK\r\n\r\n", "invalid HTTP version"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "invalid HTTP header"),
    ] {
        silent(respond(says(text)).await, expected);
    }
    assert_eq!(response(respond(says("HTTP/1.1 999 Many\r\n\r\nx")).await).status, 999);
    assert_eq!(
        response(respond(says("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")).await).status,
        101
    );
}

#[tokio::test]
async fn any_bytes_are_a_body_and_a_header() {
    let bytes = b"\xff\xfe\xc0\x80{\x00}";
    let seen = response(respond(Does::Says([format!("{OK}X-A: \u{e9}\r\n\r\n").as_bytes(), bytes].concat())).await);
    assert_eq!((seen.body.size, seen.headers["x-a"].as_str()), (7, "é"));
    assert_eq!(seen.body.text, "\u{fffd}\u{fffd}\u{fffd}\u{fffd}{\0}");
}

#[tokio::test]
async fn cookies_have_an_end() {
    let server = server(Does::SetsCookies(50)).await;
    let web = Web::new().unwrap();
    let ask = || HttpRequest { jar: Some("a".to_owned()), ..question(&server) };
    for _ in 0..6 {
        assert_eq!(response(web.ask(ask()).await).status, 200);
    }
    silent(web.ask(ask()).await, "an answer that sets more than 300 cookies");
    // Another visit has its own, and who keeps none is not asked.
    assert_eq!(response(web.ask(HttpRequest { jar: Some("b".to_owned()), ..question(&server) }).await).status, 200);
    assert_eq!(response(web.ask(question(&server)).await).status, 200);
    // One that is set anew with each answer takes no more room.
    let again =
        super::tests::server(says(&format!("{OK}Set-Cookie: s=1; Path=/; Max-Age=9\r\nContent-Length: 0\r\n\r\n")))
            .await;
    for _ in 0..400 {
        assert_eq!(response(web.ask(HttpRequest { jar: Some("c".to_owned()), ..question(&again) }).await).status, 200);
    }
    let long = format!("{OK}Set-Cookie: s={}\r\nContent-Length: 0\r\n\r\n", "x".repeat(20_000));
    let long = super::tests::server(says(&long)).await;
    silent(
        web.ask(HttpRequest { jar: Some("d".to_owned()), ..question(&long) }).await,
        "an answer that sets a cookie of 20002 bytes",
    );
}
