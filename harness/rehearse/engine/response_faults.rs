//! Faults in responses, planted by a mutation test between the product and its checks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rehearse_core::mutation::ResponseFault;
use rehearse_core::observation::Observation;

/// The faults that are planted in responses, by the request's key in the observations of a baseline. Empty in a rehearsal.
#[derive(Debug, Default)]
pub(crate) struct ResponseFaults(Mutex<BTreeMap<String, ResponseFault>>);

impl ResponseFaults {
    /// The response as a check is to see it.
    pub(crate) fn applied(&self, key: &str, observation: Observation) -> Observation {
        let fault = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        match fault.and_then(|fault| fault.applied(&observation.response)) {
            Some(response) => Observation { response, ..observation },
            None => observation,
        }
    }

    /// Plants a fault.
    pub(crate) fn plant(&self, key: &str, fault: ResponseFault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), fault);
    }

    /// Removes all faults.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
