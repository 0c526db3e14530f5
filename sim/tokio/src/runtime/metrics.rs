//! What can be known about a runtime.

use std::sync::Arc;

use super::shared::Shared;

/// A view of a runtime's counters.
#[derive(Clone)]
pub struct RuntimeMetrics {
    shared: Arc<Shared>,
}

impl RuntimeMetrics {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// As many as the builder was told.
    pub fn num_workers(&self) -> usize {
        self.shared.settings.worker_threads
    }

    /// Tasks that have not completed.
    pub fn num_alive_tasks(&self) -> usize {
        self.shared.alive()
    }

    /// Always zero: the simulated world has one queue, and it belongs to no runtime.
    pub fn global_queue_depth(&self) -> usize {
        0
    }
}

impl std::fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("num_alive_tasks", &self.num_alive_tasks())
            .finish()
    }
}
