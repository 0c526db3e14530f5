//! The real clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::now::Now;

/// The clocks of this machine, the monotonic one counted from the server's start.
#[derive(Debug)]
pub(super) struct Clocks {
    start: Instant,
}

impl Clocks {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            monotonic: self.start.elapsed(),
            wall_ms: since_epoch.map_or(0, |since| since.as_millis() as i64),
        }
    }
}
