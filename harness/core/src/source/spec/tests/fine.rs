//! What is good, and how it is read.

use super::*;

#[test]
fn a_good_file_is_read_with_its_texts_as_written() {
    let (product, _) = good(GOOD);
    assert_eq!(product.product, "nautobot");
    assert_eq!(product.path.downgrade, Downgrade::Refuse);
    assert_eq!(product.path.minors, Some(Minors::OneAtATime));
    let stops: Vec<(&str, bool)> = product.path.stops.iter().map(|stop| (stop.at.as_str(), stop.optional)).collect();
    assert_eq!(stops, [("1.6", false), ("1.10", true), ("1.10", false)]);
    let names: Vec<String> = product.services.keys().map(Name::to_string).collect();
    assert_eq!(names, ["web", "db", "cache"], "in the order of the file");
    let web = product.services.get(&Name("web".to_owned())).unwrap();
    assert_eq!(web.memory.unwrap().bytes(), 512 << 20);
    assert_eq!(web.port, Some(8080));
    assert_eq!(web.environment["DEBUG"].text(), "NO");
    assert_eq!(web.environment["PORT"].text(), "5.0");
    assert!(matches!(&web.ready, Some(Ready::Http { path, status: 200, json: Some(_) }) if path == "/health/"));
    assert_eq!(product.labels["1"], "2.50");
    assert_eq!(product.labels["yes"], "no");
    assert_eq!(product.codes[&200], "ok");
    assert_eq!(product.extra, json!({"a": 1.5, "b": ["yes", true, 16], "c": "5", "d": null, "e": null}));
    assert_eq!((product.weight, product.offset), (Some(3.0), -4));
    assert_eq!(product.range.unwrap().0, 7);
    assert_eq!(product.settle.unwrap().stalled_after.to_string(), "1h30m");
    assert!(
        matches!(&product.upgrade[..], [Step::Pause, Step::Stop(_), Step::Run(run), Step::Group(_)] if run.retries == 3)
    );
}

#[test]
fn a_merge_key_gives_what_the_map_does_not_say_itself() {
    let (product, document) = good(GOOD);
    let db = product.services.get(&Name("db".to_owned())).unwrap();
    assert_eq!((db.port, db.needs.len(), db.image.text()), (Some(8080), 0, "postgres:15"));
    assert_eq!(db.command.as_ref().unwrap().to_string(), "run it");
    let port = document.span("/services/db/port");
    assert_eq!(document.source().place(port.start).line, 13, "where the anchor says it");
    assert_eq!(document.source().slice(port), "8080");
}

#[test]
fn earlier_maps_of_a_merge_list_win() {
    let text = "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b], y: 3, z: 3}\n";
    let (value, _) = read::<Value>(Source::new("t", text)).unwrap();
    assert_eq!(value["c"], json!({"x": 1, "y": 3, "z": 3}));
}

#[test]
fn nothing_is_nothing_where_that_is_allowed() {
    let text = "product: p\nservices: {}\nsettle:\nweight: ~\n";
    let (product, _) = good(text);
    assert!(product.settle.is_none() && product.weight.is_none() && product.services.is_empty());
}

#[test]
fn a_file_without_a_schema_is_a_value_with_places() {
    let (value, document) = read::<Value>(Source::new("t", "é:\n  - ü: 1\n    ö: x\n")).unwrap();
    assert_eq!(value, json!({"é": [{"ü": 1, "ö": "x"}]}));
    let span = document.key_span("/é/0/ö");
    let place = document.source().place(span.start);
    assert_eq!((document.source().slice(span), place.line, place.column), ("ö", 3, 5));
}

#[test]
fn a_document_points_at_values_keys_and_the_nearest_around_what_is_absent() {
    let (_, document) = good(GOOD);
    let at = |pointer: &str| document.source().slice(document.span(pointer));
    let key = |pointer: &str| document.source().slice(document.key_span(pointer));
    assert_eq!(at(""), "product: nautobot");
    assert_eq!(at("/services/web/needs/0"), "db");
    assert_eq!(at("/services/web/needs"), "[db]");
    assert_eq!(key("/services/web/needs"), "needs");
    assert_eq!(key("/services/web/needs/0"), "db");
    assert_eq!(at("/services/web/nope/deep"), "web");
    assert_eq!(at("/upgrade/1/stop/9"), "stop");
    assert_eq!(at("/upgrade/9"), "upgrade");
    assert_eq!(at("/nope"), "product: nautobot");
    assert_eq!(at("/extra/e"), "e");
    assert_eq!(at("/services/db/command"), "run");
    assert!(document.contains("/services/web/port") && !document.contains("/services/web/command"));
}

#[test]
fn later_problems_are_refused_together_in_order() {
    let (_, document) = good(GOOD);
    let late = document.problem("/upgrade/1/stop/0", "unknown service `web`", "expected `db`", None);
    let early = document.problem("/services/web/needs/0", "unknown service `db`", "expected `web`", Some("did".into()));
    let rejected = document.refuse(vec![late, early]).unwrap_err();
    let expected = "product.yaml:11:13: unknown service `db`\nproduct.yaml:28:12: unknown service `web`";
    assert_eq!(rejected.to_string(), expected);
    assert!(document.refuse(vec![]).is_ok());
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_not_move_places() {
    let (_, document) = good("\u{feff}product: p\r\nservices: {}\r\n");
    let span = document.key_span("/services");
    let place = document.source().place(span.start);
    assert_eq!((document.source().slice(span), place.line, place.column), ("services", 2, 1));
    check(
        "\u{feff}prodct: p\r\nservices: {}\r\n",
        "1:1 «prodct» unknown key `prodct` | expected `product`, `path`, `services`, `upgrade`, `settle`, `labels`, \
         `codes`, `extra`, `weight`, `offset` or `range` | did you mean `product`?",
    );
}
