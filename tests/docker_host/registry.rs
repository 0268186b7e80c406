//! Pulls from a fake registry on this machine's loopback, which supports only what a pull needs. It shows how the engine and
//! we handle its responses, but nothing about certificates, tokens or the limits of a real registry.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;
use rehearse::docker::Owner;
use rehearse::engine::host::{ImageRequest, Images};
use rehearse_core::outcome::note::ImageOrigin;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::images::forget;
use crate::rig::*;

/// How the fake registry responds to a request for a manifest.
#[derive(Clone, Copy)]
enum Behaviour {
    /// With a server error this many times, then with the manifest.
    ServerError(usize),
    /// With an error that its limit is reached.
    Limited,
    /// With the manifest, but only after a login.
    Private,
}

const LOGIN: &str = "Basic bWU6YSBzZWNyZXQgd29yZA==";

struct Registry {
    behaviour: Behaviour,
    manifest_requests: AtomicUsize,
    blobs: HashMap<String, Vec<u8>>,
    manifest: Vec<u8>,
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Registry {
    /// An image with one file, different for each name.
    fn new(behaviour: Behaviour, name: &str) -> std::io::Result<Self> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(name.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "name", name.as_bytes())?;
        let layer = tar.into_inner()?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&layer)?;
        let packed = packed.finish()?;
        let machine = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
        let config = serde_json::json!({
            "architecture": machine, "os": "linux", "config": { "Cmd": ["/name"] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, bytes: &[u8]| {
            let kind = format!("application/vnd.docker.{kind}");
            serde_json::json!({ "mediaType": kind, "size": bytes.len(), "digest": digest(bytes) })
        };
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": part("container.image.v1+json", &config), "layers": [part("image.rootfs.diff.tar.gzip", &packed)],
        });
        let blobs = [config, packed].into_iter().map(|bytes| (digest(&bytes), bytes)).collect();
        Ok(Self {
            behaviour,
            manifest_requests: AtomicUsize::new(0),
            blobs,
            manifest: manifest.to_string().into_bytes(),
        })
    }

    fn response(&self, path: &str, login: Option<&str>) -> (&'static str, &'static str, Vec<u8>) {
        if matches!(self.behaviour, Behaviour::Private) && login != Some(LOGIN) {
            return ("401 Unauthorized", "Www-Authenticate: Basic realm=\"here\"", b"{}".to_vec());
        }
        if let Some((_, name)) = path.split_once("/blobs/") {
            return match self.blobs.get(name) {
                Some(bytes) => ("200 OK", "Content-Type: application/octet-stream", bytes.clone()),
                None => ("404 Not Found", "Content-Type: application/json", b"{}".to_vec()),
            };
        }
        if !path.contains("/manifests/") {
            return ("200 OK", "Docker-Distribution-Api-Version: registry/2.0", b"{}".to_vec());
        }
        let number = self.manifest_requests.fetch_add(1, Ordering::Relaxed);
        match self.behaviour {
            Behaviour::ServerError(times) if number < times => {
                ("503 Service Unavailable", "X-Trouble: yes", Vec::new())
            }
            Behaviour::Limited => {
                let text =
                    br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
                ("429 Too Many Requests", "Content-Type: application/json", text.to_vec())
            }
            Behaviour::ServerError(_) | Behaviour::Private => {
                let kind = "Content-Type: application/vnd.docker.distribution.manifest.v2+json";
                ("200 OK", kind, self.manifest.clone())
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut first, mut login) = (String::new(), None);
            if stream.read_line(&mut first).await? == 0 {
                return Ok(());
            }
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await?;
                match line.trim_end().split_once(": ") {
                    Some((name, value)) if name.eq_ignore_ascii_case("authorization") => login = Some(value.to_owned()),
                    Some(_) => {}
                    None => break,
                }
            }
            let path = first.split(' ').nth(1).unwrap_or_default();
            let (status, header, body) = self.response(path, login.as_deref());
            let named = digest(&body);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\n{header}\r\nDocker-Content-Digest: {named}\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            if !first.starts_with("HEAD") {
                stream.write_all(&body).await?;
            }
        }
    }
}

/// Starts a fake registry; returns its address and itself.
async fn registry(behaviour: Behaviour) -> Result<(String, Arc<Registry>), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(text)?;
    let address = listener.local_addr().map_err(text)?.to_string();
    let registry = Arc::new(Registry::new(behaviour, &address).map_err(text)?);
    let serving = Arc::clone(&registry);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&serving).serve(stream));
        }
    });
    Ok((address, registry))
}

pub(crate) async fn a_pull_is_tried_again_after_a_server_error() -> Outcome {
    let (address, registry) = registry(Behaviour::ServerError(2)).await?;
    let (host, _folder) = host(Owner::current(), recipes(&[])?).await?;
    let wanted = ImageRequest { name: format!("{address}/shop/web:1"), holds: None };
    let lines = Mutex::new(Vec::new());
    let progress = |line: String| lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    let image = host.obtain(&wanted, &progress).await.map_err(chain)?;
    ensure!(image.origin == ImageOrigin::Pulled, "{image:?}");
    ensure!(registry.manifest_requests.load(Ordering::Relaxed) >= 3, "{:?}", registry.manifest_requests);
    let lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
    let again = lines
        .iter()
        .filter(|line| line.contains("the registry has an internal error") && line.contains("again in"))
        .count();
    // An engine may request the manifest several times within one pull.
    ensure!(again >= 1, "{lines:?}");
    forget(&image.id).await
}

pub(crate) async fn a_pull_limit_is_reported() -> Outcome {
    let (address, registry) = registry(Behaviour::Limited).await?;
    let (host, _folder) = host(Owner::current(), recipes(&[])?).await?;
    let wanted = ImageRequest { name: format!("{address}/shop/web:1"), holds: None };
    let error = host.obtain(&wanted, &|_| {}).await.err().map(chain).unwrap_or_default();
    ensure!(error.contains("the registry allows no more pulls for now; log in"), "{error}");
    ensure!(registry.manifest_requests.load(Ordering::Relaxed) >= 4, "{:?} requests", registry.manifest_requests);
    Ok(())
}

pub(crate) async fn a_private_registry_gets_the_login_of_the_docker_client() -> Outcome {
    let (address, _) = registry(Behaviour::Private).await?;
    let wanted = ImageRequest { name: format!("{address}/shop/web:1"), holds: None };
    let (host, _folder) = host(Owner::current(), recipes(&[])?).await?;
    let error = host.obtain(&wanted, &|_| {}).await.err().map(chain).unwrap_or_default();
    ensure!(error.contains("`docker login`"), "{error}");

    let folder = tempfile::tempdir().map_err(text)?;
    let config = folder.path().join("config.json");
    let login = LOGIN.trim_start_matches("Basic ");
    let logins = serde_json::json!({ "auths": { address: { "auth": login } } });
    std::fs::write(&config, logins.to_string()).map_err(text)?;
    let (host, redactor) = host_with_logins(config, folder.path()).await?;
    let image = host.obtain(&wanted, &|_| {}).await.map_err(chain)?;
    ensure!(image.origin == ImageOrigin::Pulled, "{image:?}");
    let mut reported = "password: a secret word".to_owned();
    redactor.clean(&mut reported);
    ensure!(!reported.contains("secret word"), "{reported}");
    forget(&image.id).await
}
