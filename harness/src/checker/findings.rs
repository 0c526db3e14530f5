//! What the followers of a history found, with the events that show it.

use std::collections::BTreeSet;

use super::observation::Observation;
use super::violation::{RecordRef, Violation, ViolationKind};
use crate::explain;
use crate::pipeline_under_test::RecordPosition;
use crate::trace::Event;

/// Violations, the first of each kind explained: further ones have the same cause as a rule.
pub(super) struct Findings<'o> {
    pub(super) observation: &'o Observation,
    violations: Vec<Violation>,
    explained: BTreeSet<ViolationKind>,
}

impl<'o> Findings<'o> {
    pub(super) fn of(observation: &'o Observation) -> Self {
        Self {
            observation,
            violations: Vec::new(),
            explained: BTreeSet::new(),
        }
    }

    /// Adds a violation that these events show; `wrong_step` says in a sentence which step was
    /// wrong.
    pub(super) fn add(
        &mut self,
        mut violation: Violation,
        shown_by: &[&'o Event],
        wrong_step: String,
    ) {
        if self.explained.insert(violation.kind) {
            let trace = &self.observation.trace;
            violation.explanation = Some(explain::told(trace, shown_by, wrong_step));
        }
        self.violations.push(violation);
    }

    /// A record as reports name it.
    pub(super) fn record(&self, position: RecordPosition, id: Option<&str>) -> RecordRef {
        RecordRef {
            acknowledged_at_ns: self
                .observation
                .acknowledged
                .get(&position)
                .map(|acknowledged| acknowledged.at_ns),
            position: Some(position),
            id: id.map(str::to_owned),
        }
    }

    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.violations
    }
}
