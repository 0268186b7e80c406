//! Untrusted backups: what their folders contain and what their manifests say.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use super::file::real;
use super::*;

const SHOP: BackupOwner<'_> = BackupOwner { product: "shop", edition: None };

/// Builds a backup. By default, `dump.txt` is its only part and the manifest is valid.
struct BackupBuilder {
    folder: tempfile::TempDir,
    backup: Backup,
}

fn sha(text: &[u8]) -> String {
    digest(text).unwrap().1
}

impl BackupBuilder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dump.txt"), "a dump").unwrap();
        let backup = json!({
            "manifest": "manifest.json", "product": "/product", "release": "/release", "files": "/files",
            "parts": { "dump.txt": { "format": "text" } }, "rows": { "at": "/rows" },
        });
        let made = Self { folder, backup: serde_json::from_value(backup).unwrap() };
        made.manifest("")
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the manifest with additional files.
    fn manifest(self, more: &str) -> Self {
        let digest = sha(b"a dump");
        let files = format!(r#"{{"dump.txt": {{"sha256": "{digest}", "bytes": 6}}{more}}}"#);
        self.with_file(
            "manifest.json",
            format!(r#"{{"product": "shop", "release": "1.0.0", "files": {files}, "rows": {{"things": 3}}}}"#),
        )
    }

    fn with_file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let _ = std::fs::remove_file(self.path(name));
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    fn with_change(mut self, change: impl FnOnce(&mut Backup)) -> Self {
        change(&mut self.backup);
        self
    }

    fn verify(&self) -> io::Result<Verified> {
        let began = Instant::now();
        let release = "1.0.0".parse().unwrap();
        let read = verify(&self.backup, SHOP, Some(&release), self.folder.path(), &Watch::default());
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        read
    }

    /// Checks the findings, one per line.
    #[track_caller]
    fn check(&self, expected: &[&str]) {
        let findings = self.verify().unwrap().refusals();
        let as_text = |finding: &Finding| format!("{}: {} | {}", finding.subject, finding.expected, finding.actual);
        assert_eq!(findings.iter().map(as_text).collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn check_start(&self, expected: &str) {
        let findings = self.verify().unwrap().refusals();
        let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
        let text = format!("{}: {} | {}", finding.subject, finding.expected, finding.actual);
        assert!(text.starts_with(expected) && text.len() < 2000, "{text}");
    }
}

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn a_good_backup_has_no_findings() {
    let made = BackupBuilder::new();
    made.check(&[]);
    assert_eq!(made.verify().unwrap().notes, ["release 1.0.0", "dump.txt: 6 bytes, text"]);
    // A link that stays inside the backup is treated like a file.
    std::fs::rename(made.path("dump.txt"), made.path("2026.txt")).unwrap();
    symlink("2026.txt", made.path("dump.txt")).unwrap();
    made.check(&[]);
}

#[test]
fn only_files_of_the_backup_are_opened() {
    for name in ["dump.txt", "manifest.json"] {
        let object = format!("the backup's file {name}: a file | ");
        let swap = |make: &dyn Fn(&Path)| {
            let made = BackupBuilder::new();
            std::fs::remove_file(made.path(name)).unwrap();
            make(&made.path(name));
            made
        };
        let out = "a link that leads out of the backup, to /";
        swap(&|path| symlink("/etc/shadow", path).unwrap()).check_start(&format!("{object}{out}etc/shadow"));
        swap(&|path| symlink("/dev/zero", path).unwrap()).check_start(&format!("{object}{out}dev/zero"));
        swap(&|path| symlink("../../../../../../../../../etc/hostname", path).unwrap())
            .check_start(&format!("{object}{out}etc"));
        swap(&|path| symlink(path, path).unwrap()).check_start(&format!("{object}Too many levels of symbolic links"));
        swap(&|path| std::fs::create_dir(path).unwrap()).check_start(&format!("{object}a folder"));
        swap(&pipe).check_start(&format!("{object}a pipe"));
        swap(&|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()))
            .check_start(&format!("{object}a socket"));
        swap(&|_| {}).check_start(&format!("{object}no such file"));
    }
}

#[test]
fn a_secret_is_read_only_from_files_of_the_backup_and_up_to_a_limit() {
    let made = BackupBuilder::new().with_file("long", "x".repeat(1000));
    symlink("/etc/passwd", made.path("link")).unwrap();
    pipe(&made.path("pipe"));
    let read = |name: &str| beginning(made.folder.path(), name, 100);
    assert_eq!(read("dump.txt").as_deref(), Some("a dump"));
    assert_eq!(read("long").map(|text| text.len()), Some(100));
    for name in ["link", "pipe", "../x", "gone"] {
        assert_eq!(read(name), None, "{name}");
    }
    assert!(
        real(made.folder.path(), "link").unwrap().is_err() && real(made.folder.path(), "dump.txt").unwrap().is_ok()
    );
}

#[test]
fn a_device_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mknod").arg(folder.path().join("z")).args(["c", "1", "5"]).status();
    if made.is_ok_and(|made| made.success()) {
        assert!(matches!(open(folder.path(), "z"), Ok(Opened::Other(what)) if what == "a device"));
    }
    // Creating a device needs privileges, so this uses a folder that has some already.
    assert!(matches!(open(Path::new("/dev"), "zero"), Ok(Opened::Other(what)) if what == "a device"));
}

#[test]
fn names_in_a_manifest_may_not_lead_out() {
    for (name, seen) in [
        ("../x", "a path that leaves the backup"),
        ("/etc/shadow", "a path that leaves the backup"),
        ("a/../../x", "a path that leaves the backup"),
        ("", "a path that leaves the backup"),
        ("gone", "no such file: the backup is not complete"),
        ("dump.txt/x", "Not a directory (os error 20)"),
        ("\\u0000", "file name contained an unexpected NUL byte"),
    ] {
        let object = if name == "\\u0000" { "\u{fffd}" } else { name };
        let made = BackupBuilder::new().manifest(&format!(r#", "{name}": {{"sha256": "0"}}"#));
        made.check(&[&format!("the backup's file {object}: a file | {seen}")]);
    }
    let long = "n".repeat(5 << 20);
    let made = BackupBuilder::new().manifest(&format!(r#", "{long}": {{"sha256": "0"}}"#));
    made.check_start(&format!("the backup's file {}… (5242880 bytes): a file | File name too long", &long[..300]));
    // A million missing files give only a few findings.
    let many: String = (0..200_000).map(|n| format!(r#", "f{n}": {{"sha256": "0"}}"#)).collect();
    let findings = BackupBuilder::new().manifest(&many).verify().unwrap().refusals();
    assert_eq!(findings.len(), MOST_FINDINGS + 1);
    assert_eq!(findings.last().unwrap().actual, "so many that the rest is not read");
}

#[test]
fn an_invalid_manifest_is_reported() {
    let at = "the backup's file manifest.json: ";
    let manifest = |text: &str| BackupBuilder::new().with_file("manifest.json", text);
    manifest(&"[".repeat(1_000_000)).check_start(&format!("{at}JSON | recursion limit exceeded at line 1 column 128"));
    manifest(&r#"{"a":"#.repeat(1_000_000)).check_start(&format!("{at}JSON | recursion limit exceeded"));
    manifest(&" ".repeat((16 << 20) + 1)).check(&[&format!("{at}at most 16 MiB | 16777217 bytes")]);
    manifest(&format!("[{}0]", "{},".repeat(1_000_000))).check_start(&format!("{at}JSON | more than 1000000 values"));
    manifest(r#"{"product": 1e999}"#).check_start(&format!("{at}JSON | number out of range"));
    manifest("").check_start(&format!("{at}JSON | EOF while parsing a value"));
    manifest("{}{}").check_start(&format!("{at}JSON | trailing characters"));
    manifest("{\"product\": \"shop\", \"a\": 1, \"product\": \"other\"}")
        .check(&[&format!("{at}JSON | the key `product` is repeated at line 1 column 37")]);
    let latin = BackupBuilder::new().with_file("manifest.json", b"{\"product\": \"caf\xe9\"}");
    latin.check(&[&format!("{at}text in UTF-8 | other bytes from byte 16 on")]);
    // A key of megabytes is not repeated in the message.
    let key = "k".repeat(5 << 20);
    manifest(&format!(r#"{{"{key}": 1, "{key}": 2}}"#)).check_start(&format!("{at}JSON | the key `kkk"));
}

#[test]
fn wrong_values_in_a_manifest_are_reported() {
    let digest = sha(b"a dump");
    let with = |bytes: &str, rows: &str| {
        let file = format!(r#"{{"dump.txt": {{"sha256": "{digest}", "bytes": {bytes}}}}}"#);
        let text = format!(r#"{{"product": "shop", "release": "1.0.0", "files": {file}, "rows": {rows}}}"#);
        BackupBuilder::new().with_file("manifest.json", text)
    };
    with("6", r#"{"things": 3}"#).check(&[]);
    for bytes in ["-6", "\"6\"", "6.5", "1e30", "null"] {
        let seen = if bytes == "1e30" { "1e+30" } else { bytes };
        with(bytes, r#"{"things": 3}"#)
            .check(&[&format!("the backup's file dump.txt: a number of bytes that the backup states | {seen}")]);
    }
    for rows in ["-3", "\"3\"", "3.5", "{}"] {
        with("6", &format!(r#"{{"a": 1, "things": {rows}}}"#))
            .check(&[&format!("the backup's manifest: row counts at /rows | {rows} for `things`")]);
    }
    with("6", "[]").check(&["the backup's manifest: row counts at /rows | none"]);
}

fn without_a_manifest() -> BackupBuilder {
    let backup = json!({
        "checksums": "SUMS", "release-in": { "file": "release.txt", "pattern": "(?m)^release (\\S+)$" },
        "parts": { "dump.txt": { "format": "text" } },
    });
    let made = BackupBuilder::new().with_file("SUMS", format!("{}  dump.txt\n", sha(b"a dump")));
    made.with_file("release.txt", "release 1.0.0\n").with_change(|it| *it = serde_json::from_value(backup).unwrap())
}

#[test]
fn checksum_files_may_contain_anything() {
    without_a_manifest().check(&[]);
    let good = format!("{}  dump.txt\n", sha(b"a dump"));
    let line = "x".repeat(5 << 20);
    without_a_manifest().with_file("SUMS", format!("{line}\n{good}")).check(&[]);
    without_a_manifest().with_file("SUMS", format!("{line}  {line}\n{good}")).check_start("the backup's file xxx");
    let other = format!("{good}{}  ./dump.txt\n", sha(b"x"));
    let findings = without_a_manifest().with_file("SUMS", other).verify().unwrap().refusals();
    assert_eq!(
        findings[0].to_string(),
        "the backup's file SUMS: expected one SHA-256 for each file, seen another one for `dump.txt`"
    );
    without_a_manifest()
        .with_file("SUMS", vec![b'\n'; (16 << 20) + 1])
        .verify()
        .unwrap()
        .refusals()
        .iter()
        .find(|finding| finding.to_string() == "the backup's file SUMS: expected at most 16 MiB, seen 16777217 bytes")
        .unwrap();
}

/// Releases are compared as everywhere else: a missing number is 0, and nothing else.
#[test]
fn a_release_is_the_same_however_it_is_written() {
    let says = |release: &str| without_a_manifest().with_file("release.txt", format!("release {release}\n"));
    for same in ["1.0", "1", "v1.0.0", "1.0.0.0"] {
        says(same).check(&[]);
    }
    for other in ["1.1", "1.0.1", "1.0-rc1", "1.0.0.1", "1.0-ee", "one"] {
        says(other).check_start("the backup's release: 1.0.0, as a backup restores only into exactly its own");
    }
}

#[test]
fn the_release_is_searched_for_at_the_beginning_of_a_large_file() {
    let large = |beginning: &str| {
        let mut text = format!("{beginning}\n").into_bytes();
        // Characters of two bytes at odd positions: the limit falls within one.
        text.resize(text.len() + text.len() % 2 + 1, b'x');
        text.extend("é".repeat(9 << 20).bytes());
        without_a_manifest().with_file("release.txt", text)
    };
    large("release 1.0.0").check(&[]);
    large("release 2.0.0").check_start("the backup's release: 1.0.0, as a backup restores only into exactly its own");
    large("nothing")
        .check_start("the backup's release: a release in release.txt by (?m)^release (\\S+)$ | nothing there");
    // A pattern that takes exponential time in backtracking engines.
    let made = without_a_manifest().with_file("release.txt", "a".repeat(16 << 20));
    let slow = made.with_change(|it| {
        let place = json!({ "file": "release.txt", "pattern": "^(a+)+$(b)" });
        it.release_in = serde_json::from_value(place).unwrap();
    });
    slow.check_start("the backup's release: a release in release.txt by ^(a+)+$(b) | nothing there");
}

#[test]
fn an_archive_that_must_not_be_unpacked_is_a_finding_even_if_its_digest_is_right() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "files", "/etc").unwrap();
    let archive = builder.into_inner().unwrap();
    let facts = format!(r#", "a.tar": {{"sha256": "{}"}}"#, sha(&archive));
    let part = json!({ "format": "tar" });
    let made = BackupBuilder::new().with_file("a.tar", &archive).manifest(&facts).with_change(|backup| {
        backup.parts.insert("a.tar".into(), serde_json::from_value(part).unwrap());
    });
    made.check_start(
        "the backup's file a.tar: an archive that may be unpacked | `files` is a link that leads out, to `/etc`; make the \
         archive anew without it (tar --anchored --exclude='files' …), or with what it leads to in its place",
    );
}

#[test]
fn an_abandoned_verification_ends_at_once() {
    let made = BackupBuilder::new();
    // Four terabytes of zeros, which would take hours to read.
    std::fs::File::create(made.path("dump.txt")).unwrap().set_len(4 << 40).unwrap();
    let watch = Watch::default();
    std::thread::scope(|scope| {
        let release = "1.0.0".parse().unwrap();
        let (backup, folder, watch) = (&made.backup, made.folder.path(), &watch);
        let work = scope.spawn(move || verify(backup, SHOP, Some(&release), folder, watch));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!work.is_finished());
        let began = Instant::now();
        watch.give_up();
        assert!(work.join().unwrap().is_err());
        assert!(began.elapsed() < Duration::from_secs(5));
    });
}
