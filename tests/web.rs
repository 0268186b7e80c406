//! The HTTP observer against a real server: a helper container, started by testcontainers, that answers as products do
//! and as they should not. Ignored where no engine answers, unless `REHEARSE_REQUIRE_DOCKER=1`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use libtest_mimic::{Arguments, Failed, Trial};
use rehearse::docker::{DockerHost, Owner, OwnershipLabels, Settings};
use rehearse::engine::host::{ImageRequest, Images};
use rehearse::engine::observer::{HttpRequest, Observer, RequestBody};
use rehearse::observers::Live;
use rehearse::{load, setup};
use rehearse_core::observation::{HttpResponse, Response};
use testcontainers::core::{ContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};

type Tried<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A server in the Perl that every Debian has: one connection at a time.
const SERVER: &str = r#"
use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 9, ReuseAddr => 1) or die $!;
print "ready\n";
while (my $c = $s->accept) {
  my $first = <$c> // next; my %h; my $body = "";
  while (my $l = <$c>) { last if $l =~ /^\r?\n$/; $h{lc $1} = $2 if $l =~ /^([^:]+): *(.*?)\r?\n/ }
  read($c, $body, $h{"content-length"}) if $h{"content-length"};
  my ($m, $p) = split / /, $first;
  my $say = sub { my ($st, $hd, $b) = @_; print $c "HTTP/1.1 $st\r\nConnection: close\r\nContent-Length: " . length($b) . "\r\n$hd\r\n$b" };
  if ($p eq "/login") { $say->("302 Found", "Location: /me\r\nSet-Cookie: s=1; path=/\r\n", "") }
  elsif ($p eq "/me") { ($h{cookie} // "") =~ /s=1/ ? $say->("200 OK", "X-Loud: Yes\r\n", "hello") : $say->("401 Unauthorized", "", "") }
  elsif ($p eq "/echo") { $say->("200 OK", "", "$m $h{host} $h{\"content-type\"} $body") }
  elsif ($p eq "/slow") { print $c "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"; for (1..20) { print $c "."; select undef, undef, undef, 0.2 } }
  elsif ($p eq "/cut") { print $c "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort" }
  elsif ($p eq "/bytes") { $say->("200 OK", "", "\xff\xfe\x00\x01" x 4) }
  close $c;
}
"#;

async fn ask(
    observer: &impl Observer,
    address: SocketAddr,
    path: &str,
    change: impl FnOnce(&mut HttpRequest),
) -> Response {
    let mut ask = HttpRequest {
        address,
        method: "GET",
        path: path.to_owned(),
        headers: BTreeMap::new(),
        body: None,
        jar: None,
        deadline: Duration::from_secs(10),
        keep: 4 << 20,
    };
    change(&mut ask);
    observer.http(ask).await
}

fn response(response: Response) -> Tried<HttpResponse> {
    match response {
        Response::Http(response) => Ok(response),
        other @ (Response::Exec(_)
        | Response::Rows(_)
        | Response::NoResponse { .. }
        | Response::Rejected { .. }
        | Response::ProbeError { .. }) => Err(format!("{other:?}").into()),
    }
}

fn ensure(holds: bool, what: &str) -> Tried {
    if holds { Ok(()) } else { Err(what.into()) }
}

async fn answers_are_read_as_they_are() -> Tried {
    let logs = tempfile::tempdir()?;
    let ownership = OwnershipLabels {
        run: format!("web{}", std::process::id()),
        scenario: "web".into(),
        owner: Owner::current(),
        expires: SystemTime::now() + Duration::from_secs(3600),
    };
    let settings = Settings {
        ownership,
        logs: logs.path().to_owned(),
        scratch: std::env::temp_dir(),
        recipes: Arc::new(load::recipes(&[])?),
        reach: None,
        credentials: None,
        redactor: Default::default(),
    };
    let host = Arc::new(DockerHost::connect(settings, |_| {}).await?);
    let wanted = ImageRequest { name: "debian:bookworm-slim".into(), holds: None };
    let base = host.obtain(&wanted, &|_| {}).await?;
    // testcontainers names images, ours are ids: the daemon knows the name.
    let client = testcontainers::core::client::docker_client_instance().await?;
    let tags = client.inspect_image(&base.id).await?.repo_tags.unwrap_or_default();
    let (name, tag) = tags.first().and_then(|tag| tag.rsplit_once(':')).ok_or("the base has no name")?;
    let container = GenericImage::new(name, tag)
        .with_exposed_port(ContainerPort::Tcp(8080))
        .with_wait_for(WaitFor::message_on_stdout("ready"))
        .with_cmd(["perl", "-e", SERVER])
        .start()
        .await?;
    let port = container.get_host_port_ipv4(8080).await?;
    let address: SocketAddr = format!("127.0.0.1:{port}").parse()?;
    let observer = Live::new(host)?;
    let jar = |name: &'static str| move |ask: &mut HttpRequest| ask.jar = Some(name.to_owned());

    let login = response(ask(&observer, address, "/login", jar("a")).await)?;
    ensure(login.status == 302 && login.headers["location"] == "/me", "a redirect is an answer")?;
    let me = response(ask(&observer, address, "/me", jar("a")).await)?;
    ensure(me.status == 200 && me.headers["x-loud"] == "Yes" && me.body.text == "hello", "a session is kept")?;
    ensure(me.body.digest.starts_with("2cf24dba5fb0a30e26e83b2ac5b9e29e"), "the digest is SHA-256")?;
    for other in [
        response(ask(&observer, address, "/me", jar("b")).await)?,
        response(ask(&observer, address, "/me", |_| {}).await)?,
    ] {
        ensure(other.status == 401, "sessions of others are not shared")?;
    }
    let echo = response(
        ask(&observer, address, "/echo", |ask| {
            ask.method = "POST";
            ask.headers.insert("host".into(), "web:3000".into());
            ask.body = Some(RequestBody::Json(serde_json::json!({"a": 1})));
        })
        .await,
    )?;
    ensure(echo.body.text == "POST web:3000 application/json {\"a\":1}", &echo.body.text)?;
    let bytes = response(ask(&observer, address, "/bytes", |_| {}).await)?;
    ensure(bytes.body.size == 16 && !bytes.body.cut, "any bytes are a body")?;
    for (path, what) in [("/cut", "an answer that breaks off is none"), ("/slow", "an answer that drips is none")] {
        let response = ask(&observer, address, path, |ask| ask.deadline = Duration::from_secs(2)).await;
        ensure(matches!(response, Response::NoResponse { .. }), what)?;
    }
    container.rm().await?;
    let gone = ask(&observer, address, "/me", |_| {}).await;
    ensure(matches!(gone, Response::NoResponse { .. }), "a server that is gone is silent, not broken")
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let require = std::env::var("REHEARSE_REQUIRE_DOCKER").is_ok_and(|value| value == "1");
    let ignored = !setup::engine_answers() && !require;
    let trial = Trial::test("answers_are_read_as_they_are", || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(answers_are_read_as_they_are()).map_err(|error| Failed::from(error.to_string()))
    });
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(ignored)]).exit_code()
}
