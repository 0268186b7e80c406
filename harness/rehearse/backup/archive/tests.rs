//! Archives as an attacker may build them: header by header, since a library would refuse to write some of them.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::*;
use crate::test_memory::held_kib;

/// Builds an archive.
#[derive(Default)]
struct ArchiveBuilder(Vec<u8>);

impl ArchiveBuilder {
    fn header(mut self, kind: u8, name: &[u8], link: &[u8], size: &[u8], change: impl FnOnce(&mut [u8])) -> Self {
        let mut header = tar::Header::new_gnu();
        let bytes = header.as_mut_bytes();
        bytes[..name.len()].copy_from_slice(name);
        bytes[156] = kind;
        bytes[157..157 + link.len()].copy_from_slice(link);
        bytes[124..124 + size.len()].copy_from_slice(size);
        change(bytes);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self
    }

    fn entry(self, kind: u8, name: &str, link: &str, content: &[u8]) -> Self {
        let size = format!("{:011o}\0", content.len());
        let mut builder = self.header(kind, name.as_bytes(), link.as_bytes(), size.as_bytes(), |_| {});
        builder.0.extend_from_slice(content);
        builder.0.resize(builder.0.len().next_multiple_of(512), 0);
        builder
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(b'0', name, "", content)
    }

    fn link(self, name: &str, to: &str) -> Self {
        self.entry(b'2', name, to, b"")
    }

    /// An extended header before the next entry.
    fn pax(self, kind: u8, pairs: &[(&str, &str)]) -> Self {
        let line = |(key, value): &(&str, &str)| {
            let rest = format!(" {key}={value}\n");
            let length = (0..).map(|digits| rest.len() + digits).find(|all| all.to_string().len() + rest.len() == *all);
            format!("{}{rest}", length.unwrap())
        };
        let text: String = pairs.iter().map(line).collect();
        self.entry(kind, "pax", "", text.as_bytes())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn contents(archive: &[u8]) -> Result<Contents, String> {
    let size = archive.len() as u64;
    read(Cursor::new(archive), size, most(size, None)).map_err(|error| error.to_string())
}

/// Checks why an archive is refused, entry by entry; `expected` is empty if it is fine.
#[track_caller]
fn check(made: ArchiveBuilder, expected: &[&str]) {
    assert_eq!(contents(&made.end()).unwrap().refused, expected);
}

#[track_caller]
fn broken(archive: &[u8], expected: &str) {
    let error = contents(archive).map(|contents| contents.entries).unwrap_err();
    assert!(error.contains(expected), "{error:?}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn contents_of_real_backups_are_accepted() {
    // Links of a repository with worktrees, of releases, of plugins; hard links; folders; a name of two hundred letters.
    let long = format!("files/{}", "n".repeat(200));
    let made = ArchiveBuilder::default()
        .entry(b'5', "./", "", b"")
        .entry(b'5', "./files/", "", b"")
        .file("./files/a", b"content")
        .entry(b'1', "./files/b", "./files/a", b"")
        .link("./current", "releases/1.0")
        .link("./releases/1.0/log", "../../shared/log")
        .link("./plugins/theme/assets", "./../../public/./assets/")
        .link("./here", ".")
        .pax(b'g', &[("comment", "4f2a9c")])
        .pax(b'x', &[("path", &long), ("mtime", "1.5")])
        .file("files/n", b"x")
        .entry(b'L', "././@LongLink", "", long.as_bytes())
        .file("files/n", b"x")
        .file("..data", b"two dots begin a name")
        .file("files/a", b"the same name again, as `tar -r` appends it")
        .entry(b'V', "/backup of Monday", "", b"");
    let contents = contents(&made.end()).unwrap();
    assert_eq!((contents.refused.as_slice(), contents.entries, contents.followed), (&[] as &[String], 13, false));
}

#[test]
fn the_backups_of_this_repository_are_accepted() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/data");
    let mut seen = 0;
    for folder in std::fs::read_dir(data).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let size = path.metadata().unwrap().len();
            let open = || std::fs::File::open(&path).unwrap();
            let read = match path.extension().and_then(|extension| extension.to_str()) {
                Some("gz") => read(MultiGzDecoder::new(open()), size, most(size, None)),
                Some("tar") => read(open(), size, most(size, None)),
                _ => continue,
            };
            seen += 1;
            if !path.to_string_lossy().contains("flipped") {
                assert!(read.unwrap().refused.is_empty(), "{}", path.display());
            }
        }
    }
    assert!(seen >= 4);
}

