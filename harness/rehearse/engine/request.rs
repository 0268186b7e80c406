//! Sends a request to the product. What comes, or does not, is a value.

use std::collections::BTreeMap;
use std::time::Duration;

use rehearse_core::observe::{Answer, Seen};
use rehearse_core::product::{Body, Expect, HttpStep};
use rehearse_core::scalar::Duration as Limit;
use rehearse_core::template::Template;
use serde_json::Value;

use super::ask::until_expected;
use super::host::Host;
use super::observer::{Ask, Content, Observer};
use super::output::KEPT;
use super::world::{Scene, Trouble, World};

/// A request that is ready but for its headers.
pub(crate) struct Request<'a> {
    /// What it is called in reports.
    pub(crate) asked: String,
    pub(crate) service: &'a str,
    pub(crate) port: u16,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) identity: Option<String>,
    /// Besides those of the identity.
    pub(crate) headers: &'a BTreeMap<String, Template>,
    pub(crate) body: Option<Content>,
    /// 60 seconds when not given.
    pub(crate) deadline: Option<&'a Limit>,
    /// As many bytes of the answer are kept for judging.
    pub(crate) keep: usize,
    /// Asked again until what is expected holds, for at most this long.
    pub(crate) within: Option<&'a Limit>,
    pub(crate) expect: &'a Expect,
    /// It is one of those that log its identity in.
    pub(crate) logs_in: bool,
}

impl<H: Host, O: Observer> World<H, O> {
    /// Sends a request. The cookies of an identity are kept within one visit.
    pub(crate) async fn ask_http(
        &self,
        scene: &Scene,
        step: &HttpStep,
        visit: &str,
        context: &Value,
        logs_in: bool,
    ) -> Result<Seen, Trouble> {
        let path = step.path.render(context)?;
        let identity = step.identity.as_ref().map(|name| name.render(context)).transpose()?;
        let asked = match (&step.name, &identity) {
            (Some(name), Some(identity)) => format!("{name} as {identity}"),
            (Some(name), None) => name.clone(),
            (None, Some(identity)) => format!("{} {path} as {identity}", step.method.name()),
            (None, None) => format!("{} {path}", step.method.name()),
        };
        let body = match &step.body {
            None => None,
            Some(Body::Json(value)) => Some(Content::Json(rehearse_core::check::fill_json(value, context)?)),
            Some(Body::Text(text)) => Some(Content::Text(text.render(context)?)),
            Some(Body::Form(form)) => {
                let fields = form.iter().map(|(key, value)| Ok((key.clone(), value.render(context)?)));
                Some(Content::Form(fields.collect::<Result<_, rehearse_core::template::TemplateError>>()?))
            }
        };
        let request = Request {
            asked,
            service: &step.service,
            port: step.port,
            method: step.method.name(),
            path,
            identity,
            headers: &step.headers,
            body,
            deadline: step.deadline.as_ref(),
            keep: KEPT,
            within: step.within.as_ref(),
            expect: &step.expect,
            logs_in,
        };
        self.request(scene, request, visit, context).await
    }

    /// Sends a request that is ready but for its headers.
    pub(crate) async fn request(
        &self,
        scene: &Scene,
        request: Request<'_>,
        visit: &str,
        context: &Value,
    ) -> Result<Seen, Trouble> {
        let Request { asked, service, port, method, path, identity, body, deadline, keep, .. } = request;
        // As a neighbour on the network would ask: the port that we reach it by changes from start to start, and products
        // write the name they are asked by into their answers.
        let mut headers = BTreeMap::from([("host".to_owned(), format!("{service}:{port}"))]);
        if let Some(known) = identity.as_ref().and_then(|name| self.case.product.identities.get(name)) {
            for (name, value) in &known.headers {
                match value.render(context) {
                    Ok(value) => drop(headers.insert(name.to_lowercase(), value)),
                    // What logging in gives is not there yet.
                    Err(_) if request.logs_in => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        for (name, value) in request.headers {
            headers.insert(name.to_lowercase(), value.render(context)?);
        }
        let jar = identity.map(|identity| format!("{}/{}/{visit}/{identity}", scene.deployment, scene.stage));
        let ask = || async {
            match self.address(scene, service, port).await {
                Err(error) => Answer::Broken { reason: error.chain() },
                Ok(address) => {
                    let _wait = self.meter.product();
                    let ask = Ask {
                        address,
                        method,
                        path: path.clone(),
                        headers: headers.clone(),
                        body: body.clone(),
                        jar: jar.clone(),
                        deadline: deadline.map_or(Duration::from_secs(60), |limit| limit.get()),
                        keep,
                    };
                    self.observer.http(ask).await
                }
            }
        };
        let answer = until_expected(&asked, request.within, request.expect, context, ask).await;
        self.shown(&scene.stage, asked, answer)
    }
}
