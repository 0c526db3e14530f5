//! The producer that is polled.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use whitewater_sim::task::{block_on, may_block};
use whitewater_sim::{time, world};

use super::core::{Event, ProducerCore};
use super::record::DeliveryReport;
pub use super::threaded_producer::ThreadedProducer;
use super::transaction::CallKind;
use super::{
    DefaultProducerContext, NoCustomPartitioner, Partitioner, Producer, ProducerContext,
    PurgeConfig,
};
use crate::client::Client;
use crate::client::broker::until;
use crate::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext};
use crate::consumer::ConsumerGroupMetadata;
use crate::error::{KafkaError, KafkaResult};
use crate::message::{BorrowedMessage, OwnedHeaders, ToBytes};
use crate::record_batch::RecordContent;
use crate::topic_partition_list::TopicPartitionList;
use crate::types::{RDKafkaErrorCode, RDKafkaType};
use crate::util::{IntoOpaque, Timeout, current_time_millis};

pub use crate::message::DeliveryResult;

/// How often a flush has what is queued sent at once.
const FLUSH_SLICE: Duration = Duration::from_millis(100);

/// How long dropping a producer waits for the reports of what it gives up.
const DROP_FLUSH: Duration = Duration::from_millis(500);

/// A message to be sent.
#[derive(Debug)]
pub struct BaseRecord<'a, K: ToBytes + ?Sized = (), P: ToBytes + ?Sized = (), D: IntoOpaque = ()> {
    /// Where to.
    pub topic: &'a str,
    /// The partition; chosen by the partitioner if there is none.
    pub partition: Option<i32>,
    /// The payload.
    pub payload: Option<&'a P>,
    /// The key.
    pub key: Option<&'a K>,
    /// Milliseconds since the Unix epoch; 0 and none mean now.
    pub timestamp: Option<i64>,
    /// The headers.
    pub headers: Option<OwnedHeaders>,
    /// What travels with the message to its delivery report.
    pub delivery_opaque: D,
}

impl<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized, D: IntoOpaque> BaseRecord<'a, K, P, D> {
    /// A message to this topic, with something to travel with it.
    pub fn with_opaque_to(topic: &'a str, delivery_opaque: D) -> BaseRecord<'a, K, P, D> {
        BaseRecord {
            topic,
            partition: None,
            payload: None,
            key: None,
            timestamp: None,
            headers: None,
            delivery_opaque,
        }
    }

    /// Sets the partition.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> BaseRecord<'a, K, P, D> {
        self.partition = Some(partition);
        self
    }

    /// Sets the payload.
    #[must_use]
    pub fn payload(mut self, payload: &'a P) -> BaseRecord<'a, K, P, D> {
        self.payload = Some(payload);
        self
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: &'a K) -> BaseRecord<'a, K, P, D> {
        self.key = Some(key);
        self
    }

    /// Sets the timestamp.
    #[must_use]
    pub fn timestamp(mut self, timestamp: i64) -> BaseRecord<'a, K, P, D> {
        self.timestamp = Some(timestamp);
        self
    }

    /// Sets the headers.
    #[must_use]
    pub fn headers(mut self, headers: OwnedHeaders) -> BaseRecord<'a, K, P, D> {
        self.headers = Some(headers);
        self
    }

    /// Sets the topic.
    #[must_use]
    pub fn topic(mut self, topic: &'a str) -> BaseRecord<'a, K, P, D> {
        self.topic = topic;
        self
    }

    /// Sets what travels with the message.
    #[must_use]
    pub fn delivery_opaque(mut self, delivery_opaque: D) -> BaseRecord<'a, K, P, D> {
        self.delivery_opaque = delivery_opaque;
        self
    }
}

impl<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized> BaseRecord<'a, K, P, ()> {
    /// A message to this topic.
    pub fn to(topic: &'a str) -> BaseRecord<'a, K, P, ()> {
        BaseRecord::with_opaque_to(topic, ())
    }
}

