//! The one place where the pipeline asks for the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall clock, milliseconds since 1970-01-01 UTC. For what people read (ingest time, audit);
/// nothing is decided by it.
#[must_use]
pub fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Monotonic clock, for every wait and bound.
#[must_use]
pub fn monotonic() -> Instant {
    Instant::now()
}
