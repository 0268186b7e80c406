//! Backups of GitLab as its releases make them: names, order of entries and information as `lib/backup/manager.rb` of each
//! has them, and as listings of real ones show (`tar tvf 1740143717_2025_02_21_17.8.2_gitlab_backup.tar`).

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha1::{Digest, Sha1};

pub(crate) type Made<T> = Result<T, Box<dyn std::error::Error>>;

const PROJECT: &str = "@hashed/6b/86/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
const OTHER: &str = "@hashed/d4/73/d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35";
const SNIPPET: &str = "@snippets/4e/07/4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce";

pub(crate) const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 13.11\n-- Dumped by pg_dump \
                               version 13.14\n\nSET statement_timeout = 0;\n\n--\n-- PostgreSQL database dump complete\n--\n\n";

/// An entry of an archive: its kind as tar has it, what it is called, what it holds.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) kind: u8,
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

/// A release of GitLab and what its backups look like.
pub(crate) struct Era {
    pub(crate) release: &'static str,
    pub(crate) id: &'static str,
    /// The archives besides the folders, in the order of the release.
    parts: &'static [&'static str],
    /// How it says when it was made.
    created: &'static str,
    /// What else it says.
    more: &'static str,
    layout: Layout,
}

/// How repositories lie in it.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// A bundle each; the information is the last entry.
    Bundles,
    /// A folder each, with one for each backup in it.
    Pointers,
    /// The same below a storage, with manifests.
    Manifests,
}

pub(crate) const ERAS: [Era; 5] = [
    Era {
        release: "13.12.15",
        id: "1638784272_2021_12_06",
        parts: &["uploads", "builds", "artifacts", "pages", "lfs"],
        created: "2021-12-06 09:51:12.123456789 +00:00",
        more: "",
        layout: Layout::Bundles,
    },
    Era {
        release: "14.10.5",
        id: "1657012345_2022_07_05",
        parts: &["uploads", "builds", "artifacts", "pages", "lfs", "terraform_state", "registry", "packages"],
        created: "2022-07-05 09:12:25.987654321 Z",
        more: "",
        layout: Layout::Bundles,
    },
    Era {
        release: "15.11.13",
        id: "1706167370_2024_01_25",
        parts: &["uploads", "builds", "artifacts", "pages", "lfs", "terraform_state", "registry", "packages"],
        created: "!ruby/object:ActiveSupport::TimeWithZone\n  utc: &1 2024-01-25 07:22:50.123456789 Z\n  zone: \
                  !ruby/object:ActiveSupport::TimeZone\n    name: Etc/UTC\n  time: *1",
        more: ":repositories_storages: ''\n:repositories_paths: ''\n:skip_repositories_paths: ''\n",
        layout: Layout::Pointers,
    },
    Era {
        release: "16.11.10",
        id: "1728550000_2024_10_10",
        parts: &[
            "uploads",
            "builds",
            "artifacts",
            "pages",
            "lfs",
            "terraform_state",
            "registry",
            "packages",
            "ci_secure_files",
        ],
        created: "2024-10-10 08:46:40.000000000 Z",
        more: ":repositories_storages: ''\n:repositories_paths: ''\n:skip_repositories_paths: ''\n:repositories_server_side: false\n:full_backup_id: \n",
        layout: Layout::Manifests,
    },
    Era {
        release: "18.2.8",
        id: "1759917600_2025_10_08",
        parts: &[
            "uploads",
            "builds",
            "artifacts",
            "pages",
            "lfs",
            "terraform_state",
            "registry",
            "packages",
            "ci_secure_files",
            "external_diffs",
        ],
        created: "2025-10-08 10:00:00.000000000 Z",
        more: ":repositories_storages: ''\n:repositories_paths: ''\n:skip_repositories_paths: ''\n:repositories_server_side: false\n:full_backup_id: \n",
        layout: Layout::Manifests,
    },
];

/// A backup in the making.
#[derive(Clone)]
pub(crate) struct Backup {
    pub(crate) name: String,
    pub(crate) entries: Vec<Entry>,
}

impl Era {
    /// The backup of this release, `-ee` or nothing behind it.
    pub(crate) fn backup(&self, suffix: &str, skipped: &str) -> Made<Backup> {
        let version = format!("{}{suffix}", self.release);
        let Self { id, created, more, .. } = self;
        let skip = |part: &str| skipped.split(',').any(|word| word == part);
        let said = if skipped.is_empty() { " " } else { &format!(" {skipped}") };
        let information = file(
            "backup_information.yml",
            format!(
                ":db_version: '20230510062502'\n:backup_created_at: {created}\n:gitlab_version: {version}\n:tar_version: tar (GNU \
                 tar) 1.34\n:installation_type: omnibus-gitlab\n:skipped:{said}\n{more}"
            ),
        );
        let mut folders = Vec::new();
        if !skip("repositories") {
            folders.extend(self.repositories(&version)?);
        }
        if !skip("db") {
            folders.extend([folder("db/"), file("db/database.sql.gz", gzip(DUMP)?)]);
        }
        for part in self.parts.iter().filter(|part| !skip(part)) {
            // Of what nobody uses, the empty folder.
            let files: &[(&str, &str)] = match *part {
                "uploads" => &[("./-/", ""), ("./-/system/avatar.png", "a picture"), ("./6b/secret.txt", "a text")],
                "builds" => &[("./2021_12/1/1.log", "Running with gitlab-runner")],
                _ => &[],
            };
            folders.push(file(&format!("{part}.tar.gz"), tar_gzip(files)?));
        }
        match self.layout {
            Layout::Bundles => folders.push(information),
            Layout::Pointers | Layout::Manifests => folders.insert(0, information),
        }
        Ok(Backup { name: format!("{id}_{version}_gitlab_backup.tar"), entries: folders })
    }

