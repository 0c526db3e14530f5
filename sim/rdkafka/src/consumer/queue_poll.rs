//! Polling: takes ops off a queue and hands them to the application.

use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use whitewater_sim::task::block_on;
use whitewater_sim::{cpu, time, trace};

use super::core::{ConsumerCore, State};
use super::fetcher::size_of;
use super::op_queue::{Op, OpQueue};
use super::trace_position::fields_at;
use super::{BaseConsumer, Consumer, ConsumerContext};
use crate::client::broker::until;
use crate::error::{KafkaError, KafkaResult};
use crate::message::{BorrowedMessage, MessageData};
use crate::record_batch::FetchedRecord;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::TopicPartitionList;
use crate::types::{RDKafkaErrorCode, RDKafkaRespErr};
use crate::util::Timeout;

/// What one poll came to.
pub(super) enum Polled<'a> {
    /// A message or an error.
    Item(KafkaResult<BorrowedMessage<'a>>),
    /// A callback was made.
    EventConsumed,
    /// Nothing came in time.
    Nothing,
}

/// Which queue is polled: the consumer's, or that of a partition that was split off.
pub(super) type Queue<'q> = Option<&'q TopicPartition>;

impl<C: ConsumerContext> BaseConsumer<C> {
    /// Polls a queue as rust-rdkafka does: after a rebalance or commit callback it returns at
    /// once, unless it may wait for ever.
    pub(super) fn poll_queue(&self, queue: Queue<'_>, timeout: Timeout) -> Polled<'_> {
        let deadline = timeout.deadline();
        loop {
            let Some(op) = self.core().next_op(queue, deadline) else {
                return Polled::Nothing;
            };
            match op {
                Op::Message {
                    partition,
                    version,
                    record,
                } => {
                    if let Some(message) = self.core().deliver(&partition, version, record) {
                        return Polled::Item(Ok(message));
                    }
                }
                Op::Skipped {
                    partition,
                    version,
                    next,
                } => self.core().skip(&partition, version, next),
                Op::EndOfPartition { partition, version } => {
                    if self.core().is_current(&partition, version) {
                        let error = KafkaError::PartitionEOF(partition.partition);
                        return Polled::Item(Err(error));
                    }
                }
                Op::Rebalance { assign, partitions } => {
                    self.call_rebalance(assign, partitions);
                    if timeout != Timeout::Never {
                        return Polled::EventConsumed;
                    }
                }
                Op::Committed { result, offsets } => {
                    let result = result.map_err(KafkaError::ConsumerCommit);
                    self.context().commit_callback(result, &offsets);
                    if timeout != Timeout::Never {
                        return Polled::EventConsumed;
                    }
                }
                Op::Statistics(json) => {
                    self.context().stats_raw(&json);
                    if timeout != Timeout::Never {
                        return Polled::EventConsumed;
                    }
                }
                Op::Error {
                    code,
                    reason,
                    fatal,
                } => {
                    self.context().error(KafkaError::Global(code), &reason);
                    return Polled::Item(Err(if fatal {
                        KafkaError::MessageConsumptionFatal(code)
                    } else {
                        KafkaError::MessageConsumption(code)
                    }));
                }
            }
        }
    }

    fn call_rebalance(&self, assign: bool, mut partitions: TopicPartitionList) {
        let kind = {
            let state = self.core().lock();
            let lost = state.group.assignment_lost;
            let kind = match (assign, lost) {
                (true, _) => "assigned",
                (false, true) => "lost",
                (false, false) => "revoked",
            };
            let group = self
                .core()
                .settings()
                .group_id
                .as_deref()
                .unwrap_or_default();
            let shown = TopicPartition::shown(&TopicPartition::all_of(&partitions));
            let fields = [
                ("group", group.into()),
                ("partitions", shown.into()),
                ("generation", state.group.generation.into()),
                ("member_id", state.group.member_id.as_str().into()),
            ];
            (kind, fields)
        };
        trace::event(kind.0, &kind.1);
        let error = if assign {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
        } else {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS
        };
        self.context().rebalance(self, error, &mut partitions);
    }
}

impl ConsumerCore {
    /// The next op; waits until the deadline if there is none. Polling keeps the membership
    /// alive.
    fn next_op(&self, queue: Queue<'_>, deadline: Option<Duration>) -> Option<Op> {
        let take = |state: &mut State| queue_of(state, queue).and_then(OpQueue::pop);
        {
            let mut state = self.lock();
            state.last_poll = Some(time::now());
            if let Some(op) = take(&mut state) {
                return Some(op);
            }
            if deadline.is_some_and(|deadline| deadline <= time::now()) {
                return None;
            }
            // While it waits the application is not overdue.
            state.last_poll = None;
        }
        let waited = block_on(until(
            deadline,
            poll_fn(|context| {
                let mut state = self.lock();
                if self.wait_is_over(&mut state, queue, context.waker()) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }),
        ));
        let mut state = self.lock();
        state.last_poll = Some(time::now());
        waited.and_then(|()| take(&mut state))
    }

