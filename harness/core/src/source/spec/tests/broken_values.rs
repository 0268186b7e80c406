//! Values that are not what their place takes.

use super::*;

#[test]
fn an_empty_file_is_empty() {
    check(
        "",
        r#"
        1:1 «» the file is empty | expected a map with `product`, `path`, `services`, `upgrade`, `settle`, `labels`, `codes`, `extra`, `weight`, `offset` and `range`
        "#,
    );
}

#[test]
fn a_file_of_comments_is_empty() {
    check(
        "# nothing\n",
        r#"
        1:1 «» the file is empty | expected a map with `product`, `path`, `services`, `upgrade`, `settle`, `labels`, `codes`, `extra`, `weight`, `offset` and `range`
        "#,
    );
}

#[test]
fn a_file_that_is_a_list_is_reported() {
    check(
        r"- a
- b
",
        r#"
        1:1 «- a» the file takes a map, not a list | expected a map with `product`, `path`, `services`, `upgrade`, `settle`, `labels`, `codes`, `extra`, `weight`, `offset` and `range`
        "#,
    );
}

#[test]
fn a_file_that_is_a_text_is_reported() {
    check(
        "hello\n",
        r#"
        1:1 «hello» the file takes a map, not `hello` | expected a map with `product`, `path`, `services`, `upgrade`, `settle`, `labels`, `codes`, `extra`, `weight`, `offset` and `range`
        "#,
    );
}

#[test]
fn an_empty_value_is_reported_at_its_key() {
    check(
        r"product: p
services:
upgrade: ~
path: null
",
        r#"
        2:1 «services» `services` is empty | expected a map; each value is a map
        3:10 «~» `upgrade` is empty | expected a list; each item is `pause`, or a map with one key
        4:7 «null» `path` is empty | expected a map with `downgrade`, `minors` and `stops`
        "#,
    );
}

#[test]
fn a_list_where_a_map_is_wanted() {
    check(
        r"product: p
services: [a]
",
        r#"
        2:11 «[a]» `services` takes a map, not a list | expected a map; each value is a map
        "#,
    );
}

#[test]
fn a_map_where_text_is_wanted() {
    check(
        r"product: {a: 1}
services: {}
labels:
  a:
    b: c
",
        r#"
        1:10 «{a: 1}» `product` takes text, not a map | expected text
        5:5 «b: c» `a` takes text, not a map | expected text
        "#,
    );
}

#[test]
fn a_single_text_where_a_list_is_wanted_is_shown_as_a_list() {
    check(
        r#"product: p
services: {a: {image: x, needs: db}, b: {image: x, needs: "db"}, c: {image: x, needs: {}}}
"#,
        r#"
        2:33 «db» `needs` takes a list, not `db` | expected a list; each item is a name of small letters | write it as a list: `[db]`
        2:59 «"db"» `needs` takes a list, not the text `db` | expected a list; each item is a name of small letters | write it as a list: `["db"]`
        2:87 «{}» `needs` takes a list, not a map | expected a list; each item is a name of small letters
        "#,
    );
}

#[test]
fn quoted_numbers_are_to_drop_the_quotes() {
    check(
        r#"product: p
services: {a: {image: x, port: "80"}}
path: {stops: [{at: x, optional: "true"}]}
weight: '1.5'
"#,
        r#"
        2:32 «"80"» `port` takes a whole number from 0 to 65535, not the text `80` | expected a whole number from 0 to 65535 | drop the quotes: `80`
        3:34 «"true"» `optional` takes `true` or `false`, not the text `true` | expected `true` or `false` | drop the quotes: `true`
        4:9 «'1.5'» `weight` takes a number, not the text `1.5` | expected a number | drop the quotes: `1.5`
        "#,
    );
}

#[test]
fn quoted_words_do_not_become_numbers_by_dropping_quotes() {
    check(
        r#"product: p
services: {a: {image: x, port: "http"}}
"#,
        r#"
        2:32 «"http"» `port` takes a whole number from 0 to 65535, not the text `http` | expected a whole number from 0 to 65535
        "#,
    );
}

#[test]
fn numbers_out_of_range_or_not_whole_say_the_range() {
    check(
        r"product: p
services: {a: {image: x, port: 70000}, b: {image: x, port: 1.5}, c: {image: x, port: -1}}
offset: 99999999999999999999
weight: heavy
upgrade: [{run: {service: a, command: b, retries: -1}}]
",
        r#"
        2:32 «70000» `port` takes a whole number from 0 to 65535, not `70000` | expected a whole number from 0 to 65535
        2:60 «1.5» `port` takes a whole number from 0 to 65535, not `1.5` | expected a whole number from 0 to 65535
        2:86 «-1» `port` takes a whole number from 0 to 65535, not `-1` | expected a whole number from 0 to 65535
        3:9 «99999999999999999999» `offset` takes a whole number, not `99999999999999999999` | expected a whole number
        4:9 «heavy» `weight` takes a number, not `heavy` | expected a number
        5:51 «-1» `retries` takes a whole number, 0 or more, not `-1` | expected a whole number, 0 or more
        "#,
    );
}

