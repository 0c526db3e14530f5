//! The markers that end a transaction in each of its partitions
//! (`TransactionMarkerChannelManager.scala`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::coordinator::TransactionCoordinator;
use super::metadata::TransactionMetadata;
use super::request::TransactionOutput;
use super::state::TransactionState;
use crate::now::Now;
use crate::topics::TopicPartition;

/// How long a marker is under way from the coordinator to a partition's leader. Until then the
/// producer knows of its commit and readers do not.
const MARKER_DELAY: Duration = Duration::from_millis(1);

/// How long the coordinator waits before it tries a leader again.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// A marker that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionMarker {
    /// The transactional id whose transaction it ends.
    pub transactional_id: String,
    /// Where it belongs.
    pub partition: TopicPartition,
    /// The transaction's producer.
    pub producer_id: i64,
    /// The epoch that the marker carries; it fences older ones.
    pub producer_epoch: i16,
    /// Whether the transaction commits.
    pub committed: bool,
}

/// The transactions that wait for their markers, and when to write them.
#[derive(Debug, Default)]
pub(super) struct PendingMarkers {
    due: BTreeMap<String, Duration>,
}

impl PendingMarkers {
    /// Schedules the markers of a transaction whose end is decided.
    pub(super) fn schedule(&mut self, now: Now, transaction: &TransactionMetadata) {
        if transaction.state.decision().is_some() {
            let at = now.monotonic + MARKER_DELAY;
            self.due.insert(transaction.transactional_id.clone(), at);
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.due.values().min().copied()
    }
}

impl TransactionCoordinator {
    /// The markers that are to be written now. What became of each is to be told by
    /// [`markers_written`](Self::markers_written).
    pub fn due_markers(&self, now: Now) -> Vec<TransactionMarker> {
        let due = self
            .markers
            .due
            .iter()
            .filter(|(_, at)| **at <= now.monotonic);
        due.filter_map(|(id, _)| self.by_id.get(id))
            .flat_map(|transaction| {
                let committed = transaction.state.decision() == Some(true);
                transaction
                    .partitions
                    .iter()
                    .map(move |partition| TransactionMarker {
                        transactional_id: transaction.transactional_id.clone(),
                        partition: partition.clone(),
                        producer_id: transaction.producer_id,
                        producer_epoch: transaction.producer_epoch,
                        committed,
                    })
            })
            .collect()
    }

    /// Takes note of the markers that are in their logs, or whose partitions are gone. The
    /// partitions whose leaders were not there are tried again later.
    pub fn markers_written(
        &mut self,
        now: Now,
        written: &[TransactionMarker],
    ) -> Vec<TransactionOutput> {
        for marker in written {
            if let Some(transaction) = self.by_id.get_mut(&marker.transactional_id) {
                transaction.partitions.remove(&marker.partition);
            }
        }
        let mut completed = Vec::new();
        for (id, at) in &mut self.markers.due {
            let Some(transaction) = self.by_id.get(id).filter(|_| *at <= now.monotonic) else {
                continue;
            };
            if transaction.partitions.is_empty() {
                completed.push(transaction.clone());
            } else {
                *at = now.monotonic + RETRY_BACKOFF;
            }
        }
        for mut transaction in completed {
            self.markers.due.remove(&transaction.transactional_id);
            transaction.state = match transaction.state {
                TransactionState::PrepareCommit => TransactionState::CompleteCommit,
                _ => TransactionState::CompleteAbort,
            };
            transaction.start_timestamp_ms = -1;
            self.update(now, transaction, "every marker is written");
        }
        std::mem::take(&mut self.out)
    }
}
