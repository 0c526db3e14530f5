//! What a producer adds to statistics: the messages of each partition, and the state of
//! idempotence and transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::core::{ProducerCore, State};
use super::idempotence::Idempotence;
use super::partition_queue::PartitionQueue;
use super::record::PendingRecord;
use super::transaction::Phase;
use crate::client::client_statistics::topic;
use crate::record_batch::RecordContent;
use crate::statistics::{ExactlyOnceSemantics, Partition, Statistics};
use crate::topic_partition::TopicPartition;

/// The messages of a partition so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) sent: u64,
    pub(super) sent_bytes: u64,
}

/// What a message counts: key and payload.
pub(super) fn size_of(content: &RecordContent) -> u64 {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    (length(&content.key) + length(&content.value)) as u64
}

impl ProducerCore {
    pub(super) fn add_producer_statistics(&self, statistics: &mut Statistics) {
        let state = self.lock();
        "producer".clone_into(&mut statistics.client_type);
        statistics.name = format!("{}#producer-{}", statistics.client_id, statistics.name);
        statistics.replyq = state.events.len() as i64;
        statistics.msg_cnt = state.outstanding_messages as u64;
        statistics.msg_size = state
            .unsettled()
            .map(|record| size_of(&record.content))
            .sum();
        statistics.msg_max = self.settings().queue_max_messages as u64;
        statistics.msg_size_max = self.settings().queue_max_bytes as u64;
        let partitions = state.counts.keys().map(|partition| &partition.topic);
        let topics: BTreeSet<&Arc<str>> = partitions.chain(state.waiting.keys()).collect();
        for name in topics {
            let mut topic = topic(&self.client, name);
            for (number, partition) in &mut topic.partitions {
                state.fill(partition, &TopicPartition::new(Arc::clone(name), *number));
            }
            statistics.topics.insert(name.to_string(), topic);
        }
        statistics.eos = state
            .idempotence
            .as_ref()
            .map(|of| exactly_once(&state, of));
    }
}

impl State {
    /// Messages that are neither delivered nor failed.
    fn unsettled(&self) -> impl Iterator<Item = &PendingRecord> {
        let queued = self.queues.values().flat_map(PartitionQueue::records);
        let waiting = self.waiting.values().flatten();
        queued.chain(waiting).chain(self.in_flight.values())
    }

    fn fill(&self, shown: &mut Partition, partition: &TopicPartition) {
        let counts = self.counts.get(partition).copied().unwrap_or_default();
        shown.msgs = counts.accepted;
        shown.txmsgs = counts.sent;
        shown.txbytes = counts.sent_bytes;
        let in_flight = self.in_flight.values();
        shown.msgs_inflight = in_flight
            .filter(|record| {
                record.topic == partition.topic && record.partition == partition.partition
            })
            .count() as i64;
        // What has a partition waits in the queue of the broker's thread, which is not shown.
        if let (-1, Some(waiting)) = (partition.partition, self.waiting.get(&partition.topic)) {
            shown.msgq_cnt = waiting.len() as i64;
            shown.msgq_bytes = waiting.iter().map(|record| size_of(&record.content)).sum();
        }
    }
}

fn exactly_once(state: &State, idempotence: &Idempotence) -> ExactlyOnceSemantics {
    let id = idempotence.id();
    // `rd_kafka_idemp_state2str`.
    let idemp_state = match id {
        Some(_) if idempotence.wants_bump() => "DrainBump",
        Some(_) => "Assigned",
        None if state.acquiring_id => "WaitPID",
        None => "RequestPID",
    };
    let phase = state
        .transaction
        .as_ref()
        .map(|transaction| transaction.phase);
    // `rd_kafka_txn_state2str`.
    let txn_state = match phase {
        None | Some(Phase::Init) => "Init",
        Some(Phase::Ready) => "Ready",
        Some(Phase::InTransaction) => "InTransaction",
        Some(Phase::Committing) => "CommittingTransaction",
        Some(Phase::Aborting) => "AbortingTransaction",
        Some(Phase::AbortableError) => "AbortableError",
        Some(Phase::Fatal) => "FatalError",
    };
    ExactlyOnceSemantics {
        idemp_state: idemp_state.to_owned(),
        txn_state: txn_state.to_owned(),
        txn_may_enq: phase == Some(Phase::InTransaction),
        producer_id: id.map_or(-1, |id| id.id),
        producer_epoch: id.map_or(-1, |id| i64::from(id.epoch)),
        epoch_cnt: i64::from(idempotence.generation()),
        ..ExactlyOnceSemantics::default()
    }
}
