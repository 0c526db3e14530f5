//! What work costs the workers of a run, in simulated time.

use serde::{Deserialize, Serialize};

/// A cost model: code takes no simulated time by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// What one record costs, in nanoseconds.
    pub record_ns: u64,
    /// What a batch costs besides, in nanoseconds. Without effect on [`SpentAt::HandOver`].
    pub batch_ns: u64,
    /// How long a sync of the sink's disk takes, in nanoseconds.
    pub fsync_ns: u64,
    /// Where the time passes.
    pub spent_at: SpentAt,
}

/// Where a worker spends what its records cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpentAt {
    /// For a whole batch, before its sink transaction is committed and while the sink is locked:
    /// a pipeline with a SQLite sink.
    SinkCommit,
    /// Where the client hands a record over: any other pipeline.
    HandOver,
}
