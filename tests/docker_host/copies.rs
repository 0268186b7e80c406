//! Copies in and out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rehearse::engine::host::{Files, Services};

use crate::rig::*;

pub(crate) async fn copies_stream_through_a_created_container_in_flat_memory() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.mounts.push(volume("data", "/data/deep"));
    rig.apply(&spec).await?;
    let (there, back) = (rig.folder.path().join("there"), rig.folder.path().join("back"));
    noise(&there, 100)?;

    let before = resident();
    let peak = Arc::new(AtomicU64::new(0));
    let watch = Arc::clone(&peak);
    let watcher = tokio::spawn(async move {
        loop {
            watch.fetch_max(resident(), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    rig.host.copy_in_file(&rig.instance("box"), &there, "/data/deep/big").await.map_err(chain)?;
    let found = rig.host.copy_out_file(&rig.instance("box"), "/data/deep/big", &back).await.map_err(chain)?;
    watcher.abort();
    let grown = peak.load(Ordering::Relaxed).saturating_sub(before);
    ensure!(found && same(&there, &back)?, "what came back differs");
    // Other trials run beside it.
    ensure!(grown < 48, "{grown} MiB more for a copy of 100 MiB");

    rig.up(&spec).await?;
    let (_, size) = rig.sh("box", "stat -c '%s %a %u' /data/deep/big").await?;
    ensure!(size.trim() == format!("{} 644 0", 100 << 20), "it is not in the volume: {size}");
    rig.down().await
}

pub(crate) async fn an_archive_keeps_its_owners_and_may_be_compressed() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.mounts.push(volume("files", "/files"));
    rig.apply(&spec).await?;
    let archive = rig.folder.path().join("files.tar.gz");
    let file = std::fs::File::create(&archive).map_err(text)?;
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o640);
    header.set_uid(33);
    header.set_gid(33);
    builder.append_data(&mut header, "sub/one", b"one".as_slice()).map_err(text)?;
    builder.into_inner().map_err(text)?.finish().map_err(text)?;
    rig.host.copy_in_archive(&rig.instance("box"), &archive, "/files").await.map_err(chain)?;
    rig.host.start(&rig.main, "box").await.map_err(chain)?;
    let (_, seen) = rig.sh("box", "stat -c '%a %U %G' /files/sub/one; cat /files/sub/one").await?;
    ensure!(seen == "640 www-data www-data\none", "{seen}");
    // A running one as well, and no archive at all is an error.
    rig.host.copy_in_archive(&rig.instance("box"), &archive, "/tmp").await.map_err(chain)?;
    std::fs::write(&archive, "nonsense").map_err(text)?;
    let broken = rig.host.copy_in_archive(&rig.instance("box"), &archive, "/tmp").await;
    ensure!(broken.is_err(), "nonsense was unpacked");
    rig.down().await
}

pub(crate) async fn a_missing_file_or_folder_is_distinguished_from_a_failure() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let back = rig.folder.path().join("back");
    let found = rig.host.copy_out_file(&rig.instance("box"), "/no/such/file", &back).await.map_err(chain)?;
    ensure!(!found && !back.exists(), "a file that is not there");
    let linked = rig.host.copy_out_file(&rig.instance("box"), "/etc/os-release", &back).await.map_err(chain)?;
    let content = std::fs::read_to_string(&back).map_err(text)?;
    ensure!(linked && content.contains("Debian"), "{content}");
    let folder = rig.host.copy_out_file(&rig.instance("box"), "/etc", &back).await.err().map(chain).unwrap_or_default();
    ensure!(folder.contains("it is a folder, not a file"), "{folder}");
    let into =
        rig.host.copy_in_file(&rig.instance("box"), &back, "/no/such/file").await.err().map(chain).unwrap_or_default();
    ensure!(into.contains("there is no folder /no/such"), "{into}");
    rig.down().await
}
