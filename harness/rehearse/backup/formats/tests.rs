//! Files as the real programs write them (`data/make` says how), whole and damaged in every way that a disk or a full one has.

use std::collections::BTreeSet;
use std::io::{BufReader, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use rehearse_core::model::product::Format;

use super::super::archive;
use super::super::content::{Content, read_content};

/// What `any` recognises by the name of the file too.
macro_rules! data {
    ($name:literal) => {
        ($name, include_bytes!(concat!("data/", $name)).as_slice())
    };
}

const TEXT_GZ: (&str, &[u8]) = data!("text.gz");
const TEXT_XZ: (&str, &[u8]) = data!("text.xz");
const TEXT_ZST: (&str, &[u8]) = data!("text.zst");
const TEXT_BZ2: (&str, &[u8]) = data!("text.bz2");
const TAR: (&str, &[u8]) = data!("files.tar");
const ZIP: (&str, &[u8]) = data!("files.zip");
const STORED_ZIP: (&str, &[u8]) = data!("stored.zip");
const STREAMED_ZIP: (&str, &[u8]) = data!("streamed.zip");
const BUNDLE: (&str, &[u8]) = data!("all.bundle");
const INCREMENT: (&str, &[u8]) = data!("increment.bundle");
const SHA256_BUNDLE: (&str, &[u8]) = data!("sha256.bundle");
const SQLITE: (&str, &[u8]) = data!("plain.sqlite");
const REDIS: (&str, &[u8]) = data!("checked.rdb");
const UNCHECKED_REDIS: (&str, &[u8]) = data!("unchecked.rdb");
const MARIADB: (&str, &[u8]) = data!("mariadb.sql");
const MARIADB_NO_DATE: (&str, &[u8]) = data!("mariadb-no-date.sql");
const MARIADB_NO_COMMENTS: (&str, &[u8]) = data!("mariadb-no-comments.sql");
const MARIADB_COMPACT: (&str, &[u8]) = data!("mariadb-compact.sql");
const POSTGRES: (&str, &[u8]) = data!("postgres.sql");
const POSTGRES_ALL: (&str, &[u8]) = data!("postgres-all.sql");
const PG_CUSTOM: (&str, &[u8]) = data!("custom.dump");
const PG_UNCOMPRESSED: (&str, &[u8]) = data!("custom-uncompressed.dump");
const NEO4J: (&str, &[u8]) = data!("small.neo4j.dump");

fn read(name: &str, bytes: &[u8], format: Format) -> Result<Content, String> {
    let size = bytes.len() as u64;
    read_content(bytes, (name, size), format, archive::most(size, None)).map_err(|error| error.to_string())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn any((name, bytes): (&str, &[u8])) -> String {
    read(name, bytes, Format::Any).unwrap().found.unwrap()
}

/// Nothing that is cut anywhere, or followed by anything, passes.
#[track_caller]
fn check_cut(name: &str, bytes: &[u8], format: Format) {
    assert!(read(name, bytes, format).is_ok(), "{name}: {:?}", read(name, bytes, format));
    let step = (bytes.len() / 150).max(1);
    for length in (0..bytes.len()).step_by(step).chain(bytes.len().saturating_sub(24)..bytes.len()) {
        let cut = read(name, &bytes[..length], format);
        assert!(cut.is_err(), "{name} cut at {length} of {}: {cut:?}", bytes.len());
    }
    for more in [b"x".as_slice(), b"some garbage that follows", &[0xff; 600]] {
        let followed = read(name, &[bytes, more].concat(), format);
        assert!(followed.is_err(), "{name} with {} bytes behind it: {followed:?}", more.len());
    }
}

/// The bytes that may be others without anybody noticing.
fn unnoticed(name: &str, bytes: &[u8], format: Format) -> BTreeSet<usize> {
    let mut changed = bytes.to_vec();
    let mut passes = |at: usize| {
        changed[at] ^= 0x20;
        let passes = read(name, &changed, format).is_ok();
        changed[at] ^= 0x20;
        passes
    };
    (0..bytes.len()).filter(|at| passes(*at)).collect()
}

/// Of the bytes that may be others, none is among these.
#[track_caller]
fn check_flipped((name, bytes): (&str, &[u8]), format: Format, noticed: std::ops::Range<usize>) {
    let unnoticed: Vec<usize> = unnoticed(name, bytes, format).into_iter().filter(|at| noticed.contains(at)).collect();
    assert!(unnoticed.is_empty(), "{name}: {unnoticed:?} of {noticed:?}");
}

#[test]
fn a_compressed_file_is_verified_whatever_the_part_says() {
    for (file @ (name, bytes), said) in [
        (TEXT_GZ, "gzip of 1271 bytes of another format"),
        (TEXT_XZ, "xz of 1271 bytes of another format"),
        (TEXT_ZST, "zstd of 1271 bytes of another format"),
        (TEXT_BZ2, "bzip2 of 1271 bytes of another format"),
    ] {
        assert_eq!((any(file).as_str(), read(name, bytes, Format::Any).unwrap().expanded), (said, Some(1271)));
        check_cut(name, bytes, Format::Any);
        // Two of them are one file.
        assert!(any((name, &[bytes, bytes].concat())).contains("2542 bytes"), "{name}");
    }
    // All but the header's time, flags and system, and bits that pad the last byte.
    check_flipped(TEXT_GZ, Format::Any, 0..4);
    check_flipped(TEXT_GZ, Format::Any, 10..145);
    check_flipped(TEXT_GZ, Format::Any, 146..TEXT_GZ.1.len());
    check_flipped(TEXT_XZ, Format::Any, 0..TEXT_XZ.1.len());
    check_flipped(TEXT_ZST, Format::Any, 6..TEXT_ZST.1.len());
    check_flipped(TEXT_BZ2, Format::Any, 0..TEXT_BZ2.1.len() - 1);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let error = |(name, bytes): (&str, &[u8])| read(name, bytes, Format::Any).unwrap_err();
    for (name, bytes) in [TEXT_GZ, TEXT_XZ, TEXT_ZST, TEXT_BZ2] {
        let (format, half) = (name.replace("text.", ""), bytes.len() / 2);
        let format =
            format.replace("gz", "gzip").replace("zst", "zstd").replace("bz2", "bzip2").replace("gzipip2", "bzip2");
        let cut = error((name, &bytes[..half]));
        let expected = format!("it ends in the middle of the {format} stream, after {half} bytes: it was cut off (");
        assert!(cut.starts_with(&expected), "{cut}");
        let followed = error((name, &[bytes, b"garbage"].concat()));
        let expected = format!("the {format} stream is broken at byte ");
        assert!(followed.starts_with(&expected), "{followed}");
    }
    let two = |(name, bytes): (&'static str, &'static [u8])| {
        (error((name, &bytes[..bytes.len() / 2])), error((name, &[bytes, b"garbage"].concat())))
    };
    for (file, cut, followed) in [
        (
            ZIP,
            "it ends in the middle of the header of an entry, after 229 bytes: it was cut off",
            "the archive, at byte 459",
        ),
        (BUNDLE, "an object of Git is broken at byte 312: incomplete deflate stream", "the bundle, at byte 625"),
    ] {
        let (seen_cut, seen_followed) = two(file);
        assert_eq!(
            (seen_cut.as_str(), seen_followed.as_str()),
            (cut, format!("something follows the end of {followed}").as_str())
        );
    }
    let mut flipped = STORED_ZIP.1.to_vec();
    flipped[600] ^= 1;
    assert_eq!(error(("a.zip", &flipped)), "`folder/text`: its CRC does not match, at byte 1349");
    // Of the disk, not of the file.
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::from_raw_os_error(5))
        }
    }
    let half = &TEXT_GZ.1[..50];
    let failed = read_content(std::io::Read::chain(half, Broken), ("text.gz", 154), Format::Any, 1 << 20);
    assert_eq!(failed.unwrap_err().raw_os_error(), Some(5));
}

