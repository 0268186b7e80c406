//! Reads texts of any size piece by piece: files, packed ones too, folders, standard input.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::read::MultiGzDecoder;
use walkdir::WalkDir;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// Bytes of a file that tell what it is.
const BEGINNING: usize = 8 << 10;
/// How a packed file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Folders inside one another.
const DEEPEST: usize = 64;

/// Events while texts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPart<'r> {
    /// A text begins; its name.
    Begins(&'r str),
    /// A piece of it, cut anywhere.
    Piece(&'r [u8]),
    /// It has ended.
    Ends,
    /// A file in a folder is not a text.
    Skipped {
        /// Its name.
        name: &'r str,
        /// What it is.
        because: &'r str,
    },
    /// Something cannot be read, or is no text though it was named.
    Unreadable {
        /// Its name.
        name: &'r str,
        /// Why.
        because: &'r str,
    },
}

/// Reads texts in order: `-` is standard input, a folder stands for all files in it, sorted.
pub fn read_texts(paths: &[PathBuf], mut tell: impl FnMut(TextPart<'_>)) {
    for path in paths {
        if path.as_os_str() == "-" {
            text(std::io::stdin().lock(), "-", true, &mut tell);
        } else if path.is_dir() {
            folder(path, &mut tell);
        } else {
            file(path, true, &mut tell);
        }
    }
}

fn folder(path: &Path, tell: &mut impl FnMut(TextPart<'_>)) {
    for entry in WalkDir::new(path).min_depth(1).max_depth(DEEPEST).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let name = error.path().unwrap_or(path).display().to_string();
                let because = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                tell(TextPart::Unreadable { name: &name, because: &because });
                continue;
            }
        };
        let (name, path) = (entry.path().display().to_string(), entry.path());
        let mut skipped = |because| tell(TextPart::Skipped { name: &name, because });
        if path.is_file() {
            file(path, false, tell);
        } else if entry.path_is_symlink() {
            // A link to a folder may lead round in a circle.
            skipped(if path.exists() { "a link to a folder" } else { "a link to nothing" });
        } else if !entry.file_type().is_dir() {
            skipped("neither file nor folder");
        } else if entry.depth() == DEEPEST {
            tell(TextPart::Unreadable { name: &name, because: "it lies too deep" });
        }
    }
}

fn file(path: &Path, named: bool, tell: &mut impl FnMut(TextPart<'_>)) {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => text(file, &name, named, tell),
        Err(error) => tell(TextPart::Unreadable { name: &name, because: &error.to_string() }),
    }
}

