//! Faults in responses, planted by a mutation test between the product and its checks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rehearse_core::mutation::ResponseFault;
use rehearse_core::observation::{Observation, Response};

/// The faults that are planted in responses, by the request's key in the observations of a baseline, or
/// the name of a page of the crawl. Empty in a rehearsal.
#[derive(Debug, Default)]
pub(crate) struct ResponseFaults {
    planted: Mutex<BTreeMap<String, ResponseFault>>,
    round: AtomicU64,
}

impl ResponseFaults {
    /// The observation as a check is to see it.
    pub(crate) fn applied(&self, key: &str, observation: Observation) -> Observation {
        Observation { response: self.respond(key, observation.response), ..observation }
    }

    /// The response as a check is to see it.
    pub(crate) fn respond(&self, key: &str, response: Response) -> Response {
        let fault = self.planted.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        fault.and_then(|fault| fault.applied(&response)).unwrap_or(response)
    }

    /// How often a mutation test has asked; 0 in a rehearsal. Each round logs in anew: who has a session already is not shown
    /// the form to log in.
    pub(crate) fn round(&self) -> u64 {
        self.round.load(Ordering::Relaxed)
    }

    /// Begins another round.
    pub(crate) fn begin_round(&self) {
        self.round.fetch_add(1, Ordering::Relaxed);
    }

    /// Plants a fault.
    pub(crate) fn plant(&self, key: &str, fault: ResponseFault) {
        self.planted.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), fault);
    }

    /// Removes all faults.
    pub(crate) fn clear(&self) {
        self.planted.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
