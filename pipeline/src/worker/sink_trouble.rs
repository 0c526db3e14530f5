//! A sink that can't take anything for a while: its disk is full, or does not do as asked.
//!
//! A disk gets room again, a network disk comes back. Ending at once would move the partitions to
//! workers that meet the same sink; so the worker says what is wrong, tries again, and ends with
//! the error only when that has gone on for `sink_wait`.

use std::time::Duration;

use tracing::Level;

use crate::batch::LineId;
use crate::clock;
use crate::sink::{Sink, SinkError};
use crate::worker::error::WorkerError;
use crate::worker::run::Worker;

/// Until a sink in trouble is tried again.
pub(super) const SINK_RETRY: Duration = Duration::from_secs(1);

impl<S: Sink> Worker<'_, '_, S> {
    /// The sink did as asked.
    pub(super) fn sink_is_well(&mut self) {
        self.sink_commit_failing = false;
        if let Some(since) = self.sink_failing_since.take() {
            let lasted_ms = since.elapsed().as_millis();
            tracing::info!(lasted_ms, "sink works again");
        }
    }

    /// Bears with a sink that is full or fails, unless it has gone on for too long.
    pub(super) fn bear_with_sink(&mut self, error: SinkError) -> Result<(), WorkerError> {
        let (probe, passes) = match &error {
            SinkError::Full { .. } => ("worker.sink_full", true),
            SinkError::Failed { .. } => ("worker.sink_failed", true),
            _ => ("", false),
        };
        if !passes {
            return Err(error.into());
        }
        tracing::event!(target: "probe", Level::DEBUG, name = probe);
        let since = *self.sink_failing_since.get_or_insert_with(clock::monotonic);
        let failing_ms = since.elapsed().as_millis();
        if since.elapsed() >= self.config.limits.sink_wait {
            return Err(error.into());
        }
        tracing::error!(%error, failing_ms, "sink can't be written, trying again");
        Ok(())
    }

    /// A sink commit failed, and may be in the sink all the same: the batch is dropped, its lines
    /// are claimed anew, and the sink's positions say where to go on.
    pub(super) fn drop_batch_in_doubt(&mut self) {
        let retry_at = clock::monotonic() + SINK_RETRY;
        let mut ids: Vec<LineId> = self.batch.records().iter().map(|r| r.line).collect();
        ids.sort_unstable();
        ids.dedup();
        let dropped = self.drop_records(&ids);
        tracing::warn!(dropped, "sink commit in doubt, dropped its batch");
        self.detach(&ids);
        for id in ids {
            self.unclaim(id, None, retry_at);
        }
    }
}
