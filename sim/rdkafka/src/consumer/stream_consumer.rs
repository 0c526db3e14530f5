//! The consumer that is a stream.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::base_consumer::{BaseConsumer, PartitionQueue};
use super::core::ConsumerCore;
use super::queue_poll::Polled;
use super::{
    CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata, DefaultConsumerContext,
    RebalanceProtocol,
};
use crate::client::Client;
use crate::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext};
use crate::error::{KafkaError, KafkaResult};
use crate::groups::GroupList;
use crate::message::BorrowedMessage;
use crate::metadata::Metadata;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::util::{AsyncRuntime, DefaultRuntime, Timeout};

/// Messages and errors without end. Callbacks are made by the task that polls it.
pub struct MessageStream<'a, C: ConsumerContext> {
    consumer: &'a BaseConsumer<C>,
    queue: Option<&'a TopicPartition>,
}

impl<'a, C: ConsumerContext> Stream for MessageStream<'a, C> {
    type Item = KafkaResult<BorrowedMessage<'a>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self
            .consumer
            .poll_queue(self.queue, Timeout::After(Duration::ZERO))
        {
            Polled::Item(item) => Poll::Ready(Some(item)),
            Polled::EventConsumed => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Polled::Nothing => {
                self.consumer.core().register(self.queue, context.waker());
                Poll::Pending
            }
        }
    }
}

/// A consumer whose messages are received asynchronously.
#[must_use = "Consumer polling thread will stop immediately if unused"]
pub struct StreamConsumer<C = DefaultConsumerContext, R = DefaultRuntime>
where
    C: ConsumerContext,
{
    base: Arc<BaseConsumer<C>>,
    _runtime: PhantomData<R>,
}

impl<R> FromClientConfig for StreamConsumer<DefaultConsumerContext, R>
where
    R: AsyncRuntime,
{
    fn from_config(config: &ClientConfig) -> KafkaResult<Self> {
        StreamConsumer::from_config_and_context(config, DefaultConsumerContext)
    }
}

impl<C, R> FromClientConfigAndContext<C> for StreamConsumer<C, R>
where
    C: ConsumerContext + 'static,
    R: AsyncRuntime,
{
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let base = BaseConsumer::new(config, config.create_native_config()?, context)?;
        let interval = base.core().settings().max_poll_interval / 2;
        let core = Weak::clone(&base.core().this);
        R::spawn(wake_now_and_then::<R>(core, interval));
        Ok(Self {
            base: Arc::new(base),
            _runtime: PhantomData,
        })
    }
}

/// Wakes the task that receives every half max.poll.interval.ms, so that it polls although there
/// is nothing: a task that is not stuck keeps its membership.
async fn wake_now_and_then<R: AsyncRuntime>(core: Weak<ConsumerCore>, interval: Duration) {
    loop {
        R::delay_for(interval).await;
        let Some(core) = core.upgrade() else { return };
        let mut state = core.lock();
        if state.closed {
            return;
        }
        state.queue.wake_all();
        for queue in state.split.values_mut() {
            queue.wake_all();
        }
    }
}

impl<C, R> StreamConsumer<C, R>
where
    C: ConsumerContext + 'static,
{
    /// The stream of messages and errors.
    pub fn stream(&self) -> MessageStream<'_, C> {
        MessageStream {
            consumer: &self.base,
            queue: None,
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// The next error, if that comes first.
    pub async fn recv(&self) -> Result<BorrowedMessage<'_>, KafkaError> {
        next(self.stream()).await
    }

    /// Splits a partition off, as [`BaseConsumer::split_partition_queue`].
    pub fn split_partition_queue(
        self: &Arc<Self>,
        topic: &str,
        partition: i32,
    ) -> Option<StreamPartitionQueue<C, R>> {
        let queue = self.base.split_partition_queue(topic, partition)?;
        Some(StreamPartitionQueue {
            queue,
            consumer: Arc::clone(self),
        })
    }
}

async fn next<'a, C: ConsumerContext>(
    mut stream: MessageStream<'a, C>,
) -> Result<BorrowedMessage<'a>, KafkaError> {
    poll_fn(|context| Pin::new(&mut stream).poll_next(context))
        .await
        .expect("the stream has no end")
}

/// A partition that was split off a [`StreamConsumer`].
pub struct StreamPartitionQueue<C, R = DefaultRuntime>
where
    C: ConsumerContext,
{
    queue: PartitionQueue<C>,
    consumer: Arc<StreamConsumer<C, R>>,
}

