//! Values that no report may show, and their redaction from everything that is written.
//!
//! A value is found character by character: each one as it is or as any escape that programs write, mixed and nested; and
//! in base64, at any offset and however that is wrapped. A stream holds text back as long as it may still become a secret.

mod decode;
mod entity;
mod form;
mod matcher;
mod named;
mod shown;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use matcher::{Extent, Matcher, Redaction};

pub use named::without_named;
pub use shown::{shown_secrets, stored_secrets};

/// A shorter value is not taken for a secret: it would be found in too many words.
const MIN_LENGTH: usize = 6;

/// How many secrets are learned from what a product returns or has stored: each one makes every search a little slower.
const MOST_OBSERVED: usize = 1000;

/// The minimum length of a line of a multi-line secret that is secret on its own.
const MIN_LINE_LENGTH: usize = 16;

/// A secret value, which its `Debug` form does not show.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    name: String,
    value: String,
    /// Whether it was found in the product, not in its settings.
    observed: bool,
}

impl Secret {
    /// A value with the name that reports show in its place: `settings.token`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), observed: false }
    }

    fn observed(self) -> Self {
        Self { observed: true, ..self }
    }

    /// The name that reports show in its place.
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
    // Words that contain one of these and do not name a secret.
    let not =
        ["passive", "bypass", "passenger", "compass", "token_expir", "tokenizer", "password_min", "password_valid"];
    says.iter().any(|word| lower.contains(word)) && !not.iter().any(|word| lower.contains(word))
}

/// Takes secrets out of what is written. All sinks of a run share one; a secret learned later is redacted from then on.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Known>>);

#[derive(Clone, Default)]
struct Known {
    secrets: Vec<Secret>,
    matcher: Option<Arc<Matcher>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("Redactor").field(&known.secrets).finish()
    }
}

/// A value that cannot be redacted without redacting ordinary words too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of {0} is too short or too plain to be kept out of reports")]
pub struct TooPlain(pub String);

impl Redactor {
    /// Learns secrets. Those that are too short or equal to one of `plain`, such as the product's name, stay readable and
    /// are returned.
    pub fn learn(&self, secrets: impl IntoIterator<Item = Secret>, plain: &[&str]) -> Vec<TooPlain> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (mut refused, before) = (Vec::new(), known.secrets.len());
        for secret in secrets {
            let value = secret.value.trim();
            if known.secrets.iter().any(|it| it.value.trim() == value) || value.is_empty() {
                continue;
            }
            let word = plain.iter().any(|plain| plain.eq_ignore_ascii_case(value));
            if value.len() < MIN_LENGTH || word {
                refused.push(TooPlain(secret.name));
            } else {
                known.secrets.push(secret);
            }
        }
        if known.secrets.len() > before {
            let all = known.secrets.iter();
            let all = all.map(|secret| (secret.value.trim(), format!("[{} is not shown]", secret.name)));
            known.matcher = Matcher::new(all).map(Arc::new);
        }
        refused
    }

    /// Learns secrets that were observed in the product, up to a limit.
    pub fn learn_observed(&self, secrets: Vec<Secret>) {
        let new: Vec<Secret> = {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let values: HashSet<&str> = known.secrets.iter().map(|secret| secret.value.trim()).collect();
            let observed = known.secrets.iter().filter(|secret| secret.observed).count();
            let new = secrets.into_iter().filter(|secret| !values.contains(secret.value.trim()));
            new.take(MOST_OBSERVED.saturating_sub(observed)).map(Secret::observed).collect()
        };
        // What is found in observations is never too short.
        let _too_plain = self.learn(new, &[]);
    }

    /// A text without its secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Only whole characters were taken out: secrets and escapes are text.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Takes secrets out of a text in place.
    pub fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.text(text) {
            *text = clean;
        }
    }

    /// Takes secrets out of every text in a value, including the names of its fields.
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
        let Some(matcher) = self.matcher() else { return Cow::Borrowed(bytes) };
        let (redactions, pending) = matcher.search(bytes, None, Extent::Complete);
        if redactions.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut clean = Vec::with_capacity(bytes.len());
        matcher.write(bytes, redactions, pending, &mut clean);
        Cow::Owned(clean)
    }

    /// Takes secrets out of text that arrives in pieces.
    pub fn stream(&self) -> Redacting {
        Redacting { redactor: self.clone(), buffer: Vec::new(), carried: None }
    }

    fn matcher(&self) -> Option<Arc<Matcher>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).matcher.clone()
    }
}

/// Takes secrets out of text that arrives in pieces, wherever it is cut.
#[derive(Debug, Clone)]
pub struct Redacting {
    redactor: Redactor,
    /// Text held back.
    buffer: Vec<u8>,
    /// The start of the buffer, if it is the end of a secret whose replacement was already written.
    carried: Option<Redaction>,
}

impl Redacting {
    /// Takes a piece and returns what can be written now: everything but an end that may begin a secret.
    pub fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        self.buffer.extend_from_slice(piece);
        self.release(Extent::Partial)
    }

    /// Returns the rest of what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(Extent::Complete)
    }

    fn release(&mut self, extent: Extent) -> Vec<u8> {
        let Some(matcher) = self.redactor.matcher() else { return std::mem::take(&mut self.buffer) };
        let (redactions, pending) = matcher.search(&self.buffer, self.carried.take(), extent);
        if redactions.is_empty() && pending == self.buffer.len() {
            return std::mem::take(&mut self.buffer);
        }
        let mut clean = Vec::with_capacity(pending);
        self.carried = matcher.write(&self.buffer, redactions, pending, &mut clean);
        self.buffer.drain(..pending);
        clean
    }
}

#[cfg(test)]
mod tests;
