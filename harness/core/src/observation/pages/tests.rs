use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::observation::{Body, HttpResponse};

fn site() -> Site {
    Site::new("web", 3000).unwrap()
}

fn answered(status: u16, headers: &[(&str, &str)], text: &str) -> Page {
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body = Body { size: text.len() as u64, text: text.to_owned(), ..Body::default() };
    let response = HttpResponse { status, headers, body, took: Duration::from_millis(1) };
    Page::read(&site(), "/projects/1", &Response::Http(response))
}

fn html(text: &str) -> Page {
    answered(200, &[("content-type", "text/html; charset=utf-8")], text)
}

fn texts(text: &str) -> Vec<(String, bool)> {
    html(text).fragments().iter().map(|fragment| (fragment.text.clone(), fragment.is_label)).collect()
}

fn paths(page: &Page, kind: LinkKind) -> Vec<&str> {
    page.links.iter().filter(|link| link.kind == kind).map(|link| link.path.as_str()).collect()
}

fn check_texts(text: &str, expected: &[&str]) {
    let found: Vec<String> = texts(text).into_iter().map(|(text, _)| text).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn visible_texts_are_read_in_their_order() {
    check_texts(
        "<title>A page</title><body><p>One  <b>bold</b>\n line</p><div>Two</div>",
        &["A page", "One bold line", "Two"],
    );
    check_texts("<p>by <a href='/u'>Ann</a> today</p>", &["by", "Ann", "today"]);
    check_texts("<p>Line<br>break</p><ul><li>a<li>b</ul>", &["Line", "break", "a", "b"]);
    check_texts("<p>Status:&nbsp;</p><p>(new)</p><p> – </p>", &["Status", "new"]);
}

#[test]
fn what_nobody_sees_is_left_out() {
    check_texts("<script>var a</script><style>b{}</style><template>c</template><p hidden>d</p>e", &["e"]);
    check_texts("<div style='color: red; display: none'>f<p>g</p></div><span style='display:none'>h</span>i", &["i"]);
    check_texts("<svg style='display: none'/><p>after</p>", &["after"]);
}

#[test]
fn labels_are_told_from_content() {
    let found = texts("<label>Name</label><table><th>Subject</th><td>Pump</td></table><nav><a href='/'>Home</a></nav>");
    let labels: Vec<&str> = found.iter().filter(|(_, is_label)| *is_label).map(|(text, _)| text.as_str()).collect();
    assert_eq!(labels, ["Name", "Subject", "Home"]);
    assert!(found.contains(&("Pump".to_owned(), false)));
}

#[test]
fn ages_are_alike() {
    check_texts("<p>Added about 3 hours ago</p>", &["Added ⟨age⟩"]);
    check_texts("<p>Added less than a minute ago</p>", &["Added ⟨age⟩"]);
    check_texts("<p>in 3 hourglasses</p>", &["in 3 hourglasses"]);
}

#[test]
fn links_of_the_site_are_found_and_others_are_not_followed() {
    let page = html(
        "<link rel=stylesheet href=/a.css><link rel=alternate href=/feed><script src=b.js></script><img src=/c.png \
         srcset='/c2.png 2x, /c3.png 3x'><a href='2?x=1#top'>two</a><a href='http://web:3000/abs'>abs</a>\
         <a href='http://other/x'>other</a><a href='#here'>here</a><a href='mailto:a@b'>mail</a>\
         <form action=/find><input></form><form action=/save method=post></form><iframe src=/frame></iframe>",
    );
    assert_eq!(paths(&page, LinkKind::Asset), ["/a.css", "/projects/b.js", "/c.png", "/c2.png", "/c3.png"]);
    assert_eq!(paths(&page, LinkKind::Page), ["/feed", "/projects/2?x=1", "/abs", "/find", "/frame"]);
    assert_eq!(page.links.iter().find(|link| link.path == "/abs").unwrap().text, "abs");
}

#[test]
fn links_that_do_more_than_ask_are_not_followed() {
    let page = html(
        "<a href=/1 data-method=delete>1</a><a href=/2 rel=nofollow data-method=POST>2</a><a href=/3 onclick='x()'>3</a>\
         <a href=/4 hx-post=/4>4</a><a href=/5 data-confirm=sure>5</a><a href=/6 data-method=get>6</a>\
         <a href=/7 rel=nofollow>7</a>",
    );
    assert_eq!(paths(&page, LinkKind::Page), ["/6", "/7"]);
}

#[test]
fn styles_and_json_lead_on_too() {
    let css = answered(
        200,
        &[("content-type", "text/css")],
        "/* url(/comment.png) */ a { background: url(\"x.png\") } b { c: url(data:image/png;base64,AA) }",
    );
    assert_eq!(paths(&css, LinkKind::Asset), ["/projects/x.png"]);
    let text = r#"{"next": "/api?page=2", "results": [{"url": "http://web:3000/api/1/", "name": "/no"}, {"href": "http://x/"}]}"#;
    let json = answered(200, &[("content-type", "application/json")], text);
    assert_eq!(paths(&json, LinkKind::Page), ["/api?page=2", "/api/1/"]);
    assert!(matches!(json.content, PageContent::Json(_)));
}

#[test]
fn a_redirect_to_log_in_is_a_refusal() {
    let to = |location: &str| answered(302, &[("location", location)], "").answer;
    assert_eq!(to("http://web:3000/login?back_url=/x"), Answer::LogIn);
    assert_eq!(to("/users/sign_in"), Answer::LogIn);
    assert_eq!(to("/catalogue"), Answer::Redirect(302, "/catalogue".to_owned()));
    assert!(to("/login").is_refusal() && !to("/blog/1").is_refusal());
    assert!(answered(403, &[], "").answer.is_refusal() && answered(404, &[], "").answer.is_missing());
}

#[test]
fn a_body_that_was_cut_is_not_read() {
    let headers = BTreeMap::from([("content-type".to_owned(), "text/html".to_owned())]);
    let body = Body { size: 9, text: "<p>beginn".to_owned(), cut: true, ..Body::default() };
    let response = HttpResponse { status: 200, headers, body, took: Duration::ZERO };
    assert_eq!(Page::read(&site(), "/", &Response::Http(response)).content, PageContent::Other);
}

#[test]
fn paths_of_an_openapi_document_need_no_parameter() {
    let document = serde_json::json!({
        "servers": [{ "url": "/api/v1/" }],
        "paths": {
            "/things/": { "get": {}, "post": {} },
            "/things/{id}/": { "get": {} },
            "/search/": { "get": { "parameters": [{ "in": "query", "name": "q", "required": true }] } },
            "/do/": { "post": {} }
        }
    });
    assert_eq!(openapi_paths(&document), (vec!["/api/v1/things/".to_owned()], 2));
}
