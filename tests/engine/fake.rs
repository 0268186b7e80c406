//! The host and the observer of the scripted world. Normally everything works, and a service holds the release of its image.
#![expect(clippy::wildcard_enum_match_arm, reason = "a behaviour that a call does not support counts as normal")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rehearse::engine::host::{
    Command, Commands, Deployments, Files, HostError, ImageRequest, Images, InstanceRef, Interactive, Interferences,
    Leftover, Logs, ObtainedImage, ServiceState, Services, Sink, Stdin, Stream, Volumes,
};
use rehearse::engine::observer::{DatabaseTarget, HttpRequest, Observer, RequestBody};
use rehearse::observers::read_tree;
use rehearse_core::check::LogScanner;
use rehearse_core::deployment::ServiceSpec;
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{
    DataState, FileTree, HttpResponse, LogReview, Response, Rows, SqlRefusal, TableQuery,
};
use rehearse_core::outcome::note::ImageOrigin;
use rehearse_core::outcome::verdict::{Interference, InterferenceKind};
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::bytes::Bytes;

use super::scripted::{Behaviour, ScriptedWorld, body, cannot, key, left, print, things};

/// The scripted world as a host and an observer.
#[derive(Debug, Clone)]
pub(crate) struct Fake(pub(crate) Arc<ScriptedWorld>);

