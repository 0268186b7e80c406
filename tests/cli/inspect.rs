//! `rehearse backup inspect`: backups as they are made, and as strangers and broken disks make them. What is said of each is
//! held word by word by `inspect.txt`; `REHEARSE_BLESS=1` writes it anew: read what has changed.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Tried;
use super::backups::{Backup, DUMP, ERAS, Made, file, gzip, header, special, tar_gzip};

fn run(folder: &Path, arguments: &[&str]) -> Made<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    Ok(command.args(["backup", "inspect"]).args(arguments).current_dir(folder).env("NO_COLOR", "1").output()?)
}

/// Standard error without progress, which is shown only if reading takes long, as on a busy machine.
fn without_progress(err: &str) -> String {
    let kept = |line: &&str| !(line.contains(" of ") && line.ends_with("%)"));
    err.lines().filter(kept).map(|line| format!("{line}\n")).collect()
}

/// The JSON output and the exit status.
pub(super) fn seen(folder: &Path, backup: &str) -> Made<(Value, Option<i32>)> {
    let ran = run(folder, &["--format", "json", backup])?;
    let err = without_progress(&String::from_utf8(ran.stderr)?);
    assert!(err.is_empty(), "{err}");
    Ok((serde_json::from_slice(&ran.stdout)?, ran.status.code()))
}

/// What people read: all three.
pub(super) fn text_output(folder: &Path, backup: &str) -> Made<String> {
    let ran = run(folder, &[backup])?;
    let (out, err) = (String::from_utf8(ran.stdout)?, without_progress(&String::from_utf8(ran.stderr)?));
    let status = ran.status.code().ok_or("ended by a signal")?;
    let err = if err.is_empty() { String::new() } else { format!("--- standard error\n{err}") };
    Ok(format!("{out}{err}--- exit {status}\n\n"))
}

/// A whole backup, as the newest of the releases makes it.
pub(super) fn fine() -> Made<Backup> {
    ERAS.last().ok_or("no release")?.backup("", "")
}

pub(super) const FINE: &str = "1759917600_2025_10_08_18.2.8_gitlab_backup.tar";

