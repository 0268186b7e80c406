//! Instances of services, their state, and what teardown could not remove.

use std::fmt;

use rehearse_core::vocabulary::ident::DeploymentName;

/// One running copy of a service: commands run in it, and it has a log, a state and an address. Today a service has one;
/// if it ever has several, their number belongs here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceRef {
    /// The deployment.
    pub deployment: DeploymentName,
    /// The service, by its name in the product file.
    pub service: String,
}

impl InstanceRef {
    /// The instance of a service.
    pub fn of(deployment: &DeploymentName, service: &str) -> Self {
        Self { deployment: deployment.clone(), service: service.to_owned() }
    }
}

impl fmt::Display for InstanceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {} of {}", self.service, self.deployment)
    }
}

/// The state of a service's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceState {
    /// It does not exist.
    Absent,
    /// It is created but was never started.
    Created,
    /// It runs; with the health that the image reports, if it has a health check.
    Running {
        /// `healthy`, `unhealthy`, `starting`.
        health: Option<String>,
    },
    /// It ended.
    Exited {
        /// Its exit code.
        code: i64,
        /// The kernel killed it because memory ran out.
        out_of_memory: bool,
    },
}

/// Something of ours that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// `container`, `network`, `volume`.
    pub kind: &'static str,
    /// Its name or id.
    pub name: String,
    /// Why it could not be removed.
    pub reason: String,
}