impl<C, R> StreamPartitionQueue<C, R>
where
    C: ConsumerContext,
{
    /// The partition's messages and errors.
    pub fn stream(&self) -> MessageStream<'_, C> {
        MessageStream {
            consumer: &self.consumer.base,
            queue: Some(self.queue.partition()),
        }
    }

    /// The partition's next message.
    ///
    /// # Errors
    /// The next error, if that comes first.
    pub async fn recv(&self) -> Result<BorrowedMessage<'_>, KafkaError> {
        next(self.stream()).await
    }
}

impl<C, R> Consumer<C> for StreamConsumer<C, R>
where
    C: ConsumerContext,
{
    fn client(&self) -> &Client<C> {
        self.base.client()
    }

    fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.base.group_metadata()
    }

    fn subscribe(&self, topics: &[&str]) -> KafkaResult<()> {
        self.base.subscribe(topics)
    }

    fn unsubscribe(&self) {
        self.base.unsubscribe();
    }

    fn assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        self.base.assign(assignment)
    }

    fn unassign(&self) -> KafkaResult<()> {
        self.base.unassign()
    }

    fn incremental_assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        self.base.incremental_assign(assignment)
    }

    fn incremental_unassign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        self.base.incremental_unassign(assignment)
    }

    fn seek<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
        timeout: T,
    ) -> KafkaResult<()> {
        self.base.seek(topic, partition, offset, timeout)
    }

    fn seek_partitions<T: Into<Timeout>>(
        &self,
        topic_partition_list: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        self.base.seek_partitions(topic_partition_list, timeout)
    }

    fn commit(
        &self,
        topic_partition_list: &TopicPartitionList,
        mode: CommitMode,
    ) -> KafkaResult<()> {
        self.base.commit(topic_partition_list, mode)
    }

    fn commit_consumer_state(&self, mode: CommitMode) -> KafkaResult<()> {
        self.base.commit_consumer_state(mode)
    }

    fn commit_message(&self, message: &BorrowedMessage<'_>, mode: CommitMode) -> KafkaResult<()> {
        self.base.commit_message(message, mode)
    }

    fn store_offset(&self, topic: &str, partition: i32, offset: i64) -> KafkaResult<()> {
        self.base.store_offset(topic, partition, offset)
    }

    fn store_offset_from_message(&self, message: &BorrowedMessage<'_>) -> KafkaResult<()> {
        self.base.store_offset_from_message(message)
    }

    fn store_offsets(&self, tpl: &TopicPartitionList) -> KafkaResult<()> {
        self.base.store_offsets(tpl)
    }

    fn subscription(&self) -> KafkaResult<TopicPartitionList> {
        self.base.subscription()
    }

    fn assignment(&self) -> KafkaResult<TopicPartitionList> {
        self.base.assignment()
    }

    fn assignment_lost(&self) -> bool {
        self.base.assignment_lost()
    }

    fn committed<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<TopicPartitionList> {
        self.base.committed(timeout)
    }

    fn committed_offsets<T: Into<Timeout>>(
        &self,
        tpl: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        self.base.committed_offsets(tpl, timeout)
    }

    fn offsets_for_timestamp<T: Into<Timeout>>(
        &self,
        timestamp: i64,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        self.base.offsets_for_timestamp(timestamp, timeout)
    }

    fn offsets_for_times<T: Into<Timeout>>(
        &self,
        timestamps: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        self.base.offsets_for_times(timestamps, timeout)
    }

    fn position(&self) -> KafkaResult<TopicPartitionList> {
        self.base.position()
    }

    fn fetch_metadata<T: Into<Timeout>>(
        &self,
        topic: Option<&str>,
        timeout: T,
    ) -> KafkaResult<Metadata> {
        self.base.fetch_metadata(topic, timeout)
    }

    fn fetch_watermarks<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        timeout: T,
    ) -> KafkaResult<(i64, i64)> {
        self.base.fetch_watermarks(topic, partition, timeout)
    }

    fn fetch_group_list<T: Into<Timeout>>(
        &self,
        group: Option<&str>,
        timeout: T,
    ) -> KafkaResult<GroupList> {
        self.base.fetch_group_list(group, timeout)
    }

    fn pause(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.base.pause(partitions)
    }

    fn resume(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.base.resume(partitions)
    }

    fn rebalance_protocol(&self) -> RebalanceProtocol {
        self.base.rebalance_protocol()
    }
}
