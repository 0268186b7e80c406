//! Cookies of one visit, in bounded memory: what a server sets it may set for ever, each time by another name.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use reqwest::Url;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;

/// Cookies of a visit; browsers keep fewer of one site.
pub(super) const MOST: usize = 300;
/// Bytes of one cookie; browsers keep none of more than a quarter.
pub(super) const LONGEST: usize = 16 << 10;

/// A jar that has an end.
#[derive(Default)]
pub(super) struct Limited {
    jar: Jar,
    /// By name and path.
    known: Mutex<BTreeSet<(String, String)>>,
}

impl Limited {
    /// Whether there is room for a cookie: for one that is there, set anew, always.
    fn takes(&self, cookie: &HeaderValue) -> bool {
        let text = String::from_utf8_lossy(cookie.as_bytes());
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().and_then(|pair| pair.split('=').next()).unwrap_or_default().trim().to_owned();
        let path = parts.find(|part| part.to_ascii_lowercase().starts_with("path=")).unwrap_or_default().to_owned();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name, path);
        text.len() <= LONGEST && (known.contains(&key) || (known.len() < MOST && known.insert(key)))
    }

    /// What is set that there is no room for.
    pub(super) fn overfull<'h>(&self, cookies: impl Iterator<Item = &'h HeaderValue>) -> Option<String> {
        let refused = cookies.into_iter().find(|cookie| !self.takes(cookie))?;
        Some(if refused.len() > LONGEST {
            format!("a cookie of {} bytes", refused.len())
        } else {
            format!("more than {MOST} cookies")
        })
    }
}

impl CookieStore for Limited {
    fn set_cookies(&self, cookies: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        self.jar.set_cookies(&mut cookies.filter(|cookie| self.takes(cookie)), url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.jar.cookies(url)
    }
}