#[test]
fn a_name_that_leads_out_is_refused_whichever_header_has_it() {
    check(ArchiveBuilder::default().file("../x", b""), &["`../x` has a `..` in its name"]);
    check(ArchiveBuilder::default().file("a/../../x", b""), &["`a/../../x` has a `..` in its name"]);
    check(ArchiveBuilder::default().file("/etc/passwd", b""), &["`/etc/passwd` has an absolute name"]);
    let long = format!("{}/../../x", "a".repeat(150));
    let expected = format!("`{long}` has a `..` in its name");
    check(ArchiveBuilder::default().entry(b'L', "././@LongLink", "", long.as_bytes()).file("a", b""), &[&expected]);
    check(ArchiveBuilder::default().pax(b'x', &[("path", "../x")]).file("a", b""), &["`../x` has a `..` in its name"]);
    // A GNU long name and an extended header in both orders: readers differ in which of them they believe.
    let both = ArchiveBuilder::default().entry(b'L', "././@LongLink", "", b"fine\0").pax(b'x', &[("path", "/x")]);
    check(both.file("a", b""), &["`fine` has an absolute name"]);
    let sparse = [("GNU.sparse.name", "../x"), ("GNU.sparse.realsize", "5")];
    check(ArchiveBuilder::default().pax(b'x', &sparse).file("a", b"12345"), &["`a` has a `..` in its name"]);
    check(ArchiveBuilder::default().pax(b'x', &[("path", "a\0b")]).file("a", b""), &["`a\\0b` has a NUL in its name"]);
    let endless = "n/".repeat(10_000);
    let refused =
        contents(&ArchiveBuilder::default().pax(b'x', &[("path", &endless)]).file("a", b"").end()).unwrap().refused;
    assert!(refused[0].contains("has a name of 20000 bytes") && refused[0].len() < 500, "{refused:?}");
    let all = ArchiveBuilder::default().pax(b'g', &[("path", "../x")]).file("a", b"");
    check(all, &["a header for all entries says the `path` of each"]);
}

#[test]
fn a_link_that_leads_out_is_refused() {
    let refusal = |name: &str, to: &str| {
        let next = format!("make the archive anew without it (tar --anchored --exclude='{name}' …)");
        format!(
            "`{name}` is a link that leads out, to `{to}`; {next}, or with what it leads to in its place (tar --dereference)"
        )
    };
    check(ArchiveBuilder::default().link("a", "/etc/shadow"), &[&refusal("a", "/etc/shadow")]);
    check(ArchiveBuilder::default().link("a", "../x"), &[&refusal("a", "../x")]);
    check(ArchiveBuilder::default().link("./a/b", "../c/../../x"), &[&refusal("./a/b", "../c/../../x")]);
    // A name that a shell or a pattern would interpret does not become part of a command.
    for name in ["a*", "it's", "a[b]", "a\\b"] {
        let found = contents(&ArchiveBuilder::default().link(name, "/x").end()).unwrap().refused;
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert!(found.contains("without it (tar --exclude), or with"), "{found}");
    }
    check(
        ArchiveBuilder::default().entry(b'1', "a", "../x", b""),
        &["`a` is a link to `../x`, which has a `..` in its name"],
    );
    check(
        ArchiveBuilder::default().entry(b'1', "a", "/x", b""),
        &["`a` is a link to `/x`, which has an absolute name"],
    );
    let pax = ArchiveBuilder::default().pax(b'x', &[("linkpath", "../x")]).link("a", "b");
    check(pax, &[&refusal("a", "../x")]);
    let long = ArchiveBuilder::default().entry(b'K', "././@LongLink", "", b"../x").link("a", "b");
    check(long, &[&refusal("a", "../x")]);
}

#[test]
fn nothing_is_written_through_a_link() {
    let via = ["`a/./x` would be written through the link `a`"];
    check(ArchiveBuilder::default().link("./a", "b").file("a/./x", b""), &via);
    check(
        ArchiveBuilder::default().link("a", "b").entry(b'1', "c", "./a", b"").file("d", b"").file("c/x", b""),
        &["`c/x` would be written through the link `c`"],
    );
    check(
        ArchiveBuilder::default().link("a", "b").entry(b'1', "c", "a/x", b""),
        &["`c` is a link to `a/x`, through the link `a`"],
    );
    check(ArchiveBuilder::default().link("a", "b").file("ab/x", b""), &[]);
}

#[test]
fn devices_and_pipes_are_refused() {
    let made = ArchiveBuilder::default()
        .entry(b'3', "null", "", b"")
        .entry(b'4', "disk", "", b"")
        .entry(b'6', "pipe", "", b"");
    check(made, &["`null` is a device", "`disk` is a device", "`pipe` is a pipe"]);
}

