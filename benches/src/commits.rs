//! When a run committed how much, and what rate that is.

use std::time::{SystemTime, UNIX_EPOCH};

/// One sink transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// Wall clock just before it.
    pub at_ms: i64,
    /// Records in it.
    pub records: u64,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Wall clock before the client was made.
    pub started_ms: i64,
    /// Its transactions, in order.
    pub commits: Vec<Commit>,
}

impl Run {
    /// Records per second from the first transaction to the last, starting and joining the group
    /// left out; 0 if there were fewer than two.
    #[must_use]
    pub fn records_per_second(&self) -> f64 {
        let (Some(first), Some((last, earlier))) =
            (self.commits.first(), self.commits.split_last())
        else {
            return 0.0;
        };
        let records: u64 = earlier.iter().map(|commit| commit.records).sum();
        if records == 0 {
            return 0.0;
        }
        // A span that the clock can't see took at most a millisecond.
        let ms = (last.at_ms - first.at_ms).max(1);
        records as f64 * 1_000.0 / ms as f64
    }

    /// Milliseconds until the first transaction: starting, joining the group, fetching.
    #[must_use]
    pub fn start_ms(&self) -> i64 {
        self.commits
            .first()
            .map_or(0, |first| first.at_ms - self.started_ms)
    }

    /// Records in all transactions.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.commits.iter().map(|commit| commit.records).sum()
    }
}

/// The wall clock, in milliseconds since 1970.
#[must_use]
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_between_the_first_and_the_last_transaction() {
        let commit = |at_ms, records| Commit { at_ms, records };
        let mut run = Run {
            started_ms: 1_000,
            commits: vec![commit(4_000, 10), commit(4_500, 30), commit(5_000, 7)],
        };
        assert!((run.records_per_second() - 40.0).abs() < 1e-9);
        assert_eq!((run.start_ms(), run.records()), (3_000, 47));
        run.commits.truncate(1);
        assert!(run.records_per_second().abs() < 1e-9);
        run.commits.clear();
        assert_eq!((run.start_ms(), run.records()), (0, 0));
    }
}
