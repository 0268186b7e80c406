//! Broken YAML: syntax, keys, anchors, merges, tags.

use super::*;

#[test]
fn a_repeated_key_is_reported_at_the_second_and_still_checked() {
    check(
        r"product: p
services: {}
product: q
path: {}
path: {downgrade: never}
",
        r#"
        3:1 «product» the key `product` is repeated | expected each key once
        5:1 «path» the key `path` is repeated | expected each key once
        5:19 «never» unknown value for `downgrade`: `never` | expected `refuse` or `allow`
        "#,
    );
}

#[test]
fn a_placeholder_without_quotes_is_reported() {
    check(
        r"product: p
services:
  a: {image: x, needs: [{{ db }}]}
  b:
    image: {{ image }}
",
        r#"
        3:25 «{{ db }}» a value that starts with `{{` reads as a map | expected quotes around it | write `"{{ db }}"`
        5:12 «{{ image }}» a value that starts with `{{` reads as a map | expected quotes around it | write `"{{ image }}"`
        "#,
    );
}

#[test]
fn a_placeholder_without_quotes_and_more_text_is_reported() {
    check(
        r"product: p
services:
  a:
    image: {{ image }}:{{ tag }}
",
        r#"
        4:12 «{{ image }}:{{ tag }}» a value that starts with `{{` reads as a map | expected quotes around the whole value
        "#,
    );
}

#[test]
fn a_key_must_be_text() {
    check(
        r"product: p
services: {}
? [a, b]
: c
? {a: b}
: d
: e
",
        r#"
        3:3 «[a, b]» a list cannot be a key | expected a key that is text
        5:3 «{a: b}» a map cannot be a key | expected a key that is text
        7:1 «» a key is missing before `:` | expected a key that is text
        "#,
    );
}

#[test]
fn a_second_document_is_reported_at_its_start() {
    check(
        r"product: p
---
product: q
",
        r#"
        2:1 «---» a second document starts here | expected one document in the file
        "#,
    );
}

#[test]
fn an_unknown_anchor_names_the_nearest() {
    check(
        r"product: p
services: {a: &base {image: x}, b: *bse}
",
        r#"
        2:36 «*bse» `*bse` has no anchor | expected the name of an anchor (`&name`) further up | did you mean `*base`?
        "#,
    );
}

#[test]
fn a_merge_takes_maps() {
    check(
        r"product: p
services: {a: {<<: [x, {image: y}]}, b: {<<: z, image: x}}
",
        r#"
        2:21 «x» `<<` takes a map or a list of maps | expected an alias of a map, such as `*defaults`
        2:46 «z» `<<` takes a map or a list of maps | expected an alias of a map, such as `*defaults`
        "#,
    );
}

#[test]
fn a_repeated_merge_is_reported_with_how_to_write_it() {
    check(
        r"product: &p p
services:
  a: &a {image: x}
  b:
    <<: *a
    <<: *a
",
        r#"
        6:5 «<<» the key `<<` is repeated | expected each key once | merge several maps as `<<: [*one, *two]`
        "#,
    );
}

#[test]
fn a_mistake_behind_an_alias_is_reported_once_where_it_is_written() {
    check(
        r"product: p
services:
  a: &a
    image: x
    prot: 80
  b: *a
  c:
    <<: *a
",
        r#"
        5:5 «prot» unknown key `prot` | expected `image`, `needs`, `memory`, `environment`, `port`, `ready` or `command` | did you mean `port`?
        "#,
    );
}

#[test]
fn an_alias_of_the_wrong_kind_is_reported_where_it_is_used() {
    check(
        r"product: p
services:
  a: &a { image: x }
  b: { image: x, needs: *a }
",
        r#"
        4:25 «*a» `needs` takes a list, not a map | expected a list; each item is a name of small letters
        "#,
    );
}

#[test]
fn tabs_are_reported() {
    check(
        "product: p\nservices:\n\ta: {image: x}\n",
        r#"
        3:2 «a» this is not YAML: tabs disallowed within this context (block indentation) | the text cannot be read from here on | indent with spaces
        "#,
    );
}

#[test]
fn a_colon_in_a_plain_text_is_reported() {
    check(
        r"product: p
services:
  a:
    image: docker: latest
",
        r#"
        4:18 «:» this is not YAML: mapping values are not allowed in this context | the text cannot be read from here on | quote a value that holds `: `, and indent the keys of one map alike
        "#,
    );
}

#[test]
fn an_open_quote_is_reported() {
    check(
        r#"product: "p
services: {}
"#,
        r#"
        1:10 «"» this is not YAML: invalid indentation in quoted scalar | the text cannot be read from here on | close the quote
        "#,
    );
}

#[test]
fn an_open_bracket_is_reported() {
    check(
        r"product: p
services: [a
upgrade: []
",
        r#"
        3:8 «:» this is not YAML: illegal placement of ':' indicator | the text cannot be read from here on | close the bracket before it, or quote the text
        "#,
    );
}

#[test]
fn bad_indentation_is_reported() {
    check(
        r"product: p
services:
  a:
    image: x
   port: 1
",
        r#"
        5:4 «p» this is not YAML: while parsing a block mapping, did not find expected key | the text cannot be read from here on | indent the keys of one map alike
        "#,
    );
}

#[test]
fn tags_are_reported() {
    check(
        r"product: !!str 5
services: !Foo {}
upgrade: !!set {}
",
        r#"
        2:11 «!Foo» the tag `!Foo` is not supported | expected a value without a tag
        3:10 «!!set» the tag `!!set` is not supported | expected a value without a tag
        3:10 «!!set {}» `upgrade` takes a list, not a map | expected a list; each item is `pause`, or a map with one key
        "#,
    );
}

#[test]
fn columns_count_characters_not_bytes() {
    check(
        r#"product: p
services: {}
labels: {größe: {}, 日本語: [], x: "😀", 😀: {}}
"#,
        r#"
        3:17 «{}» `größe` takes text, not a map | expected text
        3:26 «[]» `日本語` takes text, not a list | expected text
        3:41 «{}» `😀` takes text, not a map | expected text
        "#,
    );
}