#[test]
fn a_tar_archive_is_verified_to_its_end() {
    assert_eq!(any(TAR), "a tar archive with 3 entries");
    let (name, bytes) = TAR;
    // What pads the end may be missing: it holds nothing.
    let end = bytes.len() - 1024;
    for length in (0..end).step_by(97).chain([end]) {
        assert!(read(name, &bytes[..length], Format::Any).is_err(), "{length}");
    }
    for format in [Format::Any, Format::Tar] {
        assert!(
            read(name, &[bytes, b"garbage"].concat(), format).unwrap_err().starts_with("something follows the end")
        );
    }
    // Names, sizes and the like have a checksum; what files hold has none.
    check_flipped(TAR, Format::Any, 0..154);
    check_flipped(TAR, Format::Any, 156..512);
    // Inside of something, with the checksum of that.
    for (inside, said) in
        [(gzip(bytes), "gzip of a tar archive with 3 entries"), (gzip(&gzip(bytes)), "gzip of gzip of a tar archive")]
    {
        assert!(any(("files.tar.gz", &inside)).starts_with(said));
        check_cut("files.tar.gz", &inside, Format::Any);
    }
}

#[test]
fn a_zip_archive_is_verified_with_its_directory() {
    for (file @ (name, bytes), content) in [(ZIP, 70..210), (STORED_ZIP, 70..1350), (STREAMED_ZIP, 75..213)] {
        assert_eq!(any(file), "a zip archive with 3 entries");
        check_cut(name, bytes, Format::Any);
        check_flipped(file, Format::Any, content);
    }
    let empty = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    assert_eq!(any(("empty.zip", &empty)), "a zip archive with 0 entries");
    // An entry that the directory does not list: the second half of an archive behind the first.
    let (_, zip) = ZIP;
    let entries = &zip[..zip.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap()];
    assert!(read("two.zip", &[entries, zip].concat(), Format::Any).is_err());
}

