//! The consumer that is polled.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_channel::oneshot;
use whitewater_sim::random::{Stream, chance_in};
use whitewater_sim::{task, world};

use super::core::ConsumerCore;
use super::offset_commit::CommitOrigin;
pub use super::partition_queue::PartitionQueue;
use super::queue_poll::Polled;
use super::{
    CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata, DefaultConsumerContext,
    RebalanceProtocol,
};
use crate::client::Client;
use crate::config::{
    ClientConfig, FromClientConfig, FromClientConfigAndContext, NativeClientConfig,
};
use crate::error::{KafkaError, KafkaResult};
use crate::groups::GroupList;
use crate::message::{BorrowedMessage, Message};
use crate::metadata::Metadata;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::types::{RDKafkaErrorCode, RDKafkaType};
use crate::util::Timeout;

/// A consumer that makes its callbacks, and delivers its messages, in [`poll`](Self::poll).
pub struct BaseConsumer<C = DefaultConsumerContext>
where
    C: ConsumerContext,
{
    core: Arc<ConsumerCore>,
    client: Client<C>,
}

impl FromClientConfig for BaseConsumer {
    fn from_config(config: &ClientConfig) -> KafkaResult<BaseConsumer> {
        BaseConsumer::from_config_and_context(config, DefaultConsumerContext)
    }
}

impl<C: ConsumerContext> FromClientConfigAndContext<C> for BaseConsumer<C> {
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<BaseConsumer<C>> {
        BaseConsumer::new(config, config.create_native_config()?, context)
    }
}

impl<C: ConsumerContext> BaseConsumer<C> {
    pub(super) fn new(
        config: &ClientConfig,
        native_config: NativeClientConfig,
        context: C,
    ) -> KafkaResult<BaseConsumer<C>> {
        let client = Client::new(
            config,
            native_config,
            RDKafkaType::RD_KAFKA_CONSUMER,
            context,
        )?;
        Ok(Self {
            core: ConsumerCore::start(Arc::clone(client.core())),
            client,
        })
    }

    pub(super) fn core(&self) -> &ConsumerCore {
        &self.core
    }

    /// The next message or error, if one comes in time. Returns early with nothing after a
    /// callback, unless the timeout is [`Timeout::Never`].
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        match self.poll_queue(None, timeout.into()) {
            Polled::Item(item) => Some(item),
            Polled::EventConsumed | Polled::Nothing => None,
        }
    }

    /// Messages and errors without end; each step blocks.
    pub fn iter(&self) -> Iter<'_, C> {
        Iter(self)
    }

    /// Splits a partition off: its messages are delivered by the queue returned, and only while
    /// that is polled. Everything else stays with the consumer, which has to be polled too.
    pub fn split_partition_queue(
        self: &Arc<Self>,
        topic: &str,
        partition: i32,
    ) -> Option<PartitionQueue<C>> {
        let partition = TopicPartition::new(topic, partition);
        self.core.lock().split.entry(partition.clone()).or_default();
        Some(PartitionQueue::new(Arc::clone(self), partition))
    }

    /// Starts to close the consumer; poll it until [`closed`](Self::closed).
    ///
    /// # Errors
    /// [`KafkaError::ConsumerQueueClose`] `UnknownGroup` without a group.
    pub fn close_queue(&self) -> KafkaResult<()> {
        self.core
            .check_group()
            .map_err(KafkaError::ConsumerQueueClose)?;
        self.core.terminate(&mut self.core.lock());
        Ok(())
    }

    /// Whether the consumer has left its group and can be dropped without waiting.
    pub fn closed(&self) -> bool {
        self.core.lock().group.terminated
    }

    /// Sets what is called when the consumer's queue stops being empty.
    pub fn set_nonempty_callback<F>(&mut self, f: F)
    where
        F: Fn() + Send + Sync + 'static,
    {
        let mut state = self.core.lock();
        state.queue.set_nonempty_callback(Some(Arc::new(f)));
    }

    fn start_commit(&self, list: Option<&TopicPartitionList>, mode: CommitMode) -> KafkaResult<()> {
        let result = self.core.check_group().and_then(|()| match mode {
            CommitMode::Async => {
                self.core
                    .commit(&mut self.core.lock(), list, CommitOrigin::Nobody);
                Ok(())
            }
            CommitMode::Sync => {
                let (caller, outcome) = oneshot::channel();
                self.core
                    .commit(&mut self.core.lock(), list, CommitOrigin::Caller(caller));
                let outcome = task::block_on(outcome);
                outcome.unwrap_or(Err(RDKafkaErrorCode::BrokerDestroy))
            }
        });
        result.map_err(KafkaError::ConsumerCommit)
    }

    /// Changes the assignment, then has the change take effect.
    fn change_assignment(
        &self,
        change: impl FnOnce(&mut super::core::State) -> Result<(), RDKafkaErrorCode>,
    ) -> Result<(), RDKafkaErrorCode> {
        let mut state = self.core.lock();
        let result = change(&mut state);
        self.core.serve_assignment(&mut state);
        result
    }

    /// Closes as `rd_kafka_consumer_close` does, polling until the consumer has left its group.
    ///
    /// librdkafka's main thread starts to close while the application is polling already, so
    /// messages that were prefetched may be taken, and with auto-store be committed, although
    /// nobody has seen them.
    fn close(&self) {
        if self.closed() {
            return;
        }
        if chance_in(Stream::Entropy, 0.75) {
            while let Polled::Item(_) | Polled::EventConsumed =
                self.poll_queue(None, Timeout::After(std::time::Duration::ZERO))
            {}
        }
        self.core.terminate(&mut self.core.lock());
        while !self.closed() {
            drop(self.poll(std::time::Duration::from_millis(100)));
        }
    }
}

