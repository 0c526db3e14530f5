//! From a verdict to an exit code.

use whitewater::verdict::{CheckerName, Outcome, Verdict};

use crate::exit_code::ExitCode;

/// What the run of one plan tells the caller.
pub(crate) fn exit_code(verdict: &Verdict) -> ExitCode {
    match &verdict.outcome {
        Outcome::Passed => ExitCode::Passed,
        Outcome::Unknown { .. } => ExitCode::Unknown,
        Outcome::Failed { violations } => violations
            .iter()
            .map(|violation| match violation.kind.checker() {
                CheckerName::Liveness => ExitCode::LivenessFailed,
                CheckerName::Panic => ExitCode::Panicked,
                CheckerName::Completeness | CheckerName::Conservation | CheckerName::Order => {
                    ExitCode::CheckerFailed
                }
            })
            .fold(ExitCode::Passed, ExitCode::worse),
    }
}
