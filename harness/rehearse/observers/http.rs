//! Sends requests and reads whole answers in bounded memory.

mod jar;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rehearse_core::observation::{HttpResponse, Response};
use rehearse_core::text::error_chain;
use reqwest::header::SET_COOKIE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};

use crate::engine::BodyMaker;
use crate::engine::observer::{HttpRequest, RequestBody};

use jar::Limited;

/// A body longer than this is read no further: no product of use answers so much to one question.
const LONGEST: u64 = 256 << 20;

/// Clients by cookie jar.
pub(super) struct Web {
    plain: Client,
    jars: Mutex<BTreeMap<String, Visit>>,
}

/// A client and its cookies.
#[derive(Clone)]
struct Visit {
    client: Client,
    jar: Option<Arc<Limited>>,
}

/// A client that goes only where it is sent: a redirect is an answer, and where it leads is for the product's file to say.
fn client(jar: Option<&Arc<Limited>>) -> Result<Client, reqwest::Error> {
    let builder = match jar {
        Some(jar) => Client::builder().cookie_provider(Arc::clone(jar)),
        None => Client::builder(),
    };
    builder
        .redirect(Policy::none())
        .no_proxy()
        // Services are asked by plain HTTP. A machine without certificates, as small CI images are, is no obstacle then.
        .tls_certs_only([])
        .connect_timeout(Duration::from_secs(5))
        // No connection is used twice: a server that hangs up between two requests would look like one that fails.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("rehearse/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Web {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // A second installation is refused and does no harm: the first one is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { plain: client(None)?, jars: Mutex::default() })
    }

    fn visit(&self, jar: Option<&String>) -> Result<Visit, reqwest::Error> {
        let Some(jar) = jar else { return Ok(Visit { client: self.plain.clone(), jar: None }) };
        let mut jars = self.jars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = jars.get(jar) {
            return Ok(known.clone());
        }
        let cookies = Arc::default();
        let made = Visit { client: client(Some(&cookies))?, jar: Some(cookies) };
        jars.insert(jar.clone(), made.clone());
        Ok(made)
    }

    pub(super) async fn ask(&self, ask: HttpRequest) -> Response {
        let limit = ask.deadline;
        match tokio::time::timeout(limit, self.send(ask)).await {
            Ok(response) => response,
            Err(_) => Response::NoResponse { reason: format!("no whole answer within {limit:?}") },
        }
    }

    async fn send(&self, ask: HttpRequest) -> Response {
        let broken = |error: &dyn std::error::Error| Response::ProbeError { reason: error_chain(error) };
        let Visit { client, jar } = match self.visit(ask.jar.as_ref()) {
            Ok(visit) => visit,
            Err(error) => return broken(&error),
        };
        let Ok(method) = Method::from_bytes(ask.method.as_bytes()) else {
            return Response::ProbeError { reason: format!("no method {}", ask.method) };
        };
        let mut request = client.request(method, format!("http://{}{}", ask.address, ask.path));
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        request = match ask.body {
            None => request,
            Some(RequestBody::Json(value)) => request.json(&value),
            Some(RequestBody::Form(form)) => request.form(&form),
            Some(RequestBody::Text(text)) => request.body(text),
        };
        let request = match request.build() {
            Ok(request) => request,
            Err(error) => return broken(&error),
        };
        let began = Instant::now();
        let mut response = match client.execute(request).await {
            Ok(response) => response,
            Err(error) => return Response::NoResponse { reason: error_chain(&error) },
        };
        if let Some(reason) = jar.and_then(|jar| jar.overfull(response.headers().get_all(SET_COOKIE).iter())) {
            return Response::NoResponse { reason: format!("an answer that sets {reason}") };
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
        let mut body = BodyMaker::keeping(ask.keep);
        let mut size = 0_u64;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    size += chunk.len() as u64;
                    body.take(&chunk);
                    if size > LONGEST {
                        return Response::NoResponse { reason: format!("an answer of more than {LONGEST} bytes") };
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    return Response::NoResponse { reason: format!("the answer broke off: {}", error_chain(&error)) };
                }
            }
        }
        Response::Http(HttpResponse { status, headers, body: body.finish(), took: began.elapsed() })
    }
}

#[cfg(test)]
mod tests;