impl FromClientConfig for BaseProducer<DefaultProducerContext> {
    fn from_config(config: &ClientConfig) -> KafkaResult<BaseProducer<DefaultProducerContext>> {
        BaseProducer::from_config_and_context(config, DefaultProducerContext)
    }
}

impl<C, Part> FromClientConfigAndContext<C> for BaseProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    fn from_config_and_context(
        config: &ClientConfig,
        context: C,
    ) -> KafkaResult<BaseProducer<C, Part>> {
        let native_config = config.create_native_config()?;
        let client = Client::new(
            config,
            native_config,
            RDKafkaType::RD_KAFKA_PRODUCER,
            context,
        )?;
        let custom = client.context().get_custom_partitioner().is_some();
        Ok(Self {
            core: ProducerCore::start(Arc::clone(client.core()), custom),
            client,
            opaques: Mutex::default(),
            _partitioner: PhantomData,
        })
    }
}

/// A producer that hands out delivery reports in [`poll`](Self::poll) and `flush`.
pub struct BaseProducer<C = DefaultProducerContext, Part = NoCustomPartitioner>
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    core: Arc<ProducerCore>,
    client: Client<C>,
    /// What travels with messages, by their ids.
    opaques: Mutex<BTreeMap<u64, C::DeliveryOpaque>>,
    _partitioner: PhantomData<fn() -> Part>,
}

impl<C, Part> BaseProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    pub(super) fn core(&self) -> &Arc<ProducerCore> {
        &self.core
    }

    /// Hands out delivery reports for the whole of the timeout.
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) {
        self.poll_until(timeout.into().deadline());
    }

    /// As [`Self::poll`], until a moment; without end where there is none.
    fn poll_until(&self, deadline: Option<Duration>) {
        loop {
            self.serve_events();
            if deadline.is_some_and(|deadline| deadline <= time::now()) {
                return;
            }
            let event = poll_fn(|context| {
                let mut state = self.core.lock();
                if state.events.is_empty() {
                    state.register(context.waker());
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            });
            block_on(until(deadline, event));
        }
    }

    /// Makes the callbacks of everything that has happened.
    pub(super) fn serve_events(&self) {
        self.partition_waiting();
        loop {
            let event = self.core.lock().next_event();
            match event {
                Some(Event::Delivery(report)) => self.deliver(report),
                Some(Event::Error { code, reason }) => {
                    // rust-rdkafka calls it in the client and in the producer.
                    for _ in 0..2 {
                        self.context().error(KafkaError::Global(code), &reason);
                    }
                }
                Some(Event::Statistics(json)) => self.context().stats_raw(&json),
                None => return,
            }
        }
    }

    fn deliver(&self, report: DeliveryReport) {
        let opaque = self
            .opaques
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&report.id);
        let Some(opaque) = opaque else { return };
        let message = BorrowedMessage::new(report.message);
        let result = match report.error {
            None => Ok(message),
            Some(error) => Err((KafkaError::MessageProduction(error), message)),
        };
        self.context().delivery(&result, opaque);
    }

    /// Has the application's partitioner choose for messages whose topics are known by now.
    fn partition_waiting(&self) {
        let Some(partitioner) = self.client.context().get_custom_partitioner() else {
            return;
        };
        let waiting = self.core.take_partitionable();
        for mut record in waiting {
            let count = self.core.partition_count(&record.topic).unwrap_or(0);
            let key = record.content.key.clone();
            let sticky = !self.core.settings().sticky_linger.is_zero();
            if record.partition < 0 {
                // A message without a key never reaches it, unless nothing sticks.
                record.partition = if key.is_none() && sticky {
                    let mut state = self.core.lock();
                    self.core.sticky_partition(&mut state, &record.topic, count)
                } else {
                    partitioner.partition(&record.topic, key.as_deref(), count, |partition| {
                        self.core.is_available(&record.topic, partition)
                    })
                };
            }
            self.core.route_chosen(&mut self.core.lock(), record);
        }
    }

    /// Accepts a message to be sent.
    ///
    /// # Errors
    /// [`KafkaError::MessageProduction`] with the message: `QueueFull`, `MessageSizeTooLarge`,
    /// `UnknownTopic`, `UnknownPartition`.
    #[expect(
        clippy::result_large_err,
        clippy::type_complexity,
        reason = "rdkafka's signature"
    )]
    pub fn send<'a, K, P>(
        &self,
        record: BaseRecord<'a, K, P, C::DeliveryOpaque>,
    ) -> Result<(), (KafkaError, BaseRecord<'a, K, P, C::DeliveryOpaque>)>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let timestamp = match record.timestamp.unwrap_or(0) {
            0 => current_time_millis(),
            timestamp => timestamp,
        };
        let content = RecordContent {
            timestamp,
            key: record.key.map(|key| Bytes::copy_from_slice(key.to_bytes())),
            value: record
                .payload
                .map(|payload| Bytes::copy_from_slice(payload.to_bytes())),
            headers: record
                .headers
                .as_ref()
                .map(|headers| headers.as_borrowed().clone())
                .unwrap_or_default(),
        };
        let partition = record.partition.filter(|partition| *partition >= 0);
        let accepted = self
            .core
            .accept(&mut self.core.lock(), record.topic, partition, content);
        match accepted {
            Err(error) => Err((KafkaError::MessageProduction(error), record)),
            Ok(id) => {
                self.opaques
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(id, record.delivery_opaque);
                self.partition_waiting();
                Ok(())
            }
        }
    }
}

