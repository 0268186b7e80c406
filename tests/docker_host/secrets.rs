//! Fifty secrets, planted wherever one may be and printed wherever something can print, as they are and in other forms: none
//! of them is in anything that a run writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rig::*;

/// Answers every request with all that it knows, prints it too, in pieces, and lets whoever asks log in.
const SERVER: &str = r#"
use strict; use IO::Socket::INET; $| = 1;
sub all { open(my $file, '<', '/srv/all.txt') or return "nothing\n"; local $/; <$file> }
print "$_=$ENV{$_}\n" for sort keys %ENV;
my $server = IO::Socket::INET->new(LocalPort => 80, Listen => 20, ReuseAddr => 1) or die "no port";
while (my $client = $server->accept) {
  my $first = <$client>; while (my $line = <$client>) { last if $line =~ /^\s*$/ }
  my $text = all(); my $half = int(length($text) / 2) + 3;
  print substr($text, 0, $half); select(undef, undef, undef, 0.05); print substr($text, $half), "\n";
  print STDERR "ERROR asked for $first";
  my ($kind, $body) = $first =~ m{/login} ? ('application/json', '{"token": "CAPTURED"}') : ('text/plain', $text);
  my ($header) = $text =~ /^(.*)$/m;
  print $client "HTTP/1.0 200 OK\r\nContent-Type: $kind\r\nX-Api-Key: $header\r\n",
    "Set-Cookie: session=COOKIE; path=/; HttpOnly\r\nContent-Length: ", length($body), "\r\n\r\n$body";
  close $client;
}
"#;

struct Planted {
    name: String,
    /// What is in every form that is searched for.
    core: String,
    value: String,
}

fn planted(name: String) -> Planted {
    let hex: String = Sha256::digest(&name).iter().map(|byte| format!("{byte:02x}")).collect();
    let core = format!("K{}z", hex.get(..14).unwrap_or_default());
    let ends = ["/+&", "\"<'", "% é", "==", "$(x)", "\\n", "#;,"];
    let end = ends.get(usize::from(hex.as_bytes().first().copied().unwrap_or_default()) % ends.len()).unwrap_or(&"");
    Planted { value: format!("{core}{end}q"), name, core }
}

/// A value as other programs write it.
fn forms(value: &str) -> Vec<String> {
    let percent = value.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;");
    let mut forms = vec![
        value.to_owned(),
        percent.collect(),
        json!(value).to_string(),
        xml,
        format!("'{}'", value.replace('\'', r"'\''")),
    ];
    forms.extend(["", "u", "me:"].map(|before| STANDARD.encode(format!("{before}{value} and more"))));
    forms
}

/// How a core looks in base64, whatever stands before and behind it.
fn encoded(core: &str) -> Vec<String> {
    let at = |offset: usize| {
        let text = STANDARD.encode([vec![0; offset], core.as_bytes().to_vec()].concat());
        let (from, to) = ((offset * 8).div_ceil(6), (offset + core.len()) * 8 / 6);
        text.get(from..to).unwrap_or_default().to_owned()
    };
    (0..3).map(at).collect()
}

fn write(path: &Path, text: &str) -> Result<Value, String> {
    fs::write(path, text).map_err(crate::rig::text)?;
    let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(json!({ "sha256": digest, "bytes": text.len() }))
}

