use proptest::prelude::*;

use super::*;

fn read(format: TextFormat, text: &str) -> Parsed {
    Parsed::read(format, text).unwrap_or_else(|| panic!("{text}"))
}

/// Two texts of one meaning.
fn alike(format: TextFormat, one: &str, other: &str) {
    let (was, is) = (read(format, one), read(format, other));
    assert_eq!(was.canonical(), is.canonical(), "{one}");
    assert_eq!(differences(&was, &is, 5), [""; 0]);
}

/// Two texts that mean different things, or are compared as texts.
fn apart(format: TextFormat, one: &str, other: &str, expected: &str) {
    let (was, is) = (read(format, one), read(format, other));
    assert_ne!(was.canonical(), is.canonical(), "{one} {other}");
    assert_eq!(differences(&was, &is, 5).join(", "), expected);
}

#[test]
fn yaml_is_read_as_programs_store_it() {
    use TextFormat::Yaml;
    alike(Yaml, "---\na: \"x\"\nb: [1, 2]\n", "b:\n- 1\n- 2\na: 'x'\n");
    alike(Yaml, "a: &x {b: 1}\nc: *x\n", "a: {b: 1}\nc: {b: 1}\n");
    alike(Yaml, "a: |\n  one\n  two\n", "a: \"one\\ntwo\\n\"\n");
    alike(Yaml, "a: ~\n", "a:\n");
    alike(Yaml, "--- !ruby/hash:A::B\na: 1\n", "!ruby/hash:A::B {a: 1}\n");
    apart(Yaml, "a: 1\n", "a: \"1\"\n", "/a: \"1\" (was 1)");
    apart(Yaml, "a: yes\n", "a: \"yes\"\n", "/a: \"yes\" (was yes without quotes)");
    apart(Yaml, ":a: 1\n", "\":a\": 1\n", "/:a is gone (1), /:a is new (1)");
    apart(Yaml, "[a, b]", "[b, a]", "/0: \"b\" (was \"a\"), /1: \"a\" (was \"b\")");
    apart(Yaml, "n: [a]", "n: [a, b]", "/n/1 is new (\"b\")");
    apart(Yaml, "!ruby/object:A {a: 1}", "{a: 1}", "the whole: {a: 1} (was !ruby/object:A {a: 1})");
    apart(Yaml, "a: 010", "a: 10", "/a: 10 (was 010 without quotes)");
    for unreadable in ["a: 1\na: 2\n", "a: [", "a: *b\n", "a\0b", "--- 1\n--- 2\n"] {
        assert_eq!(Parsed::read(Yaml, unreadable), None, "{unreadable}");
    }
}

