//! Access logs of production: which pages people opened, and how often.

use std::collections::BTreeMap;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

static REQUEST: Lazy<Regex> = lazy_regex!(r#""GET (/\S*) HTTP/[\d.]+" (\d{3}) "#);
/// Behind the status HAProxy has sizes, cookies, four letters of how the session ended, and numbers of connections.
static PROXIED: Lazy<Regex> =
    lazy_regex!(r#" (\d{3}) \+?\d+ \S+ \S+ [A-Za-z-]{4} [\d+/]+ [\d/]+ .*"GET (/\S*)(?: HTTP/[\d.]+)?""#);
static GENERATED: Lazy<Regex> = lazy_regex!(r"\] GET (/\S*) => generated .*\(HTTP/[\d.]+ (\d{3})\)");
static STARTED: Lazy<Regex> = lazy_regex!(r#"Started GET "(/[^"\s]*)" for "#);
static LINE: Lazy<Regex> = lazy_regex!(r"^GET (/\S*)");

/// How many different paths are kept; a log with more of them repeats their shapes.
const MOST_PATHS: usize = 50_000;

/// How an access log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccessLogFormat {
    /// As Apache and nginx write it: `common`, `combined`, or either with more behind it.
    Combined,
    /// As HAProxy writes it with `option httplog`.
    Haproxy,
    /// One JSON object a line, with the method, the path and the status under their usual names.
    JsonLines,
    /// The log of a Rails application: `Started GET "/path" for …`.
    Rails,
    /// As uWSGI writes it: `GET /path => generated …`.
    Uwsgi,
}

/// The requests of an access log.
#[derive(Debug, Clone, Default)]
pub struct LoggedRequests {
    paths: BTreeMap<String, usize>,
}

impl LoggedRequests {
    /// Takes a line. Requests that were no `GET`, or were refused, are left out.
    pub fn take(&mut self, format: AccessLogFormat, line: &str) {
        let path = match format {
            AccessLogFormat::Combined => REQUEST.captures(line).and_then(|found| answered(&found[2], &found[1])),
            AccessLogFormat::Haproxy => PROXIED.captures(line).and_then(|found| answered(&found[1], &found[2])),
            AccessLogFormat::JsonLines => {
                serde_json::from_str::<Map<String, Value>>(line).ok().and_then(|line| of_json(&line))
            }
            AccessLogFormat::Rails => STARTED.captures(line).map(|found| found[1].to_owned()),
            AccessLogFormat::Uwsgi => GENERATED.captures(line).and_then(|found| answered(&found[2], &found[1])),
        };
        // No browser asks for such a path: each server writes quotes in its own way, `\x22` or `#22`.
        let Some(path) = path.filter(|path| !path.contains(['"', '\\', '#'])) else { return };
        if let Some(count) = self.paths.get_mut(&path) {
            *count += 1;
        } else if self.paths.len() < MOST_PATHS {
            self.paths.insert(path, 1);
        }
    }

    /// The paths with how often each was asked for, the most frequent ones first.
    pub fn by_weight(self) -> Vec<(String, usize)> {
        let mut all: Vec<(String, usize)> = self.paths.into_iter().collect();
        // Stable: paths of one weight stay in the order of their names.
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all
    }
}

/// The path, if the request was not refused.
fn answered(status: &str, path: &str) -> Option<String> {
    status.parse().is_ok_and(|status: u16| status < 400).then(|| path.to_owned())
}

fn of_json(line: &Map<String, Value>) -> Option<String> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| line.get(*key)).and_then(Value::as_str);
    let status = ["status", "status_code", "response_code", "DownstreamStatus"];
    let status = status.iter().find_map(|key| line.get(*key));
    let status = status.and_then(|status| status.as_u64().or_else(|| status.as_str()?.parse().ok()));
    if status.is_some_and(|status| status >= 400) {
        return None;
    }
    match line.get("request") {
        Some(Value::String(request)) if LINE.is_match(request) => {
            return LINE.captures(request).map(|found| found[1].to_owned());
        }
        // Caddy's: the request is an object of its own, without a status.
        Some(Value::Object(request)) => return of_json(request),
        _ => {}
    }
    let method = text(&["method", "request_method", "http_method", "verb", "RequestMethod"])?;
    let path = text(&["path", "request_uri", "uri", "target", "url", "RequestPath"])?;
    (method == "GET" && path.starts_with('/')).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: AccessLogFormat, lines: &[&str], expected: &[(&str, usize)]) {
        let mut requests = LoggedRequests::default();
        lines.iter().for_each(|line| requests.take(format, line));
        let found = requests.by_weight();
        let found: Vec<(&str, usize)> = found.iter().map(|(path, count)| (path.as_str(), *count)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn requests_that_worked_are_counted_in_each_format() {
        check(
            AccessLogFormat::Combined,
            &[
                r#"1.2.3.4 - - [30/Nov/2026:10:00:00 +0000] "GET /b HTTP/1.1" 200 12 "-" "Firefox""#,
                r#"1.2.3.4 - ann [30/Nov/2026:10:00:01 +0000] "GET /a?x=1 HTTP/2.0" 200 12 "-" "Firefox""#,
                r#"1.2.3.4 - ann [30/Nov/2026:10:00:02 +0000] "GET /a?x=1 HTTP/1.1" 304 0"#,
                r#"1.2.3.4 - - [30/Nov/2026:10:00:03 +0000] "POST /a HTTP/1.1" 200 12 "-" "-""#,
                r#"1.2.3.4 - - [30/Nov/2026:10:00:04 +0000] "GET /.env HTTP/1.1" 404 12 "-" "-""#,
                "not a line of a log",
            ],
            &[("/a?x=1", 2), ("/b", 1)],
        );
        check(
            AccessLogFormat::JsonLines,
            &[
                r#"{"method": "GET", "path": "/a", "status": 200}"#,
                r#"{"request": "GET /b HTTP/1.1", "status": "200"}"#,
                r#"{"method": "GET", "path": "/c", "status": 500}"#,
                r#"{"method": "PUT", "path": "/a", "status": 200}"#,
                r#"{"torn"#,
            ],
            &[("/a", 1), ("/b", 1)],
        );
        check(
            AccessLogFormat::Rails,
            &[
                r#"I, [2026-11-30T10:00:00 #1]  INFO -- : Started GET "/issues/6" for 10.0.0.1 at 2026-11-30 10:00:00 +0000"#,
            ],
            &[("/issues/6", 1)],
        );
    }

    /// What real servers wrote of the same seven requests: two answered, one of them twice; one not found, one redirected, one
    /// `POST`, and one with quotes in its address.
    #[test]
    fn logs_of_real_servers_are_read() {
        const EXPECTED: [(&str, usize); 3] = [("/issues/6", 2), ("/moved", 1), ("/projects?sort=name&page=2", 1)];
        let read = |format, log: &str| check(format, &log.lines().collect::<Vec<_>>(), &EXPECTED);
        read(AccessLogFormat::Combined, include_str!("../../../tests/data/access-logs/apache-common.log"));
        read(AccessLogFormat::Combined, include_str!("../../../tests/data/access-logs/apache-vhost.log"));
        read(AccessLogFormat::Combined, include_str!("../../../tests/data/access-logs/nginx-combined.log"));
        read(AccessLogFormat::JsonLines, include_str!("../../../tests/data/access-logs/nginx-json.log"));
        read(AccessLogFormat::JsonLines, include_str!("../../../tests/data/access-logs/caddy.log"));
        read(AccessLogFormat::Haproxy, include_str!("../../../tests/data/access-logs/haproxy.log"));
    }

    #[test]
    fn logs_of_other_servers_are_read_as_they_are_documented() {
        check(
            AccessLogFormat::JsonLines,
            &[
                r#"{"DownstreamStatus":200,"RequestMethod":"GET","RequestPath":"/a","RequestProtocol":"HTTP/1.1"}"#,
                r#"{"DownstreamStatus":404,"RequestMethod":"GET","RequestPath":"/b","RequestProtocol":"HTTP/1.1"}"#,
            ],
            &[("/a", 1)],
        );
        check(
            AccessLogFormat::Uwsgi,
            &[
                "[pid: 12|app: 0|req: 1/1] 10.0.0.1 () {36 vars in 500 bytes} [Tue Dec  1 10:00:00 2026] \
                 GET /a?x=1 => generated 1234 bytes in 12 msecs (HTTP/1.1 200) 8 headers in 300 bytes (1 switches on core 0)",
                "[pid: 12|app: 0|req: 2/2] 10.0.0.1 () {36 vars in 500 bytes} [Tue Dec  1 10:00:01 2026] \
                 GET /b => generated 9 bytes in 1 msecs (HTTP/1.1 500) 8 headers in 300 bytes (1 switches on core 0)",
            ],
            &[("/a?x=1", 1)],
        );
    }

    #[test]
    fn endless_paths_are_kept_in_bounded_memory() {
        let mut requests = LoggedRequests::default();
        (0..MOST_PATHS + 10)
            .for_each(|id| requests.take(AccessLogFormat::Rails, &format!("Started GET \"/{id}\" for x")));
        requests.take(AccessLogFormat::Rails, "Started GET \"/1\" for x");
        let all = requests.by_weight();
        assert_eq!(
            (all.len(), all.first().map(|(path, count)| (path.as_str(), *count))),
            (MOST_PATHS, Some(("/1", 2)))
        );
    }
}
