//! The cookies of one session, in bounded memory: a server may set cookies for ever, each under a new name.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use reqwest::Url;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;

/// Cookies of a session; browsers keep fewer for one site.
pub(super) const MAX_COOKIES: usize = 300;
/// Bytes of one cookie; browsers keep none that is longer than a quarter of this.
pub(super) const MAX_BYTES: usize = 16 << 10;

/// A cookie jar with limits.
#[derive(Default)]
pub(super) struct Limited {
    jar: Jar,
    /// By name and path.
    known: Mutex<BTreeSet<(String, String)>>,
}

impl Limited {
    /// Whether there is room for a cookie; there always is for one that is only set anew.
    fn accepts(&self, cookie: &HeaderValue) -> bool {
        let text = String::from_utf8_lossy(cookie.as_bytes());
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().and_then(|pair| pair.split('=').next()).unwrap_or_default().trim().to_owned();
        let path = parts.find(|part| part.to_ascii_lowercase().starts_with("path=")).unwrap_or_default().to_owned();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name, path);
        text.len() <= MAX_BYTES && (known.contains(&key) || (known.len() < MAX_COOKIES && known.insert(key)))
    }

    /// What there is no room for among the cookies that a response sets.
    pub(super) fn excess<'h>(&self, cookies: impl Iterator<Item = &'h HeaderValue>) -> Option<String> {
        let refused = cookies.into_iter().find(|cookie| !self.accepts(cookie))?;
        Some(if refused.len() > MAX_BYTES {
            format!("a cookie of {} bytes", refused.len())
        } else {
            format!("more than {MAX_COOKIES} cookies")
        })
    }
}

impl CookieStore for Limited {
    fn set_cookies(&self, cookies: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        self.jar.set_cookies(&mut cookies.filter(|cookie| self.accepts(cookie)), url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.jar.cookies(url)
    }
}
