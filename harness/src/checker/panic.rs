//! Panic: no process panics, and none ends by itself, with or without an error.
//!
//! Only the end of a process counts: a task's panic that the process handles (a `JoinError`) is
//! its own affair.

use super::observation::{ExitKind, Observation};
use super::violation::{Violation, ViolationKind};

/// Processes that ended as none should.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    observation
        .exits
        .iter()
        .filter_map(|exit| {
            let (kind, message) = match &exit.how {
                ExitKind::Panicked(message) => {
                    (ViolationKind::Panicked, format!("panicked: {message}"))
                }
                ExitKind::Error(message) => (
                    ViolationKind::UnexpectedExit,
                    format!("ended with an error: {message}"),
                ),
                ExitKind::Returned if !exit.asked => (
                    ViolationKind::UnexpectedExit,
                    "ended without being asked".to_owned(),
                ),
                ExitKind::Returned | ExitKind::Killed => return None,
            };
            Some(Violation::new(kind, message).in_process(&exit.process))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::observation::Exit;
    use super::super::planted;
    use super::*;

    fn kinds(how: ExitKind, asked: bool) -> Vec<ViolationKind> {
        let mut run = planted::right_run();
        run.exits.push(Exit {
            process: "worker-1".to_owned(),
            at_ns: 1,
            how,
            asked,
        });
        check(&run)
            .into_iter()
            .map(|violation| violation.kind)
            .collect()
    }

    #[test]
    fn only_asked_and_killed_ends_are_right() {
        assert!(check(&planted::right_run()).is_empty());
        assert!(kinds(ExitKind::Returned, true).is_empty());
        assert!(kinds(ExitKind::Killed, false).is_empty());
        let error = || ExitKind::Error("disk full".to_owned());
        let panicked = ExitKind::Panicked("index out of bounds".to_owned());
        assert_eq!(
            kinds(ExitKind::Returned, false),
            [ViolationKind::UnexpectedExit]
        );
        assert_eq!(kinds(error(), false), [ViolationKind::UnexpectedExit]);
        assert_eq!(kinds(error(), true), [ViolationKind::UnexpectedExit]);
        assert_eq!(kinds(panicked, true), [ViolationKind::Panicked]);
    }
}