#[test]
fn a_bundle_of_git_is_verified_with_the_digest_of_its_pack() {
    for (file @ (name, bytes), said) in [
        (BUNDLE, "a bundle of Git with 6 objects and 2 references"),
        (INCREMENT, "a bundle of Git with 3 objects and 1 references, which continues 1 commits"),
        (SHA256_BUNDLE, "a bundle of Git with 6 objects and 2 references"),
    ] {
        assert_eq!(any(file), said);
        check_cut(name, bytes, Format::Any);
        let pack = bytes.windows(4).position(|bytes| bytes == b"PACK").unwrap();
        check_flipped(file, Format::Any, pack - 1..bytes.len());
    }
}

#[test]
fn a_database_of_sqlite_is_as_long_as_it_says() {
    let (name, bytes) = SQLITE;
    assert_eq!(any(SQLITE), "7 pages of 512 bytes, which have no checksums");
    check_cut(name, bytes, Format::Sqlite);
    check_cut(name, bytes, Format::Any);
    // Whole pages that are missing, or too many.
    assert!(
        read(name, &bytes[..3072], Format::Sqlite).unwrap_err().starts_with("6 pages in place of 7: it was cut off")
    );
    let more = [bytes, &[0; 512]].concat();
    assert!(read(name, &more, Format::Sqlite).unwrap_err().starts_with("8 pages in place of 7: something follows"));
    for header in [0..20, 28..40] {
        check_flipped(SQLITE, Format::Sqlite, header);
    }
    let mut wal = bytes.to_vec();
    wal[18..20].copy_from_slice(&[2, 2]);
    assert!(any((name, &wal)).ends_with("; what was written last may be in a -wal beside it"));
}

