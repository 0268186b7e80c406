mod escapes;

use proptest::prelude::*;

use super::*;

fn redactor(values: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    let secrets = values.iter().enumerate().map(|(at, value)| Secret::new(format!("s{at}"), *value));
    assert_eq!(redactor.learn(secrets, &["webshop"]), []);
    redactor
}

fn check(value: &str, text: &str, expected: &str) {
    assert_eq!(redactor(&[value]).text(text), expected);
}

#[test]
fn a_secret_is_redacted_in_every_form() {
    let value = "p@ss w\"rd/ü&<'$";
    check(value, &format!("a {value} b"), "a [s0 is not shown] b");
    check(value, "?x=p%40ss%20w%22rd%2F%C3%BC%26%3C%27%24&y", "?x=[s0 is not shown]&y");
    check(value, "x=p%40ss+w%22rd%2f%c3%bc%26%3c%27%24", "x=[s0 is not shown]");
    check(value, r#"{"k":"p@ss w\"rd/ü&<'$"}"#, r#"{"k":"[s0 is not shown]"}"#);
    check(value, r#"{"k":"p@ss w\"rd/\u00fc&<'$"}"#, r#"{"k":"[s0 is not shown]"}"#);
    check(value, "<a>p@ss w\"rd/ü&amp;&lt;'$</a>", "<a>[s0 is not shown]</a>");
    check(value, "<a b='p@ss w&quot;rd/ü&amp;&lt;&#39;$'/>", "<a b='[s0 is not shown]'/>");
    check(value, "'p@ss w\"rd/ü&<'\\''$'", "'[s0 is not shown]'");
}

#[test]
fn a_key_is_redacted_line_by_line_however_its_lines_are_joined() {
    let (one, two) = ("MIIEvQIBADANBgkqhkiG9w0B", "AQEFAASCBKcwggSjAgEAAoIB");
    let key = format!("-----BEGIN PRIVATE KEY-----\n{one}\n{two}\n-----END PRIVATE KEY-----");
    for joined in ["\r\n", "\n    ", " ", "", "\\n", "\\\\n"] {
        let text = format!("-----BEGIN PRIVATE KEY-----{joined}{one}{joined}{two}{joined}-----END");
        let clean = redactor(&[&key]).text(&text).into_owned();
        assert!(!clean.contains(one) && !clean.contains(two), "{clean}");
    }
}

#[test]
fn a_secret_is_redacted_in_base64_at_every_offset() {
    // `printf hunter2-long-secret | base64`, and the same with `u:` before it.
    for (text, expected) in [
        ("aHVudGVyMi1sb25nLXNlY3JldA==", "[s0 is not shown]A=="),
        ("dTpodW50ZXIyLWxvbmctc2VjcmV0", "dTp[s0 is not shown]"),
    ] {
        let clean = redactor(&["hunter2-long-secret"]).text(text).into_owned();
        assert!(clean.contains("[s0 is not shown]"), "{text} {clean} {expected}");
    }
}

#[test]
fn the_longest_secret_wins_and_short_or_plain_values_stay() {
    let redactor = redactor(&["secret-one", "secret-one-and-more"]);
    assert_eq!(redactor.text("secret-one-and-more secret-one"), "[s1 is not shown] [s0 is not shown]");
    let refused = redactor.learn([Secret::new("short", "abc"), Secret::new("name", "Webshop")], &["webshop"]);
    assert_eq!(refused, [TooPlain("short".into()), TooPlain("name".into())]);
    assert_eq!(redactor.text("abc webshop"), "abc webshop");
}

#[test]
fn debug_output_does_not_show_a_secret() {
    assert_eq!(format!("{:?}", Secret::new("token", "abcdefgh")), "Secret(token)");
    assert_eq!(format!("{:?}", redactor(&["abcdefgh"])), "Redactor([Secret(s0)])");
}

#[test]
fn names_of_secrets_are_recognized() {
    for name in ["DB_PASSWORD", "apiToken", "secret_key_base", "viewer_token", "SMTP_PASS", "AWS_ACCESS_KEY_ID"] {
        assert!(names_a_secret(name), "{name}");
    }
    for name in ["DB_HOST", "COLOUR", "passenger_pool", "token_expiry", "key_columns", "monkey"] {
        assert!(!names_a_secret(name), "{name}");
    }
}

/// The output of a stream for a text that arrives in pieces.
fn in_pieces(redactor: &Redactor, text: &str, mut cuts: Vec<usize>) -> Vec<u8> {
    let (mut stream, mut written, mut at) = (redactor.stream(), Vec::new(), 0);
    cuts.sort_unstable();
    for cut in cuts.into_iter().filter(|cut| *cut <= text.len()) {
        written.extend(stream.take(&text.as_bytes()[at..cut]));
        at = cut;
    }
    written.extend(stream.take(&text.as_bytes()[at..]));
    written.extend(stream.finish());
    written
}

proptest! {
    #[test]
    fn a_stream_writes_the_same_as_the_whole_text(
        text in "(hunter2-secret|hunter2|hunter2-secret-more|[a-z2\\-]{0,6}| ){0,12}",
        cuts in proptest::collection::vec(0_usize..80, 0..8),
    ) {
        let redactor = redactor(&["hunter2-secret", "hunter2-secret-more", "secret-s"]);
        let whole = redactor.text(&text).into_owned();
        let streamed = in_pieces(&redactor, &text, cuts);
        prop_assert_eq!(String::from_utf8(streamed).unwrap(), whole);
    }
}

proptest! {
    #[test]
    fn a_secret_is_redacted_in_base64_of_any_text_with_it(before in 0_usize..7, after in 0_usize..7) {
        use base64::Engine as _;
        let value = "correct-horse-battery";
        let mut bytes = vec![b'x'; before];
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend(vec![b'y'; after]);
        for text in [
            base64::engine::general_purpose::STANDARD.encode(&bytes),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            let clean = redactor(&[value]).text(&text).into_owned();
            prop_assert!(clean.contains("is not shown"), "{} {}", text, clean);
        }
    }
}
