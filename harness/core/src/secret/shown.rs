//! Secrets in what a product returns or has stored: found by the name beside a value, or by the form of the value.
//!
//! A backup holds live keys, and the product file does not know them. What is found here is learned before it is written.

use std::collections::BTreeSet;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

use super::named::named_values;
use super::{Secret, names_a_secret};
use crate::observation::{NULL, TableState};

/// The minimum length of a value that is a secret because of the name beside it. Shorter ones are ordinary words too often.
const MIN_LENGTH: usize = 16;

/// The maximum length.
const MAX_LENGTH: usize = 4096;

/// How many different characters such a value has at least: fewer are a placeholder such as `****************`.
const MIN_DIFFERENT: usize = 8;

/// Values that are secret by their form: private keys, tokens with a known prefix, password hashes.
static BY_FORM: Lazy<Regex> = lazy_regex!(
    r"(?x-u)
        (?P<private_key> -----BEGIN\ [A-Z\ ]{0,20}PRIVATE\ KEY----- [\w\s+/=:,.]+ -----END\ [A-Z\ ]{0,20}PRIVATE\ KEY----- )
      | \b (?P<web_token> eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,} )
      | \b (?P<access_token>
            gh[oprsu]_[A-Za-z0-9]{36,} | github_pat_\w{22,} | gl[a-z]{2,5}-[\w-]{20,} | xox[abeoprs]-[A-Za-z0-9-]{10,}
          | (?: AKIA | ASIA )[0-9A-Z]{16} | AIza[\w-]{35} | [rs]k_live_[A-Za-z0-9]{16,} | npm_[A-Za-z0-9]{36}
          | pypi-[\w-]{50,} | hv[sb]\.[\w-]{24,} )
      | (?P<password_hash>
            \$2[aby]\$\d\d\$[./A-Za-z0-9]{53} | \$argon2(?:id|i|d)\$[\w+/=,.$-]{20,} | \$[156y]\$[\w./$=,]{16,}
          | (?: pbkdf2_sha\d+ | scrypt | argon2 )\$[\w+/=,.:$-]{20,} | SCRAM-SHA-\d+\$[\w+/=:$]{20,} )
    "
);

/// The key in an address: `?key=…`, `&amp;sig=…`.
static IN_QUERY: Lazy<Regex> = lazy_regex!(r"[?&;](?P<name>key|auth|sig|signature)=(?P<value>[\w.~-]{16,})");

/// An XML element: `<api_key>…</api_key>`.
static ELEMENT: Lazy<Regex> = lazy_regex!(r"<(?P<name>[\w.:-]+)>(?P<value>[^<>\s]+)</");

/// The secrets that a text shows, each named after what it was found by.
pub fn shown_secrets(text: &str) -> Vec<Secret> {
    let mut found = BTreeSet::new();
    for (name, value) in named_values(text) {
        found.extend(by_name(name, value));
    }
    for element in ELEMENT.captures_iter(text) {
        found.extend(by_name(&element["name"], &element["value"]));
    }
    for key in IN_QUERY.captures_iter(text).filter(|key| looks_random(&key["value"])) {
        found.insert(Secret::new(format!("{} in an address", &key["name"]), &key["value"]));
    }
    found.extend(by_form(text));
    found.into_iter().collect()
}

/// The secrets in the rows of a table that are kept.
pub fn stored_secrets(name: &str, table: &TableState) -> Vec<Secret> {
    let Some(kept) = &table.kept else { return Vec::new() };
    let columns: Vec<String> = kept.columns.iter().map(|column| format!("{name}.{column}")).collect();
    let mut found = BTreeSet::new();
    for cells in kept.rows.iter().map(|row| row.split('\t')) {
        for (column, cell) in columns.iter().zip(cells).filter(|(_, cell)| *cell != NULL && cell.len() >= MIN_LENGTH) {
            if names_a_secret(column) && looks_random(cell) {
                found.insert(Secret::new(column, cell));
            } else {
                found.extend(by_form(cell));
            }
        }
    }
    found.into_iter().collect()
}

