//! The observer against servers that misbehave.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::test_memory::held as memory;

/// What a server does with a connection once it has read a request.
#[derive(Clone)]
enum Behaviour {
    /// Sends this, and closes the connection.
    Sends(Vec<u8>),
    /// Sends the first, and then the second without end, as fast as it is read.
    SendsForEver(Vec<u8>, Vec<u8>),
    /// Sends the first, and then the second a byte at a time without end.
    Drips(Vec<u8>, Vec<u8>),
    /// Sets this many cookies, under new names each time.
    SetsCookies(usize),
}

struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

async fn server(behaviour: Behaviour) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, behaviour.clone(), number));
        }
    });
    Server { address, requests }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour, number: usize) -> std::io::Result<()> {
    let mut request = vec![0; 1 << 20];
    let _ = stream.read(&mut request).await?;
    match behaviour {
        Behaviour::Sends(text) => stream.write_all(&text).await?,
        Behaviour::SendsForEver(first, then) => {
            stream.write_all(&first).await?;
            let block = then.repeat((1 << 16) / then.len() + 1);
            loop {
                stream.write_all(&block).await?;
            }
        }
        Behaviour::Drips(first, then) => {
            stream.write_all(&first).await?;
            for byte in then.iter().cycle() {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Behaviour::SetsCookies(many) => {
            let cookie = |at: usize| format!("Set-Cookie: c{number}x{at}=1; Path=/\r\n");
            let cookies: String = (0..many).map(cookie).collect();
            let text = format!("HTTP/1.1 200 OK\r\n{cookies}Content-Length: 2\r\n\r\nok");
            stream.write_all(text.as_bytes()).await?;
        }
    }
    stream.shutdown().await
}

fn request(server: &Server) -> HttpRequest {
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

async fn respond(behaviour: Behaviour) -> Response {
    let server = server(behaviour).await;
    let began = Instant::now();
    let response = Web::new().unwrap().request(request(&server)).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    response
}

/// Expects that there is no response, for this reason.
#[track_caller]
fn expect_none(response: Response, expected: &str) {
    match response {
        Response::NoResponse { reason } => assert!(reason.contains(expected) && reason.len() < 500, "{reason}"),
        other @ (Response::Http(_)
        | Response::Exec(_)
        | Response::Rows(_)
        | Response::Rejected { .. }
        | Response::ProbeError { .. }) => panic!("{other:?}"),
    }
}

fn http(response: Response) -> HttpResponse {
    match response {
        Response::Http(response) => response,
        other @ (Response::NoResponse { .. }
        | Response::Exec(_)
        | Response::Rows(_)
        | Response::Rejected { .. }
        | Response::ProbeError { .. }) => panic!("{other:?}"),
    }
}

fn sends(text: &str) -> Behaviour {
    Behaviour::Sends(text.as_bytes().to_vec())
}

const OK: &str = "HTTP/1.1 200 OK\r\n";

#[tokio::test]
async fn a_body_without_end_is_read_to_a_limit_in_flat_memory() {
    let server = server(Behaviour::SendsForEver(format!("{OK}\r\n").into_bytes(), b"0123456789abcdef".to_vec())).await;
    let web = Web::new().unwrap();
    let before = memory();
    let slow_request = || HttpRequest { deadline: Duration::from_secs(60), ..request(&server) };
    expect_none(web.request(slow_request()).await, "a response of more than 268435456 bytes");
    let rise = memory() - before;
    assert!(rise < 32, "{rise} MiB");
    // A query may have responses of sixteen megabytes.
    expect_none(
        web.request(HttpRequest { keep: 16 << 20, ..slow_request() }).await,
        "a response of more than 268435456 bytes",
    );
    let rise = memory() - before;
    assert!(rise < 96, "{rise} MiB");
    // Chunks do not get around the limit.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(1 << 16));
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let server = super::tests::server(Behaviour::SendsForEver(chunked, chunk.into_bytes())).await;
    let slow_request = HttpRequest { deadline: Duration::from_secs(60), ..request(&server) };
    expect_none(web.request(slow_request).await, "a response of more than 268435456 bytes");
}

#[tokio::test]
async fn a_slow_response_is_read_until_the_deadline_of_the_whole_response() {
    let too_slow = "no whole response within 1s";
    let body = format!("{OK}Content-Length: 1000000\r\n\r\n").into_bytes();
    expect_none(respond(Behaviour::Drips(body, b"x".to_vec())).await, too_slow);
    expect_none(respond(Behaviour::Drips(OK.as_bytes().to_vec(), b"X-A: b\r\n".to_vec())).await, too_slow);
    expect_none(respond(Behaviour::Drips(Vec::new(), OK.as_bytes().to_vec())).await, too_slow);
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    expect_none(respond(Behaviour::Drips(chunked, b"1\r\nx\r\n".to_vec())).await, too_slow);
    // Never answered: the connection stays in the queue of the system, and nobody accepts it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { address: listener.local_addr().unwrap(), requests: Arc::default() };
    expect_none(Web::new().unwrap().request(request(&server)).await, too_slow);
}

#[tokio::test]
async fn headers_without_end_are_not_a_response() {
    let before = memory();
    expect_none(
        respond(Behaviour::SendsForEver(OK.as_bytes().to_vec(), b"X-A: b\r\n".to_vec())).await,
        "error sending request",
    );
    expect_none(
        respond(Behaviour::SendsForEver(OK.as_bytes().to_vec(), b"x".to_vec())).await,
        "message head is too large",
    );
    expect_none(
        respond(sends(&format!("{OK}X-A: {}\r\n\r\n", "b".repeat(1 << 20)))).await,
        "message head is too large",
    );
    // A hundred headers are enough.
    let many = |count: usize| format!("{OK}{}\r\n", "X-A: b\r\n".repeat(count));
    assert_eq!(http(respond(sends(&many(90))).await).headers["x-a"].len(), 90 * 3 - 2);
    expect_none(respond(sends(&many(1000))).await, "message head is too large");
    assert!(memory() - before < 16, "{} MiB", memory() - before);
}

#[tokio::test]
async fn interim_responses_are_read_until_the_deadline() {
    let before = memory();
    let flood = |text: &str| Behaviour::SendsForEver(Vec::new(), text.as_bytes().to_vec());
    expect_none(respond(flood("HTTP/1.1 100 Continue\r\n\r\n")).await, "no whole response within 1s");
    expect_none(respond(flood("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")).await, "no whole response within 1s");
    let then = http(respond(sends(&format!("HTTP/1.1 102 Processing\r\n\r\n{OK}\r\nhello"))).await);
    assert_eq!((then.status, then.body.text.as_str()), (200, "hello"));
    assert!(memory() - before < 16, "{} MiB", memory() - before);
}

#[tokio::test]
async fn a_redirect_is_a_response_and_is_not_followed() {
    let elsewhere = server(sends("HTTP/1.1 200 OK\r\n\r\nstolen")).await;
    let web = Web::new().unwrap();
    for status in [301, 302, 303, 307, 308] {
        for target in [format!("http://{}/", elsewhere.address), "/".to_owned(), "\u{1}".to_owned()] {
            let from =
                server(sends(&format!("HTTP/1.1 {status} Go\r\nLocation: {target}\r\nRefresh: 0\r\n\r\n"))).await;
            let response = web.request(HttpRequest { jar: Some("a".to_owned()), ..request(&from) }).await;
            if target == "\u{1}" {
                expect_none(response, "invalid HTTP header parsed");
            } else {
                let response = http(response);
                assert_eq!((response.status, response.headers["location"].as_str()), (status, target.as_str()));
            }
            assert_eq!(from.requests.load(Ordering::Relaxed), 1, "one request: a loop is not followed");
        }
    }
    assert_eq!(elsewhere.requests.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_wrong_content_length_is_detected() {
    let body = |headers: &str, body: &str| sends(&format!("{OK}{headers}\r\n\r\n{body}"));
    expect_none(respond(body("Content-Length: 100", "short")).await, "the response broke off");
    let long = http(respond(body("Content-Length: 5", "hello, world")).await);
    assert_eq!((long.body.size, long.body.text.as_str()), (5, "hello"));
    for length in ["-1", "5, 6", "5\r\nContent-Length: 6", "99999999999999999999999", "0x5", "five"] {
        expect_none(respond(body(&format!("Content-Length: {length}"), "hello")).await, "error sending request");
    }
    expect_none(respond(body("Content-Length: 18446744073709551615", "hello")).await, "error");
}

#[tokio::test]
async fn broken_chunks_are_detected() {
    let chunked = |text: &str| sends(&format!("{OK}Transfer-Encoding: chunked\r\n\r\n{text}"));
    assert_eq!(http(respond(chunked("5\r\nhello\r\n0\r\n\r\n")).await).body.text, "hello");
    for text in [
        "xyz\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello",
        "5\r\nhello, world\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFF\r\nhello",
        "-5\r\nhello\r\n0\r\n\r\n",
        "\r\n",
    ] {
        expect_none(respond(chunked(text)).await, "the response broke off");
    }
    let extension =
        Behaviour::SendsForEver(format!("{OK}Transfer-Encoding: chunked\r\n\r\n5;").into_bytes(), b"x".to_vec());
    expect_none(respond(extension).await, "the response broke off");
    let trailers = format!("{OK}Transfer-Encoding: chunked\r\n\r\n0\r\n").into_bytes();
    expect_none(respond(Behaviour::SendsForEver(trailers, b"X-A: b\r\n".to_vec())).await, "the response broke off");
}

#[tokio::test]
async fn a_compressed_body_is_not_decompressed() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..32 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let head = format!("{OK}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let before = memory();
    let response = http(respond(Behaviour::Sends([head.as_bytes(), &bomb].concat())).await);
    assert_eq!(response.body.size, bomb.len() as u64, "no compression is requested, and none is undone");
    assert!(memory() - before < 16, "{} MiB", memory() - before);
}

#[tokio::test]
async fn a_response_that_is_not_http_is_not_a_response() {
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
        expect_none(respond(sends(text)).await, expected);
    }
    assert_eq!(http(respond(sends("HTTP/1.1 999 Many\r\n\r\nx")).await).status, 999);
    assert_eq!(
        http(respond(sends("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")).await).status,
        101
    );
}

#[tokio::test]
async fn any_bytes_may_be_in_a_body_and_a_header() {
    let bytes = b"\xff\xfe\xc0\x80{\x00}";
    let response =
        http(respond(Behaviour::Sends([format!("{OK}X-A: \u{e9}\r\n\r\n").as_bytes(), bytes].concat())).await);
    assert_eq!((response.body.size, response.headers["x-a"].as_str()), (7, "é"));
    assert_eq!(response.body.text, "\u{fffd}\u{fffd}\u{fffd}\u{fffd}{\0}");
}

#[tokio::test]
async fn cookies_are_limited() {
    let server = server(Behaviour::SetsCookies(50)).await;
    let web = Web::new().unwrap();
    let with_cookies = || HttpRequest { jar: Some("a".to_owned()), ..request(&server) };
    for _ in 0..6 {
        assert_eq!(http(web.request(with_cookies()).await).status, 200);
    }
    expect_none(web.request(with_cookies()).await, "a response that sets more than 300 cookies");
    // Another session has its own, and one without cookies has no limit.
    assert_eq!(http(web.request(HttpRequest { jar: Some("b".to_owned()), ..request(&server) }).await).status, 200);
    assert_eq!(http(web.request(request(&server)).await).status, 200);
    // A cookie that each response sets anew takes no more room.
    let again =
        super::tests::server(sends(&format!("{OK}Set-Cookie: s=1; Path=/; Max-Age=9\r\nContent-Length: 0\r\n\r\n")))
            .await;
    for _ in 0..400 {
        assert_eq!(http(web.request(HttpRequest { jar: Some("c".to_owned()), ..request(&again) }).await).status, 200);
    }
    let long = format!("{OK}Set-Cookie: s={}\r\nContent-Length: 0\r\n\r\n", "x".repeat(20_000));
    let long = super::tests::server(sends(&long)).await;
    expect_none(
        web.request(HttpRequest { jar: Some("d".to_owned()), ..request(&long) }).await,
        "a response that sets a cookie of 20002 bytes",
    );
}
