//! A container engine that has labelled things, and can only list, weigh and remove them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rehearse::docker::Owner;
use serde_json::{Value, json};

use super::Tried;

#[derive(Debug, Clone)]
struct Thing {
    /// As in the engine's paths: `containers`.
    kind: &'static str,
    name: String,
    labels: Value,
}

/// The engine, and what it has.
pub(crate) struct FakeEngine {
    pub(crate) address: String,
    things: Arc<Mutex<Vec<Thing>>>,
}

/// A moment so many seconds from now.
fn from_now(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().saturating_add_signed(seconds).to_string()
}

fn locked(things: &Mutex<Vec<Thing>>) -> MutexGuard<'_, Vec<Thing>> {
    things.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeEngine {
    pub(crate) fn start() -> Tried<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("tcp://{}", listener.local_addr()?);
        let things: Arc<Mutex<Vec<Thing>>> = Arc::default();
        let shared = Arc::clone(&things);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let things = Arc::clone(&shared);
                std::thread::spawn(move || while respond(&stream, &things).is_some() {});
            }
        });
        Ok(Self { address, things })
    }

    /// Adds a container, a network and a volume of a run whose process is `owner`, whose lease ends an hour from now.
    pub(crate) fn add(&self, run: &str, owner: &Owner) {
        for (kind, name) in [("containers", "web"), ("networks", "net"), ("volumes", "data")] {
            self.add_thing(run, owner, kind, name, None);
        }
    }

    /// Marks a run as kept, with a lease that ends so many seconds from now.
    pub(crate) fn mark(&self, run: &str, owner: &Owner, lease: i64) {
        self.add_thing(run, owner, "volumes", "kept", Some(lease));
    }

    fn add_thing(&self, run: &str, owner: &Owner, kind: &'static str, name: &str, kept: Option<i64>) {
        let mut labels = json!({
            "org.rehearse.run": run, "org.rehearse.scenario": "shop-grows",
            "org.rehearse.owner-pid": owner.pid.to_string(), "org.rehearse.owner-host": owner.host,
            "org.rehearse.owner-start": owner.start, "org.rehearse.expires": from_now(3600),
        });
        if let Some(seconds) = kept {
            labels["org.rehearse.kept-until"] = from_now(seconds).into();
        }
        locked(&self.things).push(Thing { kind, name: format!("{run}-{name}"), labels });
    }

    /// How many things of a run are left.
    pub(crate) fn has(&self, run: &str) -> usize {
        locked(&self.things).iter().filter(|thing| thing.labels["org.rehearse.run"] == run).count()
    }
}

/// Reads a request and responds; `None` if there is no more on this connection.
fn respond(stream: &TcpStream, things: &Mutex<Vec<Thing>>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.by_ref().take(length).read_to_end(&mut Vec::new()).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?.trim_start_matches('/');
    // The version of the interface comes first, if any.
    let parts: Vec<&str> = path.split('/').filter(|part| !part.starts_with("v1.")).collect();
    let (status, body) = answer(method, &parts, &mut locked(things));
    let mut stream = stream;
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()
}

fn answer(method: &str, parts: &[&str], things: &mut Vec<Thing>) -> (&'static str, String) {
    let of = |kind: &str| things.iter().filter(|thing| thing.kind == kind).cloned().collect::<Vec<_>>();
    let body = match (method, parts) {
        ("DELETE", [kind, name]) => {
            things.retain(|thing| thing.kind != *kind || thing.name != *name);
            return ("204 No Content", String::new());
        }
        (_, ["_ping"]) => return ("200 OK", "OK".to_owned()),
        (_, ["containers", "json"]) => {
            let all = of("containers").into_iter();
            all.map(|it| json!({ "Id": it.name, "Names": [format!("/{}", it.name)], "Labels": it.labels })).collect()
        }
        (_, ["networks"]) => of("networks")
            .into_iter()
            .map(|it| json!({ "Id": it.name, "Name": it.name, "Labels": it.labels }))
            .collect(),
        (_, ["volumes"]) => {
            let volume = |it: Thing| json!({ "Name": it.name, "Labels": it.labels, "Driver": "local", "Mountpoint": "/x", "Options": {}, "Scope": "local" });
            json!({ "Volumes": of("volumes").into_iter().map(volume).collect::<Value>(), "Warnings": [] })
        }
        (_, ["system", "df"]) => {
            let volume = |it: Thing| json!({ "Name": it.name, "UsageData": { "Size": 4 << 20, "RefCount": 1 } });
            let container = |it: Thing| json!({ "Names": [format!("/{}", it.name)], "SizeRw": 1 << 20, "Mounts": [] });
            json!({
                "Containers": of("containers").into_iter().map(container).collect::<Value>(),
                "Volumes": of("volumes").into_iter().map(volume).collect::<Value>(),
            })
        }
        (_, ["info" | "version"]) => json!({}),
        _ => return ("404 Not Found", json!({ "message": parts.join("/") }).to_string()),
    };
    ("200 OK", body.to_string())
}