#[test]
fn only_a_few_refused_entries_are_reported() {
    let made = (0..1000).fold(ArchiveBuilder::default(), |made, number| made.file(&format!("../{number}"), b""));
    let refused = contents(&made.end()).unwrap().refused;
    assert_eq!((refused.len(), refused[5].as_str()), (6, "995 entries more of that kind"));
}

#[test]
fn impossible_sizes_are_refused() {
    // Binary sizes, negative and too large: the first bit marks a size as binary.
    let with_size = |size: &[u8]| ArchiveBuilder::default().header(b'0', b"a", b"", size, |_| {}).end();
    broken(&with_size(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "size overflow");
    broken(&with_size(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), "expand to more than");
    broken(&with_size(b"77777777777\0"), "expand to more than");
    broken(&with_size(b"-0000000001\0"), "numeric field");
    broken(&with_size(b"00000002000\0"), "without the mark of its end");
    let pax = ArchiveBuilder::default().pax(b'x', &[("size", "18446744073709551615")]).file("a", b"");
    broken(&pax.end(), "size overflow");
}

#[test]
fn a_sparse_file_counts_with_its_holes() {
    // Two gigabytes that are one hole, with an empty block at the end.
    let hole = |bytes: &mut [u8]| {
        bytes[483..495].copy_from_slice(b"20000000000\0");
        bytes[386..398].copy_from_slice(b"20000000000\0");
        bytes[398..410].copy_from_slice(b"00000000000\0");
    };
    let expected = "`a`: ";
    broken(&ArchiveBuilder::default().header(b'S', b"a", b"", b"00000000000\0", hole).end(), expected);
    // Nearly the largest possible number of bytes, and a size that does not match the blocks.
    let endless = |bytes: &mut [u8]| {
        for at in [386, 483] {
            bytes[at..at + 12].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\0");
        }
        bytes[398..410].copy_from_slice(b"00000000000\0");
    };
    broken(&ArchiveBuilder::default().header(b'S', b"a", b"", b"00000000000\0", endless).end(), expected);
    let other = |bytes: &mut [u8]| bytes[483..495].copy_from_slice(b"20000000000\0");
    broken(
        &ArchiveBuilder::default().header(b'S', b"a", b"", b"00000000000\0", other).end(),
        "mismatch in sparse file",
    );
    let expected = "expand to more than 1073741824";
    for key in ["GNU.sparse.realsize", "GNU.sparse.size", "SCHILY.realsize"] {
        broken(&ArchiveBuilder::default().pax(b'x', &[(key, "1099511627776")]).file("a", b"12345").end(), expected);
        broken(
            &ArchiveBuilder::default().pax(b'x', &[(key, "-1")]).file("a", b"12345").end(),
            "a sparse file without a size",
        );
    }
    check(ArchiveBuilder::default().pax(b'x', &[("GNU.sparse.realsize", "1048576")]).file("a", b"12345"), &[]);
}

#[test]
fn endless_headers_are_refused() {
    // One header of eighty megabytes, and a thousand small ones.
    broken(
        &ArchiveBuilder::default().entry(b'x', "pax", "", &vec![b'x'; 80 << 20]).file("a", b"").end(),
        "headers of more than 8 MiB",
    );
    broken(
        &ArchiveBuilder::default().entry(b'L', "l", "", &vec![b'x'; 80 << 20]).file("a", b"").end(),
        "headers of more than 8 MiB",
    );
    broken(
        &ArchiveBuilder::default().entry(b'g', "g", "", &vec![b'x'; 80 << 20]).file("a", b"").end(),
        "headers of more than 8 MiB",
    );
    let chain = (0..1000).fold(ArchiveBuilder::default(), |made, _| made.entry(b'L', "l", "", b"name"));
    broken(&chain.file("a", b"").end(), "two long name entries");
    broken(&ArchiveBuilder::default().entry(b'L', "l", "", b"name").end(), "no future member found");
    broken(
        &ArchiveBuilder::default().entry(b'x', "pax", "", b"999 path=x\n").file("a", b"").end(),
        "malformed pax extension",
    );
}

#[test]
fn a_truncated_archive_is_broken_wherever_it_ends() {
    let whole = ArchiveBuilder::default().file("a", &[1; 700]).file("b", &[2; 700]).end();
    assert_eq!(contents(&whole).unwrap().entries, 2);
    for (length, expected) in [
        (0, "without entries"),
        (100, "failed to read entire block"),
        (512, "in the middle of `a`: 0 of 700 bytes"),
        (1000, "in the middle of `a`: 488 of 700 bytes"),
        (512 + 700, "unexpected EOF during skip"),
        (1536, "without the mark of its end"),
        (3072, "without the mark of its end"),
    ] {
        broken(&whole[..length], expected);
    }
    broken(&[0; 1024], "without entries");
    broken(&[b'x'; 1024], "numeric field was not a number");
    let mut flipped = whole.clone();
    flipped[0] = b'c';
    broken(&flipped, "checksum mismatch");
}

#[test]
fn data_after_an_archive_is_reported() {
    let mut archive = ArchiveBuilder::default().file("a", b"x").end();
    archive.resize(10_240, 0);
    assert!(!contents(&archive).unwrap().followed, "zeros fill up a block");
    archive.extend(ArchiveBuilder::default().file("lost", b"x").end());
    let contents = contents(&archive).unwrap();
    assert_eq!((contents.followed, contents.entries), (true, 1));
    let compressed =
        [gzip(&ArchiveBuilder::default().file("a", b"x").end()), b"garbage that is no gzip".to_vec()].concat();
    let error = read(MultiGzDecoder::new(&*compressed), compressed.len() as u64, 1 << 30).unwrap_err();
    assert!(error.to_string().contains("invalid gzip header"), "{error}");
}

#[test]
fn well_compressed_text_is_accepted_and_a_bomb_is_refused_early() {
    assert_eq!(most(1 << 20, None), 1 << 30, "a small file may expand to a gigabyte");
    assert_eq!(most(100 << 30, None), 200 * (100 << 30));
    // An archive that does not fit on the disk is refused earlier, but never one that expands only fifty times.
    assert_eq!(most(1 << 30, Some(10 << 30)), 60 << 30);
    assert_eq!(most(1 << 30, Some(100 << 30)), 100 << 30);
    assert_eq!(most(1 << 30, Some(u64::MAX)), 200 << 30);

    // A file of zeros that compresses a thousand times; it is small to keep the test fast.
    let header =
        ArchiveBuilder::default().header(b'0', b"zeros", b"", format!("{:011o}\0", 64 << 20).as_bytes(), |_| {});
    let mut bomb = header.0;
    bomb.resize(bomb.len() + (64 << 20), 0);
    let bomb = gzip(&ArchiveBuilder(bomb).end());
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let size = bomb.len() as u64;
    assert_eq!(read(MultiGzDecoder::new(&*bomb), size, most(size, None)).unwrap().entries, 1);
    let refused = read(MultiGzDecoder::new(&*bomb), size, 32 << 20).unwrap_err().to_string();
    assert_eq!(refused, format!("`zeros`: {size} bytes expand to more than 33554432, which no backup does"));
    // The same zeros after the end of the archive, where no header announces them.
    let after = gzip(&[ArchiveBuilder::default().file("a", b"x").end(), vec![0; 64 << 20]].concat());
    let refused = read(MultiGzDecoder::new(&*after), 1, 32 << 20).unwrap_err().to_string();
    assert!(refused.contains("expand to more than 33554432"), "{refused}");
}

#[test]
fn hundreds_of_thousands_of_empty_entries_are_counted_in_flat_memory() {
    let before = rise(None);
    let many = ArchiveBuilder::default().file("a", b"").0.repeat(1000);
    struct Endless<'a>(&'a [u8], usize, u64);
    impl Read for Endless<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let left = &self.0[self.1..];
            let count = left.len().min(into.len()).min(usize::try_from(self.2).unwrap());
            into[..count].copy_from_slice(&left[..count]);
            self.1 = (self.1 + count) % self.0.len();
            self.2 -= count as u64;
            Ok(count)
        }
    }
    let stream = Endless(&many, 0, 512 * 400_000);
    let contents = read(stream.chain(Cursor::new(vec![0; 1024])), 1, u64::MAX).unwrap();
    assert_eq!(contents.entries, 400_000);
    let refused = read(Endless(&many, 0, u64::MAX), 1, 1 << 26).unwrap_err().to_string();
    assert!(refused.contains("expand to more than 67108864"), "{refused}");
    // The allocator alone was observed to need 8.4 MiB; keeping the name of each entry would need 24 MiB.
    assert!(rise(Some(before)) < 12 << 10, "{} KiB", rise(Some(before)));
}

/// By how much the peak memory of this process rose, in KiB.
fn rise(before: Option<u64>) -> u64 {
    held_kib() - before.unwrap_or(0)
}
