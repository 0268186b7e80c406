//! Values that the name beside them marks as secret.

use std::borrow::Cow;

use lazy_regex::{Lazy, lazy_regex};
use regex::{Captures, Regex};

use super::names_a_secret;

const HIDDEN: &str = "[not shown]";

/// `name=value`, `name: value`, `"name":"value"`, `:name=>"value"`, `(name, other)=(value, other)`, `//name:value@`.
static NAMED: Lazy<Regex> = lazy_regex!(
    r#"(?x)
        (?P<columns> \( [\w,\ "]{1,200} \) = \( ) (?P<values> [^()\n]* )
      | (?P<user> [[:alpha:]][\w+.-]* :// [^\s/:@]* : ) (?P<password> [^\s/@]+ ) @
      | (?P<name> [A-Za-z_] [\w.-]* )
        (?P<is> \\?["'\])]{0,2} \s* (?: => | = | : ) \s* )
        (?: (?P<quoted> \\?" (?: [^"\\] | \\[^"] )* | '[^']* ) | (?P<word> [^\s,;})&"'\[({>=]+ ) )
    "#
);

/// A text without the values whose names say that they are secret: `DB_PASSWORD=…`, `"apiToken":"…"`.
pub fn without_named(text: &str) -> Cow<'_, str> {
    NAMED.replace_all(text, |found: &Captures<'_>| {
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
        let whole = found.get_match().as_str();
        let (name, is) = (part("name"), part("is"));
        if !part("columns").is_empty() {
            return if names_a_secret(part("columns")) {
                format!("{}{HIDDEN}", part("columns"))
            } else {
                whole.to_owned()
            };
        }
        if !part("user").is_empty() {
            return format!("{}{HIDDEN}@", part("user"));
        }
        // `== 2022… EncryptTokens: migrating` names a class, not a value.
        let bare = is.trim() == ":" && is.trim() == is.trim_end();
        let class =
            name.starts_with(|c: char| c.is_ascii_uppercase()) && name.contains(|c: char| c.is_ascii_lowercase());
        let several = name.chars().skip(1).any(|c| c.is_ascii_uppercase());
        if !names_a_secret(name) || (bare && class && several && part("quoted").is_empty()) {
            return whole.to_owned();
        }
        let quote = if part("quoted").starts_with('\\') { "\\\"" } else { part("quoted").get(..1).unwrap_or_default() };
        format!("{name}{is}{quote}{HIDDEN}")
    })
}

/// The names and values of a text, as `name=value`, `"name":"value"` and the like.
pub(super) fn named_values(text: &str) -> impl Iterator<Item = (&str, &str)> {
    NAMED.captures_iter(text).filter_map(|found| {
        let value = match found.name("quoted") {
            Some(quoted) => quoted.as_str().trim_matches(|c| "\\\"'".contains(c)),
            None => found.name("word")?.as_str(),
        };
        Some((found.name("name")?.as_str(), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_hidden_if_its_name_says_so() {
        let check = |text: &str, expected: &str| assert_eq!(without_named(text), expected, "{text}");
        check("DB_PASSWORD=geheim next", "DB_PASSWORD=[not shown] next");
        check(r#"{"apiToken":"x y","user":"a"}"#, r#"{"apiToken":"[not shown]","user":"a"}"#);
        check(r#"{:private_token=>"x", :id=>1}"#, r#"{:private_token=>"[not shown]", :id=>1}"#);
        check(r#"said \"secret\":\"x\", more"#, r#"said \"secret\":\"[not shown]\", more"#);
        check("PRIVATE-TOKEN: glpat-abc", "PRIVATE-TOKEN: [not shown]");
        check("Key (token)=(abc) already exists", "Key (token)=([not shown]) already exists");
        check("Key (id, name)=(1, abc) already exists", "Key (id, name)=(1, abc) already exists");
        check("postgres://shop:geheim@db:5432/x", "postgres://shop:[not shown]@db:5432/x");
        check("password => 'a b'", "password => '[not shown]'");
        check("shop_rails['db_password'] = \"x\"", "shop_rails['db_password'] = \"[not shown]\"");
    }

    #[test]
    fn other_values_are_shown() {
        for text in [
            "main: == 20220326161803 ResetDuplicateCiRunnersTokenValues: migrating =====",
            r#"{:job_class_name=>"CopyColumn", :table_name=>"events"}"#,
            "UPDATE oauth_access_tokens SET expires_in='7200' WHERE expires_in IS NULL;",
            "relation \"tokens\" already exists",
            "2020-09-27 19:46:09.877 UTC [1] FATAL:  database files are incompatible",
            "https://docs.example.com/ee/user/token.html",
        ] {
            assert_eq!(without_named(text), text);
        }
    }
}
