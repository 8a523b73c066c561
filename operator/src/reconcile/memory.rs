//! What is remembered of a fleet between two reconciles. None of it is needed: an operator that starts anew reads it again.

use std::sync::Arc;

use jiff::Timestamp;

use super::reports::Reports;
use super::scaling::Scaling;
use super::secrets::Checked;
use super::spec::Spec;
use crate::apply;
use crate::cache::fleet::Fleet;

/// What is remembered of a fleet.
#[derive(Debug, Default)]
pub struct Memory {
    uid: String,
    spec: Option<(i64, Option<String>, Arc<Spec>)>,
    /// What its pods have said.
    pub reports: Reports,
    /// What the API server made of its children.
    pub writing: apply::Memory,
    /// Which of its Secrets there were.
    pub secrets: Option<Checked>,
    /// What was decided about the number of pods.
    pub scaling: Scaling,
    /// When its status was last written.
    pub status_written: Option<Timestamp>,
    /// How many reconciles in a row have failed.
    pub failures: u32,
}

impl Memory {
    /// Of this fleet: another one of the same name has nothing in common with it.
    #[must_use]
    pub fn of(self, fleet: &Fleet) -> Self {
        if self.uid == fleet.uid {
            return self;
        }
        Self {
            uid: fleet.uid.clone(),
            ..Self::default()
        }
    }

    /// Lets go of what can be read again: nothing is going on.
    pub fn rest(&mut self) {
        self.spec = None;
    }

    /// What the object says.
    pub fn spec(&mut self, fleet: &Fleet) -> Arc<Spec> {
        if let Some((generation, restarted_at, spec)) = &self.spec
            && *generation == fleet.generation
            && *restarted_at == fleet.restarted_at
        {
            return spec.clone();
        }
        let spec = Arc::new(Spec::read(fleet));
        self.spec = Some((fleet.generation, fleet.restarted_at.clone(), spec.clone()));
        spec
    }
}
