//! Values as other programs escape them. The writers here share no code with the decoder.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{Redactor, in_pieces, redactor};

const REPLACEMENT: &str = "[s0 is not shown]";

const SECRETS: [&str; 15] = [
    "abécdef",
    "p&a<s>s\"w'o\\r/d#$ +%=é!",
    "hunter2",
    "\"quote-first",
    "'single-first'",
    "\\back\\\\slash\\",
    "%41per%%cent%",
    "&amp;er&sand&",
    "$HOME/$$x y",
    "a+b c+d==",
    "#{ruby}@x",
    "ünï😀cödé-π",
    "-----\"'\\&%$+",
    "it's ''it''",
    "first & line\nsecond 'line'\nthird \\ line",
];

/// Writes one character in some way.
type Writer = fn(char) -> String;

fn bytes(character: char, write: impl Fn(u8) -> String) -> String {
    character.encode_utf8(&mut [0; 4]).bytes().map(write).collect()
}

fn plain(character: char) -> bool {
    character.is_ascii_alphanumeric()
}

fn units(character: char) -> String {
    character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// As in a JSON string, with the characters of `more` as `\u` escapes too.
fn json(character: char, more: &str) -> String {
    match character {
        '"' | '\\' => format!("\\{character}"),
        '\n' => "\\n".into(),
        other if more.contains(other) => units(other),
        other => other.into(),
    }
}

fn named(character: char) -> String {
    match character {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '"' => "&quot;".into(),
        '\'' => "&apos;".into(),
        'é' => "&eacute;".into(),
        'ü' => "&uuml;".into(),
        '/' => "&sol;".into(),
        other => other.into(),
    }
}

fn doubled(character: char, which: &str) -> String {
    if which.contains(character) { [character; 2].iter().collect() } else { character.into() }
}

fn twice(first: Writer, second: Writer) -> impl Fn(char) -> String {
    move |character| first(character).chars().map(second).collect()
}

fn percent(character: char) -> String {
    if plain(character) { character.into() } else { bytes(character, |byte| format!("%{byte:02X}")) }
}

fn html(character: char) -> String {
    if "&<>\"'".contains(character) { format!("&#{};", u32::from(character)) } else { character.into() }
}

type Named = (&'static str, Box<dyn Fn(char) -> String>);

/// All known ways, by name.
fn writers() -> Vec<Named> {
    let simple: Vec<(&'static str, Writer)> = vec![
        ("itself", |it| it.into()),
        ("JSON", |it| json(it, "")),
        ("JSON of Go and Rails", |it| json(it, "&<>")),
        ("JSON in ASCII", |it| if it.is_ascii() { json(it, "&<>'+") } else { units(it) }),
        ("JSON of PHP", |it| if it == '/' { "\\/".into() } else { json(it, "") }),
        ("JSON, all by number", units),
        ("JavaScript and Ruby", |it| if plain(it) { it.into() } else { format!("\\u{{{:x}}}", u32::from(it)) }),
        ("repr", |it| match it {
            '\'' | '\\' => format!("\\{it}"),
            '\n' => "\\n".into(),
            '\u{80}'..='\u{ff}' => format!("\\x{:02x}", u32::from(it)),
            other if other.is_ascii() => other.into(),
            other if u32::from(other) > 0xffff => format!("\\U{:08x}", u32::from(other)),
            other => format!("\\u{:04x}", u32::from(other)),
        }),
        ("repr of bytes", |it| match it {
            '\'' | '\\' => format!("\\{it}"),
            '\n' => "\\n".into(),
            other if other.is_ascii() => other.into(),
            other => bytes(other, |byte| format!("\\x{byte:02x}")),
        }),
        ("inspect", |it| if "\"\\#".contains(it) { format!("\\{it}") } else { json(it, "") }),
        ("octal", |it| if plain(it) { it.into() } else { bytes(it, |byte| format!("\\{byte:03o}")) }),
        ("names of HTML", named),
        ("numbers of HTML", html),
        ("hex of HTML", |it| if plain(it) { it.into() } else { format!("&#x{:x};", u32::from(it)) }),
        ("HEX of HTML", |it| if plain(it) { it.into() } else { format!("&#X{:06X};", u32::from(it)) }),
        ("long numbers of HTML", |it| format!("&#{:07};", u32::from(it))),
        ("percent", percent),
        ("percent, small", |it| if plain(it) { it.into() } else { bytes(it, |byte| format!("%{byte:02x}")) }),
        ("percent, all", |it| bytes(it, |byte| format!("%{byte:02X}"))),
        ("percent, some", |it| if "&%+\n\"".contains(it) { percent(it) } else { it.into() }),
        ("form", |it| if it == ' ' { "+".into() } else { percent(it) }),
        ("quote in double quotes", |it| if it == '\'' { r#"'"'"'"#.into() } else { it.into() }),
        ("quote behind a backslash", |it| if it == '\'' { r"'\''".into() } else { it.into() }),
        ("double quotes of the shell", |it| if "\"\\$`".contains(it) { format!("\\{it}") } else { it.into() }),
        ("backslashes", |it| if plain(it) || !it.is_ascii() { it.into() } else { format!("\\{it}") }),
        ("dollar quotes", |it| match it {
            '\'' | '\\' => format!("\\{it}"),
            '\n' => "\\n".into(),
            other if other.is_ascii() => other.into(),
            other => bytes(other, |byte| format!("\\{byte:03o}")),
        }),
        ("dollar quotes for some", |it| match it {
            '\'' => r"'\''".into(),
            '\n' => r"'$'\n''".into(),
            other if other.is_ascii() => other.into(),
            other => format!("'$'{}''", bytes(other, |byte| format!("\\{byte:03o}"))),
        }),
        ("YAML and SQL", |it| doubled(it, "'")),
        ("CSV", |it| doubled(it, "\"")),
        ("compose", |it| doubled(it, "$")),
        ("units of systemd", |it| doubled(it, "%")),
    ];
    let layers: [(&'static str, Writer, Writer); 8] = [
        ("JSON in JSON", |it| json(it, ""), |it| json(it, "")),
        ("Go in Go", |it| json(it, "&<>"), |it| json(it, "&<>")),
        ("percent twice", percent, percent),
        ("JSON in a query", |it| json(it, "&"), percent),
        ("HTML in JSON of Go", named, |it| json(it, "&<>")),
        ("HTML in a query", html, percent),
        ("HTML twice", html, named),
        ("JSON in the shell", |it| json(it, ""), |it| if it == '\'' { r"'\''".into() } else { it.into() }),
    ];
    let mut writers: Vec<Named> = Vec::new();
    writers.extend(layers.map(|(name, first, second)| (name, Box::new(twice(first, second)) as Box<_>)));
    let thrice = twice(percent, percent);
    writers.push(("percent thrice", Box::new(move |it| thrice(it).chars().map(percent).collect())));
    writers.extend(simple.into_iter().map(|(name, write)| (name, Box::new(write) as Box<_>)));
    writers
}

/// The output of a stream for these pieces.
fn streamed<'p>(redactor: &Redactor, pieces: impl Iterator<Item = &'p [u8]>) -> String {
    let mut stream = redactor.stream();
    let mut written: Vec<u8> = pieces.flat_map(|piece| stream.take(piece)).collect();
    written.extend(stream.finish());
    String::from_utf8_lossy(&written).into_owned()
}

/// Changes of shell quotes around a secret do not belong to it.
fn unquoted(text: &str) -> String {
    text.replace("'$'[", "[").replace("]''", "]")
}

#[test]
fn a_secret_is_redacted_however_it_is_escaped_and_wherever_it_is_cut() {
    for value in SECRETS {
        let redactor = redactor(&[value]);
        for (name, write) in writers() {
            let written: String = value.chars().map(write).collect();
            let text = format!("key: {written} ;\n");
            let expected = format!("key: {REPLACEMENT} ;\n");
            let clean = redactor.text(&text).into_owned();
            let quotes = name == "dollar quotes for some";
            assert_eq!(if quotes { unquoted(&clean) } else { clean.clone() }, expected, "{value:?} by {name}: {text}");
            let expected = clean;
            for cut in 0..=text.len() {
                let (one, two) = text.as_bytes().split_at(cut);
                let mut stream = redactor.stream();
                let written = [stream.take(one), stream.take(two), stream.finish()].concat();
                assert_eq!(String::from_utf8_lossy(&written), expected, "{value:?} by {name}: {text} cut at {cut}");
            }
        }
    }
}

#[test]
fn a_secret_is_redacted_when_it_arrives_byte_by_byte() {
    for value in SECRETS {
        let redactor = redactor(&[value]);
        for (name, write) in writers() {
            let text = format!("key: {} ;\n", value.chars().map(write).collect::<String>());
            let whole = redactor.text(&text).into_owned();
            assert_eq!(streamed(&redactor, text.as_bytes().chunks(1)), whole, "{value:?} by {name}");
        }
    }
}

/// The base64 letters that encode only the value, if it follows this number of other bytes.
fn own_letters(value: &str, before: usize) -> String {
    let text = STANDARD.encode([vec![b'x'; before], value.as_bytes().to_vec()].concat());
    let (from, to) = ((before * 8).div_ceil(6), (before + value.len()) * 8 / 6);
    text[from..to].to_owned()
}

#[test]
fn a_secret_is_redacted_in_base64_however_it_is_wrapped() {
    let values = ["hunter2", "correct horse battery staple", "????>>>>~~~~", "p&a<s>s\"w'o\\r/d#$ +%=é!"];
    let breaks = ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "\n    ", "%0A", "%0D%0A", "&#10;", "\\u000a"];
    for (value, before) in values.iter().flat_map(|value| (0..58).map(move |before| (value, before))) {
        let own = own_letters(value, before);
        let bytes = [&vec![b'x'; before], value.as_bytes(), b"yyyy"].concat();
        let (standard, url) = (STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes));
        let redactor = redactor(&[value]);
        for (letters, width, line_end) in [&standard, &url]
            .into_iter()
            .flat_map(|letters| [19, 64, 76].map(|width| (letters, width)))
            .flat_map(|(letters, width)| breaks.map(|line_end| (letters, width, line_end)))
        {
            let lines: Vec<&str> =
                letters.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let text = format!("key: {}\n;", lines.join(line_end));
            for clean in [redactor.text(&text).into_owned(), streamed(&redactor, text.as_bytes().chunks(7))] {
                assert!(clean.contains(REPLACEMENT), "{text} {clean}");
                let clean = clean.replace('-', "+").replace('_', "/");
                for four in own.as_bytes().windows(4).map(|four| std::str::from_utf8(four).unwrap()) {
                    assert!(
                        !clean.contains(four),
                        "{value:?} after {before} bytes, wrapped at {width}: {text} {clean} {four}"
                    );
                }
            }
        }
    }
}

#[test]
fn ordinary_text_is_unchanged() {
    let redactor = redactor(&SECRETS);
    for text in [
        "2026-01-02 03:04:05 INFO GET /search?q=a%20b%2Fc&utf8=%E2%9C%93 -> 200 in 34.1 ms\n",
        r#"{"msg":"\"GET\" done","a":"a\\nb","path":"C:\\temp","u":"jo\u00e9","n":17}"#,
        "hunter 2, hunter%202, hunter\n2, hunter3 and %68unter; \\u0068 &#104; &amp; && %% '' \"\" $$ \\\\\\\\\n",
        "first & line, second 'line'\n aHVudGVy aHVudGVkMw== aHVud\nGVy",
        "\u{0}\u{1}ÿ€ é \\ % & + ' \" $",
    ] {
        assert_eq!(redactor.text(text), text);
        for cut in 0..=text.len() {
            let (one, two) = text.as_bytes().split_at(cut);
            let mut stream = redactor.stream();
            assert_eq!([stream.take(one), stream.take(two), stream.finish()].concat(), text.as_bytes(), "{cut}");
        }
    }
}

#[test]
fn a_whole_line_is_written_at_once() {
    let mut stream = redactor(&SECRETS).stream();
    for line in ["it is ready\n", "listening on 0.0.0.0:80\r\n", "aHV\n", "hun\n", "\"done\"\n", "path\\\n"] {
        assert_eq!(String::from_utf8(stream.take(line.as_bytes())).unwrap(), line);
    }
}

#[test]
fn overlapping_secrets_are_merged_and_endless_ones_are_not_held_back() {
    let both = redactor(&["one-and-two", "two-and-three"]);
    assert_eq!(both.text("one-and-two-and-three"), "[s0 is not shown][s1 is not shown]");
    let mut stream = redactor(&["------"]).stream();
    let mut written = 0;
    for _ in 0..1000 {
        written += stream.take(&[b'-'; 1000]).len();
        assert!(stream.buffer.len() < 6, "{}", stream.buffer.len());
    }
    assert_eq!(written + stream.finish().len(), REPLACEMENT.len());
    // Text that may become a secret is decided after a bounded length.
    let mut stream = redactor(&["hunter2-secret"]).stream();
    for _ in 0..1000 {
        stream.take(b"aHVudGVyMi1zZWNy\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
        stream.take(&[b'\n'; 1000]);
        assert!(stream.buffer.len() < 1 << 12, "{}", stream.buffer.len());
    }
}

proptest! {
    #[test]
    fn a_secret_is_redacted_when_every_character_is_escaped_differently(
        which in 0..SECRETS.len(),
        ways in proptest::collection::vec(0_usize..100, 1..40),
        piece in 1_usize..40,
    ) {
        let value = SECRETS[which];
        let writers = writers();
        let written: String = value
            .chars()
            .zip(ways.iter().cycle())
            .map(|(character, way)| writers[way % writers.len()].1(character))
            .collect();
        let text = format!("key: {written} ;");
        let expected = format!("key: {REPLACEMENT} ;");
        let redactor = redactor(&[value]);
        let whole = redactor.text(&text).into_owned();
        prop_assert_eq!(unquoted(&whole), expected, "{}", text);
        prop_assert_eq!(streamed(&redactor, text.as_bytes().chunks(piece)), whole, "{}", text);
    }

    #[test]
    fn a_stream_writes_the_same_as_the_whole_text_with_escapes(
        text in r#"(hunter2|hunt|er2|%6[8e]|\\u00|75|\\|\\\\|&#1|04;|&amp;|%|%25|'|''|"|\$|a\+b|a%2Bb| c|aHVudGVyMg|\n|aHVu|dGVyMg|[a-z]|;){0,14}"#,
        cuts in proptest::collection::vec(0_usize..80, 0..8),
    ) {
        let redactor = redactor(&["hunter2", "a+b c&d", "er2hunter", "'\"$\\%&\\\\'"]);
        let whole = redactor.text(&text).into_owned();
        let streamed = in_pieces(&redactor, &text, cuts);
        prop_assert_eq!(String::from_utf8_lossy(&streamed), whole);
    }
}