    fn wait_is_over(&self, state: &mut State, queue: Queue<'_>, waker: &Waker) -> bool {
        let terminated = state.group.terminated;
        match queue_of(state, queue) {
            Some(queue) if queue.is_empty() && !terminated => {
                queue.register(waker);
                false
            }
            _ => true,
        }
    }

    /// Wakes a task when there is something in a queue.
    pub(super) fn register(&self, queue: Queue<'_>, waker: &Waker) {
        if let Some(queue) = queue_of(&mut self.lock(), queue) {
            queue.register(waker);
        }
    }

    fn is_current(&self, partition: &TopicPartition, version: u64) -> bool {
        let state = self.lock();
        let entry = state.partitions.get(partition);
        entry.is_some_and(|entry| entry.version == version)
    }

    /// Moves the position past what is not for the application; it is stored as if it had been.
    fn skip(&self, partition: &TopicPartition, version: u64, next: i64) {
        let mut state = self.lock();
        let entry = state.partition(partition);
        if entry.version != version {
            return;
        }
        entry.app_offset = Some(next);
        if self.settings().enable_auto_offset_store && entry.assigned {
            entry.stored = Some(next);
        }
    }

    /// Makes a message the application's: it is its position now, and stored if the consumer
    /// stores by itself. None if the message is void.
    fn deliver<'a>(
        &self,
        partition: &TopicPartition,
        version: u64,
        record: FetchedRecord,
    ) -> Option<BorrowedMessage<'a>> {
        let mut state = self.lock();
        let entry = state.partition(partition);
        if entry.version != version {
            return None;
        }
        entry.queued_messages = entry.queued_messages.saturating_sub(1);
        entry.queued_bytes = entry.queued_bytes.saturating_sub(size_of(&record));
        entry.app_offset = Some(record.offset + 1);
        if self.settings().enable_auto_offset_store && entry.assigned {
            entry.stored = Some(record.offset + 1);
        }
        let fields = fields_at(&state, partition, record.offset);
        drop(state);
        trace::event_owned("deliver", fields);
        cpu::spend_on_record();
        Some(BorrowedMessage::new(MessageData {
            topic: std::sync::Arc::clone(&partition.topic),
            partition: partition.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            payload: record.value,
            headers: record.headers,
        }))
    }

    /// The error that says that there is no group.
    pub(super) fn check_group(&self) -> Result<(), RDKafkaErrorCode> {
        match self.settings().group_id {
            Some(_) => Ok(()),
            None => Err(RDKafkaErrorCode::UnknownGroup),
        }
    }
}

fn queue_of<'s>(state: &'s mut State, queue: Queue<'_>) -> Option<&'s mut OpQueue> {
    match queue {
        None => Some(&mut state.queue),
        Some(partition) => state.split.get_mut(partition),
    }
}
