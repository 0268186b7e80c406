//! The program in a container of the engine that it uses, as CI jobs run it: with the engine's socket mounted.

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
    WaitContainerOptions,
};
use futures_util::StreamExt;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::rig::*;

/// A web server in the Perl that every Debian has.
const SERVER: &str = r#"use IO::Socket::INET; $| = 1; print "it serves\n";
my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 9, ReuseAddr => 1) or die $!;
while (my $c = $s->accept) { while (my $l = <$c>) { last if $l =~ /^\s*$/ }
print "asked\n"; print $c "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"; close $c }"#;

fn plant(folder: &std::path::Path, image: &str) -> Outcome {
    let (product, backup) = (folder.join("product"), folder.join("backup"));
    for folder in [&product, &backup] {
        std::fs::create_dir_all(folder).map_err(text)?;
    }
    let digest: String = Sha256::digest("a dump").iter().map(|byte| format!("{byte:02x}")).collect();
    let files = json!({ "dump": { "sha256": digest } });
    let manifest = json!({ "product": "page", "release": "1.0.0", "files": files });
    let page = json!([{ "name": "page", "steps": [{ "http": {
        "service": "web", "port": 80, "path": "/", "expect": { "contains": ["hello"] },
    } }] }]);
    let described = json!({
        "product": "page",
        "releases": { "catalog": "releases.txt" },
        "path": { "minors": "one-at-a-time" },
        "services": { "web": {
            "image": image, "command": ["perl", "-e", SERVER], "ports": [80], "stop-grace": "1s",
            "ready": { "http": { "port": 80, "path": "/" } },
        } },
        "backup": { "manifest": "manifest.json", "product": "/product", "release": "/release", "files": "/files",
            "parts": { "dump": { "format": "text" } } },
        "deploy": [{ "start": ["web"] }], "restore": [], "preflight": [], "upgrade": [{ "restart": ["web"] }], "settle": [],
        "checks": { "version": page, "health": page, "access": [], "logs": { "errors": ["ERROR"] } },
    });
    let scenario =
        json!({ "scenario": "contained", "product": "page", "from": "1.0.0", "to": "1.1.0", "backup": "backup" });
    for (path, content) in [
        (backup.join("dump"), "a dump".to_owned()),
        (backup.join("manifest.json"), manifest.to_string()),
        (product.join("releases.txt"), "1.0.0\n1.1.0\n".to_owned()),
        (product.join("product.yaml"), described.to_string()),
        (folder.join("contained.yaml"), scenario.to_string()),
    ] {
        std::fs::write(path, content).map_err(text)?;
    }
    Ok(())
}

pub(crate) async fn a_run_in_a_container_with_the_engines_socket_reaches_what_it_starts() -> Outcome {
    let image = base().await?;
    let folder = tempfile::tempdir().map_err(text)?;
    plant(folder.path(), &image)?;
    let docker = bollard::Docker::connect_with_defaults().map_err(text)?;
    let socket = std::env::var("DOCKER_HOST").ok().and_then(|host| Some(host.strip_prefix("unix://")?.to_owned()));
    let socket = socket.unwrap_or_else(|| "/var/run/docker.sock".to_owned());
    let words = [
        "/rehearse",
        "run",
        "--product-dir",
        "/rehearsal/product",
        "--out",
        "/rehearsal/out",
        "/rehearsal/contained.yaml",
    ];
    let body = ContainerCreateBody {
        image: Some(image),
        cmd: Some(words.map(str::to_owned).to_vec()),
        host_config: Some(HostConfig {
            binds: Some(vec![
                format!("{socket}:/var/run/docker.sock"),
                format!("{}:/rehearse:ro", env!("CARGO_BIN_EXE_rehearse")),
                format!("{}:/rehearsal", folder.path().display()),
            ]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let name = format!("rehearse-test-{}", run_id());
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let id = docker.create_container(Some(options), body).await.map_err(text)?.id;
    let ran = async {
        docker.start_container(&id, None::<StartContainerOptions>).await.map_err(text)?;
        let ended = docker.wait_container(&id, None::<WaitContainerOptions>).next().await;
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        let said: Vec<_> = docker.logs(&id, Some(options)).collect().await;
        let said: String = said.into_iter().flatten().map(|line| line.to_string()).collect();
        match ended {
            Some(Ok(ended)) if ended.status_code == 0 => Ok(()),
            ended => Err(format!("{ended:?}: {said}")),
        }
    };
    let ran = ran.await;
    let force = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    docker.remove_container(&id, Some(force)).await.map_err(text)?;
    ran?;
    ensure!(folder.path().join("out/junit.xml").exists(), "no report");
    Ok(())
}
