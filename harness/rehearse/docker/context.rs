//! Build contexts: the files an image is made from, what identifies them, and the archive the engine gets.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use include_dir::Dir;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// The recipe lies next to the files, but does not belong to the image.
const RECIPE: &str = "image.yaml";
const CERTIFICATES: &str = "ca-certificates";
/// Where Debian keeps the certificate authorities that the administrator added.
const LOCAL_CERTIFICATES: &str = "/usr/local/share/ca-certificates";

/// A file of a build context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFile {
    /// Its path in the context, with slashes.
    pub path: String,
    /// Whether it is executable.
    pub executable: bool,
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
}

impl ContextFile {
    /// A file. A script counts as executable whatever its mode: embedded files have no mode, and the same files must give the
    /// same image.
    pub fn new(path: impl Into<String>, executable: bool, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        Self { path: path.into(), executable: executable || bytes.starts_with(b"#!"), bytes }
    }
}

/// The files of a folder that is part of this program.
pub fn embedded(folder: &'static Dir<'static>) -> Vec<ContextFile> {
    let mut files = Vec::new();
    let mut pending = vec![folder];
    while let Some(current) = pending.pop() {
        pending.extend(current.dirs());
        for file in current.files() {
            let path = file.path().strip_prefix(folder.path()).unwrap_or(file.path()).to_string_lossy().into_owned();
            files.push(ContextFile::new(path, false, file.contents()));
        }
    }
    ordered(files)
}

/// The files of a folder on disk, links followed.
pub fn read_folder(folder: &Path) -> io::Result<Vec<ContextFile>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).min_depth(1).follow_links(true) {
        let entry = entry?;
        if !entry.file_type().is_dir() {
            let path = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy().into_owned();
            let executable = entry.metadata()?.permissions().mode() & 0o111 != 0;
            files.push(ContextFile::new(path, executable, fs::read(entry.path())?));
        }
    }
    Ok(ordered(files))
}

fn ordered(mut files: Vec<ContextFile>) -> Vec<ContextFile> {
    files.retain(|file| file.path != RECIPE);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// What identifies a context: every file, and every further word that affects the result.
pub(crate) fn fingerprint<'a>(files: &[ContextFile], words: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    // Each part has its length in front, so that no two contexts give the same bytes.
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for file in files {
        add(file.path.as_bytes());
        add(if file.executable { b"x" } else { b"-" });
        add(&file.bytes);
    }
    for word in words {
        add(word.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The archive that the engine builds from: the files, and the certificate authorities of this machine in a folder that
/// always exists, so that a Dockerfile may copy it. They do not identify the image, because they lead to the same packages.
pub(crate) fn archive(files: &[ContextFile]) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        append(&mut builder, &file.path, file.executable, &file.bytes)?;
    }
    let about = "Certificates of the authorities that the building machine trusts beyond the public ones.\n";
    append(&mut builder, &format!("{CERTIFICATES}/README"), false, about.as_bytes())?;
    for (name, bytes) in certificates(Path::new(LOCAL_CERTIFICATES)) {
        append(&mut builder, &format!("{CERTIFICATES}/{name}"), false, &bytes)?;
    }
    builder.into_inner()
}

fn append(builder: &mut tar::Builder<Vec<u8>>, path: &str, executable: bool, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(if executable { 0o755 } else { 0o644 });
    // Always the epoch: the engine's layer cache compares the times of some kinds of files.
    header.set_mtime(0);
    builder.append_data(&mut header, path, bytes)
}

/// The certificates in a folder. One that cannot be read is left out; builds work without it on other machines too.
fn certificates(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "crt"))
        .filter_map(|entry| Some((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).ok()?)))
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: &'static [u8]) -> ContextFile {
        ContextFile::new(path, false, bytes)
    }

    #[test]
    fn a_fingerprint_changes_with_every_part() {
        let one = fingerprint(&[file("a", b"bc")], ["x"]);
        assert_eq!(one, fingerprint(&[file("a", b"bc")], ["x"]));
        assert_ne!(one, fingerprint(&[file("ab", b"c")], ["x"]));
        assert_ne!(one, fingerprint(&[file("a", b"bc")], ["y"]));
        assert_ne!(one, fingerprint(&[ContextFile::new("a", true, b"bc".as_slice())], ["x"]));
    }

    #[test]
    fn a_script_is_executable_wherever_it_comes_from() {
        assert!(file("entrypoint.sh", b"#!/bin/sh\n").executable);
        assert!(!file("Gemfile", b"gem 'puma'\n").executable);
    }

    #[test]
    fn a_folder_is_read_in_order_and_without_its_recipe() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["sub/b", "a", "image.yaml"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let paths: Vec<_> = read_folder(folder.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["a", "sub/b"]);
    }

    #[test]
    fn the_folder_of_certificates_always_exists() {
        let bytes = archive(&[]).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let first = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(first.path().unwrap().to_string_lossy(), "ca-certificates/README");
    }
}
