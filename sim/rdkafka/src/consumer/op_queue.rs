//! The consumer queue: what the application will be handed by poll.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use whitewater_sim::task;

use crate::client::wakers::Wakers;
use crate::record_batch::FetchedRecord;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::TopicPartitionList;
use crate::types::RDKafkaErrorCode;

/// Something for the application.
pub(super) enum Op {
    /// A message, unless its partition's version has moved on.
    Message {
        partition: TopicPartition,
        version: u64,
        record: FetchedRecord,
    },
    /// There is nothing for the application before this offset: markers of transactions, and
    /// records of aborted ones.
    Skipped {
        partition: TopicPartition,
        version: u64,
        next: i64,
    },
    /// The end of a partition was reached.
    EndOfPartition {
        partition: TopicPartition,
        version: u64,
    },
    /// Partitions to assign or revoke.
    Rebalance {
        assign: bool,
        partitions: TopicPartitionList,
    },
    /// A commit by timer or at unassignment is done.
    Committed {
        result: Result<(), RDKafkaErrorCode>,
        offsets: TopicPartitionList,
    },
    /// Statistics, as JSON.
    Statistics(Vec<u8>),
    /// An error.
    Error {
        code: RDKafkaErrorCode,
        reason: String,
        fatal: bool,
    },
}

impl Op {
    fn is_of_partition(&self) -> bool {
        matches!(
            self,
            Self::Message { .. } | Self::Skipped { .. } | Self::EndOfPartition { .. }
        )
    }
}

/// What is called when the queue stops being empty.
pub(super) type NonemptyCallback = Arc<dyn Fn() + Send + Sync>;

/// A queue of [`Op`]s.
#[derive(Default)]
pub(super) struct OpQueue {
    ops: VecDeque<Op>,
    wakers: Wakers,
    nonempty: Option<NonemptyCallback>,
}

impl OpQueue {
    /// Adds at the end.
    pub(super) fn push(&mut self, op: Op) {
        self.ops.push_back(op);
        self.added();
    }

    /// Adds in front of all messages, as librdkafka does with ops of high priority.
    pub(super) fn push_urgent(&mut self, op: Op) {
        let index = self
            .ops
            .iter()
            .position(Op::is_of_partition)
            .unwrap_or(self.ops.len());
        self.ops.insert(index, op);
        self.added();
    }

    fn added(&mut self) {
        self.wakers.wake_all();
        if self.ops.len() == 1
            && let Some(callback) = self.nonempty.clone()
        {
            // In a task of its own: the callback may call the consumer, whose state is locked.
            drop(task::spawn(async move { callback() }));
        }
    }

    pub(super) fn pop(&mut self) -> Option<Op> {
        self.ops.pop_front()
    }

    /// How many ops there are, and how large the payloads of messages are together.
    pub(super) fn size(&self) -> (usize, u64) {
        let bytes = self.ops.iter().map(|op| match op {
            Op::Message { record, .. } => record.value.as_ref().map_or(0, |value| value.len()),
            _ => 0,
        });
        (self.ops.len(), bytes.sum::<usize>() as u64)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Drops the messages of a partition.
    pub(super) fn purge(&mut self, purged: &TopicPartition) {
        self.ops.retain(|op| match op {
            Op::Message { partition, .. }
            | Op::Skipped { partition, .. }
            | Op::EndOfPartition { partition, .. } => partition != purged,
            _ => true,
        });
    }

    pub(super) fn register(&mut self, waker: &Waker) {
        self.wakers.register(waker);
    }

    /// Wakes everybody who waits for an op.
    pub(super) fn wake_all(&mut self) {
        self.wakers.wake_all();
    }

    pub(super) fn set_nonempty_callback(&mut self, callback: Option<NonemptyCallback>) {
        self.nonempty = callback;
    }
}