#[test]
fn json_is_read_without_loss() {
    use TextFormat::Json;
    alike(Json, r#"{"a": 1, "b": [true, null]}"#, r#"{"b":[true,null],"a":1.0}"#);
    alike(Json, r#""é""#, "\"\\u00e9\"");
    alike(Json, "18446744073709551615", "18446744073709551615 ");
    apart(
        Json,
        r#"{"a": 18446744073709551615}"#,
        r#"{"a": 18446744073709551614}"#,
        "/a: 18446744073709551614 (was 18446744073709551615)",
    );
    apart(Json, "[1, 2]", "[2, 1]", "/0: 2 (was 1), /1: 1 (was 2)");
    apart(Json, r#"{"a": null}"#, "{}", "/a is gone (null)");
    for unreadable in [
        r#"{"a": 1, "a": 2}"#,
        r#"[{"b": {"a": 1, "\u0061": 2}}]"#,
        "123456789012345678901234567890",
        "0.1234567890123456789",
        "{",
        "",
        "1 2",
        "NaN",
    ] {
        assert_eq!(Parsed::read(Json, unreadable), None, "{unreadable}");
    }
}

#[test]
fn what_php_serialises_is_read() {
    use TextFormat::PhpSerialised as Php;
    alike(Php, r#"a:2:{s:1:"a";d:0.10000000000000001;s:1:"b";b:1;}"#, r#"a:2:{s:1:"b";b:1;s:1:"a";d:0.1;}"#);
    alike(Php, r#"O:3:"Foo":1:{s:2:"é";N;}"#, r#"O:3:"Foo":1:{s:2:"é";N;}"#);
    apart(Php, r#"a:1:{s:1:"a";i:1;}"#, r#"a:1:{s:1:"a";s:1:"1";}"#, "/a: \"1\" (was 1)");
    apart(Php, r"a:2:{i:0;i:5;i:1;i:6;}", r"a:2:{i:0;i:6;i:1;i:5;}", "/0: 6 (was 5), /1: 5 (was 6)");
    apart(
        Php,
        r"a:2:{i:3;i:5;i:1;i:6;}",
        r"a:2:{i:1;i:6;i:3;i:5;}",
        "/0/3 is gone (5), /0/1 is new (6), /1/1 is gone (6), /1/3 is new (5)",
    );
    apart(Php, "i:1;", "d:1;", "the whole: float 1.0 (was 1)");
    apart(Php, r#"O:3:"Foo":0:{}"#, r#"O:3:"Bar":0:{}"#, "the whole: Bar [] (was Foo [])");
    for unreadable in
        [r#"s:5:"abc";"#, r"a:1:{i:0;R:1;}", "i:1", "i:1;i:2;", "", "b:2;", r#"a:2:{s:1:"a";i:1;s:1:"a";i:2;}"#]
    {
        assert_eq!(Parsed::read(Php, unreadable), None, "{unreadable}");
    }
}

#[test]
fn markup_is_read_without_the_white_space_that_nobody_sees() {
    use TextFormat::{Html, Xml};
    alike(
        Xml,
        r#"<a x="1" y='2'><b/><c>t</c></a>"#,
        "<?xml version=\"1.0\"?>\n<a y=\"2\" x=\"1\">\n  <b></b>\n  <c>t</c>\n</a>",
    );
    alike(Xml, "<a>&lt;&#65;</a>", "<a><![CDATA[<A]]></a>");
    apart(Xml, r#"<a x="1"/>"#, r#"<a x="2"/>"#, "/0/attributes/x: \"2\" (was \"1\")");
    apart(Xml, "<a> </a>", "<a></a>", "/0/content/0 is gone (\" \")");
    assert_eq!(Parsed::read(Xml, "<a>"), None);
    assert_eq!(Parsed::read(Xml, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), None);
    alike(
        Html,
        "<p class='x' id=y>one\n two</p>\n<ul><li>a</ul>",
        "<p id=\"y\" class=\"x\">one two</p><ul> <li>a</li>\n</ul>",
    );
    apart(
        Html,
        "<b>a</b> <i>b</i>",
        "<b>a</b><i>b</i>",
        "/0/content/1: <i> {attributes: {}, content: [\"b\"]} (was \" \"), /0/content/2 is gone (<i> {attributes: {}, content: [\"b\"]})",
    );
    apart(Html, "<pre>a\n b</pre>", "<pre>a b</pre>", "/0/content/0/content/0: \"a b\" (was \"a\\n b\")");
    apart(Html, "<a href=x>t</a>", "<a href=y>t</a>", "/0/content/0/attributes/href: \"y\" (was \"x\")");
    assert_eq!(Parsed::read(Html, &"<b>".repeat(5000)), None);
}

/// Values that all formats of data have.
fn values() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Map, Value};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~\n\té:'\"yesno~#&*!|>%@`]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn php(value: &serde_json::Value) -> String {
    use serde_json::Value;
    let text = |text: &str| format!("s:{}:\"{text}\";", text.len());
    match value {
        Value::Null => "N;".to_owned(),
        Value::Bool(value) => format!("b:{};", u8::from(*value)),
        Value::Number(number) => format!("i:{number};"),
        Value::String(value) => text(value),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().enumerate().map(|(at, item)| format!("i:{at};{}", php(item))).collect();
            format!("a:{}:{{{}}}", items.len(), items.concat())
        }
        Value::Object(map) => {
            let items: Vec<String> = map.iter().map(|(key, item)| format!("{}{}", text(key), php(item))).collect();
            format!("a:{}:{{{}}}", items.len(), items.concat())
        }
    }
}

proptest! {
    /// JSON is YAML too: each value is read back from every way to write it, and two values are alike only if they are one.
    #[test]
    fn a_changed_value_never_means_the_same(one in values(), other in values()) {
        for (format, write) in [
            (TextFormat::Json, (|value| value.to_string()) as fn(&serde_json::Value) -> String),
            (TextFormat::Json, |value| serde_json::to_string_pretty(value).unwrap()),
            (TextFormat::Yaml, |value| value.to_string()),
            (TextFormat::PhpSerialised, php),
        ] {
            let (was, is) = (Parsed::read(format, &write(&one)), Parsed::read(format, &write(&other)));
            // An empty object and an empty list are the same to PHP.
            let empty = format == TextFormat::PhpSerialised;
            if let (Some(was), Some(is)) = (was, is) {
                if !(empty && write(&one) == write(&other)) {
                    prop_assert_eq!(one == other, was.canonical() == is.canonical(), "{:?} {} {}", format, one, other);
                    prop_assert_eq!(one == other, differences(&was, &is, 1).is_empty());
                }
            } else {
                prop_assert!(format == TextFormat::Yaml, "{:?} {} {}", format, one, other);
            }
        }
    }

    /// One character changed anywhere in a text is found, unless the text means the same to every reader.
    #[test]
    fn one_changed_digit_is_found(value in values(), at in any::<prop::sample::Index>()) {
        let text = value.to_string();
        let digits: Vec<usize> = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
        if !digits.is_empty() {
            let at = digits[at.index(digits.len())];
            let digit = if &text[at..=at] == "7" { "8" } else { "7" };
            let changed = format!("{}{digit}{}", &text[..at], &text[at + 1..]);
            for format in [TextFormat::Json, TextFormat::Yaml] {
                if let (Some(was), Some(is)) = (Parsed::read(format, &text), Parsed::read(format, &changed)) {
                    prop_assert_ne!(was.canonical(), is.canonical(), "{} {}", text, changed);
                }
            }
        }
    }
}
