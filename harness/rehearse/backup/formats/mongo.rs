//! An archive of `mongodump`: a list of collections, then their documents in blocks that may alternate, each collection with
//! a CRC at its end.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use crc::{CRC_64_XZ, Crc, Digest, Table};

use crate::backup::stream::{Input, broken};

pub(super) const MAGIC: &[u8] = &0x8199_e26d_u32.to_le_bytes();
/// Ends a block.
const TERMINATOR: i32 = -1;
/// No document is larger, by far.
const LARGEST_DOCUMENT: i32 = 48 << 20;
/// A document of our own use: the header of a block, or a collection with its indexes.
const LARGEST_HEADER: u64 = 32 << 20;
/// At most this many collections: each has a state.
const MOST_COLLECTIONS: usize = 1 << 20;
/// The CRC of Go's `crc64.ECMA`.
static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);
/// A series in time, whose documents are in a collection of another name.
const TIME_SERIES: &str = "timeseries";

/// What an archive holds.
#[derive(Debug, Default)]
pub(super) struct Archive {
    pub(super) server: Option<String>,
    pub(super) tool: Option<String>,
    pub(super) collections: u64,
    pub(super) documents: u64,
}

/// A collection on the way.
enum Collection {
    Unopened,
    Open(Digest<'static, u64, Table<16>>),
    Closed,
}

/// What a value of our documents may be.
enum Value {
    Text(String),
    Number(i64),
    Yes(bool),
}

/// Reads an archive to its end.
pub(super) fn read(input: &mut Input<'_>) -> io::Result<Archive> {
    if input.peek(4)? != MAGIC {
        return Err(broken("it is not an archive of mongodump", 0));
    }
    input.skip(4, "the header")?;
    let mut archive = Archive::default();
    let mut header = document(input, "the header")?.ok_or_else(|| broken("an archive without a header", input.at()))?;
    archive.server = text(&mut header, "server_version");
    archive.tool = text(&mut header, "tool_version");
    let mut collections: BTreeMap<String, Collection> = BTreeMap::new();
    while let Some(mut collection) = document(input, "the list of collections")? {
        let name = name(&mut collection);
        if text(&mut collection, "type").as_deref() != Some(TIME_SERIES) {
            collections.insert(name, Collection::Unopened);
        }
        archive.collections += 1;
        if collections.len() > MOST_COLLECTIONS {
            return Err(broken(format!("more than {MOST_COLLECTIONS} collections"), input.at()));
        }
    }
    while !input.ended()? {
        block(input, &mut collections, &mut archive)?;
    }
    let open = |(_, state): &(&String, &Collection)| !matches!(state, Collection::Closed);
    match collections.iter().find(open) {
        Some((name, _)) => {
            let name = crate::backup::named(name.as_bytes());
            Err(broken(format!("it ends before the end of collection {name}: it was cut off"), input.at()))
        }
        None => Ok(archive),
    }
}

/// Documents of one collection, or its end.
fn block(
    input: &mut Input<'_>,
    collections: &mut BTreeMap<String, Collection>,
    archive: &mut Archive,
) -> io::Result<()> {
    let at = input.at();
    let mut header =
        document(input, "the header of a block")?.ok_or_else(|| broken("a block without a header", input.at()))?;
    let name = name(&mut header);
    let shown = crate::backup::named(name.as_bytes());
    if collections.len() > MOST_COLLECTIONS {
        return Err(broken(format!("more than {MOST_COLLECTIONS} collections"), at));
    }
    let ends = matches!(header.remove("EOF"), Some(Value::Yes(true)));
    let stated = match header.remove("CRC") {
        Some(Value::Number(crc)) => crc.cast_unsigned(),
        Some(Value::Text(_) | Value::Yes(_)) | None => 0,
    };
    let state = collections.entry(name).or_insert(Collection::Unopened);
    if let Collection::Unopened = state {
        *state = Collection::Open(CRC.digest());
    }
    let Collection::Open(digest) = state else {
        return Err(broken(format!("a block of collection {shown} behind its end"), at));
    };
    if ends {
        let found = digest.clone().finalize();
        if found != stated {
            return Err(broken(format!("the CRC of collection {shown} does not match"), at));
        }
        *state = Collection::Closed;
        return match i32::from_le_bytes(input.bytes("the end of a block")?) {
            TERMINATOR => Ok(()),
            _ => Err(broken(format!("documents behind the end of collection {shown}"), input.at())),
        };
    }
    loop {
        let size = input.bytes("a block of documents")?;
        match i32::from_le_bytes(size) {
            TERMINATOR => return Ok(()),
            length @ 5..=LARGEST_DOCUMENT => {
                digest.update(&size);
                let mut left = u64::from(length.unsigned_abs()) - 4;
                let mut last = 0;
                while left > 0 {
                    let mut part = input.by_ref().take(left);
                    let piece = part.fill_buf()?;
                    let Some(end) = piece.last() else {
                        let why = format!("it ends in the middle of a document of collection {shown}: it was cut off");
                        return Err(broken(why, input.at()));
                    };
                    last = *end;
                    digest.update(piece);
                    let taken = piece.len();
                    part.consume(taken);
                    left -= taken as u64;
                }
                if last != 0 {
                    return Err(broken(format!("a document of collection {shown} without its end"), input.at()));
                }
                archive.documents += 1;
            }
            other => {
                return Err(broken(format!("a document of {other} bytes in collection {shown}"), input.at()));
            }
        }
    }
}

/// A document of the archive's own; none at the end of a block.
fn document(input: &mut Input<'_>, within: &str) -> io::Result<Option<BTreeMap<String, Value>>> {
    let at = input.at();
    let length = i32::from_le_bytes(input.bytes(within)?);
    if length == TERMINATOR {
        return Ok(None);
    }
    let length = u64::try_from(length).ok().filter(|length| *length >= 5);
    let length = length.ok_or_else(|| broken(format!("{within} is not a document"), at))?;
    let bytes = input.some(length - 4, LARGEST_HEADER, within)?;
    match values(&bytes) {
        Some(values) => Ok(Some(values)),
        None => Err(broken(format!("{within} is not a document as mongodump writes it"), at)),
    }
}

/// The values of a document, of the kinds that `mongodump` uses for its own.
fn values(mut bytes: &[u8]) -> Option<BTreeMap<String, Value>> {
    let mut values = BTreeMap::new();
    loop {
        let (kind, rest) = bytes.split_first()?;
        if *kind == 0 {
            return rest.is_empty().then_some(values);
        }
        let end = rest.iter().position(|byte| *byte == 0)?;
        let key = String::from_utf8_lossy(rest.get(..end)?).into_owned();
        let rest = rest.get(end + 1..)?;
        let (value, rest) = match kind {
            // A text, with its length and a zero at its end.
            0x02 => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let (text, rest) = rest.split_at_checked(usize::try_from(i32::from_le_bytes(*length)).ok()?)?;
                (Value::Text(String::from_utf8_lossy(text.strip_suffix(&[0])?).into_owned()), rest)
            }
            0x08 => {
                let (byte, rest) = rest.split_first()?;
                (Value::Yes(*byte != 0), rest)
            }
            0x10 => {
                let (number, rest) = rest.split_first_chunk::<4>()?;
                (Value::Number(i64::from(i32::from_le_bytes(*number))), rest)
            }
            0x12 => {
                let (number, rest) = rest.split_first_chunk::<8>()?;
                (Value::Number(i64::from_le_bytes(*number)), rest)
            }
            _ => return None,
        };
        values.insert(key, value);
        bytes = rest;
    }
}