/// The name of a file of the backup, wherever its folder is.
fn called(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Fake {
    async fn simple(&self, operation: &'static str, object: String) -> Result<Behaviour, HostError> {
        match self.0.call(format!("{operation} {object}")).await {
            Behaviour::Error(reason) => Err(cannot(operation, object, reason)),
            behaviour => Ok(behaviour),
        }
    }

    async fn ended(behaviour: Behaviour, default_output: String, sink: &mut dyn Sink) -> i64 {
        match behaviour {
            Behaviour::Prints(pieces, exit) => {
                let mut now = 0;
                for (at, piece) in pieces {
                    tokio::time::sleep(Duration::from_millis(at - now)).await;
                    now = *at;
                    sink.take(Stream::Out, piece.as_bytes());
                }
                match exit {
                    Some(code) => code,
                    None => std::future::pending().await,
                }
            }
            Behaviour::Exit(code, text) => {
                sink.take(Stream::Out, text.as_bytes());
                code
            }
            _ => {
                sink.take(Stream::Out, default_output.as_bytes());
                0
            }
        }
    }
}

impl Images for Fake {
    async fn obtain(
        &self,
        wanted: &ImageRequest,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<ObtainedImage, HostError> {
        let name = wanted.name.clone();
        progress("looking for it".to_owned());
        let release = match self.0.call(format!("obtain {name}")).await {
            Behaviour::Error(reason) => {
                return Err(HostError::Image { image: name, reason: reason.to_owned(), source: None });
            }
            Behaviour::Holds(release) => Some(release.to_owned()),
            Behaviour::Prints(lines, _) => {
                let began = Instant::now();
                for (at, line) in lines {
                    tokio::time::sleep_until(began + Duration::from_millis(*at)).await;
                    progress((*line).to_owned());
                }
                name.strip_prefix("shop:").map(str::to_owned)
            }
            _ => name.strip_prefix("shop:").map(str::to_owned),
        };
        let id = format!("id of {name}");
        if let Some(release) = &release {
            self.0.inner().holds.insert(id.clone(), release.clone());
        }
        let release = release.and_then(|release| release.parse().ok());
        Ok(ObtainedImage { name, id, origin: ImageOrigin::Found, release, provenance: "fake".to_owned() })
    }
}

impl Deployments for Fake {
    async fn open(&self, deployment: &DeploymentName) -> Result<(), HostError> {
        self.simple("open", deployment.to_string()).await.map(drop)
    }

    async fn apply(&self, deployment: &DeploymentName, specs: &[ServiceSpec]) -> Result<(), HostError> {
        for spec in specs {
            let name = key(deployment, &spec.name);
            if self.0.service(&name).is_some() {
                self.simple("remove", name.clone()).await?;
                self.0.inner().services.remove(&name);
            }
            self.simple("create", name.clone()).await?;
            self.0.create(&name, spec).map_err(|error| cannot("create", name, &error.to_string()))?;
        }
        Ok(())
    }

    async fn close(&self, deployment: &DeploymentName) -> Vec<Leftover> {
        self.0.call(format!("close {deployment}")).await;
        Vec::new()
    }

    async fn teardown(&self) -> Vec<Leftover> {
        match self.0.call("teardown".to_owned()).await {
            Behaviour::Leftover(name) => vec![left(name)],
            _ => Vec::new(),
        }
    }

    async fn keep(&self, lease: Duration) -> Result<(), HostError> {
        self.simple("keep", format!("for {lease:?}")).await.map(drop)
    }
}

impl Services for Fake {
    async fn start(&self, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
        let name = key(deployment, service);
        let behaviour = self.simple("start", name.clone()).await?;
        let Some(known) = self.0.service(&name) else { return Err(cannot("start", name, "there is none")) };
        self.0.set(&name, ServiceState::Running { health: None });
        let (lines, exit) = match behaviour {
            Behaviour::Prints(lines, exit) => (lines, exit),
            _ => (&[(0, "it starts")][..], None),
        };
        let world = self.0.clone();
        let script = async move {
            let mut now = 0;
            for (at, line) in lines {
                tokio::time::sleep(Duration::from_millis(at - now)).await;
                now = *at;
                drop(print(&known.log, line));
            }
            if let Some(code) = exit {
                world.set(&name, ServiceState::Exited { code, out_of_memory: false });
            }
        };
        if lines.iter().all(|(at, _)| *at == 0) {
            script.await;
        } else {
            tokio::spawn(script);
        }
        Ok(())
    }

    async fn stop(&self, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
        let name = key(deployment, service);
        let behaviour = self.simple("stop", name.clone()).await?;
        if !matches!(behaviour, Behaviour::KeepsRunning) && self.0.runs(&name) {
            self.0.set(&name, ServiceState::Exited { code: 0, out_of_memory: false });
        }
        Ok(())
    }

    async fn state(&self, instance: &InstanceRef) -> Result<ServiceState, HostError> {
        let name = key(&instance.deployment, &instance.service);
        self.simple("state", name.clone()).await?;
        Ok(self.0.service(&name).map_or(ServiceState::Absent, |service| service.state))
    }

    async fn memory(&self, instance: &InstanceRef) -> Result<u64, HostError> {
        let name = key(&instance.deployment, &instance.service);
        match self.simple("memory", name.clone()).await? {
            Behaviour::Holds(bytes) => bytes.parse().map_err(|_| cannot("memory", name, "no number")),
            _ => Ok(64 << 20),
        }
    }

    async fn address(&self, instance: &InstanceRef, port: u16) -> Result<SocketAddr, HostError> {
        let name = key(&instance.deployment, &instance.service);
        self.simple("address", format!("{name}:{port}")).await?;
        match self.0.service(&name) {
            Some(service) => Ok(SocketAddr::from(([127, 0, 0, 1], service.port))),
            None => Err(cannot("address", name, "there is none")),
        }
    }

    fn exited(&self) -> impl Future<Output = ()> + Send {
        let exited = self.0.exits.as_ref().map(tokio::sync::Notify::notified);
        async {
            match exited {
                Some(exited) => exited.await,
                None => std::future::pending().await,
            }
        }
    }
}

impl Commands for Fake {
    async fn exec(&self, instance: &InstanceRef, command: &Command, sink: &mut dyn Sink) -> Result<i64, HostError> {
        let name = key(&instance.deployment, &instance.service);
        let argv = command.argv.join(" ");
        let stdin = match &command.stdin {
            Some(Stdin::File(file)) => format!(" < {}", file.file_name().unwrap_or_default().display()),
            Some(Stdin::Bytes(_)) | None => String::new(),
        };
        let behaviour = self.simple("exec", format!("{name}: {argv}{stdin}")).await?;
        if !self.0.runs(&name) {
            return Err(cannot("exec in", name, "it does not run"));
        }
        let image = self.0.service(&name).map(|service| service.image).unwrap_or_default();
        let default_output = match argv.as_str() {
            "cat VERSION" => self.0.inner().holds.get(&image).cloned().unwrap_or_default(),
            "ls migrations" => "1_first\n2_second\n".to_owned(),
            _ => String::new(),
        };
        Ok(Self::ended(behaviour, default_output, sink).await)
    }

    async fn interact(&self, instance: &InstanceRef, _: &Command) -> Result<Interactive, HostError> {
        Err(cannot("speak to a command in", instance.service.clone(), "the fake has none"))
    }

    async fn run(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
        sink: &mut dyn Sink,
    ) -> Result<i64, HostError> {
        let name = key(deployment, &spec.name);
        self.0.inner().specs.push((format!("run {name}"), spec.clone()));
        let argv = spec.command.clone().unwrap_or_default().join(" ");
        let behaviour = self.simple("run", format!("{name}: {argv}")).await?;
        Ok(Self::ended(behaviour, String::new(), sink).await)
    }

    async fn endings(&self) -> Vec<String> {
        self.0.call("endings".to_owned()).await;
        Vec::new()
    }
}

impl Files for Fake {
    async fn copy_in_archive(&self, instance: &InstanceRef, file: &Path, to: &str) -> Result<(), HostError> {
        self.simple("unpack", format!("{} {}:{to}", called(file), key(&instance.deployment, &instance.service)))
            .await
            .map(drop)
    }

    async fn copy_in_file(&self, instance: &InstanceRef, file: &Path, to: &str) -> Result<(), HostError> {
        self.simple("copy-in", format!("{} {}:{to}", called(file), key(&instance.deployment, &instance.service)))
            .await
            .map(drop)
    }

    async fn copy_out_file(&self, instance: &InstanceRef, from: &str, _: &Path) -> Result<bool, HostError> {
        self.simple("copy-out", format!("{}:{from}", key(&instance.deployment, &instance.service))).await.map(|_| false)
    }
}

impl Volumes for Fake {
    async fn read_volume(
        &self,
        deployment: &DeploymentName,
        volume: &str,
        _: &str,
        to: mpsc::Sender<Bytes>,
    ) -> Result<(), HostError> {
        let object = format!("{deployment}/{volume}");
        let files = match self.simple("read volume", object.clone()).await? {
            Behaviour::Files(files) => files,
            _ => &[("1.png", "a picture")],
        };
        let archive = archive(files).map_err(|error| cannot("read volume", object, &error.to_string()))?;
        drop(to.send(archive.into()).await);
        Ok(())
    }
}

/// A volume with these files, as a tar archive.
fn archive(files: &[(&str, &str)]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut root = tar::Header::new_gnu();
    root.set_entry_type(tar::EntryType::Directory);
    root.set_size(0);
    root.set_mode(0o755);
    root.set_uid(0);
    root.set_gid(0);
    archive.append_data(&mut root, "volume/", std::io::empty())?;
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(33);
        header.set_gid(33);
        archive.append_data(&mut header, format!("volume/{path}"), content.as_bytes())?;
    }
    archive.into_inner()
}

impl Logs for Fake {
    fn log_file(&self, instance: &InstanceRef) -> Option<PathBuf> {
        self.0.service(&key(&instance.deployment, &instance.service)).map(|service| service.log)
    }

    async fn logs_written(&self) {}
}

impl Interferences for Fake {
    async fn interfered(&self) {
        loop {
            let notified = self.0.interfered.notified();
            {
                let inner = self.0.inner();
                if inner.interferences.1 < inner.interferences.0.len() {
                    return;
                }
            }
            notified.await;
        }
    }

    async fn interferences(&self) -> Vec<Interference> {
        self.0.call("look around".to_owned()).await;
        let mut inner = self.0.inner();
        let (all, returned) = &mut inner.interferences;
        let new = all[*returned..].to_vec();
        *returned = all.len();
        let foreign_commands = inner.foreign_commands.drain(..).map(|command| Interference {
            kind: InterferenceKind::ContainerTouched,
            object: "service web".to_owned(),
            observed: command,
            remedy: String::new(),
        });
        new.into_iter().chain(foreign_commands).collect()
    }

    fn foreign_commands(&self) -> Vec<String> {
        self.0.inner().foreign_commands.drain(..).collect()
    }
}

impl Observer for Fake {
    async fn http(&self, request: HttpRequest) -> Response {
        let name = self.0.at(request.address);
        let (method, path, limit) = (request.method, request.path.clone(), request.deadline);
        let query = match &request.body {
            Some(RequestBody::Json(body)) => {
                body["query"].as_str().map(|query| format!(" {query}")).unwrap_or_default()
            }
            Some(RequestBody::Form(_) | RequestBody::Text(_)) | None => String::new(),
        };
        let who = request.headers.get("x-who").map(|who| format!(" as {who}")).unwrap_or_default();
        self.0.inner().requests.push(request);
        let began = Instant::now();
        let call = self.0.call(format!("http {name} {method} {path}{query}{who}"));
        let Ok(behaviour) = tokio::time::timeout(limit, call).await else {
            return Response::NoResponse { reason: format!("no response within {limit:?}") };
        };
        let response = |status, text: &str| {
            Response::Http(HttpResponse { status, headers: Default::default(), body: body(text), took: Duration::ZERO })
        };
        match behaviour {
            Behaviour::Error(reason) => Response::ProbeError { reason: reason.to_owned() },
            Behaviour::NoResponse => Response::NoResponse { reason: "connection reset".to_owned() },
            Behaviour::Http(status, text) => response(status, text),
            Behaviour::Page(media, text) => {
                let headers = BTreeMap::from([("content-type".to_owned(), media.to_owned())]);
                Response::Http(HttpResponse { status: 200, headers, body: body(text), took: began.elapsed() })
            }
            Behaviour::Redirect(to) => {
                let headers = BTreeMap::from([("location".to_owned(), to.to_owned())]);
                Response::Http(HttpResponse { status: 302, headers, body: body(""), took: began.elapsed() })
            }
            _ if !self.0.runs(&name) => Response::NoResponse { reason: "connection refused".to_owned() },
            _ => response(200, &format!("{path} is fine")),
        }
    }

    async fn rows(&self, target: &DatabaseTarget, sql: &str) -> Response {
        let rows = |values: &[&str]| {
            Response::Rows(Rows { rows: values.iter().map(|value| vec![Some((*value).to_owned())]).collect() })
        };
        match self.0.call(format!("rows {}: {sql}", target.instance.deployment)).await {
            Behaviour::Error(reason) => Response::ProbeError { reason: reason.to_owned() },
            Behaviour::NoResponse => Response::NoResponse { reason: "connection reset".to_owned() },
            Behaviour::Rejected(reason) => Response::Rejected(SqlRefusal {
                sqlstate: "42P01".to_owned(),
                number: None,
                message: reason.to_owned(),
            }),
            Behaviour::Rows(values) => rows(values),
            Behaviour::Counts(number) => rows(&[&number.now().to_string()]),
            _ if sql.contains("from migrations") => rows(&["1", "2"]),
            _ => rows(&["1"]),
        }
    }

    async fn tables(&self, target: &DatabaseTarget, _: &TableQuery) -> Result<DataState, String> {
        match self.0.call(format!("tables {}", target.instance.deployment)).await {
            Behaviour::Error(reason) => Err(reason.to_owned()),
            Behaviour::Tables(tables) => Ok(tables),
            _ => Ok(things(3, "abc")),
        }
    }

    async fn sessions(&self, target: &DatabaseTarget) -> Result<u64, String> {
        match self.0.call(format!("sessions {}", target.instance.deployment)).await {
            Behaviour::Error(reason) => Err(reason.to_owned()),
            Behaviour::Sessions(count) => Ok(count),
            _ => Ok(0),
        }
    }

    async fn activity(&self, target: &DatabaseTarget) -> Result<Option<Activity>, String> {
        match self.0.call(format!("activity {}", target.instance.deployment)).await {
            Behaviour::Error(reason) => Err(reason.to_owned()),
            Behaviour::Activity(make) => Ok(Some(make())),
            _ => Ok(None),
        }
    }

    async fn files(&self, mut archive: mpsc::Receiver<Bytes>) -> Result<FileTree, String> {
        let mut bytes = Vec::new();
        while let Some(piece) = archive.recv().await {
            bytes.extend_from_slice(&piece);
        }
        read_tree(bytes.as_slice()).map_err(|error| error.to_string())
    }

    async fn log(&self, file: &Path, from: u64, mut scanner: LogScanner) -> Result<LogReview, String> {
        if let Behaviour::Error(reason) = self.0.call("log".to_owned()).await {
            return Err(reason.to_owned());
        }
        let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
        scanner.take(bytes.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default());
        Ok(scanner.finish())
    }
}
