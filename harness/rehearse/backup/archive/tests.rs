//! Archives as a stranger may make them: header by header, so that none of them needs a library's leave.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::*;
use crate::test_memory::held_kib;

/// An archive in the making.
#[derive(Default)]
struct Made(Vec<u8>);

impl Made {
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
        let mut made = self.header(kind, name.as_bytes(), link.as_bytes(), size.as_bytes(), |_| {});
        made.0.extend_from_slice(content);
        made.0.resize(made.0.len().next_multiple_of(512), 0);
        made
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

fn seen(archive: &[u8]) -> Result<Contents, String> {
    let size = archive.len() as u64;
    read(Cursor::new(archive), size, most(size, None)).map_err(|error| error.to_string())
}

/// Why an archive is refused, entry by entry; nothing where it is fine.
#[track_caller]
fn check(made: Made, expected: &[&str]) {
    assert_eq!(seen(&made.end()).unwrap().refused, expected);
}

#[track_caller]
fn broken(archive: &[u8], expected: &str) {
    let said = seen(archive).map(|contents| contents.entries).unwrap_err();
    assert!(said.contains(expected), "{said:?}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_backups_of_products_hold_is_fine() {
    // Links of a repository with worktrees, of releases, of plugins; hard links; folders; a name of two hundred letters.
    let long = format!("files/{}", "n".repeat(200));
    let made = Made::default()
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
    let contents = seen(&made.end()).unwrap();
    assert_eq!((contents.refused.as_slice(), contents.entries, contents.followed), (&[] as &[String], 13, false));
}

#[test]
fn shipped_backups_may_be_unpacked() {
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
fn a_name_that_leaves_is_refused_by_whichever_header_says_it() {
    check(Made::default().file("../x", b""), &["`../x` has a `..` in its name"]);
    check(Made::default().file("a/../../x", b""), &["`a/../../x` has a `..` in its name"]);
    check(Made::default().file("/etc/passwd", b""), &["`/etc/passwd` has an absolute name"]);
    let long = format!("{}/../../x", "a".repeat(150));
    let told = format!("`{long}` has a `..` in its name");
    check(Made::default().entry(b'L', "././@LongLink", "", long.as_bytes()).file("a", b""), &[&told]);
    check(Made::default().pax(b'x', &[("path", "../x")]).file("a", b""), &["`../x` has a `..` in its name"]);
    // A long name over an extended one, and the other way round: each reader believes another of them.
    let both = Made::default().entry(b'L', "././@LongLink", "", b"fine\0").pax(b'x', &[("path", "/x")]);
    check(both.file("a", b""), &["`fine` has an absolute name"]);
    let sparse = [("GNU.sparse.name", "../x"), ("GNU.sparse.realsize", "5")];
    check(Made::default().pax(b'x', &sparse).file("a", b"12345"), &["`a` has a `..` in its name"]);
    check(Made::default().pax(b'x', &[("path", "a\0b")]).file("a", b""), &["`a\\0b` has a NUL in its name"]);
    let endless = "n/".repeat(10_000);
    let said = seen(&Made::default().pax(b'x', &[("path", &endless)]).file("a", b"").end()).unwrap().refused;
    assert!(said[0].contains("has a name of 20000 bytes") && said[0].len() < 500, "{said:?}");
    let all = Made::default().pax(b'g', &[("path", "../x")]).file("a", b"");
    check(all, &["a header for all entries says the `path` of each"]);
}

#[test]
fn a_link_that_leads_out_is_refused() {
    let told = |name: &str, to: &str| {
        let next = format!("make the archive anew without it (tar --anchored --exclude='{name}' …)");
        format!(
            "`{name}` is a link that leads out, to `{to}`; {next}, or with what it leads to in its place (tar --dereference)"
        )
    };
    check(Made::default().link("a", "/etc/shadow"), &[&told("a", "/etc/shadow")]);
    check(Made::default().link("a", "../x"), &[&told("a", "../x")]);
    check(Made::default().link("./a/b", "../c/../../x"), &[&told("./a/b", "../c/../../x")]);
    // A name that a shell or a pattern would take for another one is no part of a command.
    for name in ["a*", "it's", "a[b]", "a\\b"] {
        let found = seen(&Made::default().link(name, "/x").end()).unwrap().refused;
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert!(found.contains("without it (tar --exclude), or with"), "{found}");
    }
    check(Made::default().entry(b'1', "a", "../x", b""), &["`a` is a link to `../x`, which has a `..` in its name"]);
    check(Made::default().entry(b'1', "a", "/x", b""), &["`a` is a link to `/x`, which has an absolute name"]);
    let pax = Made::default().pax(b'x', &[("linkpath", "../x")]).link("a", "b");
    check(pax, &[&told("a", "../x")]);
    let long = Made::default().entry(b'K', "././@LongLink", "", b"../x").link("a", "b");
    check(long, &[&told("a", "../x")]);
}

#[test]
fn nothing_is_written_through_a_link() {
    let via = ["`a/./x` would be written through the link `a`"];
    check(Made::default().link("./a", "b").file("a/./x", b""), &via);
    check(
        Made::default().link("a", "b").entry(b'1', "c", "./a", b"").file("d", b"").file("c/x", b""),
        &["`c/x` would be written through the link `c`"],
    );
    check(
        Made::default().link("a", "b").entry(b'1', "c", "a/x", b""),
        &["`c` is a link to `a/x`, through the link `a`"],
    );
    check(Made::default().link("a", "b").file("ab/x", b""), &[]);
}

#[test]
fn devices_and_pipes_are_refused() {
    let made = Made::default().entry(b'3', "null", "", b"").entry(b'4', "disk", "", b"").entry(b'6', "pipe", "", b"");
    check(made, &["`null` is a device", "`disk` is a device", "`pipe` is a pipe"]);
}

#[test]
fn what_is_refused_is_told_a_few_times() {
    let made = (0..1000).fold(Made::default(), |made, number| made.file(&format!("../{number}"), b""));
    let refused = seen(&made.end()).unwrap().refused;
    assert_eq!((refused.len(), refused[5].as_str()), (6, "995 entries more of that kind"));
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    // In binary, below zero and beyond all: the first bit says that it is binary.
    let said = |size: &[u8]| Made::default().header(b'0', b"a", b"", size, |_| {}).end();
    broken(&said(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "size overflow");
    broken(&said(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), "expand to more than");
    broken(&said(b"77777777777\0"), "expand to more than");
    broken(&said(b"-0000000001\0"), "numeric field");
    broken(&said(b"00000002000\0"), "without the mark of its end");
    let pax = Made::default().pax(b'x', &[("size", "18446744073709551615")]).file("a", b"");
    broken(&pax.end(), "size overflow");
}

#[test]
fn a_sparse_file_counts_with_its_holes() {
    // Two gigabytes, all of it a hole: one block of nothing at its end.
    let hole = |bytes: &mut [u8]| {
        bytes[483..495].copy_from_slice(b"20000000000\0");
        bytes[386..398].copy_from_slice(b"20000000000\0");
        bytes[398..410].copy_from_slice(b"00000000000\0");
    };
    let told = "`a`: ";
    broken(&Made::default().header(b'S', b"a", b"", b"00000000000\0", hole).end(), told);
    // Nearly as many bytes as can be counted, and a size that is not that of its blocks.
    let endless = |bytes: &mut [u8]| {
        for at in [386, 483] {
            bytes[at..at + 12].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\0");
        }
        bytes[398..410].copy_from_slice(b"00000000000\0");
    };
    broken(&Made::default().header(b'S', b"a", b"", b"00000000000\0", endless).end(), told);
    let other = |bytes: &mut [u8]| bytes[483..495].copy_from_slice(b"20000000000\0");
    broken(&Made::default().header(b'S', b"a", b"", b"00000000000\0", other).end(), "mismatch in sparse file");
    let told = "expand to more than 1073741824";
    for key in ["GNU.sparse.realsize", "GNU.sparse.size", "SCHILY.realsize"] {
        broken(&Made::default().pax(b'x', &[(key, "1099511627776")]).file("a", b"12345").end(), told);
        broken(&Made::default().pax(b'x', &[(key, "-1")]).file("a", b"12345").end(), "a sparse file without a size");
    }
    check(Made::default().pax(b'x', &[("GNU.sparse.realsize", "1048576")]).file("a", b"12345"), &[]);
}

#[test]
fn headers_without_end_are_refused() {
    // Eighty megabytes of one header, and a thousand times the same small one.
    broken(
        &Made::default().entry(b'x', "pax", "", &vec![b'x'; 80 << 20]).file("a", b"").end(),
        "headers of more than 8 MiB",
    );
    broken(
        &Made::default().entry(b'L', "l", "", &vec![b'x'; 80 << 20]).file("a", b"").end(),
        "headers of more than 8 MiB",
    );
    broken(
        &Made::default().entry(b'g', "g", "", &vec![b'x'; 80 << 20]).file("a", b"").end(),
        "headers of more than 8 MiB",
    );
    let chain = (0..1000).fold(Made::default(), |made, _| made.entry(b'L', "l", "", b"name"));
    broken(&chain.file("a", b"").end(), "two long name entries");
    broken(&Made::default().entry(b'L', "l", "", b"name").end(), "no future member found");
    broken(&Made::default().entry(b'x', "pax", "", b"999 path=x\n").file("a", b"").end(), "malformed pax extension");
}

#[test]
fn an_archive_that_is_cut_off_is_broken_wherever_it_ends() {
    let whole = Made::default().file("a", &[1; 700]).file("b", &[2; 700]).end();
    assert_eq!(seen(&whole).unwrap().entries, 2);
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
fn what_follows_an_archive_is_told() {
    let mut archive = Made::default().file("a", b"x").end();
    archive.resize(10_240, 0);
    assert!(!seen(&archive).unwrap().followed, "zeros fill up a block");
    archive.extend(Made::default().file("lost", b"x").end());
    let contents = seen(&archive).unwrap();
    assert_eq!((contents.followed, contents.entries), (true, 1));
    let compressed = [gzip(&Made::default().file("a", b"x").end()), b"garbage that is no gzip".to_vec()].concat();
    let said = read(MultiGzDecoder::new(&*compressed), compressed.len() as u64, 1 << 30).unwrap_err();
    assert!(said.to_string().contains("invalid gzip header"), "{said}");
}

#[test]
fn text_compresses_well_and_a_bomb_is_refused_before_it_goes_off() {
    assert_eq!(most(1 << 20, None), 1 << 30, "a small file may expand to a gigabyte");
    assert_eq!(most(100 << 30, None), 200 * (100 << 30));
    // What no disk takes is refused earlier, but never what expands fifty times.
    assert_eq!(most(1 << 30, Some(10 << 30)), 60 << 30);
    assert_eq!(most(1 << 30, Some(100 << 30)), 100 << 30);
    assert_eq!(most(1 << 30, Some(u64::MAX)), 200 << 30);

    // A file of zeros that compresses a thousand times; the bound is small, so that this test is.
    let header = Made::default().header(b'0', b"zeros", b"", format!("{:011o}\0", 64 << 20).as_bytes(), |_| {});
    let mut bomb = header.0;
    bomb.resize(bomb.len() + (64 << 20), 0);
    let bomb = gzip(&Made(bomb).end());
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let size = bomb.len() as u64;
    assert_eq!(read(MultiGzDecoder::new(&*bomb), size, most(size, None)).unwrap().entries, 1);
    let refused = read(MultiGzDecoder::new(&*bomb), size, 32 << 20).unwrap_err().to_string();
    assert_eq!(refused, format!("`zeros`: {size} bytes expand to more than 33554432, which no backup does"));
    // The same where no header says it: after the end.
    let after = gzip(&[Made::default().file("a", b"x").end(), vec![0; 64 << 20]].concat());
    let refused = read(MultiGzDecoder::new(&*after), 1, 32 << 20).unwrap_err().to_string();
    assert!(refused.contains("expand to more than 33554432"), "{refused}");
}

#[test]
fn empty_entries_by_the_hundred_thousand_are_counted_in_flat_memory() {
    let before = rise(None);
    let many = Made::default().file("a", b"").0.repeat(1000);
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
    // An allocator's own rise was seen to be 8.4 MiB; a name kept of each entry would be 24 MiB.
    assert!(rise(Some(before)) < 12 << 10, "{} KiB", rise(Some(before)));
}

/// The most memory this process ever held, in KiB, less what it was.
fn rise(before: Option<u64>) -> u64 {
    held_kib() - before.unwrap_or(0)
}
