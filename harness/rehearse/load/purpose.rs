//! What a loaded case is for: a rehearsal, or a mutation test of its product file.

use rehearse_core::planning::plan::build_mutation_test;

use super::{LoadError, Loaded};

impl Loaded {
    /// Refuses a case whose installation method cannot be rehearsed on one machine.
    ///
    /// # Errors
    /// When production is installed by such a method.
    pub fn rehearsable(self) -> Result<Self, LoadError> {
        match self.unreached {
            Some((title, why)) => Err(LoadError::NotRehearsed { scenario: self.plan.scenario, title, why }),
            None => Ok(self),
        }
    }

    /// The case of a mutation test of its product file, in place of a rehearsal.
    ///
    /// # Errors
    /// As [`Loaded::rehearsable`], and when no plan can be made.
    pub fn mutation_test(self) -> Result<Self, LoadError> {
        let mut loaded = self.rehearsable()?;
        let plan = build_mutation_test(&loaded.product, &loaded.scenario, &loaded.plan);
        let wrong = |source| LoadError::Plan { scenario: loaded.scenario.scenario.clone(), source: Box::new(source) };
        loaded.plan = plan.map_err(wrong)?;
        // What the scenario expects happens on a hop, and there is none.
        loaded.scenario.expect = None;
        loaded.scenario.hops.clear();
        Ok(loaded)
    }
}
