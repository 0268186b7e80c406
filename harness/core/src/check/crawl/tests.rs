use std::time::Duration;

use super::*;
use crate::model::product::CrawlCheck;
use crate::model::scenario::CheckKind;
use crate::observation::pages::Site;
use crate::observation::{Body, HttpResponse, Response};
use crate::outcome::verdict::Outcome;

fn answer(path: &str, status: u16, media: &str, text: &str, took: u64) -> Page {
    let mut headers = BTreeMap::from([("content-type".to_owned(), media.to_owned())]);
    if status == 302 {
        headers.insert("location".to_owned(), text.to_owned());
    }
    let body = Body { size: text.len() as u64, text: text.to_owned(), ..Body::default() };
    let response = HttpResponse { status, headers, body, took: Duration::from_millis(took) };
    Page::read(&Site::new("web", 80).unwrap(), path, &Response::Http(response))
}

fn html(path: &str, text: &str) -> Page {
    answer(path, 200, "text/html", text, 10)
}

fn same(page: Page, path: &str) -> AskedTwice {
    AskedTwice { path: path.to_owned(), second: page.clone(), first: page }
}

/// A site with these pages, each with the identity that asked for it.
fn site(pages: Vec<(&str, AskedTwice)>) -> KnownSite {
    let mut by_identity: BTreeMap<String, Vec<AskedTwice>> = BTreeMap::new();
    for (identity, page) in pages {
        by_identity.entry(identity.to_owned()).or_default().push(page);
    }
    let identities = by_identity.into_iter().map(|(identity, pages)| (identity, KnownPages::of(pages))).collect();
    KnownSite { identities, assets: BTreeMap::new() }
}

