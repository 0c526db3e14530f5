//! The states of a transactional id.

use std::fmt;

/// The state of a transactional id, by Kafka's names (`TransactionState.java`). What Kafka also
/// calls a state while it waits for its own log (PrepareEpochFence, Dead) does not last here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionState {
    /// No transaction yet under the present epoch.
    Empty,
    /// Partitions were added, and it is not decided how it ends.
    Ongoing,
    /// It is decided that it commits; markers are being written.
    PrepareCommit,
    /// It is decided that it aborts; markers are being written.
    PrepareAbort,
    /// The last transaction was committed, and all its markers are written.
    CompleteCommit,
    /// The last transaction was aborted, and all its markers are written.
    CompleteAbort,
}

impl TransactionState {
    /// The name that DescribeTransactions shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// How the transaction ends, while its markers are being written.
    pub fn decision(self) -> Option<bool> {
        match self {
            Self::PrepareCommit => Some(true),
            Self::PrepareAbort => Some(false),
            _ => None,
        }
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
