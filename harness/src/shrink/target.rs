//! What must stay the same while a plan shrinks: the kind of violation, so of the same checker.

use crate::checker::violation::{Violation, ViolationKind};
use crate::verdict::{CheckerName, Verdict};

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    kind: ViolationKind,
    /// The end of a process is told from others by its message: another one is another bug. One that
    /// ends because it refuses its settings is what shrinking makes of many plans.
    end_message: Option<String>,
    /// A worker that ends by itself explains most other violations: where none did, a plan in which one
    /// does (it refuses its settings, say) fails in another way.
    workers_end: bool,
}

impl Target {
    /// What a verdict is about: its first violation, or the first one of the checker that is asked
    /// for. None if there is none.
    #[must_use]
    pub fn of(verdict: &Verdict, checker: Option<CheckerName>) -> Option<Self> {
        let mut violations = verdict.outcome.violations().iter();
        let chosen = violations
            .find(|violation| checker.is_none_or(|name| violation.kind.checker() == name))?;
        Some(Self {
            kind: chosen.kind,
            end_message: end_message(chosen),
            workers_end: workers_end(verdict),
        })
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ViolationKind {
        self.kind
    }

    /// Whether a run failed in this way, whatever else it found, unless that explains it.
    #[must_use]
    pub fn is_met_by(&self, verdict: &Verdict) -> bool {
        let mut violations = verdict.outcome.violations().iter();
        let is_found = violations.any(|violation| {
            violation.kind == self.kind && end_message(violation) == self.end_message
        });
        is_found && (self.workers_end || !workers_end(verdict))
    }
}

fn workers_end(verdict: &Verdict) -> bool {
    let mut violations = verdict.outcome.violations().iter();
    violations.any(|violation| violation.kind.checker() == CheckerName::Panic)
}

/// Numbers in a message (an index, a length) change with the data.
fn end_message(violation: &Violation) -> Option<String> {
    (violation.kind.checker() == CheckerName::Panic).then(|| {
        let message = &violation.message;
        message.chars().filter(|c| !c.is_ascii_digit()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Outcome;

    fn verdict(violations: &[(ViolationKind, &str)]) -> Verdict {
        let mut verdict = Verdict::unknown("");
        let violations = violations
            .iter()
            .map(|(kind, message)| Violation::new(*kind, *message));
        verdict.outcome = Outcome::of(violations.collect());
        verdict
    }

    #[test]
    fn the_same_kind_counts_and_no_other() {
        let lost = verdict(&[
            (ViolationKind::Lost, "IBM"),
            (ViolationKind::NotDrained, "stuck"),
        ]);
        let target = Target::of(&lost, None).expect("failed");
        assert!(target.is_met_by(&verdict(&[(ViolationKind::Lost, "KO")])));
        assert!(!target.is_met_by(&verdict(&[(ViolationKind::Doubled, "IBM")])));
        assert!(!target.is_met_by(&verdict(&[])));
        assert!(!target.is_met_by(&Verdict::unknown("watchdog")));

        let refused = verdict(&[
            (ViolationKind::Lost, "IBM"),
            (
                ViolationKind::UnexpectedExit,
                "session.timeout.ms is too long",
            ),
        ]);
        assert!(!target.is_met_by(&refused));
        let from_the_start = Target::of(&refused, None).expect("failed");
        assert!(from_the_start.is_met_by(&lost) && from_the_start.is_met_by(&refused));

        let stuck = Target::of(&lost, Some(CheckerName::Liveness)).expect("failed");
        assert_eq!(stuck.kind(), ViolationKind::NotDrained);
        assert_eq!(Target::of(&lost, Some(CheckerName::Order)), None);
    }

    #[test]
    fn another_end_is_another_bug() {
        for kind in [ViolationKind::Panicked, ViolationKind::UnexpectedExit] {
            let ended = |message| verdict(&[(kind, message)]);
            let target = Target::of(&ended("index 7 of 3"), None).expect("failed");
            assert!(target.is_met_by(&ended("index 12 of 4")));
            assert!(!target.is_met_by(&ended("no sink")));
        }
    }
}
