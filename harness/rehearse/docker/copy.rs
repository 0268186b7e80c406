//! Copies files into and out of containers, as tar streams in flat memory.

use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_util::bytes::Bytes;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::docker::client::{Client, absent_as_none, failed, refused, status};
use crate::docker::daemon::Daemon;
use crate::docker::service;
use crate::engine::host::HostError;
use rehearse_core::vocabulary::ident::DeploymentName;

const CHUNK: usize = 256 * 1024;
/// No system has longer names or attributes.
const MAX_EXTENSION: u64 = 1 << 20;
const BLOCK: u64 = 512;
/// bollard's time limit covers the whole upload, so it is very long; the caller's own deadline drops the future.
const UPLOAD: Duration = Duration::from_secs(24 * 3600);
/// How many links are followed before they count as a circle.
const LINKS: usize = 8;

/// Unpacks an archive of the host into a folder of a service.
pub(crate) async fn archive_in(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    archive: &Path,
    to: &str,
) -> Result<(), HostError> {
    let id = service::present(daemon, deployment, service, "copy into").await?;
    let object = format!("{to} in {}", service::object(deployment, service));
    let file = File::open(archive).await.map_err(unreadable(archive))?;
    upload(&daemon.client, &id, to, object, ReaderStream::with_capacity(file, CHUNK)).await
}

/// Writes a file of the host into a file of a service: owned by root, readable by all, and executable if it is here.
pub(crate) async fn file_in(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    file: &Path,
    to: &str,
) -> Result<(), HostError> {
    let id = service::present(daemon, deployment, service, "copy into").await?;
    let object = format!("{to} in {}", service::object(deployment, service));
    let (folder, name) = match to.rsplit_once('/') {
        Some((folder, name)) if !name.is_empty() => (if folder.is_empty() { "/" } else { folder }, name),
        _ => return Err(refused("copy into", object, "the target must be the absolute path of a file")),
    };
    let source = File::open(file).await.map_err(unreadable(file))?;
    let facts = source.metadata().await.map_err(unreadable(file))?;
    let mode = if facts.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
    let changed = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let size = facts.len();
    let head = head(name, size, mode, changed.unwrap_or_default().as_secs()).map_err(unreadable(file))?;
    let padding = size.next_multiple_of(BLOCK) - size;
    let tail = vec![0; usize::try_from(padding + 2 * BLOCK).unwrap_or(0)];
    let body = stream::iter([Ok(head)])
        .chain(ReaderStream::with_capacity(source.take(size), CHUNK))
        .chain(stream::iter([Ok(Bytes::from(tail))]));
    upload(&daemon.client, &id, folder, object, body).await
}

/// Writes a file of a service into a file of the host; `false` if it does not exist. If this is dropped midway, the file
/// of the host is incomplete.
pub(crate) async fn file_out(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    from: &str,
    file: &Path,
) -> Result<bool, HostError> {
    let id = service::present(daemon, deployment, service, "copy out of").await?;
    let object = format!("{from} in {}", service::object(deployment, service));
    let Some((size, mut content)) = download(&daemon.client, &id, from, &object).await? else { return Ok(false) };
    let unwritable = |source| HostError::File { operation: "write", path: file.to_owned(), source };
    let mut target = File::create(file).await.map_err(unwritable)?;
    let mut chunk = vec![0; CHUNK];
    let mut left = size;
    while left > 0 {
        let wanted = usize::try_from(left.min(CHUNK as u64)).unwrap_or(CHUNK);
        let read = content.read(chunk.get_mut(..wanted).unwrap_or_default()).await;
        let count = read.map_err(|error| refused("copy out of", object.clone(), error))?;
        if count == 0 {
            return Err(refused("copy out of", object, format!("it ended {left} bytes early")));
        }
        target.write_all(chunk.get(..count).unwrap_or_default()).await.map_err(unwritable)?;
        left -= count as u64;
    }
    target.flush().await.map_err(unwritable)?;
    Ok(true)
}

/// Reads a small file of a container; `None` if it does not exist.
pub(crate) async fn read_small(
    client: &Client,
    id: &str,
    from: &str,
    object: &str,
) -> Result<Option<String>, HostError> {
    let Some((size, content)) = download(client, id, from, object).await? else { return Ok(None) };
    let mut text = String::new();
    let read = content.take(size.min(CHUNK as u64)).read_to_string(&mut text).await;
    read.map_err(|error| refused("copy out of", object, error))?;
    Ok(Some(text))
}

async fn upload(
    client: &Client,
    id: &str,
    folder: &str,
    object: String,
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Result<(), HostError> {
    // Checked first: an engine that rejects an upload closes the connection while we still send, which hides its message.
    let options = ContainerArchiveInfoOptionsBuilder::new().path(folder).build();
    let there = client.quick().get_container_archive_info(id, Some(options)).await;
    if absent_as_none(there).map_err(failed("copy into", object.clone()))?.is_none() {
        return Err(refused("copy into", object, format!("there is no folder {folder}")));
    }
    let options = UploadToContainerOptionsBuilder::new().path(folder).build();
    let docker = client.patient(UPLOAD);
    let sent = docker.upload_to_container(id, Some(options), bollard::body_try_stream(body)).await;
    sent.map_err(failed("copy into", object))
}

/// The beginning of an archive: the header of its only file. The builder takes care of long names and huge sizes.
fn head(name: &str, size: u64, mode: u32, changed: u64) -> io::Result<Bytes> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(changed);
    header.set_uid(0);
    header.set_gid(0);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, io::empty())?;
    Ok(Bytes::from(std::mem::take(builder.get_mut())))
}

