//! Backups that are one archive: verified, and copied into a service as a whole.

use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use rehearse_core::outcome::verdict::{Exit, Outcome};

use super::case::{Rehearsal, RunResult, write};
use super::scripted::Fallible;

const FOLDER: &str = "  manifest: manifest.json
  product: /product
  release: /release
  files: /files
  parts: { dump.txt: { format: text }, web.env: { format: text } }
  rows: { at: /rows }
";

const ARCHIVE: &str = "  archive: { name: '^shop_(?P<release>[^_]+)_backup\\.tar$', format: tar }
  information: { file: about.yml, format: ruby-yaml, release: /shop_version, skipped: /skipped }
  parts:
    db.sql.gz: { name: database, format: pg-dump-sql-gzip, without: nothing is restored }
    pictures.tar.gz: { name: pictures, format: tar-gzip, skipped: pictures }
    registry.tar.gz: { name: registry, format: tar-gzip, need: usually, without: images are gone }
  beside:
    secrets.json: { name: secrets, format: text, without: nothing can be decrypted }
";

const LOAD: &str = "  - exec: { name: load, service: db, command: [load], stdin: dump.txt }\n";
const PUT: &str = "  - copy-in: { service: web, from: secrets.json, to: /etc/secrets.json }
  - copy-in: { service: db, from: archive, to: /backups/rehearsal_backup.tar }
  - unpack: { service: db, from: archive, to: /backups }
";

const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n";

fn gzip(content: &[u8]) -> Fallible<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut encoder, content)?;
    Ok(encoder.finish()?)
}

fn tar(files: &[(&str, Vec<u8>)]) -> Fallible<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content.as_slice())?;
    }
    Ok(builder.into_inner()?)
}

/// Writes an archive that states this release into the folder of the backup.
fn archive(folder: &Path, name: &str, about: &str) -> Fallible {
    let files = [
        ("about.yml", format!(":shop_version: {about}\n").into_bytes()),
        ("db.sql.gz", gzip(DUMP.as_bytes())?),
        ("pictures.tar.gz", gzip(&tar(&[("a.png", b"a picture".to_vec())])?)?),
    ];
    Ok(std::fs::write(folder.join(name), tar(&files)?)?)
}

fn shop() -> Fallible<Rehearsal> {
    let editions = "releases: { catalog: releases.txt, default-edition: ce }";
    Rehearsal::new()?
        .product(FOLDER, ARCHIVE)?
        .product(LOAD, PUT)?
        .product("releases: { catalog: releases.txt }", editions)
}

/// A rehearsal of the only archive in the backup's folder.
fn rehearsal(about: &str) -> Fallible<Rehearsal> {
    let rehearsal = shop()?;
    archive(&rehearsal.backup(), "shop_1.0.0_backup.tar", about)?;
    write(&rehearsal.backup().join("secrets.json"), "{}")?;
    Ok(rehearsal)
}

fn starts_nothing(result: &RunResult, message: &str) -> Fallible {
    assert_eq!(
        (result.world.inner().calls.as_slice(), result.exit()),
        (["teardown".to_owned()].as_slice(), Exit::BadInput)
    );
    result.expect_message("backup", message)
}

