//! Sends requests and reads whole responses in bounded memory.

mod jar;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rehearse_core::observation::{HttpResponse, Response};
use rehearse_core::text::error_chain;
use reqwest::header::SET_COOKIE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};

use crate::engine::BodyBuilder;
use crate::engine::observer::{HttpRequest, RequestBody};

use jar::Limited;

/// A longer body is not read to its end: no real product responds with this much to one request.
const MAX_BODY: u64 = 256 << 20;

/// Clients by cookie jar.
pub(super) struct Web {
    plain: Client,
    jars: Mutex<BTreeMap<String, CookieSession>>,
}

/// A client and its cookies.
#[derive(Clone)]
struct CookieSession {
    client: Client,
    jar: Option<Arc<Limited>>,
}

/// A client that follows no redirects: a redirect is a response, and the product file says where to go next.
fn client(jar: Option<&Arc<Limited>>) -> Result<Client, reqwest::Error> {
    let builder = match jar {
        Some(jar) => Client::builder().cookie_provider(Arc::clone(jar)),
        None => Client::builder(),
    };
    builder
        .redirect(Policy::none())
        .no_proxy()
        // Services are reached by plain HTTP, so that a machine without certificates, such as a small CI image, will do.
        .tls_certs_only([])
        .connect_timeout(Duration::from_secs(5))
        // No connection is reused: a server that closes one between two requests would look like one that fails.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("rehearse/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Web {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // A second installation is refused, which does no harm: the first one is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { plain: client(None)?, jars: Mutex::default() })
    }

    fn session(&self, jar: Option<&String>) -> Result<CookieSession, reqwest::Error> {
        let Some(jar) = jar else { return Ok(CookieSession { client: self.plain.clone(), jar: None }) };
        let mut jars = self.jars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = jars.get(jar) {
            return Ok(known.clone());
        }
        let cookies = Arc::default();
        let made = CookieSession { client: client(Some(&cookies))?, jar: Some(cookies) };
        jars.insert(jar.clone(), made.clone());
        Ok(made)
    }

    pub(super) async fn request(&self, request: HttpRequest) -> Response {
        let limit = request.deadline;
        match tokio::time::timeout(limit, self.send(request)).await {
            Ok(response) => response,
            Err(_) => Response::NoResponse { reason: format!("no whole response within {limit:?}") },
        }
    }

    async fn send(&self, request: HttpRequest) -> Response {
        let broken = |error: &dyn std::error::Error| Response::ProbeError { reason: error_chain(error) };
        let CookieSession { client, jar } = match self.session(request.jar.as_ref()) {
            Ok(session) => session,
            Err(error) => return broken(&error),
        };
        let Ok(method) = Method::from_bytes(request.method.as_bytes()) else {
            return Response::ProbeError { reason: format!("`{}` is not an HTTP method", request.method) };
        };
        let mut builder = client.request(method, format!("http://{}{}", request.address, request.path));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        builder = match request.body {
            None => builder,
            Some(RequestBody::Json(value)) => builder.json(&value),
            Some(RequestBody::Form(form)) => builder.form(&form),
            Some(RequestBody::Text(text)) => builder.body(text),
        };
        let http = match builder.build() {
            Ok(http) => http,
            Err(error) => return broken(&error),
        };
        let began = Instant::now();
        let mut response = match client.execute(http).await {
            Ok(response) => response,
            Err(error) => return Response::NoResponse { reason: error_chain(&error) },
        };
        if let Some(reason) = jar.and_then(|jar| jar.excess(response.headers().get_all(SET_COOKIE).iter())) {
            return Response::NoResponse { reason: format!("a response that sets {reason}") };
        }
        let status = response.status().as_u16();
        let mut headers = BTreeMap::new();
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|all: &mut String| {
                    all.push_str(", ");
                    all.push_str(&value);
                })
                .or_insert(value);
        }
        let mut body = BodyBuilder::keeping(request.keep);
        let mut size = 0_u64;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    size += chunk.len() as u64;
                    body.take(&chunk);
                    if size > MAX_BODY {
                        return Response::NoResponse { reason: format!("a response of more than {MAX_BODY} bytes") };
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    return Response::NoResponse { reason: format!("the response broke off: {}", error_chain(&error)) };
                }
            }
        }
        Response::Http(HttpResponse { status, headers, body: body.finish(), took: began.elapsed() })
    }
}

#[cfg(test)]
mod tests;
