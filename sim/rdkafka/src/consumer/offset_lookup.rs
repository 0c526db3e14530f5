//! Finds the offset to start a partition at: the oldest, the newest, or one before the newest.

use std::sync::Weak;
use std::time::Duration;

use whitewater_sim::{task, time};

use super::core::{ConsumerCore, State};
use super::partition::FetchState;
use crate::client::{FoundOffset, OffsetQuery, query_offsets};
use crate::config::AutoOffsetReset;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::Offset;
use crate::types::RDKafkaErrorCode;

/// The pause before an offset is looked up again (rdkafka_partition.c).
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

impl ConsumerCore {
    /// Starts a partition at an absolute or logical offset; `Invalid` means that no offset was
    /// committed. `Stored` is resolved before.
    pub(super) fn start_at(&self, state: &mut State, partition: &TopicPartition, offset: Offset) {
        match offset {
            Offset::Offset(offset) => self.start_fetching(state, partition, offset),
            Offset::Invalid | Offset::Stored => self.reset_offset(
                state,
                partition,
                RDKafkaErrorCode::NoOffset,
                "no previously committed offset available",
            ),
            Offset::Beginning | Offset::End | Offset::OffsetTail(_) => {
                self.look_up(state, partition, offset);
            }
        }
    }

    /// Acts on `auto.offset.reset`.
    pub(super) fn reset_offset(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        cause: RDKafkaErrorCode,
        reason: &str,
    ) {
        match self.settings().auto_offset_reset {
            AutoOffsetReset::Smallest => self.look_up(state, partition, Offset::Beginning),
            AutoOffsetReset::Largest => self.look_up(state, partition, Offset::End),
            AutoOffsetReset::Error => {
                let entry = state.partition(partition);
                entry.fetch = FetchState::Failed;
                let reason = format!("{partition}: {reason}: {}", cause.text());
                let queue = state.queue_of(partition);
                queue.push(super::op_queue::Op::Error {
                    code: RDKafkaErrorCode::AutoOffsetReset,
                    reason,
                    fatal: false,
                });
            }
        }
    }

    fn look_up(&self, state: &mut State, partition: &TopicPartition, offset: Offset) {
        let entry = state.partition(partition);
        entry.fetch = FetchState::OffsetQuery;
        entry.fetch_start = None;
        entry.start_raw = offset.to_raw().unwrap_or_default();
        entry.was_started = true;
        entry.query_offset = entry.start_raw;
        let version = entry.version;
        drop(task::spawn(run(
            Weak::clone(&self.this),
            partition.clone(),
            version,
            offset,
        )));
    }
}

/// Looks an offset up, for as long as the partition still wants it.
async fn run(core: Weak<ConsumerCore>, partition: TopicPartition, version: u64, offset: Offset) {
    let query = match offset {
        Offset::Beginning => OffsetQuery::Earliest,
        _ => OffsetQuery::Latest,
    };
    loop {
        let Some(core) = core.upgrade() else { return };
        let wanted = [(partition.clone(), query)].into();
        let deadline = time::now() + core.client.settings().socket_timeout;
        let found = query_offsets(&core.client, wanted, Some(deadline)).await;
        let found = found.ok().and_then(|found| found.get(&partition).copied());
        if core.take_offset(&partition, version, offset, found) {
            return;
        }
        drop(core);
        time::sleep(RETRY_INTERVAL).await;
    }
}

impl ConsumerCore {
    /// Takes an answer in; says whether the lookup is over.
    fn take_offset(
        &self,
        partition: &TopicPartition,
        version: u64,
        offset: Offset,
        found: Option<Result<FoundOffset, RDKafkaErrorCode>>,
    ) -> bool {
        let mut state = self.lock();
        let wanted = state.partitions.get(partition).is_some_and(|entry| {
            entry.version == version && entry.fetch == FetchState::OffsetQuery
        });
        if state.closed || !wanted {
            return true;
        }
        match found {
            Some(Ok(found)) => {
                let start = match offset {
                    Offset::OffsetTail(count) => (found.offset - count).max(0),
                    _ => found.offset,
                };
                self.start_fetching(&mut state, partition, start);
                true
            }
            // A topic that is not there yet may come.
            Some(Err(RDKafkaErrorCode::UnknownPartition)) | None => false,
            Some(Err(error)) => {
                state.push_error(
                    error,
                    format!("{partition}: offset lookup: {}", error.text()),
                );
                false
            }
        }
    }
}