#[tokio::test(start_paused = true)]
async fn the_archive_and_the_files_beside_it_are_copied_into_services() -> Fallible {
    for rehearsal in [rehearsal("1.0.0")?, rehearsal("1.0.0-ce")?.backup_file("shop_1.0.0_backup.tar")] {
        let result = rehearsal.run().await?;
        assert!(
            result.summary().stages().iter().all(|stage| stage.outcome == Outcome::Passed),
            "{}",
            result.all_messages()
        );
        result.world.expect_calls(&[
            "copy-in secrets.json main/web:/etc/secrets.json",
            "copy-in shop_1.0.0_backup.tar main/db:/backups/rehearsal_backup.tar",
            "unpack shop_1.0.0_backup.tar main/db:/backups",
            "start main/web",
            "copy-in shop_1.0.0_backup.tar rollback/db:/backups/rehearsal_backup.tar",
        ])?;
        for note in ["release 1.0.0 (ce)", "registry is not in the backup; images are gone", "pictures.tar.gz: "] {
            result.expect_message("backup", note)?;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_release_or_edition_is_bad_input() -> Fallible {
    let rule = "as a backup restores only into exactly its own release and edition";
    let result = rehearsal("1.0.1")?.run().await?;
    starts_nothing(&result, &format!("expected 1.0.0 (ce), {rule}, seen 1.0.1 (ce)"))?;
    result.expect_message(
        "backup",
        "the backup's release: expected 1.0.0 (ce), as its name says, seen 1.0.1 (ce) inside",
    )?;
    let result = rehearsal("1.0.0-ee")?.run().await?;
    starts_nothing(&result, &format!("expected 1.0.0 (ce), {rule}, seen 1.0.0 (ee)"))?;
    // The scenario names an edition; the file name does not.
    let result = rehearsal("1.0.0")?.scenario("edition: ee").run().await?;
    starts_nothing(&result, &format!("expected 1.0.0 (ee), {rule}, seen 1.0.0 (ce)"))
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_cannot_be_restored_is_bad_input() -> Fallible {
    let lost = rehearsal("1.0.0")?;
    std::fs::remove_file(lost.backup().join("secrets.json"))?;
    let message = "secrets.json: expected a file beside the archive, seen no such file; nothing can be decrypted";
    starts_nothing(&lost.run().await?, message)?;
    let two = rehearsal("1.0.0")?;
    archive(&two.backup(), "shop_1.1.0_backup.tar", "1.1.0")?;
    starts_nothing(
        &two.run().await?,
        "a folder that holds 2 backups, the newest first: `shop_1.1.0_backup.tar`, `shop_1.0.0_backup.tar`; name one",
    )?;
    starts_nothing(&shop()?.run().await?, "a folder without such an archive")?;
    starts_nothing(&shop()?.backup_file("gone.tar").run().await?, "nothing there")
}

#[tokio::test(start_paused = true)]
async fn what_was_left_out_on_purpose_is_noted() -> Fallible {
    let rehearsal = rehearsal("1.0.0")?;
    let files = [
        ("about.yml", b":shop_version: 1.0.0\n:skipped: pictures,remote\n".to_vec()),
        ("db.sql.gz", gzip(DUMP.as_bytes())?),
    ];
    std::fs::write(rehearsal.backup().join("shop_1.0.0_backup.tar"), tar(&files)?)?;
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.expect_message("backup", "left out on purpose: pictures, remote")
}

#[tokio::test(start_paused = true)]
async fn a_step_cannot_name_a_part_inside_the_archive() -> Fallible {
    let named = rehearsal("1.0.0")?
        .product("from: archive, to: /backups/rehearsal", "from: db.sql.gz, to: /backups/rehearsal")?;
    let refused = named.run().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("unknown file of the backup `db.sql.gz`"), "{refused}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_file_that_a_backup_need_not_have_is_not_shown_as_being_copied() -> Fallible {
    let settings = "    shop.conf: { name: settings, format: text, need: usually, without: settings are lost }\n";
    let copy = "  - copy-in: { service: web, from: shop.conf, to: /etc/shop.conf, optional: true }\n";
    let result = rehearsal("1.0.0")?
        .product("  beside:\n", &format!("  beside:\n{settings}"))?
        .product(PUT, &format!("{copy}{PUT}"))?
        .run()
        .await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    let shown = result.progress("restore");
    assert!(!shown.is_empty() && !shown.iter().any(|(_, text)| text.contains("shop.conf")), "{shown:#?}");
    result.expect_message("restore", "the backup has no shop.conf; the step is skipped")
}
