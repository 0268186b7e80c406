//! Services with the scenario's changes and their placeholders filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::CommandSpec;
use crate::model::product::{Product, Service};
use crate::model::scenario::Scenario;
use crate::source::spec::Command;
use crate::vocabulary::scalar::ServicePath;
use crate::vocabulary::template::TemplateError;

/// How long a service may take to stop when its file does not say.
pub const STOP_GRACE: Duration = Duration::from_secs(10);

/// One service as it is to run. Made by [`resolve`]; a test starts from the default.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// Its name, by which other services of its deployment reach it.
    pub name: String,
    /// The image, in the way that the caller of [`resolve`] names one: the id of an image that is there, or its name.
    pub image: String,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// User, by name or number.
    pub user: Option<String>,
    /// Working directory.
    pub workdir: Option<String>,
    /// The name it has for itself.
    pub hostname: Option<String>,
    /// Further names by which other services reach it.
    pub aliases: Vec<String>,
    /// What it sees in place of its image's own files.
    pub mounts: Vec<Mount>,
    /// Ports that the harness itself must reach.
    pub ports: Vec<u16>,
    /// Size of /dev/shm in bytes.
    pub shm_size: Option<u64>,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
    /// CPUs, as `1.5`.
    pub cpus: Option<f64>,
    /// How long it may take to stop before it is killed.
    pub stop_grace: Duration,
}

/// A folder that a service sees in place of its image's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount {
    /// What is there.
    pub source: MountSource,
    /// The path inside the service.
    pub target: String,
}

/// What a mounted folder holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MountSource {
    /// A volume of the deployment, by its name in the product file. It outlives the service.
    Volume(String),
    /// Memory. It ends with the service.
    Memory,
}

/// The services of a product, with the scenario's changes.
pub fn services(product: &Product, scenario: &Scenario) -> BTreeMap<String, Service> {
    let changed = |(name, service): (&String, &Service)| {
        let service = scenario.services.get(name).map_or_else(|| service.clone(), |change| change.apply(service));
        (name.clone(), service)
    };
    product.services.iter().map(changed).collect()
}

/// A service as it is to run. `image` is passed on as it is. `variables` are those of its `env-file`; what the product
/// file itself sets outweighs them. `values` fills in placeholders.
///
/// # Errors
/// When a placeholder has no value in `values`.
pub fn resolve(
    name: &str,
    service: &Service,
    image: &str,
    variables: BTreeMap<String, String>,
    values: &Value,
) -> Result<ServiceSpec, TemplateError> {
    let argv = |command: &Option<Command>| command.as_ref().map(|command| command.argv(values)).transpose();
    let mut env = variables;
    for (key, value) in &service.env {
        env.insert(key.clone(), value.render(values)?);
    }
    let mount = |source, target: &ServicePath| Mount { source, target: target.to_string() };
    let volumes = service.volumes.iter().map(|(name, path)| mount(MountSource::Volume(name.clone()), path));
    let memory = service.tmpfs.iter().map(|path| mount(MountSource::Memory, path));
    Ok(ServiceSpec {
        name: name.to_owned(),
        image: image.to_owned(),
        entrypoint: argv(&service.entrypoint)?,
        command: argv(&service.command)?,
        env,
        user: service.user.clone(),
        workdir: service.workdir.as_ref().map(ToString::to_string),
        hostname: service.hostname.as_ref().map(|name| name.render(values)).transpose()?,
        aliases: service.aliases.clone(),
        mounts: volumes.chain(memory).collect(),
        ports: service.ports.iter().map(|port| port.get()).collect(),
        shm_size: service.shm_size.as_ref().map(|size| size.bytes()),
        memory: service.memory.as_ref().map(|size| size.bytes()),
        cpus: service.cpus,
        stop_grace: service.stop_grace.as_ref().map_or(STOP_GRACE, |grace| grace.get()),
    })
}

impl ServiceSpec {
    /// The same service for one command in place of its own: what the command sets outweighs what the service sets.
    pub fn one_off(mut self, command: &CommandSpec) -> Self {
        self.command = Some(command.argv.clone());
        self.env.extend(command.env.clone());
        self.user = command.user.clone().or(self.user);
        self.workdir = command.workdir.clone().or(self.workdir);
        self
    }
}
