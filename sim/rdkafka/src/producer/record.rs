//! A message on its way through the producer.

use std::sync::Arc;
use std::time::Duration;

use crate::message::{MessageData, Timestamp};
use crate::record_batch::RecordContent;
use crate::topic_partition_list::OFFSET_INVALID;
use crate::types::RDKafkaErrorCode;

/// A message that was accepted. Messages are ordered by their ids.
#[derive(Debug)]
pub(super) struct PendingRecord {
    /// Counts the producer's messages; the key of what travels with it.
    pub(super) id: u64,
    pub(super) topic: Arc<str>,
    /// -1 until it is chosen.
    pub(super) partition: i32,
    pub(super) content: RecordContent,
    pub(super) size: usize,
    /// When it may be sent at the latest, by `linger.ms`.
    pub(super) send_by: Duration,
    /// When it is given up; none for never.
    pub(super) expires: Option<Duration>,
    pub(super) attempts: u32,
    /// Its place among the messages of an idempotent producer, once it was sent.
    pub(super) sequenced: Option<Sequenced>,
}

/// The number of a message that was sent, and the batch that it was sent in: a batch is sent again
/// exactly as it was, or the broker would not know it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequenced {
    /// Which of the producer's ids the number belongs to.
    pub(super) generation: u32,
    pub(super) sequence: i32,
    /// Id of the batch's last message.
    pub(super) batch_last_id: u64,
}

impl PendingRecord {
    pub(super) fn is_expired(&self, now: Duration) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// What its delivery report shows.
    pub(super) fn into_report(
        self,
        result: Result<Acknowledged, RDKafkaErrorCode>,
    ) -> DeliveryReport {
        let created = Timestamp::CreateTime(self.content.timestamp);
        let (offset, timestamp) = match result {
            Ok(acknowledged) => (
                acknowledged.offset,
                acknowledged.append_time.unwrap_or(created),
            ),
            Err(_) => (OFFSET_INVALID, created),
        };
        let headers = self.content.headers;
        DeliveryReport {
            id: self.id,
            message: MessageData {
                topic: self.topic,
                partition: self.partition,
                offset,
                timestamp,
                key: self.content.key,
                payload: self.content.value,
                headers: (!headers.0.is_empty()).then_some(headers),
            },
            error: result.err(),
        }
    }
}

/// What the leader said of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acknowledged {
    pub(super) offset: i64,
    pub(super) append_time: Option<Timestamp>,
}

/// What became of a message.
#[derive(Debug)]
pub(super) struct DeliveryReport {
    pub(super) id: u64,
    pub(super) message: MessageData,
    pub(super) error: Option<RDKafkaErrorCode>,
}