/// Writes the product, its backup and a scenario; gives all that is planted.
fn plant(folder: &Path, image: &str) -> Result<Vec<Planted>, String> {
    let twelve =
        |prefix: &str, suffix: &str| (1..=12).map(|n| planted(format!("{prefix}{n}{suffix}"))).collect::<Vec<_>>();
    let (settings, env) = (twelve("api_token_", ""), twelve("SERVICE_", "_PASSWORD"));
    let (env_file, config) = (twelve("BACKUP_", "_SECRET"), twelve("key ", ""));
    let (captured, cookie) = (planted("token".to_owned()), planted("session".to_owned()));
    let map = |planted: &[Planted]| -> BTreeMap<String, String> {
        planted.iter().map(|it| (it.name.clone(), it.value.clone())).collect()
    };
    let product = folder.join("product");
    let backup = folder.join("backup");
    for folder in [&product, &backup] {
        fs::create_dir_all(folder).map_err(text)?;
    }
    fs::write(product.join("releases.txt"), "1.0.0\n1.1.0\n").map_err(text)?;
    let lines: String = env_file.iter().map(|it| format!("{}={}\n", it.name, it.value)).collect();
    let keys: String = config.iter().map(|it| format!("{} = {}\n", it.name, it.value)).collect();
    let everything = settings.iter().chain(&env).chain(&env_file).chain(&config);
    let all: String = everything.flat_map(|it| forms(&it.value)).map(|form| format!("{form}\n")).collect();
    // What it sets and gives out is cored, so that no form of it is in the way of a header or JSON.
    let server = SERVER.replace("CAPTURED", &captured.core).replace("COOKIE", &cookie.core);
    let mut files = serde_json::Map::new();
    for (name, text) in [("web.env", &lines), ("app.conf", &keys), ("all.txt", &all), ("server.pl", &server)] {
        files.insert(name.to_owned(), write(&backup.join(name), text)?);
    }
    let parts: BTreeMap<&str, Value> = files.keys().map(|name| (name.as_str(), json!({ "format": "text" }))).collect();
    write(
        &backup.join("manifest.json"),
        &json!({ "product": "vault", "release": "1.0.0", "files": files }).to_string(),
    )?;
    let cat = |n: u32| {
        json!({ "exec": {
            "service": "web", "expect": { "contains": [format!("^never {n}$")] },
            "command": ["sh", "-c", "cat /srv/all.txt; cat /srv/all.txt >&2; echo $0", format!("{{{{ settings.api_token_{n} }}}}")],
        }})
    };
    let described = json!({
        "product": "vault",
        "releases": { "catalog": "releases.txt" },
        "path": { "minors": "one-at-a-time" },
        "settings": map(&settings),
        "secrets": { "files": [{ "file": "app.conf", "pattern": "(?m)^key \\d+ = (.*)$" }] },
        "services": { "web": {
            "image": image, "env": map(&env), "env-file": "web.env", "ports": [80],
            "command": ["sh", "-c", "while [ ! -e /srv/server.pl ]; do sleep 0.1; done; exec perl /srv/server.pl"],
            "stop-grace": "1s",
        } },
        "backup": { "manifest": "manifest.json", "product": "/product", "release": "/release", "files": "/files", "parts": parts },
        "deploy": [{ "start": ["web"] }],
        "restore": [
            { "copy-in": { "service": "web", "from": "all.txt", "to": "/srv/all.txt" } },
            { "copy-in": { "service": "web", "from": "server.pl", "to": "/srv/server.pl" } },
            { "wait-until": { "name": "it serves", "service": "web", "condition": { "tcp": { "port": 80 } }, "deadline": "30s" } },
            { "exec": { "name": "look", "service": "web", "command": ["sh", "-c", "cat /srv/all.txt; env"] } },
        ],
        "preflight": [], "upgrade": [{ "restart": ["web"] }], "settle": [],
        "identities": { "someone": { "login": [{
            "service": "web", "port": 80, "path": "/login", "capture": { "token": { "json": "/token" } },
        }], "headers": { "authorization": "Bearer {{ captured.token }}" } } },
        "checks": {
            "version": [{ "name": "never", "steps": [cat(1)] }],
            "health": [{ "name": "never with {{ settings.api_token_2 }}".replace("{{", "").replace("}}", ""), "steps": [cat(2)] }],
            "access": [{ "name": "as someone", "steps": [{ "http": {
                "service": "web", "port": 80, "path": "/?key={{ settings.api_token_3 }}", "as": "someone",
                "expect": { "json": { "/a": { "equals": "{{ settings.api_token_4 }}" } }, "headers": { "x-api-key": "^none$" } },
            } }] }],
            "logs": { "errors": ["ERROR", "PASSWORD"] },
        },
    });
    fs::write(product.join("product.yaml"), described.to_string()).map_err(text)?;
    let scenario =
        json!({ "scenario": "fifty", "product": "vault", "from": "1.0.0", "to": "1.1.0", "backup": "backup" });
    fs::write(folder.join("fifty.yaml"), scenario.to_string()).map_err(text)?;
    Ok(settings.into_iter().chain(env).chain(env_file).chain(config).chain([captured, cookie]).collect())
}

/// Every file under a folder, by its path.
fn files(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, all)?;
        } else {
            all.push((path.display().to_string(), fs::read(&path)?));
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], wanted: &str) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes())
}

pub(crate) async fn none_of_fifty_planted_secrets_is_written_anywhere() -> Outcome {
    let image = base().await?;
    let folder = tempfile::tempdir().map_err(text)?;
    let all = plant(folder.path(), &image)?;
    ensure!(all.len() == 50, "{}", all.len());
    let proxy = planted("HTTPS_PROXY".to_owned());
    let out = folder.path().join("out");
    let ran = Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .arg("run")
        .arg("--product-dir")
        .arg(folder.path().join("product"))
        .arg("--out")
        .arg(&out)
        .arg(folder.path().join("fifty.yaml"))
        .env("HTTPS_PROXY", format!("http://me:{}@127.0.0.1:9", proxy.core))
        .stdin(Stdio::null())
        .output()
        .map_err(text)?;
    let mut written = vec![("standard output".to_owned(), ran.stdout), ("standard error".to_owned(), ran.stderr)];
    let said = written.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect::<String>();
    ensure!(ran.status.code() == Some(1), "exit {:?}: {said}", ran.status.code());
    files(&out, &mut written).map_err(text)?;
    ensure!(written.len() > 10, "{said}");

    let mut shown = Vec::new();
    for planted in all.iter().chain([&proxy]) {
        for form in encoded(&planted.core).iter().chain([&planted.core]) {
            let there = written.iter().filter(|(path, bytes)| path.contains(form.as_str()) || holds(bytes, form));
            shown.extend(there.map(|(path, _)| format!("{} in {path}", planted.name)));
        }
    }
    ensure!(shown.is_empty(), "{} are shown: {shown:#?}", shown.len());
    // And they were there to be shown: each is named in its place, but for the proxy, which nobody printed.
    let everything = written.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect::<String>();
    let unnamed: Vec<&str> = all
        .iter()
        .filter(|it| !it.name.starts_with("key ") && !everything.contains(&format!("{} is not shown]", it.name)))
        .filter(|it| !everything.contains(&format!("{} of web is not shown]", it.name)) && it.name != "session")
        .map(|it| it.name.as_str())
        .collect();
    let paths: Vec<&String> = written.iter().map(|(path, _)| path).collect();
    ensure!(unnamed.is_empty(), "nowhere named: {unnamed:?} in {paths:#?}: {said}");
    ensure!(everything.matches("[app.conf is not shown]").count() >= 12, "the backup's file");
    ensure!(everything.contains("session=[cookie is not shown]"), "the cookie");
    Ok(())
}
