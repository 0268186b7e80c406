//! Sends an HTTP request to the product. The response is a value, and so is its absence.

use std::collections::BTreeMap;
use std::time::Duration;

use rehearse_core::model::product::{Body, Expect, HttpStep};
use rehearse_core::observation::{Observation, Response};
use rehearse_core::vocabulary::scalar::Duration as Limit;
use rehearse_core::vocabulary::template::Template;
use serde_json::Value;

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::execute::until_expected;
use super::host::Host;
use super::observer::{HttpRequest, Observer, RequestBody};
use super::output::KEPT;

/// A request that is complete except for its headers.
pub(crate) struct PreparedRequest<'a> {
    /// Its name in reports.
    pub(crate) title: String,
    pub(crate) service: &'a str,
    pub(crate) port: u16,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) identity: Option<String>,
    /// Headers in addition to those of the identity.
    pub(crate) headers: &'a BTreeMap<String, Template>,
    pub(crate) body: Option<RequestBody>,
    /// 60 seconds if not given.
    pub(crate) deadline: Option<&'a Limit>,
    /// How many bytes of the response are kept for judging.
    pub(crate) keep: usize,
    /// Repeated until the expectation is met, for at most this long.
    pub(crate) within: Option<&'a Limit>,
    pub(crate) expect: &'a Expect,
    /// It is one of the requests that log its identity in.
    pub(crate) logs_in: bool,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Sends a request. The cookies of an identity are kept within one visit.
    pub(crate) async fn send_http(
        &self,
        ctx: &StageContext,
        step: &HttpStep,
        visit: &str,
        context: &Value,
        logs_in: bool,
    ) -> Result<Observation, EngineError> {
        let path = step.path.render(context)?;
        let identity = step.identity.as_ref().map(|name| name.render(context)).transpose()?;
        let title = match (&step.name, &identity) {
            (Some(name), Some(identity)) => format!("{name} as {identity}"),
            (Some(name), None) => name.clone(),
            (None, Some(identity)) => format!("{} {path} as {identity}", step.method.name()),
            (None, None) => format!("{} {path}", step.method.name()),
        };
        let body = match &step.body {
            None => None,
            Some(Body::Json(value)) => Some(RequestBody::Json(rehearse_core::check::fill_json(value, context)?)),
            Some(Body::Text(text)) => Some(RequestBody::Text(text.render(context)?)),
            Some(Body::Form(form)) => {
                let fields = form.iter().map(|(key, value)| Ok((key.clone(), value.render(context)?)));
                Some(RequestBody::Form(
                    fields.collect::<Result<_, rehearse_core::vocabulary::template::TemplateError>>()?,
                ))
            }
        };
        let request = PreparedRequest {
            title,
            service: &step.service,
            port: step.port.get(),
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
        self.request(ctx, request, visit, context).await
    }

    /// Sends a request that is complete except for its headers, and keeps the response as evidence.
    pub(crate) async fn request(
        &self,
        ctx: &StageContext,
        request: PreparedRequest<'_>,
        visit: &str,
        context: &Value,
    ) -> Result<Observation, EngineError> {
        let title = request.title.clone();
        let response = self.respond(ctx, request, visit, context).await?;
        self.record(&ctx.stage, title, response)
    }

    /// Sends a request that is complete except for its headers. The response is not written anywhere.
    pub(crate) async fn respond(
        &self,
        ctx: &StageContext,
        request: PreparedRequest<'_>,
        visit: &str,
        context: &Value,
    ) -> Result<Response, EngineError> {
        let PreparedRequest { title, service, port, method, path, identity, body, deadline, keep, .. } = request;
        // The name and port that other services use: the port that we connect to changes from start to start, and products
        // write the requested name into their responses.
        let mut headers = BTreeMap::from([("host".to_owned(), format!("{service}:{port}"))]);
        if let Some(known) = identity.as_ref().and_then(|name| self.case.product.identities.get(name)) {
            for (name, value) in &known.headers {
                match value.render(context) {
                    Ok(value) => drop(headers.insert(name.to_lowercase(), value)),
                    // The value comes from logging in, which is not done yet.
                    Err(_) if request.logs_in => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        for (name, value) in request.headers {
            headers.insert(name.to_lowercase(), value.render(context)?);
        }
        let round = self.response_faults.round();
        let jar = identity.map(|identity| format!("{}/{}/{visit}/{identity}/{round}", ctx.deployment, ctx.stage));
        let send = || async {
            match self.address(ctx, service, port).await {
                Err(error) => Response::ProbeError { reason: error.chain() },
                Ok(address) => {
                    let _wait = self.meter.product();
                    let request = HttpRequest {
                        address,
                        method,
                        path: path.clone(),
                        headers: headers.clone(),
                        body: body.clone(),
                        jar: jar.clone(),
                        deadline: deadline.map_or(Duration::from_secs(60), |limit| limit.get()),
                        keep,
                    };
                    self.observer.http(request).await
                }
            }
        };
        Ok(until_expected(&title, request.within, request.expect, context, send).await)
    }
}
