//! The clocks a broker may read.

use std::time::Duration;

/// The two clocks of one broker's host, as they stand when the cluster is called.
///
/// The cluster has no clock of its own: every entry point is told the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since some fixed start; never goes back. Timers and timeouts use it.
    pub monotonic: Duration,
    /// Milliseconds since the Unix epoch. May jump either way. Timestamps use it.
    pub wall_ms: i64,
}