#[test]
fn yes_and_no_are_no_booleans() {
    check(
        r"product: p
services: {}
path: {stops: [{at: a, optional: yes}, {at: b, optional: Off}, {at: c, optional: 1}]}
",
        r#"
        3:34 «yes» `optional` takes `true` or `false`, not `yes` | expected `true` or `false` | write `true`
        3:58 «Off» `optional` takes `true` or `false`, not `Off` | expected `true` or `false` | write `false`
        3:82 «1» `optional` takes `true` or `false`, not `1` | expected `true` or `false`
        "#,
    );
}

#[test]
fn a_command_is_text_or_words() {
    check(
        r#"product: p
services: {a: {image: x, command: {run: x}}, b: {image: x, command: []}, c: {image: x, command: ["{{ x", [a]]}, d: {image: x, command: ""}, e: {image: x, command: }}
"#,
        r#"
        2:35 «{run: x}» `command` cannot be a map | expected text, in which `{{ name }}` is filled in, or a list; each item is text, in which `{{ name }}` is filled in
        2:69 «[]» `command` is empty | expected at least one item
        2:98 «"{{ x"» `{{ x` is not a template: unexpected end of input, expected end of variable block | expected text, in which `{{ name }}` is filled in
        2:106 «[a]» an item of `command` takes text, in which `{{ name }}` is filled in, not a list | expected text, in which `{{ name }}` is filled in
        2:136 «""» `command` is empty | expected text, in which `{{ name }}` is filled in
        "#,
    );
}

#[test]
fn scalars_of_every_format_are_checked_with_the_shape() {
    check(
        r#"product: p
services:
  a:
    image: "{{ x"
    memory: 5 apples
    ready: { log: "a(" }
  b:
    image: y
    ready: { http: { path: /, json: x, status: ok } }
settle: { stalled-after: 10 minutes }
"#,
        r#"
        4:12 «"{{ x"» `{{ x` is not a template: unexpected end of input, expected end of variable block | expected text, in which `{{ name }}` is filled in
        5:13 «5 apples» `5 apples` is not a size | expected a size such as `512k`, `64MiB` or `1g`
        6:19 «"a("» `a(` is not a regular expression: unclosed group | expected a regular expression
        9:37 «x» `x` does not start with `/`: write `/x` | expected a JSON pointer such as `/items/0/name`, or an empty text for the whole
        9:48 «ok» `status` takes a whole number from 0 to 65535, not `ok` | expected a whole number from 0 to 65535
        10:26 «10 minutes» `10 minutes` is not a span of time | expected a span of time such as `500ms`, `30s`, `10m` or `1h30m`
        "#,
    );
}

#[test]
fn a_tuple_has_its_length_and_types() {
    check(
        r"product: p
services: {}
range: [1]
",
        r#"
        3:8 «[1]» `range` has 1 items | expected 2 items
        "#,
    );
}

#[test]
fn a_tuple_checks_each_item() {
    check(
        r"product: p
services: {}
range: [x, '{{ y', z]
",
        r#"
        3:8 «[x, '{{ y', z]» `range` has 3 items | expected 2 items
        3:9 «x» an item of `range` takes a whole number from 0 to 255, not `x` | expected a whole number from 0 to 255
        3:12 «'{{ y'» `{{ y` is not a template: unexpected end of input, expected end of variable block | expected text, in which `{{ name }}` is filled in
        "#,
    );
}

#[test]
fn null_as_a_text_is_to_be_quoted() {
    check(
        r"product: null
services: {}
labels: {a: ~, b: 'null'}
",
        r#"
        1:10 «null» `product` is empty | expected text
        3:13 «~» `a` is empty | expected text
        "#,
    );
}

#[test]
fn a_rule_the_schema_does_not_know_is_still_reported() {
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(try_from = "u8")]
    #[schemars(with = "u8")]
    struct Even;

    impl TryFrom<u8> for Even {
        type Error = String;

        fn try_from(number: u8) -> Result<Self, String> {
            if number.is_multiple_of(2) { Ok(Self) } else { Err(format!("{number} is odd")) }
        }
    }

    let rejected = read::<Even>(Source::new("t", "# odd\n3")).map(|_| ()).unwrap_err();
    assert_eq!(rejected.to_string(), "t:2:1: 3 is odd");
}