fn text(values: &mut BTreeMap<String, Value>, key: &str) -> Option<String> {
    match values.remove(key)? {
        Value::Text(text) => Some(text),
        Value::Number(_) | Value::Yes(_) => None,
    }
}

/// The name of a collection, with its database.
fn name(values: &mut BTreeMap<String, Value>) -> String {
    let [database, collection] = ["db", "collection"].map(|key| text(values, key).unwrap_or_default());
    format!("{database}.{collection}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mongodump` is not among the packages of Debian: an archive as its source says that it writes one
    /// (`common/archive` of mongodb/mongo-tools: `prelude.go`, `multiplexer.go`).
    fn bson(values: &[(&str, Value)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, value) in values {
            let kind = match value {
                Value::Text(_) => 2,
                Value::Yes(_) => 8,
                Value::Number(_) => 0x12,
            };
            bytes.extend([&[kind], key.as_bytes(), &[0]].concat());
            match value {
                Value::Text(text) => {
                    bytes.extend((text.len() as u32 + 1).to_le_bytes());
                    bytes.extend([text.as_bytes(), &[0]].concat());
                }
                Value::Yes(yes) => bytes.push(u8::from(*yes)),
                Value::Number(number) => bytes.extend(number.to_le_bytes()),
            }
        }
        bytes.push(0);
        [&(bytes.len() as u32 + 4).to_le_bytes(), bytes.as_slice()].concat()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    const END: [u8; 4] = [0xff; 4];

    fn prelude() -> Vec<u8> {
        let collection = |name: &str, kind: &str| {
            bson(&[
                ("db", text("shop")),
                ("collection", text(name)),
                ("metadata", text("{}")),
                ("size", Value::Number(0)),
                ("type", text(kind)),
            ])
        };
        let header = bson(&[
            ("concurrent_collections", Value::Number(4)),
            ("version", text("0.1")),
            ("server_version", text("7.0.5")),
            ("tool_version", text("100.9.4")),
        ]);
        let list =
            [collection("a", "collection"), collection("b", "collection"), collection("t", "timeseries")].concat();
        [MAGIC, &header, &list, &END].concat()
    }

    fn header(name: &str, crc: Option<u64>) -> Vec<u8> {
        let crc_value = Value::Number(crc.unwrap_or_default().cast_signed());
        bson(&[
            ("db", text("shop")),
            ("collection", text(name)),
            ("EOF", Value::Yes(crc.is_some())),
            ("CRC", crc_value),
        ])
    }

    /// Two collections whose blocks alternate, with one document each time.
    fn archive() -> Vec<u8> {
        let document = |name: &str| bson(&[("name", text(name))]);
        let (one, two, other) = (document("one"), document("two"), document("other"));
        let crc = |documents: &[&[u8]]| CRC.checksum(&documents.concat());
        [
            prelude(),
            [header("a", None), one.clone(), END.to_vec()].concat(),
            [header("b", None), other.clone(), END.to_vec()].concat(),
            [header("a", None), two.clone(), END.to_vec()].concat(),
            [header("a", Some(crc(&[&one, &two]))), END.to_vec()].concat(),
            [header("b", Some(crc(&[&other]))), END.to_vec()].concat(),
        ]
        .concat()
    }

    fn seen(bytes: &[u8]) -> Result<Archive, String> {
        read(&mut Input::new(bytes)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_archive_of_mongodump_holds_all_its_collections() {
        let whole = archive();
        let found = seen(&whole).unwrap();
        assert_eq!((found.collections, found.documents, found.server.as_deref()), (3, 3, Some("7.0.5")));
        for length in 0..whole.len() {
            assert!(seen(&whole[..length]).is_err(), "cut at {length} of {}", whole.len());
        }
        for more in [b"x".as_slice(), b"garbage that follows", &END] {
            assert!(seen(&[&whole, more].concat()).is_err(), "{more:?}");
        }
        let behind = [whole.as_slice(), &header("a", None), &END].concat();
        assert!(seen(&behind).unwrap_err().starts_with("a block of collection `shop.a` behind its end"));
        let cut = seen(&whole[..whole.len() - header("b", Some(1)).len() - 4]).unwrap_err();
        assert!(cut.starts_with("it ends before the end of collection `shop.b`: it was cut off, at byte "), "{cut}");
    }

    #[test]
    fn a_changed_document_is_noticed_by_the_crc_of_its_collection() {
        let mut changed = archive();
        let at = changed.windows(5).position(|part| part == b"other").unwrap();
        changed[at] ^= 1;
        assert!(seen(&changed).unwrap_err().starts_with("the CRC of collection `shop.b` does not match, at byte "));
    }

    #[test]
    fn the_crc_is_that_of_go() {
        // `crc64.Checksum([]byte("123456789"), crc64.MakeTable(crc64.ECMA))`.
        assert_eq!(CRC.checksum(b"123456789"), 0x995d_c9bb_df19_39fa);
    }
}
