//! What a purge gives up.

use std::fmt;

/// What a purge gives up; nothing by default.
#[derive(Default, Clone, Copy)]
pub struct PurgeConfig {
    queue: bool,
    inflight: bool,
    non_blocking: bool,
}

impl PurgeConfig {
    /// Gives up what was not sent yet.
    #[must_use]
    pub fn queue(self) -> Self {
        Self {
            queue: true,
            ..self
        }
    }

    /// Gives up what was sent and not acknowledged yet.
    #[must_use]
    pub fn inflight(self) -> Self {
        Self {
            inflight: true,
            ..self
        }
    }

    /// Does not wait for the purge. The simulated purge never waits.
    #[must_use]
    pub fn non_blocking(self) -> Self {
        Self {
            non_blocking: true,
            ..self
        }
    }

    /// Undoes [`queue`](Self::queue).
    #[must_use]
    pub fn no_queue(self) -> Self {
        Self {
            queue: false,
            ..self
        }
    }

    /// Undoes [`inflight`](Self::inflight).
    #[must_use]
    pub fn no_inflight(self) -> Self {
        Self {
            inflight: false,
            ..self
        }
    }

    /// Undoes [`non_blocking`](Self::non_blocking).
    #[must_use]
    pub fn blocking(self) -> Self {
        Self {
            non_blocking: false,
            ..self
        }
    }

    pub(super) fn purges_queue(self) -> bool {
        self.queue
    }

    pub(super) fn purges_inflight(self) -> bool {
        self.inflight
    }
}

impl fmt::Debug for PurgeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgeConfig")
            .field("queue", &self.queue)
            .field("inflight", &self.inflight)
            .field("non_blocking", &self.non_blocking)
            .finish()
    }
}
