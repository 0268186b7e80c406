//! What every stage works with, a field for each capability: code that needs one of them takes that one.

use std::net::SocketAddr;
use std::sync::Arc;

use rehearse_core::knowledge::signature::Recogniser;

use super::case::{Case, StageContext};
use super::error::EngineError;
use super::event_sender::EventSender;
use super::evidence::Evidence;
use super::host::{Host, HostError};
use super::instances::Instances;
use super::meter::Meter;
use super::observer::Observer;
use super::response_faults::ResponseFaults;

/// Everything that lives as long as the run.
pub(crate) struct RunContext<H, O> {
    pub(crate) host: Arc<H>,
    pub(crate) observer: Arc<O>,
    pub(crate) meter: Meter,
    pub(crate) evidence: Arc<Evidence>,
    pub(crate) case: Arc<Case>,
    /// The product's known failures.
    pub(crate) recogniser: Arc<Recogniser>,
    pub(crate) events: EventSender,
    pub(crate) instances: Arc<Instances>,
    /// Faults that a mutation test plants in responses; none in a rehearsal.
    pub(crate) response_faults: Arc<ResponseFaults>,
}

impl<H, O> Clone for RunContext<H, O> {
    fn clone(&self) -> Self {
        Self {
            host: self.host.clone(),
            observer: self.observer.clone(),
            meter: self.meter.clone(),
            evidence: self.evidence.clone(),
            case: self.case.clone(),
            recogniser: self.recogniser.clone(),
            events: self.events.clone(),
            instances: self.instances.clone(),
            response_faults: self.response_faults.clone(),
        }
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Applies the specifications of services on the stage's release, and records the images they were created from.
    pub(crate) async fn apply(
        &self,
        ctx: &StageContext,
        names: impl Iterator<Item = &String>,
    ) -> Result<(), EngineError> {
        let specs = names.map(|name| self.case.spec(ctx, name)).collect::<Result<Vec<_>, _>>()?;
        self.host.apply(&ctx.deployment, &specs).await?;
        specs.into_iter().for_each(|spec| self.instances.created(&ctx.instance(&spec.name), spec.image));
        Ok(())
    }

    /// Whether a service was created from the image of the stage's release.
    pub(crate) fn on_release(&self, ctx: &StageContext, name: &str) -> bool {
        self.instances.image(&ctx.instance(name)).as_ref() == ctx.images.get(name).map(|image| &image.id)
    }

    /// The address of a port of a service; looked up once per start.
    pub(crate) async fn address(&self, ctx: &StageContext, service: &str, port: u16) -> Result<SocketAddr, HostError> {
        let instance = ctx.instance(service);
        if let Some(known) = self.instances.address(&instance, port) {
            return Ok(known);
        }
        let wait = self.meter.engine();
        let address = self.host.address(&instance, port).await?;
        drop(wait);
        self.instances.reached_at(&instance, port, address);
        Ok(address)
    }
}
