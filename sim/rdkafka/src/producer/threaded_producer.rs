//! The producer that hands out delivery reports in the background.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use whitewater_sim::task::{self, JoinHandle, block_on, may_block};
use whitewater_sim::world;

use super::{
    BaseProducer, BaseRecord, DefaultProducerContext, NoCustomPartitioner, Partitioner, Producer,
    ProducerContext, PurgeConfig,
};
use crate::client::Client;
use crate::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext};
use crate::consumer::ConsumerGroupMetadata;
use crate::error::{KafkaError, KafkaResult};
use crate::message::ToBytes;
use crate::topic_partition_list::TopicPartitionList;
use crate::util::Timeout;

/// A producer with a task of its own that makes the callbacks; librdkafka's wrapper has a thread.
#[must_use = "The threaded producer will stop immediately if unused"]
pub struct ThreadedProducer<C, Part: Partitioner = NoCustomPartitioner>
where
    C: ProducerContext<Part> + 'static,
{
    producer: Arc<BaseProducer<C, Part>>,
    should_stop: Arc<AtomicBool>,
    handle: Option<Arc<JoinHandle<()>>>,
}

impl FromClientConfig for ThreadedProducer<DefaultProducerContext, NoCustomPartitioner> {
    fn from_config(config: &ClientConfig) -> KafkaResult<ThreadedProducer<DefaultProducerContext>> {
        ThreadedProducer::from_config_and_context(config, DefaultProducerContext)
    }
}

impl<C, Part> FromClientConfigAndContext<C> for ThreadedProducer<C, Part>
where
    Part: Partitioner + Send + Sync + 'static,
    C: ProducerContext<Part> + 'static,
{
    fn from_config_and_context(
        config: &ClientConfig,
        context: C,
    ) -> KafkaResult<ThreadedProducer<C, Part>> {
        let producer = Arc::new(BaseProducer::from_config_and_context(config, context)?);
        let should_stop = Arc::new(AtomicBool::new(false));
        // A coroutine: callbacks are user code and may block.
        let handle = task::spawn_coroutine({
            let producer = Arc::clone(&producer);
            let should_stop = Arc::clone(&should_stop);
            async move { serve(&producer, &should_stop).await }
        });
        Ok(ThreadedProducer {
            producer,
            should_stop,
            handle: Some(Arc::new(handle)),
        })
    }
}

/// Makes callbacks until it is told to stop. librdkafka's wrapper polls every 100 ms; here the
/// task wakes when there is something.
async fn serve<C, Part>(producer: &BaseProducer<C, Part>, should_stop: &AtomicBool)
where
    Part: Partitioner,
    C: ProducerContext<Part>,
{
    while !should_stop.load(Ordering::Relaxed) {
        producer.serve_events();
        let mut woken = false;
        poll_fn(|context| {
            let mut state = producer.core().lock();
            let stop = should_stop.load(Ordering::Relaxed);
            if stop || woken || !state.events.is_empty() {
                return Poll::Ready(());
            }
            woken = true;
            state.register(context.waker());
            Poll::Pending
        })
        .await;
    }
}

impl<C, Part> ThreadedProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part> + 'static,
{
    /// As [`BaseProducer::send`].
    ///
    /// # Errors
    /// As there.
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
        self.producer.send(record)
    }

    /// As [`BaseProducer::poll`]; not needed, as a task of its own does it.
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) {
        self.producer.poll(timeout);
    }
}

impl<C, Part> Producer<C, Part> for ThreadedProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part> + 'static,
{
    fn client(&self) -> &Client<C> {
        self.producer.client()
    }

    fn flush<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        self.producer.flush(timeout)
    }

    fn purge(&self, flags: PurgeConfig) {
        self.producer.purge(flags);
    }

    fn in_flight_count(&self) -> i32 {
        self.producer.in_flight_count()
    }

    fn init_transactions<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        self.producer.init_transactions(timeout)
    }

    fn begin_transaction(&self) -> KafkaResult<()> {
        self.producer.begin_transaction()
    }

    fn send_offsets_to_transaction<T: Into<Timeout>>(
        &self,
        offsets: &TopicPartitionList,
        cgm: &ConsumerGroupMetadata,
        timeout: T,
    ) -> KafkaResult<()> {
        self.producer
            .send_offsets_to_transaction(offsets, cgm, timeout)
    }

    fn commit_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        self.producer.commit_transaction(timeout)
    }

    fn abort_transaction<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        self.producer.abort_transaction(timeout)
    }
}

impl<C: ProducerContext + 'static> Clone for ThreadedProducer<C> {
    fn clone(&self) -> Self {
        Self {
            producer: Arc::clone(&self.producer),
            should_stop: Arc::clone(&self.should_stop),
            handle: self.handle.clone(),
        }
    }
}

impl<C, Part> Drop for ThreadedProducer<C, Part>
where
    Part: Partitioner,
    C: ProducerContext<Part> + 'static,
{
    fn drop(&mut self) {
        let Some(handle) = self.handle.take().and_then(Arc::into_inner) else {
            return;
        };
        self.should_stop.store(true, Ordering::Relaxed);
        if !world::in_world() {
            return;
        }
        self.producer.core().lock().wake_all();
        if may_block() && !std::thread::panicking() {
            // A callback that panicked is reported already.
            let _ = block_on(handle);
        }
    }
}
