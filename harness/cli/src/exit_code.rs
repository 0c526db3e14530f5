//! The exit codes of `cargo whitewater`: they are API, and `--help` lists them.

/// What the process tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Everything that ran passed (a negative that was caught counts as passed).
    Passed = 0,
    /// A checker found a violation, or a negative was not caught.
    CheckerFailed = 1,
    // 2 is clap's: a usage error.
    /// Nothing was wrong in the results, but the pipeline did not drain in time.
    LivenessFailed = 3,
    /// The pipeline panicked, or ended with an error.
    Panicked = 4,
    /// The same plan gave two histories.
    Nondeterminism = 5,
    /// A probe that the scenario promises was never reached: the sweep proves nothing.
    Vacuous = 6,
    /// A file, a build or the machine was not as needed; nothing was proven.
    Setup = 7,
    /// A seed ended without a verdict (watchdog, crash of the runner).
    Unknown = 8,
    /// Ctrl-C: the summary covers what was known by then.
    Interrupted = 130,
}

/// The table that `--help` prints.
pub(crate) const TABLE: &str = "\
Exit codes:
    0  passed: every scenario held, every negative was caught
    1  a checker failed, or a negative was not caught
    2  usage error
    3  liveness failed: results were right, but not in time
    4  the pipeline panicked or ended with an error
    5  nondeterminism: one plan, two histories
    6  vacuous: a probe the scenario must reach was never reached
    7  setup error: a file, the build or this machine
    8  unknown: a seed ended without a verdict
  130  interrupted: the summary covers what was known";

impl ExitCode {
    /// The worse of two ends, so that a sweep reports what matters most.
    pub(crate) fn worse(self, other: ExitCode) -> ExitCode {
        if other.severity() > self.severity() {
            other
        } else {
            self
        }
    }

    fn severity(self) -> u8 {
        match self {
            ExitCode::Passed => 0,
            ExitCode::Vacuous => 1,
            ExitCode::Unknown => 2,
            ExitCode::LivenessFailed => 3,
            ExitCode::Panicked => 4,
            ExitCode::CheckerFailed => 5,
            ExitCode::Nondeterminism => 6,
            ExitCode::Setup => 7,
            ExitCode::Interrupted => 8,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table() {
        for code in [
            ExitCode::Passed,
            ExitCode::CheckerFailed,
            ExitCode::LivenessFailed,
            ExitCode::Panicked,
            ExitCode::Nondeterminism,
            ExitCode::Vacuous,
            ExitCode::Setup,
            ExitCode::Unknown,
            ExitCode::Interrupted,
        ] {
            let number = format!("{:>5}  ", code as u8);
            assert!(
                TABLE.contains(&number),
                "{code:?} is missing from the table"
            );
        }
    }

    #[test]
    fn a_lost_record_outranks_a_slow_one() {
        assert_eq!(
            ExitCode::LivenessFailed.worse(ExitCode::CheckerFailed),
            ExitCode::CheckerFailed
        );
        assert_eq!(
            ExitCode::CheckerFailed.worse(ExitCode::LivenessFailed),
            ExitCode::CheckerFailed
        );
    }
}
