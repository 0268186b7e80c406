//! Access logs of production: which pages people opened, and how often.

use std::collections::BTreeMap;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

static REQUEST: Lazy<Regex> = lazy_regex!(r#""GET (/\S*) HTTP/[\d.]+" (\d{3}) "#);
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
    /// One JSON object a line, with the method, the path and the status under their usual names.
    JsonLines,
    /// The log of a Rails application: `Started GET "/path" for …`.
    Rails,
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
            AccessLogFormat::Combined => {
                let found =
                    REQUEST.captures(line).filter(|found| found[2].parse().is_ok_and(|status: u16| status < 400));
                found.map(|found| found[1].to_owned())
            }
            AccessLogFormat::JsonLines => {
                serde_json::from_str::<Map<String, Value>>(line).ok().and_then(|line| of_json(&line))
            }
            AccessLogFormat::Rails => STARTED.captures(line).map(|found| found[1].to_owned()),
        };
        let Some(path) = path else { return };
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

fn of_json(line: &Map<String, Value>) -> Option<String> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| line.get(*key)).and_then(Value::as_str);
    let status = ["status", "status_code", "response_code"].iter().find_map(|key| line.get(*key));
    let status = status.and_then(|status| status.as_u64().or_else(|| status.as_str()?.parse().ok()));
    if status.is_some_and(|status| status >= 400) {
        return None;
    }
    if let Some(request) = text(&["request"]).and_then(|request| LINE.captures(request)) {
        return Some(request[1].to_owned());
    }
    let method = text(&["method", "request_method", "http_method", "verb"])?;
    let path = text(&["path", "request_uri", "uri", "target", "url"])?;
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
