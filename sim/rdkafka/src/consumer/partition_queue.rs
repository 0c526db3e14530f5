//! A partition that was split off its consumer.

use std::sync::Arc;

use super::queue_poll::Polled;
use super::{BaseConsumer, ConsumerContext};
use crate::error::KafkaResult;
use crate::message::BorrowedMessage;
use crate::topic_partition::TopicPartition;
use crate::util::Timeout;

/// Delivers the messages of one partition. When it is dropped the partition goes silent.
pub struct PartitionQueue<C>
where
    C: ConsumerContext,
{
    consumer: Arc<BaseConsumer<C>>,
    partition: TopicPartition,
}

impl<C: ConsumerContext> PartitionQueue<C> {
    pub(super) fn new(consumer: Arc<BaseConsumer<C>>, partition: TopicPartition) -> Self {
        Self {
            consumer,
            partition,
        }
    }

    pub(super) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The next message or error of the partition, if one comes in time. Counts as polling the
    /// consumer.
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        match self
            .consumer
            .poll_queue(Some(&self.partition), timeout.into())
        {
            Polled::Item(item) => Some(item),
            Polled::EventConsumed | Polled::Nothing => None,
        }
    }

    /// Sets what is called when the queue stops being empty.
    pub fn set_nonempty_callback<F>(&mut self, f: F)
    where
        F: Fn() + Send + Sync + 'static,
    {
        let mut state = self.consumer.core().lock();
        if let Some(queue) = state.split.get_mut(&self.partition) {
            queue.set_nonempty_callback(Some(Arc::new(f)));
        }
    }
}