impl<C: ConsumerContext> Consumer<C> for BaseConsumer<C> {
    fn client(&self) -> &Client<C> {
        &self.client
    }

    fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        let group_id = self.core.settings().group_id.clone()?;
        let state = self.core.lock();
        Some(ConsumerGroupMetadata {
            group_id,
            generation: state.group.generation,
            member_id: state.group.member_id.clone(),
        })
    }

    fn subscribe(&self, topics: &[&str]) -> KafkaResult<()> {
        let topics: BTreeSet<Arc<str>> = topics.iter().map(|topic| Arc::from(*topic)).collect();
        self.core
            .check_group()
            .and_then(|()| self.core.subscribe(&mut self.core.lock(), topics))
            .map_err(|error| KafkaError::Subscription(error.text().to_owned()))
    }

    fn unsubscribe(&self) {
        self.core.unsubscribe_by_application(&mut self.core.lock());
    }

    fn assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        self.core
            .check_group()
            .and_then(|()| {
                self.change_assignment(|state| {
                    let by_hand = state.group.subscription.is_some()
                        && state.group.is_cooperative()
                        && !state.group.waits_for_application();
                    if by_hand {
                        return Err(RDKafkaErrorCode::State);
                    }
                    self.core.assign(state, assignment)
                })
            })
            .map_err(|error| KafkaError::Subscription(error.text().to_owned()))
    }

    fn unassign(&self) -> KafkaResult<()> {
        self.core
            .check_group()
            .and_then(|()| {
                self.change_assignment(|state| {
                    self.core.unassign(state);
                    Ok(())
                })
            })
            .map_err(|error| KafkaError::Subscription(error.text().to_owned()))
    }

    fn incremental_assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        self.core
            .check_group()
            .and_then(|()| {
                self.change_assignment(|state| self.core.incremental_assign(state, assignment))
            })
            .map_err(|error| KafkaError::Subscription(error.native_name().to_owned()))
    }

    fn incremental_unassign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        self.core
            .check_group()
            .and_then(|()| {
                self.change_assignment(|state| self.core.incremental_unassign(state, assignment))
            })
            .map_err(|error| KafkaError::Subscription(error.native_name().to_owned()))
    }

    fn seek<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
        _timeout: T,
    ) -> KafkaResult<()> {
        if offset.to_raw().is_none() {
            return Err(KafkaError::Seek("Local: Unrepresentable offset".into()));
        }
        let partition = TopicPartition::new(topic, partition);
        self.core
            .seek_one(&mut self.core.lock(), &partition, offset)
            .map_err(|error| KafkaError::Seek(error.text().to_owned()))
    }

    fn seek_partitions<T: Into<Timeout>>(
        &self,
        topic_partition_list: TopicPartitionList,
        _timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        let mut state = self.core.lock();
        for mut element in topic_partition_list.elements() {
            let partition = TopicPartition::new(element.topic(), element.partition());
            let result = self.core.seek(&mut state, &partition, element.offset());
            element.set_error(result.err().unwrap_or(RDKafkaErrorCode::NoError));
        }
        drop(state);
        Ok(topic_partition_list)
    }

    fn commit(
        &self,
        topic_partition_list: &TopicPartitionList,
        mode: CommitMode,
    ) -> KafkaResult<()> {
        self.start_commit(Some(topic_partition_list), mode)
    }

    fn commit_consumer_state(&self, mode: CommitMode) -> KafkaResult<()> {
        self.start_commit(None, mode)
    }

    fn commit_message(&self, message: &BorrowedMessage<'_>, mode: CommitMode) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(message.topic(), message.partition())
            .set_raw_offset(message.offset() + 1);
        self.start_commit(Some(&list), mode)
    }

    fn store_offset(&self, topic: &str, partition: i32, offset: i64) -> KafkaResult<()> {
        let partition = TopicPartition::new(topic, partition);
        self.core
            .store_one(&mut self.core.lock(), &partition, offset + 1)
            .map_err(KafkaError::StoreOffset)
    }

    fn store_offset_from_message(&self, message: &BorrowedMessage<'_>) -> KafkaResult<()> {
        let topic = Arc::clone(message.shared_topic());
        let partition = TopicPartition::new(topic, message.partition());
        self.core
            .store_one(&mut self.core.lock(), &partition, message.offset() + 1)
            .map_err(KafkaError::StoreOffset)
    }

    fn store_offsets(&self, tpl: &TopicPartitionList) -> KafkaResult<()> {
        self.core
            .store_list(&mut self.core.lock(), tpl)
            .map_err(KafkaError::StoreOffset)
    }

    fn subscription(&self) -> KafkaResult<TopicPartitionList> {
        self.core.check_group().map_err(KafkaError::MetadataFetch)?;
        Ok(self.core.subscription_list(&self.core.lock()))
    }

    fn assignment(&self) -> KafkaResult<TopicPartitionList> {
        self.core.check_group().map_err(KafkaError::MetadataFetch)?;
        Ok(self.core.assignment_list(&self.core.lock()))
    }

    fn assignment_lost(&self) -> bool {
        self.core.lock().group.assignment_lost
    }

    fn committed<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<TopicPartitionList> {
        self.committed_offsets(self.assignment()?, timeout)
    }

    fn committed_offsets<T: Into<Timeout>>(
        &self,
        tpl: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        let deadline = timeout.into().deadline();
        self.core
            .check_group()
            .and_then(|()| match tpl.count() {
                0 => Ok(()),
                _ => task::block_on(self.core.committed(&tpl, deadline)),
            })
            .map_err(KafkaError::MetadataFetch)?;
        Ok(tpl)
    }

    fn offsets_for_timestamp<T: Into<Timeout>>(
        &self,
        timestamp: i64,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        let mut list = self.assignment()?;
        list.set_all_offsets(Offset::Offset(timestamp))?;
        self.offsets_for_times(list, timeout)
    }

    fn offsets_for_times<T: Into<Timeout>>(
        &self,
        timestamps: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        let deadline = timeout.into().deadline();
        task::block_on(self.core.offsets_for_times(&timestamps, deadline))
            .map_err(KafkaError::MetadataFetch)?;
        Ok(timestamps)
    }

    fn position(&self) -> KafkaResult<TopicPartitionList> {
        self.core.check_group().map_err(KafkaError::MetadataFetch)?;
        Ok(self.core.position_list(&self.core.lock()))
    }

    fn fetch_metadata<T: Into<Timeout>>(
        &self,
        topic: Option<&str>,
        timeout: T,
    ) -> KafkaResult<Metadata> {
        self.client.fetch_metadata(topic, timeout)
    }

    fn fetch_watermarks<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        timeout: T,
    ) -> KafkaResult<(i64, i64)> {
        self.client.fetch_watermarks(topic, partition, timeout)
    }

    fn fetch_group_list<T: Into<Timeout>>(
        &self,
        group: Option<&str>,
        timeout: T,
    ) -> KafkaResult<GroupList> {
        self.client.fetch_group_list(group, timeout)
    }

    fn pause(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.core
            .set_paused(&mut self.core.lock(), partitions, true);
        Ok(())
    }

    fn resume(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.core
            .set_paused(&mut self.core.lock(), partitions, false);
        Ok(())
    }

    fn rebalance_protocol(&self) -> RebalanceProtocol {
        self.core.lock().group.protocol()
    }
}

impl<C: ConsumerContext> Drop for BaseConsumer<C> {
    fn drop(&mut self) {
        if !world::in_world() {
            return;
        }
        self.core.lock().queue.set_nonempty_callback(None);
        // A panicking thread must not wait: what it waits for may be behind the panic.
        let may_wait = task::may_block() && !std::thread::panicking();
        if may_wait && self.core.check_group().is_ok() {
            self.close();
        }
        self.core.stop();
    }
}

/// Iterates over a consumer's messages and errors.
pub struct Iter<'a, C>(&'a BaseConsumer<C>)
where
    C: ConsumerContext;

impl<'a, C: ConsumerContext> Iterator for Iter<'a, C> {
    type Item = KafkaResult<BorrowedMessage<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.0.poll(Timeout::Never) {
                return Some(item);
            }
        }
    }
}

impl<'a, C: ConsumerContext> IntoIterator for &'a BaseConsumer<C> {
    type Item = KafkaResult<BorrowedMessage<'a>>;
    type IntoIter = Iter<'a, C>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
