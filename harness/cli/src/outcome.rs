//! From a verdict to an exit code.

use whitewater::checker::violation::Violation;
use whitewater::report::status::Status;
use whitewater::report::tally::Tally;
use whitewater::verdict::{CheckerName, Outcome, Verdict};

use crate::exit_code::ExitCode;

/// What the run of one plan tells the caller.
pub(crate) fn exit_code(verdict: &Verdict) -> ExitCode {
    match &verdict.outcome {
        Outcome::Passed => ExitCode::Passed,
        Outcome::Unknown { .. } => ExitCode::Unknown,
        Outcome::Failed { violations } => of_violations(violations),
    }
}

/// What a scenario tells the caller: of a failed one the worst of its seeds.
pub(crate) fn code_of(status: &Status, tally: &Tally) -> ExitCode {
    match status {
        Status::Passed | Status::Skipped { .. } | Status::Part { .. } => ExitCode::Passed,
        Status::Missed { .. } | Status::FailedWithout { .. } => ExitCode::CheckerFailed,
        Status::Vacuous { .. } | Status::Stale { .. } => ExitCode::Vacuous,
        Status::Unknown { .. } => ExitCode::Unknown,
        Status::Failed { .. } => tally
            .failed
            .iter()
            .map(|(_, violations)| of_violations(violations))
            .fold(ExitCode::Passed, ExitCode::worse),
    }
}

fn of_violations(violations: &[Violation]) -> ExitCode {
    violations
        .iter()
        .map(|violation| match violation.kind.checker() {
            CheckerName::Liveness => ExitCode::LivenessFailed,
            CheckerName::Panic => ExitCode::Panicked,
            CheckerName::Completeness
            | CheckerName::Conservation
            | CheckerName::Order
            | CheckerName::Offsets
            | CheckerName::Group
            | CheckerName::Log
            | CheckerName::Lag
            | CheckerName::Resources
            | CheckerName::Clock
            | CheckerName::Version => ExitCode::CheckerFailed,
        })
        .fold(ExitCode::Passed, ExitCode::worse)
}
