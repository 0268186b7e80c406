//! Keys and variants that are unknown, missing or too many.

use super::*;

#[test]
fn several_mistakes_are_all_reported_at_once() {
    check(
        r#"
product: 
pth: {downgrade: refus, stops: [{at: 1, otional: yes}]}
services:
  web:
    imag: "x:{{ release"
    needs: db
    memory: 64
    port: "80"
    ready: { htp: { path: /x } }
  DB:
    image: "x:{{ release"
upgrade:
  - run: { service: web, retries: -1 }
  - stop: []
settle: { stalled-after: 600 }
"#,
        r#"
        2:1 «product» `product` is empty | expected text
        3:1 «pth» unknown key `pth` | expected `product`, `path`, `services`, `upgrade`, `settle`, `labels`, `codes`, `extra`, `weight`, `offset` or `range` | did you mean `path`?
        6:5 «imag» unknown key `imag` | expected `image`, `needs`, `memory`, `environment`, `port`, `ready` or `command` | did you mean `image`?
        7:12 «db» `needs` takes a list, not `db` | expected a list; each item is a name of small letters | write it as a list: `[db]`
        8:13 «64» `64` has no unit: add one, as in `64m` | expected a size such as `512k`, `64MiB` or `1g`
        9:11 «"80"» `port` takes a whole number from 0 to 65535, not the text `80` | expected a whole number from 0 to 65535 | drop the quotes: `80`
        10:14 «htp» unknown key `htp` | expected `started`, `exec`, `log` or `http` | did you mean `http`?
        11:3 «DB» `DB` is not a name | expected a name of small letters
        12:12 «"x:{{ release"» `x:{{ release` is not a template: unexpected end of input, expected end of variable block | expected text, in which `{{ name }}` is filled in
        14:5 «run» `run` misses the key `command` | expected `command`: text, in which `{{ name }}` is filled in, or a list
        14:35 «-1» `retries` takes a whole number, 0 or more, not `-1` | expected a whole number, 0 or more
        15:11 «[]» `stop` is empty | expected at least one item
        16:26 «600» `600` has no unit: add one, as in `600s` | expected a span of time such as `500ms`, `30s`, `10m` or `1h30m`
        "#,
    );
}

#[test]
fn an_unknown_key_names_the_nearest_and_stands_for_the_missing_one() {
    check(
        r"product: p
servises: {}
",
        r#"
        2:1 «servises» unknown key `servises` | expected `product`, `path`, `services`, `upgrade`, `settle`, `labels`, `codes`, `extra`, `weight`, `offset` or `range` | did you mean `services`?
        "#,
    );
}

#[test]
fn an_unknown_key_far_from_all_lists_them() {
    check(
        r"product: p
services: {}
settle: {stalled-after: 1s, quux: 1}
",
        r#"
        3:29 «quux» unknown key `quux` | expected `stalled-after`
        "#,
    );
}

#[test]
fn missing_keys_are_reported_once_at_the_key_of_the_map() {
    check(
        r"product: p
services: {}
upgrade:
  - run: {}
  - run:
      retries: 1
",
        r#"
        4:5 «run» `run` misses the keys `service` and `command` | expected `service`: a name of small letters; `command`: text, in which `{{ name }}` is filled in, or a list
        5:5 «run» `run` misses the keys `service` and `command` | expected `service`: a name of small letters; `command`: text, in which `{{ name }}` is filled in, or a list
        "#,
    );
}

#[test]
fn missing_keys_of_the_file_are_reported_at_its_first_key() {
    check(
        "path: {}\n",
        r#"
        1:1 «path» the file misses the keys `product` and `services` | expected `product`: text; `services`: a map
        "#,
    );
}

#[test]
fn missing_keys_of_an_item_are_reported_at_the_item() {
    check(
        r"product: p
services: {}
path:
  stops:
    - optional: true
",
        r#"
        5:7 «optional» an item of `stops` misses the key `at` | expected `at`: text
        "#,
    );
}