impl<C, Part> Producer<C, Part> for BaseProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    fn client(&self) -> &Client<C> {
        &self.client
    }

    fn flush<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        let deadline = timeout.into().deadline();
        loop {
            self.core.expedite(&mut self.core.lock());
            if self.core.lock().outstanding_messages == 0 {
                return Ok(());
            }
            let now = time::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut));
            }
            let slice_end = now + FLUSH_SLICE;
            self.poll_until(Some(
                deadline.map_or(slice_end, |deadline| deadline.min(slice_end)),
            ));
        }
    }

    fn purge(&self, flags: PurgeConfig) {
        let mut state = self.core.lock();
        self.core
            .purge(&mut state, flags.purges_queue(), flags.purges_inflight());
    }

    fn in_flight_count(&self) -> i32 {
        i32::try_from(self.core.lock().outstanding_messages).unwrap_or(i32::MAX)
    }

    fn init_transactions<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        let deadline = timeout.into().deadline();
        self.core
            .transactional_call(CallKind::Init, deadline)
            .map_err(KafkaError::Transaction)
    }

    fn begin_transaction(&self) -> KafkaResult<()> {
        self.core
            .begin_transaction()
            .map_err(KafkaError::Transaction)
    }

    fn send_offsets_to_transaction<T: Into<Timeout>>(
        &self,
        offsets: &TopicPartitionList,
        cgm: &ConsumerGroupMetadata,
        timeout: T,
    ) -> KafkaResult<()> {
        let deadline = timeout.into().deadline();
        self.core
            .send_offsets_to_transaction(offsets, cgm, deadline)
            .map_err(KafkaError::Transaction)
    }

    fn commit_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        let timeout = timeout.into();
        // rust-rdkafka flushes first, which hands out the reports.
        self.flush(timeout)?;
        self.core
            .transactional_call(CallKind::Commit, timeout.deadline())
            .map_err(KafkaError::Transaction)
    }

    fn abort_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        let deadline = timeout.into().deadline();
        self.core
            .transactional_call(CallKind::Abort, deadline)
            .map_err(KafkaError::Transaction)
    }
}

impl<C, Part> Drop for BaseProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    fn drop(&mut self) {
        if !world::in_world() {
            return;
        }
        self.purge(PurgeConfig::default().queue().inflight());
        if !std::thread::panicking() {
            self.serve_events();
            if may_block() && self.in_flight_count() > 0 {
                // Whatever is not reported by then is lost, as with librdkafka.
                let _ = self.flush(DROP_FLUSH);
            }
        }
        self.core.stop();
    }
}