#[test]
fn a_snapshot_of_redis_ends_with_its_checksum() {
    let (name, bytes) = REDIS;
    assert_eq!(any(REDIS), "a snapshot of Redis in version 10");
    check_cut(name, bytes, Format::RedisRdb);
    check_flipped(REDIS, Format::RedisRdb, 0..bytes.len());
    let (name, bytes) = UNCHECKED_REDIS;
    assert!(any(UNCHECKED_REDIS).ends_with("in version 10, without a checksum: only its end is verified"));
    check_cut(name, bytes, Format::RedisRdb);
    // As Valkey 9 begins it, and as Redis did before it had checksums.
    let (head, body) = bytes.split_at(9);
    assert_eq!(head, b"REDIS0010");
    assert!(any(("dump.rdb", &[b"VALKEY080", body].concat())).contains("version 80"));
    let old = [b"REDIS0004", &body[..body.len() - 8]].concat();
    assert!(any(("dump.rdb", &old)).contains("version 4, without a checksum"));
    assert!(read("dump.rdb", &old[..old.len() - 1], Format::RedisRdb).is_err());
}

#[test]
fn a_dump_of_neo4j_has_the_files_that_it_states() {
    let (name, bytes) = NEO4J;
    assert_eq!(any(NEO4J), "a dump of Neo4j with 2 files");
    check_cut(name, bytes, Format::Neo4jDump);
    check_flipped(NEO4J, Format::Neo4jDump, 10..146);
    let numbers = |files: u64| [&[0, 0, 0, 1], files.to_be_bytes().as_slice(), &1284_u64.to_be_bytes(), TAR.1].concat();
    let of_gzip = |files| [b"DGV1", gzip(&numbers(files)).as_slice()].concat();
    assert_eq!(any((name, &of_gzip(2))), "a dump of Neo4j with 2 files");
    check_cut(name, &of_gzip(2), Format::Neo4jDump);
    let wrong = read(name, &of_gzip(3), Format::Neo4jDump).unwrap_err();
    assert!(wrong.starts_with("2 files of 1284 bytes in place of 3 of 1284"), "{wrong}");
    // As Neo4j 3.5 made it, without numbers.
    assert!(
        read(name, &gzip(TAR.1), Format::Neo4jDump).unwrap().note.ends_with("2 files, whose number it does not say")
    );
}

#[test]
fn a_dump_in_the_custom_format_has_the_data_of_all_its_entries() {
    for (file @ (name, bytes), said) in [
        (PG_CUSTOM, "12 entries, 3 with data, PostgreSQL 15."),
        (PG_UNCOMPRESSED, "3 with data, which have no checksums, "),
    ] {
        assert!(any(file).contains(said), "{}", any(file));
        check_cut(name, bytes, Format::PgDumpCustom);
    }
    // The compressed data of the only table with rows.
    let (_, bytes) = PG_CUSTOM;
    let data = bytes.windows(2).position(|pair| pair == [0x78, 0x9c]).unwrap();
    check_flipped(PG_CUSTOM, Format::PgDumpCustom, data..3200);
    // Of a version that we do not know, only its beginning.
    let mut newer = bytes.to_vec();
    newer[6] = 99;
    let said = read("db.dump", &newer, Format::PgDumpCustom).unwrap().note;
    assert_eq!(said, ", pg_dump custom format of the unknown version 1.99, which is not verified");
    assert!(!read("db.dump", &newer, Format::PgDumpCustom).unwrap().verified);
}