fn by_name(name: &str, value: &str) -> Option<Secret> {
    (names_a_secret(name) && !of_one_request(name) && looks_random(value)).then(|| Secret::new(name, value))
}

fn by_form(text: &str) -> impl Iterator<Item = Secret> {
    let groups = ["private_key", "web_token", "access_token", "password_hash"];
    BY_FORM.captures_iter(text).filter_map(move |found| {
        groups.iter().find_map(|group| Some(Secret::new(group.replace('_', " "), found.name(group)?.as_str())))
    })
}

/// A value that every response has a new one of, such as a form's token, opens nothing later.
fn of_one_request(name: &str) -> bool {
    let lower = name.to_lowercase();
    ["csrf", "xsrf", "authenticity", "nonce"].iter().any(|word| lower.contains(word))
}

/// Whether a value looks as if it was generated: one long word of many different characters, digits and letters among them.
fn looks_random(value: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "+/=._-$:~!@,|".contains(c);
    let different: BTreeSet<char> = value.chars().collect();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let letters = value.chars().filter(char::is_ascii_alphabetic).count();
    (MIN_LENGTH..=MAX_LENGTH).contains(&value.len())
        && value.chars().all(fits)
        && different.len() >= MIN_DIFFERENT
        && digits >= 2
        && letters >= 3
        && !value.contains("://")
        && !value.starts_with('/')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::observation::RetainedRows;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<Secret> = expected.iter().map(|(name, value)| Secret::new(*name, *value)).collect();
        let (found, names) = (shown_secrets(text), |all: &[Secret]| format!("{all:?}"));
        assert!(found == expected, "{text}: {} in place of {}", names(&found), names(&expected));
    }

    #[test]
    fn a_secret_is_found_by_the_name_beside_it() {
        let key = "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432";
        check(&format!(r#"{{"user":{{"id":1,"api_key":"{key}"}}}}"#), &[("api_key", key)]);
        check(&format!("<user><id>1</id><api_key>{key}</api_key></user>"), &[("api_key", key)]);
        check(&format!("<a href=\"/activity.atom?a=1&amp;key={key}\">"), &[("key in an address", key)]);
        check(&format!("x-auth-token: {key}\n"), &[("x-auth-token", key)]);
        check("token: 7d4a1f0e-52f1-4d0c-9e3b-1c2d3e4f5a6b", &[("token", "7d4a1f0e-52f1-4d0c-9e3b-1c2d3e4f5a6b")]);
    }

    #[test]
    fn a_secret_is_found_by_its_form() {
        let hash = "$2b$12$KIXQ4fL8d5Yt1c0Q8a2nUeJb1vW6x3s9zR7pT5mN0kHgFdSaLqWe2";
        check(&format!("hash of alice is {hash}"), &[("password hash", hash)]);
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ456789";
        check(&format!("cloned with {token} again"), &[("access token", token)]);
        let web = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r";
        check(&format!("it said {web}"), &[("web token", web)]);
    }

    #[test]
    fn ordinary_values_are_none() {
        for text in [
            r#"{"token_type":"bearer","password":"","api_key":"****************************"}"#,
            r#"<input type="hidden" name="authenticity_token" value="9f8e7d6c5b4a39281706f5e4d3c2b1a098765432">"#,
            "csrf_token=9f8e7d6c5b4a39281706f5e4d3c2b1a098765432",
            "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a098765432",
            "secret: https://docs.example.com/ee/user/2/token.html",
            "/issues?key=name&sort=created",
            r#"{"controllers/api_key_copy":"/assets/api_key_copy-0a1b2c3d4e5f.js"}"#,
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn kept_rows_are_searched_by_table_and_column() {
        let rows = RetainedRows {
            columns: vec!["id".into(), "action".into(), "value".into()],
            rows: vec!["1\tapi\t9f8e7d6c5b4a39281706f5e4d3c2b1a098765432".into(), "2\tsession\t\\N".into()],
        };
        let table = TableState { kept: Some(Arc::new(rows)), ..TableState::default() };
        let found = stored_secrets("tokens", &table);
        assert_eq!(found, [Secret::new("tokens.value", "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432")]);
        assert_eq!(stored_secrets("commits", &table), []);
    }
}