fn rules(text: &str) -> Vec<PageRule> {
    let text = format!(r#"{{"service": "web", "port": 80, "within": "1m", "rules": {text}}}"#);
    serde_json::from_str::<CrawlCheck>(&text).unwrap().rules
}

/// Judges `now` at `/x` as `identity`; returns the report and the notes in one text.
fn judge(known: &KnownSite, identity: &str, now: &Page, rules: &[PageRule]) -> CheckReport {
    let rules: Vec<&PageRule> = rules.iter().collect();
    let mut judge = CrawlJudge::new(known, CrawlTerms { rules: &rules, volatile: &[] });
    judge.page(identity, "/x", now);
    let mut report = CheckReport::new(CheckKind::Crawl, "pages");
    judge.finish(&mut report);
    report.decide()
}

fn codes(report: &CheckReport) -> Vec<FindingCode> {
    report.findings.iter().map(|finding| finding.code).collect()
}

/// Compares one page that anonymous asked for with what it is now.
fn check(before: Page, now: Page, expected: &[FindingCode]) {
    let known = site(vec![("anonymous", same(before, "/x"))]);
    assert_eq!(codes(&judge(&known, "anonymous", &now, &[])), expected, "{now:?}");
}

const PAGE: &str = "<title>Pump</title><p>The pump of hall 3 leaks</p>";

#[test]
fn an_answer_is_compared_by_its_meaning() {
    let status = |status| answer("/x", status, "text/html", "", 1);
    let to = |location| answer("/x", 302, "text/html", location, 1);
    check(html("/x", PAGE), html("/x", PAGE), &[]);
    check(html("/x", PAGE), status(500), &[FindingCode::PageFails]);
    check(html("/x", PAGE), status(404), &[FindingCode::PageGone]);
    check(html("/x", PAGE), status(403), &[FindingCode::PageRefused]);
    check(html("/x", PAGE), to("/login?back=/x"), &[FindingCode::PageRefused]);
    check(html("/x", PAGE), to("/elsewhere"), &[FindingCode::PageRedirected]);
    check(to("/a"), to("/b"), &[FindingCode::PageRedirected]);
    check(to("/a"), to("/a"), &[]);
    check(status(403), html("/x", PAGE), &[FindingCode::PageExposed]);
    check(to("/login"), html("/x", PAGE), &[FindingCode::PageExposed]);
    check(status(403), to("/login"), &[]);
    check(status(403), status(404), &[]);
    check(status(403), status(500), &[FindingCode::PageFails]);
    check(status(500), html("/x", PAGE), &[]);
    check(html("/x", PAGE), Page::read(&Site::new("web", 80).unwrap(), "/x", &gone()), &[FindingCode::PageFails]);
}

fn gone() -> Response {
    Response::NoResponse { reason: "reset".to_owned() }
}

#[test]
fn a_page_that_others_saw_is_exposed_and_another_is_merely_new() {
    let refused = || same(answer("/x", 404, "text/html", "", 1), "/x");
    let known = site(vec![("anonymous", refused()), ("admin", same(html("/x", PAGE), "/x"))]);
    assert_eq!(codes(&judge(&known, "anonymous", &html("/x", PAGE), &[])), [FindingCode::PageExposed]);
    let known = site(vec![("anonymous", refused()), ("admin", refused())]);
    let report = judge(&known, "anonymous", &html("/x", PAGE), &[]);
    assert_eq!(report.outcome, Outcome::Passed);
    assert!(report.notes.iter().any(|note| note.contains("is answered now")), "{:?}", report.notes);
}

#[test]
fn lost_content_is_found_however_the_page_is_laid_out() {
    check(html("/x", PAGE), html("/x", "<title>Pump</title>"), &[FindingCode::TextLost]);
    check(html("/x", PAGE), html("/x", "<h1>Pump</h1><ul><li>The pump<li>of hall 3 leaks</ul>"), &[]);
    check(html("/x", PAGE), html("/x", "<p>PUMP</p><p>More: the pump of hall 3, leaks!</p>"), &[]);
    let longer = "<p>The first words stay and then there is something which the new release loses</p>";
    let known = site(vec![("anonymous", same(html("/x", longer), "/x"))]);
    let report = judge(&known, "anonymous", &html("/x", "<p>The first words stay and then there is</p>"), &[]);
    assert_eq!(
        report.findings.first().unwrap().actual,
        "gone: … and then there is something which the new release loses"
    );
}

#[test]
fn what_changes_by_itself_and_the_products_own_texts_are_no_content() {
    let noisy = |visits: u32| html("/x", &format!("<p>Visits: {visits}</p><p>stays</p>"));
    let twice = AskedTwice { path: "/x".to_owned(), first: noisy(1), second: noisy(2) };
    let known = site(vec![("anonymous", twice)]);
    assert_eq!(codes(&judge(&known, "anonymous", &html("/x", "<p>Visits: 3</p><p>stays</p>"), &[])), []);
    assert_eq!(codes(&judge(&known, "anonymous", &noisy(9), &[])), []);

    let page = |path: &str, text: &str| same(html(path, &format!("<p>Powered by it</p><p>{text}</p>")), path);
    let pages = [page("/x", "one"), page("/a", "two"), page("/b", "three"), page("/c", "four")];
    let known = site(pages.into_iter().map(|page| ("anonymous", page)).collect());
    let report = judge(&known, "anonymous", &html("/x", "<p>one</p>"), &[]);
    assert_eq!((codes(&report), report.outcome), (vec![], Outcome::Passed));
    assert!(report.notes.iter().any(|note| note.ends_with("gone from 1 pages: Powered by it")), "{:?}", report.notes);
    check(html("/x", "<label>Name</label><p>a</p>"), html("/x", "<p>a</p>"), &[]);
}

#[test]
fn texts_on_most_pages_of_a_shape_are_the_products_own() {
    let page = |path: &str, text: &str| same(html(path, &format!("<p>Reported by</p><p>{text}</p>")), path);
    let known = KnownPages::of(vec![page("/issues/1", "one"), page("/issues/2", "two")]);
    assert!(known.is_chrome("Reported by", "/issues/{}"));
    assert!(!known.is_chrome("one", "/issues/{}"));
}

#[test]
fn a_text_that_only_others_saw_is_exposed() {
    let all = "<p>The pump of hall 3 leaks</p>";
    let private = "<p>The pump of hall 3 leaks</p><p>The supplier is broke</p>";
    let known = site(vec![("anonymous", same(html("/x", all), "/x")), ("admin", same(html("/x", private), "/x"))]);
    let report = judge(&known, "anonymous", &html("/x", private), &[]);
    assert_eq!(codes(&report), [FindingCode::TextExposed]);
    assert_eq!(report.findings.first().unwrap().subject, Subject::request("GET /x as anonymous"));
    assert_eq!(codes(&judge(&known, "anonymous", &html("/x", all), &[])), []);
    assert_eq!(codes(&judge(&known, "admin", &html("/x", private), &[])), []);
    let reviewed =
        rules(r#"[{"crossing": "2.0.0", "allow": {"texts": {"texts": ["^The supplier"]}}, "because": "b"}]"#);
    assert_eq!(codes(&judge(&known, "anonymous", &html("/x", private), &reviewed)), []);
}

#[test]
fn json_may_gain_and_must_not_lose() {
    let json = |text: &str| answer("/x", 200, "application/json", text, 1);
    check(json(r#"{"a": 1, "l": [{"id": 1}]}"#), json(r#"{"a": 1, "b": 2, "l": [{"id": 1, "n": 2}, {"id": 2}]}"#), &[]);
    check(json(r#"{"a": 1, "b": 2}"#), json(r#"{"a": 1}"#), &[FindingCode::PageValues]);
    check(json(r#"{"l": [1, 2]}"#), json(r#"{"l": [2]}"#), &[FindingCode::PageValues]);
    check(json(r#"{"a": 1, "b": 2}"#), json(r#"{"a": 1, "b":"#), &[FindingCode::PageType]);
    check(json(r#"{"a": 1}"#), json(r#"Notice: undefined b {"a": 1}"#), &[FindingCode::PageType]);
    let twice =
        AskedTwice { path: "/x".to_owned(), first: json(r#"{"a": 1, "at": 5}"#), second: json(r#"{"a": 1, "at": 6}"#) };
    let known = site(vec![("anonymous", twice)]);
    assert_eq!(codes(&judge(&known, "anonymous", &json(r#"{"a": 1, "at": 7}"#), &[])), []);
    assert_eq!(codes(&judge(&known, "anonymous", &json(r#"{"a": 2, "at": 7}"#), &[])), [FindingCode::PageValues]);
    let reviewed =
        rules(r#"[{"crossing": "2.0.0", "allow": {"values": {"pages": ["/x"], "keys": ["a"]}}, "because": "b"}]"#);
    assert_eq!(codes(&judge(&known, "anonymous", &json(r#"{"a": 2, "at": 7}"#), &reviewed)), []);
}

#[test]
fn other_bodies_keep_their_type_and_most_of_their_length() {
    let pdf = |text: &str| answer("/x", 200, "application/pdf", text, 1);
    check(pdf("0123456789"), pdf("01234567"), &[]);
    check(pdf("0123456789"), pdf("0123"), &[FindingCode::PageSmaller]);
    check(pdf("0123456789"), pdf(""), &[FindingCode::PageEmpty]);
    check(pdf("0123456789"), html("/x", PAGE), &[FindingCode::PageType]);
    check(html("/x", PAGE), html("/x", ""), &[FindingCode::PageEmpty]);
}

#[test]
fn a_page_that_is_answered_now_so_now_so_is_not_compared() {
    let twice =
        AskedTwice { path: "/x".to_owned(), first: html("/x", PAGE), second: answer("/x", 503, "text/html", "", 1) };
    let known = site(vec![("anonymous", twice)]);
    let report = judge(&known, "anonymous", &answer("/x", 500, "text/html", "", 1), &[]);
    assert_eq!((report.assertions, report.outcome), (0, Outcome::Inconclusive));
    assert!(report.notes.iter().any(|note| note.contains("two answers of the source release differ")));
}

#[test]
fn a_rule_lets_through_what_it_names_to_whom_it_names() {
    let known = site(vec![("anonymous", same(html("/x", PAGE), "/x")), ("admin", same(html("/x", PAGE), "/x"))]);
    let status = |status| answer("/x", status, "text/html", "", 1);
    let reviewed = rules(
        r#"[{"crossing": "2.0.0", "as": ["anonymous"], "because": "closed",
             "allow": {"answers": {"pages": ["/x*"], "from": "200", "to": "404"}}}]"#,
    );
    let report = judge(&known, "anonymous", &status(404), &reviewed);
    assert_eq!(report.outcome, Outcome::Passed);
    assert!(report.notes.contains(&"1 difference by 2.0.0: closed".to_owned()), "{:?}", report.notes);
    assert_eq!(codes(&judge(&known, "anonymous", &status(403), &reviewed)), [FindingCode::PageRefused]);
    assert_eq!(codes(&judge(&known, "admin", &status(404), &reviewed)), [FindingCode::PageGone]);
}

#[test]
fn an_asset_has_to_load_unless_it_did_not_before() {
    let css = |status, media, text| answer("/a-1f.css", status, media, text, 1);
    let fault = |asset: &Page| {
        let mut known = site(vec![("anonymous", same(html("/x", PAGE), "/x"))]);
        known.assets.insert("/a-{}.css".to_owned(), Some(AssetFault::Fails(Answer::Status(404))));
        let mut judge = CrawlJudge::new(&known, CrawlTerms { rules: &[], volatile: &[] });
        judge.asset("anonymous", "/a-2e.css", "/x", asset)
    };
    assert!(!fault(&css(200, "text/css", "a {}")));
    assert!(fault(&css(200, "text/css", "")));
    assert!(fault(&css(200, "text/html", "<p>not found</p>")));
    assert!(fault(&css(403, "text/css", "")));
    assert!(!fault(&css(404, "text/css", "")));
}

#[test]
fn only_a_gross_slowdown_counts() {
    let known = site(vec![("anonymous", same(answer("/x", 200, "text/html", PAGE, 100), "/x"))]);
    let page = known.identities.get("anonymous").unwrap().get("/x").unwrap();
    for (took, slow) in [(100, false), (2000, false), (2200, true), (9000, true)] {
        assert_eq!(is_far_slower(page, Duration::from_millis(took)), slow, "{took}");
    }
    let known = site(vec![("anonymous", same(answer("/x", 200, "text/html", PAGE, 1000), "/x"))]);
    let page = known.identities.get("anonymous").unwrap().get("/x").unwrap();
    assert!(!is_far_slower(page, Duration::from_millis(4900)) && is_far_slower(page, Duration::from_millis(5100)));
}

#[test]
fn many_findings_are_cut_to_some_of_each_kind() {
    let pages: Vec<(&str, AskedTwice)> =
        (0..40).map(|id| ("anonymous", same(html("/x", PAGE), &format!("/p/{id}")))).collect();
    let known = site(pages);
    let mut judge = CrawlJudge::new(&known, CrawlTerms { rules: &[], volatile: &[] });
    for id in 0..40 {
        let status = if id == 39 { 500 } else { 404 };
        judge.page("anonymous", &format!("/p/{id}"), &answer("/p", status, "text/html", "", 1));
    }
    let mut report = CheckReport::new(CheckKind::Crawl, "pages");
    assert_eq!(judge.finish(&mut report).len(), 40);
    assert_eq!(report.findings.len(), MOST_FINDINGS + 1);
    assert!(codes(&report).contains(&FindingCode::PageFails));
    assert_eq!(report.findings.last().unwrap().code, FindingCode::PagesMore);
}