#[test]
fn a_dump_as_sql_ends_with_its_mark() {
    for (name, bytes) in [MARIADB, MARIADB_NO_DATE, MARIADB_NO_COMMENTS] {
        check_cut("dump.sql.gz", &gzip(bytes), Format::MysqlDumpGzip);
        // In its last line, nothing of the data is missing any more.
        let last = bytes.trim_ascii_end().iter().rposition(|byte| *byte == b'\n').unwrap();
        assert!(read(name, bytes, Format::MysqlDump).is_ok());
        for length in (0..last).step_by(11).chain([last]) {
            assert!(read(name, &bytes[..length], Format::MysqlDump).is_err(), "{name} cut at {length}");
        }
        assert!(read(name, &[bytes, b"CREATE TABLE a (b INT);\n"].concat(), Format::MysqlDump).is_err());
    }
    let read_dump = |(name, bytes), format| read(name, bytes, format).unwrap().dump.unwrap();
    let dump = read_dump(MARIADB, Format::MysqlDump);
    assert_eq!((dump.kind, dump.program, dump.client.as_deref()), ("MariaDB", "mariadb-dump", Some("10.19")));
    assert!(any(("dump.sql.gz", &gzip(MARIADB.1))).starts_with("gzip of 1959 bytes of SQL, MariaDB 10.11."));
    let compact = read(MARIADB_COMPACT.0, MARIADB_COMPACT.1, Format::MysqlDump).unwrap_err();
    assert!(compact.contains("a mark at its end, which --compact leaves out: it begins with"), "{compact}");
    for (name, bytes) in [POSTGRES, POSTGRES_ALL] {
        check_cut("dump.sql.gz", &gzip(bytes), Format::PgDumpSqlGzip);
        let read = |length: usize| read(name, &bytes[..length], Format::PgDumpSql);
        let end = bytes.windows(9).rposition(|part| part == b" complete").unwrap();
        assert!(read(bytes.len()).is_ok());
        for length in (0..end).step_by(41).chain([end]) {
            assert!(read(length).is_err(), "{name} cut at {length}");
        }
    }
    // By any format they are the same.
    for (name, bytes) in [MARIADB, POSTGRES, POSTGRES_ALL] {
        let at = bytes.len() * 2 / 3;
        assert!(read(name, &bytes[..at], Format::Any).unwrap_err().contains("ended early"), "{name}");
    }
}

#[test]
fn a_name_has_to_be_right_and_what_is_unknown_is_said_to_be() {
    for name in ["a.gz", "a.TGZ", "a.xz", "a.zst", "a.bz2", "a.tar", "a.zip", "a.bundle", "a.rdb", "a.sqlite3"] {
        let zeros = read(name, &[0; 2000], Format::Any).unwrap_err();
        assert!(zeros.starts_with("its name says that it is "), "{zeros}");
        assert!(read(name, &[], Format::Any).unwrap_err().ends_with("but it is empty"), "{name}");
        assert_eq!(read(name, &[0; 2000], Format::Bytes).unwrap().note, ", not looked into");
    }
    // Compressed by something else than its name says: a restore tells by the content too.
    assert!(any(("a.tar.gz", TEXT_ZST.1)).starts_with("zstd of "));
    assert_eq!(any(("a.txt", b"some text")), "of a format that is not verified");
    assert_eq!(any(("a.txt", b"")), "empty");
    // A text that speaks of a dump is none.
    assert_eq!(any(("a.txt", b"Of dumps:\n-- PostgreSQL database dump\n")), "of a format that is not verified");
}

#[test]
fn what_expands_beyond_measure_is_not_read() {
    // More than 1 GiB of nothing in each; a limit of 1 MiB stands for it.
    let zeros = vec![0; 4 << 20];
    let pack = gzip(&zeros);
    let small = |bytes: &[u8]| read_content(bytes, ("a.gz", 100), Format::Any, 1 << 20).unwrap_err().to_string();
    assert!(small(&pack).contains("100 bytes expand to more than 1048576, which no backup does"), "{}", small(&pack));
    assert!(small(&gzip(&pack)).contains("expand to more than"));
    // Flat memory: a stream of 64 MiB through a reader of our own.
    let large = gzip(&zeros).repeat(16);
    let read = read_content(BufReader::new(large.as_slice()), ("a.gz", 1 << 20), Format::Any, 1 << 30).unwrap();
    assert_eq!(read.expanded, Some(64 << 20));
}