/// Reads one text; what is packed is unpacked, by what it holds and not by its name.
fn text(source: impl Read, name: &str, named: bool, tell: &mut impl FnMut(TextPart<'_>)) {
    let mut source = source;
    let done = beginning(&mut source).and_then(|first| {
        let packed = first.starts_with(&GZIP);
        let whole = Cursor::new(first).chain(source);
        if packed { plain(MultiGzDecoder::new(whole), name, named, tell) } else { plain(whole, name, named, tell) }
    });
    if let Err(error) = done {
        tell(TextPart::Unreadable { name, because: &error.to_string() });
    }
}

fn beginning(source: &mut impl Read) -> Result<Vec<u8>, std::io::Error> {
    let mut first = Vec::with_capacity(BEGINNING);
    source.take(BEGINNING as u64).read_to_end(&mut first)?;
    Ok(first)
}

/// Emits a text as UTF-8. A text with a byte order mark of UTF-16 is decoded, as `>` in PowerShell writes it; without a byte
/// order mark it is passed on unchanged.
fn plain(
    source: impl Read,
    name: &str,
    named: bool,
    tell: &mut impl FnMut(TextPart<'_>),
) -> Result<(), std::io::Error> {
    let mut source = DecodeReaderBytesBuilder::new().utf8_passthru(true).strip_bom(true).build(source);
    let first = beginning(&mut source)?;
    if first.contains(&0) {
        let because = "it is not a text";
        tell(if named { TextPart::Unreadable { name, because } } else { TextPart::Skipped { name, because } });
        return Ok(());
    }
    tell(TextPart::Begins(name));
    tell(TextPart::Piece(&first));
    let mut buffer = vec![0; PIECE];
    let ended = loop {
        match source.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(read) => tell(TextPart::Piece(&buffer[..read])),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    tell(TextPart::Ends);
    ended
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// What was read of each text, and what was said of the rest.
    fn read(paths: &[PathBuf], root: &Path) -> Vec<String> {
        let mut events: Vec<String> = Vec::new();
        let short = |name: &str| name.replace(&root.display().to_string(), "");
        read_texts(paths, |part| match part {
            TextPart::Begins(name) => events.push(format!("{}: ", short(name))),
            TextPart::Piece(bytes) => events.last_mut().unwrap().push_str(&String::from_utf8_lossy(bytes)),
            TextPart::Ends => events.last_mut().unwrap().push('.'),
            TextPart::Skipped { name, because } => events.push(format!("{} skipped: {because}", short(name))),
            TextPart::Unreadable { name, because } => events.push(format!("{} unreadable: {because}", short(name))),
        });
        events
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_folder_is_read_in_order_and_what_is_no_text_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("b")).unwrap();
        std::fs::write(at("b/inner"), "inside").unwrap();
        std::fs::write(at("c.gz"), [gzip(b"pack"), gzip(b"ed")].concat()).unwrap();
        std::fs::write(at("a"), "first").unwrap();
        std::fs::write(at("d"), b"\0\x01").unwrap();
        std::fs::write(at("e.gz"), gzip(b"tar\0")).unwrap();
        std::fs::write(at("f"), "").unwrap();
        std::os::unix::fs::symlink(folder.path(), at("g")).unwrap();
        std::os::unix::fs::symlink(at("a"), at("h")).unwrap();
        let events = read(&[folder.path().to_owned()], folder.path());
        assert_eq!(
            events,
            [
                "/a: first.",
                "/b/inner: inside.",
                "/c.gz: packed.",
                "/d skipped: it is not a text",
                "/e.gz skipped: it is not a text",
                "/f: .",
                "/g skipped: a link to a folder",
                "/h: first.",
            ]
        );
    }

    #[test]
    fn utf_16_with_its_mark_is_read_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // Longer than what is read at once, and with characters of two units.
        let text = "größer 😀\r\n".repeat(60_000);
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        std::fs::write(at("a"), [&[0xff, 0xfe][..], &little].concat()).unwrap();
        std::fs::write(at("b.gz"), gzip(&[&[0xfe, 0xff][..], &big].concat())).unwrap();
        std::fs::write(at("c"), b"\xff\xfeh\0i").unwrap();
        std::fs::write(at("d"), b"\xff\xfe\0\0h\0\0\0").unwrap();
        std::fs::write(at("e"), b"\xff\xfe").unwrap();
        std::fs::write(at("f"), b"\xef\xbb\xbfmarked \xfc").unwrap();
        let events = read(&[folder.path().to_owned()], folder.path());
        assert_eq!(events[0], format!("/a: {text}."));
        assert_eq!(events[1], format!("/b.gz: {text}."));
        assert_eq!(events[2..], ["/c: h\u{fffd}.", "/d skipped: it is not a text", "/e: .", "/f: marked \u{fffd}."]);
    }

    #[test]
    fn what_was_named_and_cannot_be_read_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("binary"), b"x\0").unwrap();
        std::fs::write(at("wide"), b"\xff\xfeh\0\0\0").unwrap();
        let packed = gzip("line\n".repeat(100_000).as_bytes());
        std::fs::write(at("cut.gz"), &packed[..packed.len() / 2]).unwrap();
        let events = read(&["none", "binary", "wide", "cut.gz"].map(at), folder.path());
        assert!(events[0].starts_with("/none unreadable: No such file"), "{events:?}");
        assert_eq!(events[1..3], ["/binary unreadable: it is not a text", "/wide unreadable: it is not a text"]);
        // What could be read of it was.
        assert!(
            events[3].starts_with("/cut.gz: line\nline\n") && events[4].starts_with("/cut.gz unreadable: "),
            "{}",
            events[4]
        );
    }
}
