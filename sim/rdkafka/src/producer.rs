//! Producers.

pub mod base_producer;
mod batch_sender;
mod coordinator;
mod core;
pub mod future_producer;
mod idempotence;
mod partition_queue;
mod partitioner;
mod producer_statistics;
mod purge_config;
mod record;
mod threaded_producer;
mod topic_wait;
mod transaction;
mod transaction_calls;

use std::sync::Arc;

use crate::client::{Client, ClientContext};
use crate::consumer::ConsumerGroupMetadata;
use crate::error::KafkaResult;
use crate::topic_partition_list::TopicPartitionList;
use crate::util::{IntoOpaque, Timeout};

pub use base_producer::{BaseProducer, BaseRecord, DeliveryResult, ThreadedProducer};
pub use future_producer::{DeliveryFuture, FutureProducer, FutureRecord};
pub(crate) use partitioner::PartitionerKind;
pub use purge_config::PurgeConfig;

/// Stands for "choose a partition".
pub const PARTITION_UA: i32 = -1;

/// What a producer tells the application.
pub trait ProducerContext<Part: Partitioner = NoCustomPartitioner>: ClientContext {
    /// What travels with a message to its delivery report.
    type DeliveryOpaque: IntoOpaque;

    /// Called once for each message, when it is known what became of it.
    fn delivery(&self, delivery_result: &DeliveryResult<'_>, delivery_opaque: Self::DeliveryOpaque);

    /// The partitioner to use instead of the configured one.
    fn get_custom_partitioner(&self) -> Option<&Part> {
        None
    }
}

/// Chooses partitions.
pub trait Partitioner {
    /// The partition of a message with this key, from 0 to `partition_cnt` - 1.
    fn partition(
        &self,
        topic_name: &str,
        key: Option<&[u8]>,
        partition_cnt: i32,
        is_partition_available: impl Fn(i32) -> bool,
    ) -> i32;
}

/// Stands for the configured partitioner.
#[derive(Clone)]
pub struct NoCustomPartitioner {}

impl Partitioner for NoCustomPartitioner {
    fn partition(
        &self,
        _topic_name: &str,
        _key: Option<&[u8]>,
        _partition_cnt: i32,
        _is_partition_available: impl Fn(i32) -> bool,
    ) -> i32 {
        panic!("NoCustomPartitioner should not be called");
    }
}

/// A context that keeps all defaults.
#[derive(Clone)]
pub struct DefaultProducerContext;

impl ClientContext for DefaultProducerContext {}

impl ProducerContext<NoCustomPartitioner> for DefaultProducerContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, _: Self::DeliveryOpaque) {}
}

/// What a producer can do besides sending.
pub trait Producer<C = DefaultProducerContext, Part = NoCustomPartitioner>
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    /// The client.
    fn client(&self) -> &Client<C>;

    /// The context.
    fn context(&self) -> &Arc<C> {
        self.client().context()
    }

    /// Messages that are not delivered yet, or whose reports were not handed out yet.
    fn in_flight_count(&self) -> i32;

    /// Waits until every message was delivered or has failed, handing out reports.
    ///
    /// # Errors
    /// [`KafkaError::Flush`](crate::error::KafkaError::Flush) when the time is up.
    fn flush<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;

    /// Gives messages up; their reports say `PurgeQueue` or `PurgeInflight`.
    fn purge(&self, flags: PurgeConfig);

    /// Starts to use transactions: gets the epoch that fences earlier producers of the same
    /// `transactional.id`.
    ///
    /// # Errors
    /// [`KafkaError::Transaction`](crate::error::KafkaError::Transaction); a timeout is retriable,
    /// and the call is to be made again.
    fn init_transactions<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;

    /// Starts a transaction.
    ///
    /// # Errors
    /// `State` without `init_transactions`, or within a transaction; a failed transaction's own
    /// error until it is aborted.
    fn begin_transaction(&self) -> KafkaResult<()>;

    /// Commits consumed offsets within the transaction: they count once it commits.
    ///
    /// # Errors
    /// Abortable if the consumer is not the group's member any more.
    fn send_offsets_to_transaction<T: Into<Timeout>>(
        &self,
        offsets: &TopicPartitionList,
        cgm: &ConsumerGroupMetadata,
        timeout: T,
    ) -> KafkaResult<()>;

    /// Flushes, and commits the transaction.
    ///
    /// # Errors
    /// [`KafkaError::Flush`](crate::error::KafkaError::Flush) if messages are not delivered in
    /// time; abortable if one has failed; fatal if a newer producer has the id.
    fn commit_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;

    /// Gives up what is queued and aborts the transaction.
    ///
    /// # Errors
    /// A timeout is retriable: also if reports were not handed out meanwhile, which this call
    /// does not do.
    fn abort_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;
}
