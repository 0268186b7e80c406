//! Files of a backup as they are verified: archives of any bytes, plain and compressed, and texts.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use rehearse::backup::well_formed;
use rehearse_core::model::product::Format;

/// The first byte says how the rest is read.
pub(crate) fn check(data: &[u8]) {
    let Some((seed, bytes)) = data.split_first() else { return };
    let size = bytes.len() as u64;
    let read = |format| well_formed(bytes, size, format).map_err(|error| error.to_string());
    // However the file comes in pieces, it says the same.
    let piecemeal = |format| {
        let most = [1, 7, 511, 513][usize::from(seed % 4)];
        well_formed(Sips { bytes, most }, size, format).map_err(|error| error.to_string())
    };
    let tar = read(Format::Tar);
    assert_eq!(tar, piecemeal(Format::Tar));
    // What is wrong with a damaged stream is noticed sooner or later by its pieces.
    assert_eq!(read(Format::TarGzip).ok(), piecemeal(Format::TarGzip).ok());
    assert_eq!(read(Format::PgDumpSqlGzip).ok(), piecemeal(Format::PgDumpSqlGzip).ok());
    // A text that is refused is refused at another place when it comes in pieces.
    assert_eq!(read(Format::Text).is_ok(), std::str::from_utf8(bytes).is_ok());
    assert_eq!(piecemeal(Format::Text).is_ok(), std::str::from_utf8(bytes).is_ok());
    assert!(read(Format::PgDumpCustom).is_err() || bytes.starts_with(b"PGDMP"));
    // What is recognised is read in the same way whatever the part says, and nothing of it panics.
    for format in [Format::Any, Format::PgDumpCustom, Format::MongoArchive, Format::RedisRdb, Format::Neo4jDump] {
        assert_eq!(read(format).ok(), piecemeal(format).ok());
    }
    for format in [Format::Sqlite, Format::MysqlDump, Format::PgDumpSql] {
        assert_eq!(read(format), piecemeal(format));
    }
    assert!(read(Format::Bytes).is_ok());
    if let Ok((said, _)) = read(Format::Tar) {
        let any = read(Format::Any);
        assert!(any.is_ok_and(|(any, _)| any.ends_with(said.trim_start_matches(','))), "{said}");
    }
    if let Ok((said, _)) = &tar {
        let entries = said.strip_prefix(", ").and_then(|said| said.split_once(" entries"));
        let entries: usize = entries.and_then(|(number, _)| number.parse().ok()).unwrap_or(usize::MAX);
        assert!((1..=bytes.len() / 512).contains(&entries), "{said} in {} bytes", bytes.len());
    }
    // Compressed it is the same archive, and a changed checksum is seen.
    if seed % 16 == 0 {
        let Ok(mut gz) = compressed(bytes) else { panic!("memory takes all that is written") };
        let text = |archive: &[u8]| well_formed(archive, size, Format::TarGzip).map_err(|error| error.to_string());
        assert_eq!(text(&gz).ok(), tar.ok());
        let at = gz.len() - 6;
        gz[at] ^= 0x40;
        assert!(text(&gz).is_err(), "a damaged archive passed");
    }
}

fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(bytes)?;
    gz.finish()
}

struct Sips<'a> {
    bytes: &'a [u8],
    most: usize,
}

impl Read for Sips<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.most.min(buffer.len());
        self.bytes.read(&mut buffer[..most])
    }
}
