//! Consumers.

mod absent_partitions;
mod assignment;
mod assignor;
pub mod base_consumer;
mod consumer_context;
mod consumer_statistics;
mod core;
mod fetcher;
mod group_coordinator;
mod group_heartbeat;
mod group_join;
mod group_membership;
mod group_protocol;
mod group_timers;
mod member_assignment;
mod member_heartbeat;
mod member_state;
mod offset_commit;
mod offset_lookup;
mod offset_store;
mod op_queue;
mod partition;
mod partition_queue;
mod position;
mod queue_poll;
pub mod stream_consumer;
mod subscription;
mod topic_selection;
mod trace_position;

use std::sync::Arc;

use crate::client::Client;
use crate::error::KafkaResult;
use crate::groups::GroupList;
use crate::message::BorrowedMessage;
use crate::metadata::Metadata;
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::util::Timeout;

pub(crate) use assignor::AssignorKind;
pub use base_consumer::BaseConsumer;
pub use consumer_context::{ConsumerContext, DefaultConsumerContext, Rebalance};
pub use stream_consumer::{MessageStream, StreamConsumer};

/// How a commit is made.
#[derive(Clone, Copy, Debug)]
pub enum CommitMode {
    /// The call returns when the coordinator has answered.
    Sync = 0,
    /// The call returns at once; nobody hears of the outcome.
    Async = 1,
}

/// What a transactional producer needs to know of a consumer's membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupMetadata {
    pub(crate) group_id: String,
    pub(crate) generation: i32,
    pub(crate) member_id: String,
}

/// How a group hands partitions over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebalanceProtocol {
    /// Not known yet, or no group.
    None,
    /// Everybody gives everything up first.
    Eager,
    /// Only what changes hands is given up.
    Cooperative,
}

