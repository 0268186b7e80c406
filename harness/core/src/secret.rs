//! Values that no report may show, and taking them out of whatever is written.
//!
//! A value is found sign by sign: each character of it as it is, or as any escape of it that programs write, one beside the
//! other and one in the other; and in base64, wherever in it and however that is broken into lines. What is written piece by
//! piece is held back as long as it may still become a secret.

mod entity;
mod find;
mod form;
mod named;
mod read;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use find::{Cover, Found, Rest};

pub use named::without_named;

/// What is shorter is no secret, and would be found in every other word.
const SHORTEST: usize = 6;

/// A line of a secret of several lines that is secret by itself.
const LINE: usize = 16;

/// A value that is not shown, whoever prints it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    name: String,
    value: String,
}

impl Secret {
    /// A value with the name it is told by: `settings.token`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// What it is told by.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

/// Whether the name of a setting or variable says that its value is a secret: `DB_PASSWORD`, `apiToken`.
pub fn names_a_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    let says = [
        "pass",
        "pwd",
        "secret",
        "token",
        "credential",
        "private",
        "apikey",
        "api_key",
        "api-key",
        "access_key",
        "access-key",
        "accesskey",
        "encryption_key",
        "signing_key",
        "auth_key",
        "salt",
        "otp_key",
        "key_base",
        "dsn",
    ];
    // Words about a secret that are none.
    let not =
        ["passive", "bypass", "passenger", "compass", "token_expir", "tokenizer", "password_min", "password_valid"];
    says.iter().any(|word| lower.contains(word)) && !not.iter().any(|word| lower.contains(word))
}

/// Takes secrets out of what is written. All sinks of a run share one; what is learned later counts from then on.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Known>>);

#[derive(Clone, Default)]
struct Known {
    secrets: Vec<Secret>,
    found: Option<Arc<Found>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("Redactor").field(&known.secrets).finish()
    }
}

/// A value that cannot be taken out without taking ordinary words along.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of {0} is too short or too plain to be kept out of reports")]
pub struct TooPlain(pub String);

impl Redactor {
    /// Learns secrets. Those that are too short or equal to one of `plain`, such as the product's name, stay readable and
    /// are given back.
    pub fn learn(&self, secrets: impl IntoIterator<Item = Secret>, plain: &[&str]) -> Vec<TooPlain> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (mut refused, before) = (Vec::new(), known.secrets.len());
        for secret in secrets {
            let value = secret.value.trim();
            if known.secrets.iter().any(|it| it.value.trim() == value) || value.is_empty() {
                continue;
            }
            let word = plain.iter().any(|plain| plain.eq_ignore_ascii_case(value));
            if value.len() < SHORTEST || word {
                refused.push(TooPlain(secret.name));
            } else {
                known.secrets.push(secret);
            }
        }
        if known.secrets.len() > before {
            let all = known.secrets.iter();
            let all = all.map(|secret| (secret.value.trim(), format!("[{} is not shown]", secret.name)));
            known.found = Found::new(all).map(Arc::new);
        }
        refused
    }

    /// A text without its secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Only whole characters were taken out: a secret is text itself, and so is every escape.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Takes secrets out of a text in place.
    pub fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.text(text) {
            *text = clean;
        }
    }

    /// Takes secrets out of every text in a value, the names of its fields too.
    pub fn value(&self, value: &mut serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.clean(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(fields) => {
                let all = std::mem::take(fields).into_iter();
                fields.extend(all.map(|(mut name, mut value)| {
                    self.clean(&mut name);
                    self.value(&mut value);
                    (name, value)
                }));
            }
        }
    }

    /// Bytes without their secrets.
    pub fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let Some(found) = self.found() else { return Cow::Borrowed(bytes) };
        let (covers, open) = found.look(bytes, None, Rest::None);
        if covers.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut clean = Vec::with_capacity(bytes.len());
        found.write(bytes, covers, open, &mut clean);
        Cow::Owned(clean)
    }

    /// Takes secrets out of what comes in pieces.
    pub fn stream(&self) -> Redacting {
        Redacting { redactor: self.clone(), held: Vec::new(), covered: None }
    }

    fn found(&self) -> Option<Arc<Found>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).found.clone()
    }
}

/// Takes secrets out of what comes in pieces, however they are cut.
#[derive(Debug, Clone)]
pub struct Redacting {
    redactor: Redactor,
    held: Vec<u8>,
    /// What of the held is part of a secret that was told already.
    covered: Option<Cover>,
}

impl Redacting {
    /// Takes a piece, and gives what can be written now: all but an end that may be the beginning of a secret.
    pub fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.give(Rest::Comes)
    }

    /// Gives what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        self.give(Rest::None)
    }

    fn give(&mut self, rest: Rest) -> Vec<u8> {
        let Some(found) = self.redactor.found() else { return std::mem::take(&mut self.held) };
        let (covers, open) = found.look(&self.held, self.covered.take(), rest);
        if covers.is_empty() && open == self.held.len() {
            return std::mem::take(&mut self.held);
        }
        let mut clean = Vec::with_capacity(open);
        self.covered = found.write(&self.held, covers, open, &mut clean);
        self.held.drain(..open);
        clean
    }
}

#[cfg(test)]
mod tests;
