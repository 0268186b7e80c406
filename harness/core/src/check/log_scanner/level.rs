//! The level that a line says it has. It is believed before the words of the line: a line that informs may quote an error.
//!
//! Only what the form of the line shows counts: a level is the value of a key, or stands before every word of the line. A
//! line that has several levels has the highest.

use memchr::memchr;
use serde_json::Value;

/// Levels below a warning.
const LOW: [&str; 5] = ["trace", "debug", "verbose", "info", "information"];
/// Keys whose value is a level.
const KEYS: [&str; 6] = ["level", "severity", "levelname", "lvl", "loglevel", "log.level"];
/// How much of a line may come before its level.
const HEAD: usize = 200;
/// Words that a time may have.
const OF_TIMES: [&str; 23] = [
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep",
    "oct", "nov", "dec", "utc", "gmt", "am", "pm",
];

/// Whether a line says that it reports no failure: its level is below a warning.
pub(super) fn is_low(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_start();
    if line.starts_with('{') {
        return json(line) == Some(true);
    }
    pairs(line).unwrap_or_else(|| letter(line) || head(line))
}

fn is_low_name(name: &str) -> bool {
    LOW.iter().any(|low| name.eq_ignore_ascii_case(low))
}

/// By the keys of a line that is one JSON object. One that was cut has no level.
fn json(line: &str) -> Option<bool> {
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(line) else { return None };
    let nested = object.get("log").and_then(|log| log.get("level"));
    let levels: Vec<&Value> = KEYS.iter().filter_map(|key| object.get(*key)).chain(nested).collect();
    // A number means something else in every library.
    let low = |level: &&Value| level.as_str().is_some_and(is_low_name);
    (!levels.is_empty()).then(|| levels.iter().all(low))
}

/// By `level=info`, with nothing but pairs and times before it. A further one in a message counts too, so that a quoted one
/// never hides the line's own.
fn pairs(line: &str) -> Option<bool> {
    memchr(b'=', line.as_bytes())?;
    let value = |word: &str| {
        let (key, value) = word.split_once('=')?;
        KEYS.contains(&key).then(|| is_low_name(value.trim_matches(|c: char| !c.is_ascii_alphanumeric())))
    };
    let first = line.split_whitespace().position(|word| value(word).is_some())?;
    let is_head = |word: &str| word.contains('=') || word.bytes().any(|byte| byte.is_ascii_digit());
    let mut levels = line.split_whitespace().skip(first).filter_map(value);
    Some(line.split_whitespace().take(first).all(is_head) && levels.all(|low| low))
}

/// By the letter that Ruby (`I, [2024-…`) and Go's glog (`I0102 10:11:12`) begin a line with.
fn letter(line: &str) -> bool {
    let Some(rest) = line.strip_prefix(['I', 'D']) else { return false };
    let digits = |text: &str| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    rest.starts_with(", [") || rest.split_once(' ').is_some_and(|(date, _)| digits(date))
}

/// By a word in the head of the line: only times and numbers may come before it.
fn head(line: &str) -> bool {
    let cut = line.char_indices().nth(HEAD).map_or(line, |(end, _)| &line[..end]);
    for word in cut.split_whitespace() {
        let bare = word.trim_matches(|c: char| matches!(c, '[' | ']' | '(' | ')' | '<' | '>' | ',' | '|' | '-'));
        if bare.is_empty() {
            continue;
        }
        let bracketed = word.starts_with('[') || word.starts_with('<');
        let (name, rest) = bare.find([':', '/', ']', '|']).map_or((bare, ""), |end| bare.split_at(end));
        if is_low_name(name) {
            // A word in small letters may begin a sentence.
            return bracketed || rest.starts_with(':') || name.bytes().all(|byte| byte.is_ascii_uppercase());
        }
        let of_time = OF_TIMES.iter().any(|text| bare.eq_ignore_ascii_case(text));
        if !of_time && !bare.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '#' | '+')) {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_low;

    #[test]
    fn a_level_is_believed_where_the_form_of_the_line_shows_it() {
        for line in [
            r#"{"level":"info","msg":"retry after ERROR"}"#,
            r#"{"severity":"DEBUG","message":"ERROR"}"#,
            r#"{"log":{"level":"info"},"message":"FATAL"}"#,
            r#"time="2024-01-02T10:11:12Z" level=info msg="last ERROR was handled""#,
            "ts=1 lvl=debug msg=ERROR",
            "2024/01/02 10:11:12 [info] 12#12: *1 client said ERROR",
            "[2024-01-02 10:11:12 +0000] [12] [INFO] Handling ERROR",
            "[2024-01-02 10:11:12,123: INFO/MainProcess] Task said ERROR",
            "I, [2024-01-02T10:11:12.123456 #12]  INFO -- : Parameters: {\"q\"=>\"ERROR\"}",
            "D, [2024-01-02T10:11:12.123456 #12] DEBUG -- : select 'ERROR'",
            "2024-01-02 10:11:12,123 INFO django.request: ERROR in the title",
            "INFO:root:ERROR in the title",
            "INFO  [main] ERROR in the title",
            "10:11:12.123 DEBUG   shop.core ERROR",
            "Tue Jan 02 10:11:12 UTC 2024 INFO ERROR",
            "I0102 10:11:12.123456   1 server.go:7] ERROR",
            "info: Some.Class[0] ERROR",
        ] {
            assert!(is_low(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_line_of_an_error_that_speaks_of_info_is_an_error() {
        for line in [
            r#"{"level":"error","msg":"INFO level=info"}"#,
            r#"{"level":"info","severity":"ERROR"}"#,
            r#"{"level":30,"msg":"ERROR"}"#,
            r#"{"msg":"level info ERROR"}"#,
            r#"{"level":"info","msg":"cut ERROR"#,
            r#"level=error msg="level=info was set""#,
            r#"msg="level=info was set" level=error"#,
            "level=warning msg=ERROR",
            "2024-01-02 10:11:12 ERROR level=info is no level",
            "level=info msg=\"it said level=error\"",
            "msg=\"an ERROR with level=info\"",
            "2024-01-02 10:11:12 ERROR [info] plugin failed",
            "2024-01-02 10:11:12 [error] INFO",
            "ERROR INFO",
            "worker INFO ERROR",
            "info about the ERROR",
            "Information was lost: ERROR",
            "E, [2024-01-02T10:11:12 #12] ERROR -- : INFO",
            "E0102 10:11:12.123456   1 server.go:7] INFO",
            "2024-01-02 10:11:12 UTC [7] LOG:  server process was terminated by signal 9: ERROR",
            "[core:notice] ERROR",
            "2024-01-02 10:11:12 WARNING INFO ERROR",
            "I am an ERROR",
            "",
        ] {
            assert!(!is_low(line.as_bytes()), "{line}");
        }
    }
}