/// What a consumer can do.
///
/// Times are simulated; a call that blocks suspends the calling task.
pub trait Consumer<C = DefaultConsumerContext>
where
    C: ConsumerContext,
{
    /// The client.
    fn client(&self) -> &Client<C>;

    /// The context.
    fn context(&self) -> &Arc<C> {
        self.client().context()
    }

    /// The membership, if there is a group.
    fn group_metadata(&self) -> Option<ConsumerGroupMetadata>;

    /// Subscribes to topics, in place of those before.
    ///
    /// # Errors
    /// [`KafkaError::Subscription`](crate::error::KafkaError::Subscription).
    fn subscribe(&self, topics: &[&str]) -> KafkaResult<()>;

    /// Ends the subscription.
    fn unsubscribe(&self);

    /// Assigns partitions, in place of those before.
    ///
    /// # Errors
    /// [`KafkaError::Subscription`](crate::error::KafkaError::Subscription).
    fn assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Unassigns all partitions.
    ///
    /// # Errors
    /// [`KafkaError::Subscription`](crate::error::KafkaError::Subscription).
    fn unassign(&self) -> KafkaResult<()>;

    /// Assigns more partitions.
    ///
    /// # Errors
    /// [`KafkaError::Subscription`](crate::error::KafkaError::Subscription).
    fn incremental_assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Unassigns some partitions.
    ///
    /// # Errors
    /// [`KafkaError::Subscription`](crate::error::KafkaError::Subscription).
    fn incremental_unassign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Goes on at another offset. With a timeout of zero the call does not wait.
    ///
    /// # Errors
    /// [`KafkaError::Seek`](crate::error::KafkaError::Seek) if the partition is not being
    /// fetched.
    fn seek<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
        timeout: T,
    ) -> KafkaResult<()>;

    /// Goes on at other offsets; the list returned has each partition's own error.
    ///
    /// # Errors
    /// [`KafkaError::Seek`](crate::error::KafkaError::Seek).
    fn seek_partitions<T: Into<Timeout>>(
        &self,
        topic_partition_list: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList>;

    /// Commits these offsets.
    ///
    /// # Errors
    /// [`KafkaError::ConsumerCommit`](crate::error::KafkaError::ConsumerCommit), when synchronous.
    fn commit(
        &self,
        topic_partition_list: &TopicPartitionList,
        mode: CommitMode,
    ) -> KafkaResult<()>;

    /// Commits the stored offsets.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); `NoOffset` if there is nothing new.
    fn commit_consumer_state(&self, mode: CommitMode) -> KafkaResult<()>;

    /// Commits the offset after this message.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn commit_message(&self, message: &BorrowedMessage<'_>, mode: CommitMode) -> KafkaResult<()>;

    /// Stores the offset **after** this one, to be committed.
    ///
    /// # Errors
    /// [`KafkaError::StoreOffset`](crate::error::KafkaError::StoreOffset) if the partition is not
    /// assigned.
    fn store_offset(&self, topic: &str, partition: i32, offset: i64) -> KafkaResult<()>;

    /// Stores the offset after this message, to be committed.
    ///
    /// # Errors
    /// As [`store_offset`](Self::store_offset).
    fn store_offset_from_message(&self, message: &BorrowedMessage<'_>) -> KafkaResult<()>;

    /// Stores these very offsets, to be committed.
    ///
    /// # Errors
    /// `InvalidArgument` while `enable.auto.offset.store` is on; the last partition's error if
    /// none could be stored.
    fn store_offsets(&self, tpl: &TopicPartitionList) -> KafkaResult<()>;

    /// The topics subscribed to.
    ///
    /// # Errors
    /// `UnknownGroup` without a group.
    fn subscription(&self) -> KafkaResult<TopicPartitionList>;

    /// The partitions assigned, with the offsets they were assigned with.
    ///
    /// # Errors
    /// `UnknownGroup` without a group.
    fn assignment(&self) -> KafkaResult<TopicPartitionList>;

    /// Whether the assignment is known to have gone to others.
    fn assignment_lost(&self) -> bool;

    /// The committed offsets of the assignment.
    ///
    /// # Errors
    /// [`KafkaError::MetadataFetch`](crate::error::KafkaError::MetadataFetch).
    fn committed<T>(&self, timeout: T) -> KafkaResult<TopicPartitionList>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// The committed offsets of these partitions; `Invalid` where there is none.
    ///
    /// # Errors
    /// [`KafkaError::MetadataFetch`](crate::error::KafkaError::MetadataFetch).
    fn committed_offsets<T>(
        &self,
        tpl: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList>
    where
        T: Into<Timeout>;

    /// The first offset of at least this timestamp, for each assigned partition.
    ///
    /// # Errors
    /// [`KafkaError::MetadataFetch`](crate::error::KafkaError::MetadataFetch).
    fn offsets_for_timestamp<T>(
        &self,
        timestamp: i64,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// The first offset of at least the timestamp that stands in each partition's offset.
    ///
    /// # Errors
    /// [`KafkaError::MetadataFetch`](crate::error::KafkaError::MetadataFetch).
    fn offsets_for_times<T>(
        &self,
        timestamps: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// The offsets after the last messages the application got.
    ///
    /// # Errors
    /// `UnknownGroup` without a group.
    fn position(&self) -> KafkaResult<TopicPartitionList>;

    /// As [`Client::fetch_metadata`].
    ///
    /// # Errors
    /// As there.
    fn fetch_metadata<T>(&self, topic: Option<&str>, timeout: T) -> KafkaResult<Metadata>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// As [`Client::fetch_watermarks`].
    ///
    /// # Errors
    /// As there.
    fn fetch_watermarks<T>(
        &self,
        topic: &str,
        partition: i32,
        timeout: T,
    ) -> KafkaResult<(i64, i64)>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// As [`Client::fetch_group_list`].
    ///
    /// # Errors
    /// As there.
    fn fetch_group_list<T>(&self, group: Option<&str>, timeout: T) -> KafkaResult<GroupList>
    where
        T: Into<Timeout>,
        Self: Sized;

    /// Stops delivering partitions; what was prefetched is dropped.
    ///
    /// # Errors
    /// [`KafkaError::PauseResume`](crate::error::KafkaError::PauseResume).
    fn pause(&self, partitions: &TopicPartitionList) -> KafkaResult<()>;

    /// Goes on where the application left off.
    ///
    /// # Errors
    /// [`KafkaError::PauseResume`](crate::error::KafkaError::PauseResume).
    fn resume(&self, partitions: &TopicPartitionList) -> KafkaResult<()>;

    /// How the group hands partitions over.
    fn rebalance_protocol(&self) -> RebalanceProtocol;
}