/// Backups that are damaged or hostile, by what is done to them, and what is said of it.
fn broken() -> Made<Vec<(&'static str, Backup, &'static str)>> {
    let whole = fine()?;
    let changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| -> Made<Backup> {
        let mut backup = whole.clone();
        change(&mut backup.entry(name)?.content);
        Ok(backup)
    };
    let replaced = |name: &str, content: Vec<u8>| changed(name, &|old| old.clone_from(&content));
    let information = "backup_information.yml";
    let laughs: String =
        (1..30).map(|n| format!(":a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))).collect();
    // More than a gigabyte of nothing in six megabytes; and a file that says it is as large.
    let nothing = gzip(vec![0; 1 << 20])?.repeat(1300);
    let bomb = gzip([header(b'0', "./zeros", 2 << 30)?, vec![0; 1 << 20]].concat())?;
    let escape = tar_gzip(&[("./../../../etc/cron.d/x", "* * * * * root true")])?;
    Ok(vec![
        (
            "a name that leaves",
            whole.clone().with(file("../../etc/passwd", "root::0:0")),
            "`../../etc/passwd` has a `..` in its name",
        ),
        (
            "an absolute name",
            whole.clone().with(file("/etc/passwd", "root::0:0")),
            "`/etc/passwd` has an absolute name",
        ),
        (
            "a link that leads out",
            whole.clone().with(special(b'2', "repositories/x -> /etc")),
            "is a link that leads out, to `/etc`",
        ),
        (
            "a file through a link",
            whole.clone().with(special(b'2', "repositories/x -> default")).with(file("repositories/x/y", "")),
            "would be written through the link `repositories/x`",
        ),
        ("a device", whole.clone().with(special(b'3', "repositories/null")), "`repositories/null` is a device"),
        (
            "a pipe as the database",
            whole.clone().without("db/database.sql.gz").with(special(b'6', "db/database.sql.gz")),
            "`db/database.sql.gz` is a pipe",
        ),
        (
            "a link as a part",
            whole.clone().without("uploads.tar.gz").with(special(b'2', "uploads.tar.gz -> builds.tar.gz")),
            "uploads.tar.gz: expected a file, seen an entry of another kind",
        ),
        (
            "a part that leaves",
            replaced("uploads.tar.gz", escape)?,
            "uploads.tar.gz: expected an archive that may be unpacked, seen `./../../../etc/cron.d/x` has a `..` in its name",
        ),
        (
            "a bomb of SQL",
            replaced("db/database.sql.gz", [gzip(DUMP)?, nothing].concat())?,
            "expand to more than 1256868000, which no backup does",
        ),
        (
            "a bomb of files",
            replaced("lfs.tar.gz", bomb)?,
            "bytes expand to more than 1073741824, which no backup does",
        ),
        (
            "two databases",
            whole.clone().with(file("db/database.sql.gz", gzip(DUMP)?)),
            "one entry of that name, seen a second one, which would replace it",
        ),
        (
            "two informations",
            whole.clone().with(file(information, ":gitlab_version: 18.2.9\n")),
            "one entry of that name, seen a second one",
        ),
        ("no information", whole.clone().without(information), "nothing says which release it is of"),
        ("an empty information", replaced(information, Vec::new())?, "expected YAML, seen an empty file"),
        (
            "an information of laughs",
            replaced(information, format!(":a0: &a0 [x, x]\n{laughs}").into())?,
            "too large once its aliases are resolved",
        ),
        (
            "an information of a megabyte",
            replaced(information, vec![b' '; (1 << 20) + 1])?,
            "expected at most 1 MiB, seen 1048577 bytes",
        ),
        (
            "an information of other bytes",
            replaced(information, b":gitlab_version: \xff\n".to_vec())?,
            "other bytes than UTF-8 from byte 17 on",
        ),
        (
            "an information that is none",
            replaced(information, b"18.2.8\n".to_vec())?,
            "expected YAML, seen no keys and values",
        ),
        (
            "an information with a key twice",
            replaced(information, b":gitlab_version: 18.2.8\n:gitlab_version: 18.2.9\n".to_vec())?,
            "the key `:gitlab_version` is repeated in line 2",
        ),
        (
            "an information without a release",
            replaced(information, b":skipped: ''\n".to_vec())?,
            "the backup's release: expected a release in backup_information.yml at /gitlab_version, seen nothing there",
        ),
        (
            "another release than its name says",
            replaced(information, b":gitlab_version: 18.2.7\n".to_vec())?,
            "expected 18.2.8 (ce), as its name says, seen 18.2.7 (ce) inside, which is what counts",
        ),
        (
            "another edition than its name says",
            replaced(information, b":gitlab_version: 18.2.8-ee\n".to_vec())?,
            "expected 18.2.8 (ce), as its name says, seen 18.2.8 (ee) inside, which is what counts",
        ),
        (
            "a flipped byte in the database",
            changed("db/database.sql.gz", &|bytes| {
                let at = bytes.len() - 6;
                bytes[at] ^= 1;
            })?,
            "db/database.sql.gz: expected a whole dump of PostgreSQL as SQL, compressed by gzip, seen the gzip stream is broken at byte 140: ",
        ),
        (
            "a flipped byte in the uploads",
            changed("uploads.tar.gz", &|bytes| bytes[40] ^= 4)?,
            "uploads.tar.gz: expected a whole tar archive compressed by gzip, seen",
        ),
        (
            "a database that was cut off",
            changed("db/database.sql.gz", &|bytes| bytes.truncate(90))?,
            "db/database.sql.gz: expected a whole dump of PostgreSQL as SQL, compressed by gzip, seen it ends in the middle of the gzip stream, after 90 bytes: it was cut off",
        ),
        ("a dump that did not end", replaced("db/database.sql.gz", gzip(&DUMP[..150])?)?, "pg_dump ended early"),
        (
            "another file as the database",
            replaced("db/database.sql.gz", gzip("not a dump\n")?)?,
            "it begins with `not a dump`",
        ),
    ])
}

/// The same, where it is the archive itself: its bytes.
fn broken_archives() -> Made<Vec<(&'static str, Vec<u8>, &'static str)>> {
    let whole = fine()?.bytes()?;
    let mut flipped = whole.clone();
    flipped[1024 + 5] ^= 1;
    let mut sparse = header(b'S', "repositories/holes", 0)?;
    for at in [386, 483] {
        sparse[at..at + 12].copy_from_slice(b"20000000000\0");
    }
    sparse[398..410].copy_from_slice(b"00000000000\0");
    sparse[148..156].fill(b' ');
    let sum: u32 = sparse.iter().map(|byte| u32::from(*byte)).sum();
    sparse[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(vec![
        ("cut off in the middle", whole[..whole.len() / 2].to_vec(), "it was cut off: "),
        (
            "cut off before its end",
            whole[..whole.len() - 1024].to_vec(),
            "it ends without the mark of its end: it was cut off",
        ),
        ("a flipped byte in a header", flipped, "archive header checksum mismatch"),
        ("a sparse file of gigabytes", [sparse, whole.clone()].concat(), "`repositories/holes`: "),
        ("an empty file", Vec::new(), "expected a whole tar archive, seen an empty file"),
        ("a text", b"this is not an archive at all\n".repeat(100), "seen a file that is not a tar archive"),
        ("zeros", vec![0; 10_240], "an archive without entries"),
        ("a tar in gzip", gzip(&whole)?, "seen a file that is not a tar archive"),
    ])
}

#[test]
fn backups_of_five_releases_and_both_editions_are_distinguished() -> Tried {
    for era in &ERAS {
        for (suffix, edition) in [("", "ce"), ("-ee", "ee"), ("-ce", "ce")] {
            let folder = tempfile::tempdir()?;
            let backup = era.backup(suffix, "")?;
            backup.write(folder.path())?;
            let (seen, status) = seen(folder.path(), &backup.name)?;
            let at = format!("{}{suffix}", era.release);
            assert_eq!((status, &seen["problems"]), (Some(0), &json!([])), "{at}");
            let said = [&seen["kind"], &seen["product"], &seen["release"], &seen["edition"]];
            assert_eq!(said, [&json!("archive"), &json!("gitlab"), &json!(era.release), &json!(edition)], "{at}");
            assert_eq!(seen["image"], format!("gitlab/gitlab-{edition}:{}-{edition}.0", era.release));
            let missing = if era.release == "13.12.15" {
                json!(["registry", "secrets", "configuration"])
            } else {
                json!(["secrets", "configuration"])
            };
            assert_eq!(seen["missing"], missing, "{at}");
            let database = json!({
                "bytes": DUMP.len(), "kind": "PostgreSQL", "server": "13.11", "program": "pg_dump", "client": "13.14",
            });
            assert_eq!(seen["database"], database, "{at}");
            let made = seen["created"].as_str().ok_or("no date")?;
            assert!(made.starts_with("202"), "{at}: {made}");
            let parts = seen["parts"].as_array().ok_or("no parts")?;
            let part =
                |name: &str| parts.iter().find(|part| part["name"] == name).cloned().ok_or(format!("{at}: no {name}"));
            assert_eq!(part("repositories")?["counts"]["repositories"], 3, "{at}");
            assert_eq!((&part("uploads")?["entries"], &part("uploads")?["files"]), (&json!(4), &json!(2)), "{at}");
            assert_eq!((&part("artifacts")?["entries"], &part("artifacts")?["files"]), (&json!(1), &json!(0)), "{at}");
            assert_eq!(part("ci_secure_files").is_ok(), matches!(era.release, "16.11.10" | "18.2.8"), "{at}");
            assert_eq!(part("external_diffs").is_ok(), era.release == "18.2.8", "{at}");
        }
    }
    Ok(())
}

#[test]
fn missing_parts_depend_on_the_release_and_skipped_ones_are_not_missing() -> Tried {
    let folder = tempfile::tempdir()?;
    let name = |index: usize, skipped: &str, lost: &[&str]| -> Made<Value> {
        let era = ERAS.get(index).ok_or("no such release")?;
        let backup = lost.iter().fold(era.backup("", skipped)?, |backup, lost| backup.without(lost));
        backup.write(folder.path())?;
        let (seen, status) = seen(folder.path(), &backup.name)?;
        assert_eq!((status, &seen["complete"]), (Some(0), &json!(false)), "{seen:#}");
        Ok(seen)
    };
    let beside = |lost: &[&str]| json!([lost, &["secrets", "configuration"]].concat());
    assert_eq!(name(4, "", &["uploads.tar.gz", "db/database.sql.gz"])?["missing"], beside(&["database", "uploads"]));
    assert_eq!(name(4, "", &["external_diffs.tar.gz"])?["missing"], beside(&["external_diffs"]));
    let skipped = name(3, "artifacts,registry,remote", &[])?;
    assert_eq!((&skipped["missing"], &skipped["skipped"]), (&beside(&[]), &json!(["artifacts", "registry", "remote"])));
    // Without its database nothing is restored, whoever meant it so.
    assert_eq!(name(2, "db", &[])?["missing"], beside(&["database"]));
    Ok(())
}

#[test]
fn a_complete_backup_has_its_secrets_next_to_it_and_may_be_given_as_a_folder() -> Tried {
    let folder = tempfile::tempdir()?;
    fine()?.write(folder.path())?;
    std::fs::write(folder.path().join("gitlab-secrets.json"), "{}")?;
    std::fs::write(folder.path().join("gitlab.rb"), "external_url 'http://gitlab.example.com'\n")?;
    for (given, kind) in [(FINE, "archive"), (".", "folder")] {
        let (seen, status) = seen(folder.path(), given)?;
        assert_eq!(
            (status, &seen["complete"], &seen["missing"], &seen["kind"]),
            (Some(0), &json!(true), &json!([]), &json!(kind))
        );
    }
    let other = ERAS.first().ok_or("no release")?.backup("", "")?;
    other.write(folder.path())?;
    let (seen, status) = seen(folder.path(), ".")?;
    let problem = seen["problems"][0].as_str().unwrap_or_default();
    assert!(
        status == Some(2) && problem.contains("a folder that holds 2 backups") && problem.contains(&other.name),
        "{problem}"
    );
    Ok(())
}

#[test]
fn a_renamed_backup_is_recognised_by_its_content() -> Tried {
    let folder = tempfile::tempdir()?;
    for era in &ERAS {
        let mut backup = era.backup("-ee", "")?;
        backup.name = "monday.tar".to_owned();
        for entry in &mut backup.entries {
            entry.name = format!("./{}", entry.name);
        }
        backup.write(folder.path())?;
        let (seen, status) = seen(folder.path(), "monday.tar")?;
        assert_eq!((status, &seen["product"], &seen["edition"]), (Some(0), &json!("gitlab"), &json!("ee")), "{seen:#}");
        assert!(seen["notes"].to_string().contains("is not how the product names its backups"));
    }
    std::fs::write(
        folder.path().join("other.tar"),
        Backup { name: String::new(), entries: vec![file("a", "b")] }.bytes()?,
    )?;
    for (given, problem) in [("other.tar", "an archive of something else"), (".", "a folder without such a backup")] {
        let (seen, status) = seen(folder.path(), given)?;
        assert_eq!((status, &seen["product"]), (Some(2), &Value::Null));
        assert!(
            seen["problems"][0].as_str().is_some_and(|said| said.contains(problem) && said.contains("--product")),
            "{seen:#}"
        );
    }
    let ran = run(folder.path(), &["nothing.tar"])?;
    assert_eq!((ran.status.code(), String::from_utf8(ran.stdout)?.as_str()), (Some(2), ""));
    assert!(String::from_utf8(ran.stderr)?.contains("cannot read nothing.tar: No such file"));
    Ok(())
}

#[test]
fn the_product_may_be_named_and_has_to_fit() -> Tried {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir()?;
    fine()?.write(folder.path())?;
    let archive = folder.path().join(FINE).display().to_string();
    let redmine = "scenarios/data/redmine-5.0.4";
    let own = "harness/products/redmine";
    for (arguments, status, said) in [
        (["--product", "redmine", redmine], 0, "complete: it has every part"),
        (["--product", own, redmine], 0, "complete: it has every part"),
        (["--product-dir", own, redmine], 0, "complete: it has every part"),
        (["--product", "gitlab", &archive], 0, "release       18.2.8 (ce)"),
        (["--product", "gitlab", redmine], 2, "a folder without such an archive"),
        (["--product", "redmine", &archive], 2, "expected a folder, seen a file"),
        (["--product", "gitlab", "/dev/zero"], 2, "seen a pipe or a device"),
        (["--product", "gitlob", &archive], 2, "there is no product \"gitlob\"; the built-in ones are: gitlab"),
    ] {
        let ran = run(root, &arguments)?;
        let output = format!("{}{}", String::from_utf8(ran.stdout)?, String::from_utf8(ran.stderr)?);
        assert!(ran.status.code() == Some(status) && output.contains(said), "{arguments:?}: {output}");
    }
    Ok(())
}

#[test]
fn what_is_damaged_or_hostile_is_refused_by_name() -> Tried {
    let folder = tempfile::tempdir()?;
    let mut all = Vec::new();
    for (what, backup, expected) in broken()? {
        all.push((what, backup.bytes()?, expected));
    }
    all.extend(broken_archives()?);
    for (what, bytes, expected) in all {
        std::fs::write(folder.path().join(FINE), bytes)?;
        let began = Instant::now();
        let (seen, status) = seen(folder.path(), FINE)?;
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:?}", began.elapsed());
        let problems = seen["problems"].to_string().replace("\\\\", "\\");
        assert!(status == Some(2) && problems.contains(expected), "{what}: {status:?}, {problems}");
        assert_eq!(seen["product"], "gitlab", "{what}");
    }
    Ok(())
}

#[test]
fn people_read_what_it_is_what_it_lacks_and_what_to_do_next() -> Tried {
    let mut text = String::new();
    for era in &ERAS {
        for suffix in ["", "-ee"] {
            let folder = tempfile::tempdir()?;
            let backup = era.backup(suffix, if suffix.is_empty() { "" } else { "artifacts" })?;
            backup.write(folder.path())?;
            if era.release == "18.2.8" {
                std::fs::write(folder.path().join("gitlab-secrets.json"), "{}")?;
                std::fs::write(folder.path().join("gitlab.rb"), "external_url 'http://gitlab.example.com'\n")?;
            }
            text.push_str(&format!("=== {}{suffix}\n{}", era.release, text_output(folder.path(), &backup.name)?));
        }
    }
    let folder = tempfile::tempdir()?;
    for (what, backup, _) in broken()? {
        backup.write(folder.path())?;
        text.push_str(&problems(what, &text_output(folder.path(), FINE)?));
    }
    for (what, bytes, _) in broken_archives()? {
        std::fs::write(folder.path().join(FINE), bytes)?;
        text.push_str(&problems(what, &text_output(folder.path(), FINE)?));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for backup in ["redmine-5.0.4", "redmine-5.0.4-flipped-byte", "nautobot-1.6.32"] {
        text.push_str(&format!("=== {backup}\n{}", text_output(&root.join("scenarios/data"), backup)?));
    }
    let golden = root.join("tests/cli/inspect.txt");
    if std::env::var_os("REHEARSE_BLESS").is_some() {
        std::fs::write(&golden, &text)?;
    }
    assert_eq!(text, std::fs::read_to_string(golden)?, "REHEARSE_BLESS=1 writes it anew");
    Ok(())
}

/// The messages about a broken backup, without the table of what could be read from it.
fn problems(what: &str, output: &str) -> String {
    let kept = output.lines().filter(|line| {
        line.starts_with("error:")
            || line.starts_with("do not use it")
            || line.starts_with("not usable")
            || line.starts_with("--- exit")
    });
    format!("=== {what}\n{}\n\n", kept.collect::<Vec<_>>().join("\n"))
}

#[test]
fn an_interrupt_ends_the_reading_of_terabytes_at_once() -> Tried {
    let folder = tempfile::tempdir()?;
    // Four terabytes of nothing: reading them takes hours.
    let path = folder.path().join(FINE);
    let mut begins = header(b'0', "repositories/large.bundle", 0)?;
    let size = 4_u64 << 40;
    begins[124..136].copy_from_slice(&[&[0x80, 0, 0, 0], size.to_be_bytes().as_slice()].concat());
    begins[148..156].fill(b' ');
    let sum: u32 = begins.iter().map(|byte| u32::from(*byte)).sum();
    begins[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    std::fs::write(&path, begins)?;
    std::fs::File::options().write(true).open(&path)?.set_len(size + 2048)?;
    let mut child = Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .args(["backup", "inspect", FINE])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // Once it listens for the signal it reads.
    let listens = || -> Made<bool> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).ok_or("no mask of signals")?;
        Ok(u64::from_str_radix(caught.trim(), 16)? & 2 != 0)
    };
    let began = Instant::now();
    while !listens()? {
        assert!(began.elapsed() < Duration::from_secs(60), "it never listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    let began = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)?;
    assert_eq!(child.wait()?.code(), Some(4));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    Ok(())
}
