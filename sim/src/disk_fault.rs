//! Faults of a simulated disk that someone outside sets: failing operations and a crash at a write.

use std::collections::BTreeMap;

/// What a process asks of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Reading from a file.
    Read,
    /// Writing to a file, truncating it, creating, renaming or unlinking it.
    Write,
    /// Making a file or a directory durable.
    Sync,
}

/// What happens at a crash point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The writing process is killed; its host keeps running.
    Kill,
    /// The host loses power.
    PowerLoss,
}

/// The faults that are set, and how often each was met.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    failures: BTreeMap<Operation, Failure>,
    crash: Option<CrashPoint>,
}

#[derive(Debug, Default)]
struct Failure {
    after: u64,
    times: u64,
    hits: u64,
}

#[derive(Debug)]
struct CrashPoint {
    after: u64,
    crash: Crash,
}

/// What a fault does to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Proceed,
    Fail,
    Crash,
}

impl Faults {
    pub(crate) fn fail(&mut self, operation: Operation, after: u64, times: u64) {
        let failure = self.failures.entry(operation).or_default();
        failure.after = after;
        failure.times = times;
    }

    pub(crate) fn hits(&self, operation: Operation) -> u64 {
        self.failures
            .get(&operation)
            .map_or(0, |failure| failure.hits)
    }

    pub(crate) fn crash_after(&mut self, changes: u64, crash: Crash) {
        self.crash = Some(CrashPoint {
            after: changes,
            crash,
        });
    }

    /// The crash whose point was reached, if one was.
    pub(crate) fn crash_due(&self) -> Option<Crash> {
        self.crash
            .as_ref()
            .filter(|point| point.after == 0)
            .map(|point| point.crash)
    }

    pub(crate) fn clear_crash(&mut self) {
        self.crash = None;
    }

    /// Counts one operation and says what becomes of it.
    pub(crate) fn meet(&mut self, operation: Operation) -> Verdict {
        if operation != Operation::Read
            && let Some(point) = &mut self.crash
        {
            if point.after == 0 {
                return Verdict::Crash;
            }
            point.after -= 1;
        }
        let Some(failure) = self.failures.get_mut(&operation) else {
            return Verdict::Proceed;
        };
        if failure.after > 0 {
            failure.after -= 1;
            return Verdict::Proceed;
        }
        if failure.times == 0 {
            return Verdict::Proceed;
        }
        // `u64::MAX` means until cleared.
        if failure.times != u64::MAX {
            failure.times -= 1;
        }
        failure.hits += 1;
        Verdict::Fail
    }
}