type Content = Box<dyn AsyncRead + Send + Unpin>;

/// The size and the content of one file, links followed.
async fn download(client: &Client, id: &str, from: &str, object: &str) -> Result<Option<(u64, Content)>, HostError> {
    let mut path = from.to_owned();
    for _ in 0..LINKS {
        let options = DownloadFromContainerOptionsBuilder::new().path(&path).build();
        let mut bytes = client.quick().download_from_container(id, Some(options)).boxed();
        let first = match bytes.next().await {
            Some(Err(error)) if status(&error) == Some(404) => return Ok(None),
            Some(Err(error)) => return Err(failed("copy out of", object)(error)),
            first => stream::iter(first),
        };
        let mut content: Content = Box::new(StreamReader::new(first.chain(bytes).map_err(io::Error::other).boxed()));
        match entry(&mut content).await.map_err(|error| refused("copy out of", object, error))? {
            Entry::File(size) => return Ok(Some((size, content))),
            Entry::Link(target) if target.starts_with('/') => path = target,
            Entry::Link(target) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                path = format!("{folder}/{target}");
            }
        }
    }
    Err(refused("copy out of", object, "its links form a circle"))
}

#[derive(Debug)]
enum Entry {
    File(u64),
    Link(String),
}

/// Reads up to the content of the first entry. Done by hand, because a reader in a thread of its own would continue after
/// its future is dropped.
async fn entry(archive: &mut Content) -> io::Result<Entry> {
    let mut extended_size = None;
    let mut extended_link = None;
    loop {
        let mut block = [0; BLOCK as usize];
        archive.read_exact(&mut block).await?;
        let header = tar::Header::from_byte_slice(&block);
        let size = header.size()?;
        let kind = header.entry_type();
        if kind.is_pax_local_extensions() || kind.is_gnu_longname() || kind.is_gnu_longlink() {
            let extension = extension(archive, size).await?;
            if kind.is_gnu_longlink() {
                extended_link = Some(String::from_utf8_lossy(&extension).trim_end_matches('\0').to_owned());
            }
            let pairs = tar::PaxExtensions::new(if kind.is_pax_local_extensions() { &extension } else { &[] });
            for pair in pairs {
                let pair = pair?;
                match pair.key_bytes() {
                    b"size" => extended_size = pair.value().ok().and_then(|size| size.parse().ok()),
                    b"linkpath" => extended_link = Some(String::from_utf8_lossy(pair.value_bytes()).into_owned()),
                    _ => {}
                }
            }
        } else if kind.is_pax_global_extensions() {
            extension(archive, size).await?;
        } else if kind.is_file() {
            return Ok(Entry::File(extended_size.unwrap_or(size)));
        } else if kind.is_symlink() {
            let target = header.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
            return Ok(Entry::Link(extended_link.or(target).unwrap_or_default()));
        } else {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("it is a {}, not a file", kind_name(kind))));
        }
    }
}

/// A long name or extended attributes. The container wrote the header, so its size cannot be trusted.
async fn extension(archive: &mut Content, size: u64) -> io::Result<Vec<u8>> {
    if size > MAX_EXTENSION {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("a header of {size} bytes")));
    }
    let mut bytes = Vec::new();
    archive.take(size.next_multiple_of(BLOCK)).read_to_end(&mut bytes).await?;
    bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    Ok(bytes)
}

fn kind_name(kind: tar::EntryType) -> &'static str {
    if kind.is_dir() { "folder" } else { "device or socket" }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> HostError + '_ {
    move |source| HostError::File { operation: "read", path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(archive: Vec<u8>) -> io::Result<Entry> {
        let mut content: Content = Box::new(io::Cursor::new(archive));
        entry(&mut content).await
    }

    #[tokio::test]
    async fn a_header_for_a_long_name_and_a_huge_file_reads_back() {
        let archive = head(&"n".repeat(200), 20 << 30, 0o644, 0).unwrap();
        assert!(matches!(read(archive.to_vec()).await, Ok(Entry::File(size)) if size == 20 << 30));
    }

    #[tokio::test]
    async fn a_header_with_an_absurd_size_is_rejected() {
        for size in [(1 << 20) + 1, u64::MAX] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::GNULongName);
            header.set_size(size);
            header.set_cksum();
            let archive = [header.as_bytes().as_slice(), &[b'n'; 4096]].concat();
            let error = read(archive).await.err().map(|error| error.to_string());
            assert_eq!(error, Some(format!("a header of {size} bytes")));
        }
    }

    #[tokio::test]
    async fn a_folder_is_rejected() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        builder.append_data(&mut header, "etc/", io::empty()).unwrap();
        assert!(read(builder.into_inner().unwrap()).await.unwrap_err().to_string().contains("folder"));
    }

    #[tokio::test]
    async fn a_link_gives_its_target() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "a", "../b").unwrap();
        assert!(matches!(read(builder.into_inner().unwrap()).await, Ok(Entry::Link(target)) if target == "../b"));
    }
}
