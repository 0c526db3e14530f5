//! How a violation came about, from the trace alone.
//!
//! The chain is short on purpose: the events that a person would look for, in order, and the step
//! that was wrong in one sentence, where the trace gives it away.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::checker::violation::{Violation, ViolationKind};
use crate::trace::Event;
use crate::trace::story::{Line, Narrator};

mod doubled;
mod history;
mod lost;
mod other;

use history::History;

/// The chain of events that led to a violation, as far as the trace tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// What happened, in order of time.
    pub because: Vec<Step>,
    /// The wrong step in one sentence, if one can be named.
    pub wrong_step: Option<String>,
}

/// One event of the chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, in simulated nanoseconds.
    pub at_ns: u64,
    /// Who: a process, or `FAULT`.
    pub who: String,
    /// What, in a few words.
    pub what: String,
}

/// No chain is longer: what is in the middle goes first.
const STEPS_MAX: usize = 14;

impl From<Line> for Step {
    fn from(line: Line) -> Self {
        Self {
            at_ns: line.at_ns,
            who: line.who,
            what: line.what,
        }
    }
}

/// Explains a violation, if the trace has anything to say about it.
#[must_use]
pub fn explain(violation: &Violation, trace: &[Event]) -> Option<Explanation> {
    explain_in(violation, &History::of(trace))
}

/// Adds an explanation to the first violation of each kind; further ones of a kind have the same
/// cause as a rule.
pub fn explain_all(violations: &mut [Violation], trace: &[Event]) {
    if violations.is_empty() {
        return;
    }
    let history = History::of(trace);
    let mut explained = BTreeSet::new();
    for violation in violations {
        // A checker that follows the history has told it itself.
        if explained.insert(violation.kind) && violation.explanation.is_none() {
            violation.explanation = explain_in(violation, &history);
        }
    }
}

/// These events of a trace, and the step that was wrong.
pub(crate) fn told(trace: &[Event], events: &[&Event], wrong_step: String) -> Explanation {
    let narrator = Narrator::of(trace);
    let mut because: Vec<Step> = events
        .iter()
        .map(|event| narrator.line(event).into())
        .collect();
    because.sort_by_key(|step| step.at_ns);
    because.dedup();
    shorten(&mut because);
    Explanation {
        because,
        wrong_step: Some(wrong_step),
    }
}

fn explain_in(violation: &Violation, history: &History<'_>) -> Option<Explanation> {
    let position = violation
        .record
        .as_ref()
        .and_then(|record| record.position.as_ref());
    let id = violation
        .record
        .as_ref()
        .and_then(|record| record.id.as_deref());
    let mut explanation = match (violation.kind, position) {
        (ViolationKind::Lost, Some(position)) => lost::explain(history, position, id),
        (ViolationKind::Doubled, Some(position)) => doubled::explain(history, position, id),
        (ViolationKind::OutOfOrder, Some(position)) => other::out_of_order(history, position),
        (ViolationKind::NotDrained, _) => other::not_drained(history),
        (ViolationKind::Panicked | ViolationKind::UnexpectedExit, _) => {
            other::ended(history, violation.process.as_deref()?)
        }
        (_, Some(position)) => other::way_of_record(history, position),
        (_, None) => return None,
    };
    explanation.because.sort_by_key(|step| step.at_ns);
    explanation.because.dedup();
    shorten(&mut explanation.because);
    (!explanation.because.is_empty() || explanation.wrong_step.is_some()).then_some(explanation)
}

fn shorten(steps: &mut Vec<Step>) {
    if steps.len() > STEPS_MAX {
        let tail = steps.split_off(steps.len() - STEPS_MAX / 2);
        steps.truncate(STEPS_MAX / 2);
        steps.extend(tail);
    }
}

#[cfg(test)]
#[path = "explain/tests.rs"]
mod tests;