#[test]
fn an_unknown_word_names_the_nearest() {
    check(
        r"product: p
services: {}
path: {downgrade: refuze, minors: One_At_A_Time}
",
        r#"
        3:19 «refuze» unknown value for `downgrade`: `refuze` | expected `refuse` or `allow` | did you mean `refuse`?
        3:35 «One_At_A_Time» unknown value for `minors`: `One_At_A_Time` | expected `any` or `one-at-a-time` | did you mean `one-at-a-time`?
        "#,
    );
}

#[test]
fn an_unknown_variant_names_the_nearest() {
    check(
        r"product: p
services: {a: {image: x, ready: {htttp: {path: /}}}}
upgrade: [pauze, {stopp: [a]}]
",
        r#"
        2:34 «htttp» unknown key `htttp` | expected `started`, `exec`, `log` or `http` | did you mean `http`?
        3:11 «pauze» unknown value for an item of `upgrade`: `pauze` | expected `pause`, `stop`, `run` or `group` | did you mean `pause`?
        3:19 «stopp» unknown key `stopp` | expected `pause`, `stop`, `run` or `group` | did you mean `stop`?
        "#,
    );
}

#[test]
fn a_variant_with_a_value_is_not_a_word() {
    check(
        r"product: p
services: {}
upgrade: [stop]
",
        r#"
        3:11 «stop» `stop` needs a value | expected `stop: …` with a list; each item is a name of small letters
        "#,
    );
}

#[test]
fn a_word_takes_no_value() {
    check(
        r"product: p
services: {}
upgrade: [pause: 5, {pause: }]
",
        r#"
        3:11 «pause» `pause` takes no value | expected `pause` alone, without `:`
        3:22 «pause» `pause` takes no value | expected `pause` alone, without `:`
        "#,
    );
}

#[test]
fn two_variants_in_one_item_are_distinguished() {
    check(
        r"product: p
services: {}
upgrade:
  - stop: [web]
    run: { service: web }
",
        r#"
        5:5 «run» an item of `upgrade` has more than one key | expected only one of `pause`, `stop`, `run` or `group` | write each as an item of its own
        5:5 «run» `run` misses the key `command` | expected `command`: text, in which `{{ name }}` is filled in, or a list
        "#,
    );
}

#[test]
fn keys_not_indented_below_their_variant_are_reported() {
    check(
        r"product: p
services: {}
upgrade:
  - run:
    service: web
    command: x
",
        r#"
        5:5 «service» an item of `upgrade` has more than one key | expected only one of `pause`, `stop`, `run` or `group` | indent `service` further, so that it belongs to `run`
        "#,
    );
}

#[test]
fn an_empty_map_is_no_variant() {
    check(
        r"product: p
services: {}
upgrade: [{}, [], ~, 5]
",
        r#"
        3:11 «{}» an item of `upgrade` is an empty map | expected one of `pause`, `stop`, `run` or `group`
        3:15 «[]» an item of `upgrade` takes `pause`, or a map with one key, not a list | expected `pause`, or a map with one key, `stop`, `run` or `group`
        3:19 «~» an item of `upgrade` is empty | expected `pause`, or a map with one key, `stop`, `run` or `group`
        3:22 «5» unknown value for an item of `upgrade`: `5` | expected `pause`, `stop`, `run` or `group`
        "#,
    );
}

#[test]
fn bad_keys_of_tables_and_maps_of_numbers_are_reported_at_the_key() {
    check(
        r"product: p
services: {Web: {image: x}}
codes: {ok: x}
",
        r#"
        2:12 «Web» `Web` is not a name | expected a name of small letters
        3:9 «ok» `ok` is not a whole number | expected a whole number
        "#,
    );
}

#[test]
fn two_variants_where_one_is_wanted_are_not_reported_as_items() {
    check(
        "product: p\nservices: {a: {image: x, ready: {exec: x, log: y}}}\n",
        "2:43 «log» `ready` has more than one key | expected only one of `started`, `exec`, `log` or `http`",
    );
}

#[test]
fn two_keys_that_mean_the_same_are_refused() {
    let table: Result<Table<u8, u8>, _> = serde_json::from_str(r#"{"1": 1, "01": 2}"#);
    assert!(table.is_err());
    assert_eq!(Table::try_from(vec![(1, 1), (1, 2)]), Err(super::super::RepeatedKey));
}
