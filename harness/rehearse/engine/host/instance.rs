//! Instances of services, how they stand, and what stays behind of them.

use std::fmt;

use rehearse_core::vocabulary::ident::DeploymentName;

/// One running copy of a service: what a command runs in, what has a log, a state and an address. Today a service has one;
/// where it has several, their number belongs here.
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

/// How a service's process stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceState {
    /// There is none.
    Absent,
    /// It is created but was never started.
    Created,
    /// It runs; with the health the image itself reports, where it has a health check.
    Running {
        /// `healthy`, `unhealthy`, `starting`.
        health: Option<String>,
    },
    /// It ended.
    Exited {
        /// Its exit code.
        code: i64,
        /// The kernel killed it for want of memory.
        out_of_memory: bool,
    },
}

/// A thing of ours that would not go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// `container`, `network`, `volume`.
    pub kind: &'static str,
    /// Its name or id.
    pub name: String,
    /// Why it stayed.
    pub reason: String,
}