    fn repositories(&self, version: &str) -> Made<Vec<Entry>> {
        let Self { id, layout, .. } = self;
        let mut entries = vec![folder("repositories/")];
        for repository in [PROJECT, OTHER, SNIPPET] {
            let bundle = &bundle();
            match layout {
                Layout::Bundles => entries.extend([
                    file(&format!("repositories/{repository}.bundle"), bundle),
                    file(&format!("repositories/{repository}/custom_hooks.tar"), ""),
                ]),
                Layout::Pointers => entries.extend([
                    folder(&format!("repositories/{repository}/")),
                    file(&format!("repositories/{repository}/LATEST"), format!("{id}_{version}")),
                    file(&format!("repositories/{repository}/{id}_{version}/001.bundle"), bundle),
                    file(&format!("repositories/{repository}/{id}_{version}/001.refs"), "da39a3ee refs/heads/main\n"),
                    // An increment of the same repository.
                    file(&format!("repositories/{repository}/{id}_{version}/002.bundle"), bundle),
                ]),
                Layout::Manifests => entries.extend([
                    folder(&format!("repositories/manifests/default/{repository}.git/")),
                    file(
                        &format!("repositories/manifests/default/{repository}.git/{id}_{version}.toml"),
                        "empty = false\n",
                    ),
                    file(&format!("repositories/manifests/default/{repository}.git/+latest.toml"), "empty = false\n"),
                    file(&format!("repositories/default/{repository}.git/{id}_{version}/001.bundle"), bundle),
                    file(&format!("repositories/default/{repository}.git/{id}_{version}/001.refs"), "da39a3ee\n"),
                ]),
            }
        }
        Ok(entries)
    }
}

impl Backup {
    /// The first entry of this name.
    pub(crate) fn entry(&mut self, name: &str) -> Made<&mut Entry> {
        let found = self.entries.iter_mut().find(|entry| entry.name == name);
        found.ok_or_else(|| format!("there is no {name}").into())
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.entries.retain(|entry| entry.name != name);
        self
    }

    pub(crate) fn with(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// As tar writes it.
    pub(crate) fn bytes(&self) -> Made<Vec<u8>> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            // As GNU tar has it: a name that does not fit into the header is the content of an entry before it.
            if entry.name.len() > 100 {
                bytes.extend(header(b'L', "././@LongLink", entry.name.len() as u64 + 1)?);
                bytes.extend(entry.name.bytes().chain([0]));
                bytes.resize(bytes.len().next_multiple_of(512), 0);
            }
            bytes.extend(header(entry.kind, &entry.name, entry.content.len() as u64)?);
            bytes.extend(&entry.content);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.resize(bytes.len() + 1024, 0);
        Ok(bytes)
    }

    pub(crate) fn write(&self, folder: &Path) -> Made<PathBuf> {
        let path = folder.join(&self.name);
        std::fs::write(&path, self.bytes()?)?;
        Ok(path)
    }
}

/// A header that no library refuses to write.
pub(crate) fn header(kind: u8, name: &str, size: u64) -> Made<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    let bytes = header.as_mut_bytes();
    let (target, name) = name.split_once(" -> ").map_or(("", name), |(name, target)| (target, name));
    let begins = name.as_bytes().get(..100).unwrap_or(name.as_bytes());
    bytes.get_mut(..begins.len()).ok_or("no header")?.copy_from_slice(begins);
    bytes.get_mut(157..157 + target.len()).ok_or("the target is too long")?.copy_from_slice(target.as_bytes());
    bytes[156] = kind;
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> Entry {
    Entry { kind: b'0', name: name.to_owned(), content: content.as_ref().to_vec() }
}

fn folder(name: &str) -> Entry {
    Entry { kind: b'5', name: name.to_owned(), content: Vec::new() }
}

/// An entry of another kind, with no content: `name -> target` where it is a link.
pub(crate) fn special(kind: u8, name: &str) -> Entry {
    Entry { kind, name: name.to_owned(), content: Vec::new() }
}

/// A bundle as `git bundle` writes it, of no objects.
pub(crate) fn bundle() -> Vec<u8> {
    let pack = b"PACK\0\0\0\x02\0\0\0\0";
    let head = b"# v2 git bundle\nda39a3ee5e6b4b0d3255bfef95601890afd80709 refs/heads/main\n\n";
    [head.as_slice(), pack, &Sha1::digest(pack)].concat()
}

pub(crate) fn gzip(content: impl AsRef<[u8]>) -> Made<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_ref())?;
    Ok(encoder.finish()?)
}

/// As `tar -cf - . | gzip` makes it.
pub(crate) fn tar_gzip(files: &[(&str, &str)]) -> Made<Vec<u8>> {
    let mut inner = Backup { name: String::new(), entries: vec![folder("./")] };
    for (name, content) in files {
        inner.entries.push(if name.ends_with('/') { folder(name) } else { file(name, content) });
    }
    gzip(inner.bytes()?)
}
