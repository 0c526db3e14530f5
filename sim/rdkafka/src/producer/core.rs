//! The producer behind its handles: its queues, and what it has to tell.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use whitewater_sim::random::{Stream, below_in};
use whitewater_sim::{task, time};

use super::coordinator::CoordinatorKey;
use super::idempotence::Idempotence;
use super::partition_queue::PartitionQueue;
use super::partitioner::Choice;
use super::producer_statistics::Counts;
use super::record::{Acknowledged, DeliveryReport, PendingRecord};
use super::transaction::Transaction;
use crate::client::broker::Broker;
use crate::client::core::{ClientCore, ClientEvents};
use crate::client::wakers::Wakers;
use crate::config::ProducerSettings;
use crate::record_batch::{RecordContent, size_estimate};
use crate::statistics::Statistics;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// Something for the application.
pub(super) enum Event {
    Delivery(DeliveryReport),
    Error {
        code: RDKafkaErrorCode,
        reason: String,
    },
    /// As JSON.
    Statistics(Vec<u8>),
}

/// A producer. Everything it does in the background is done by plain tasks that hold one.
pub(super) struct ProducerCore {
    pub(super) client: Arc<ClientCore>,
    pub(super) this: Weak<ProducerCore>,
    /// Whether the application chooses partitions itself, while it polls.
    pub(super) custom_partitioner: bool,
    state: Mutex<State>,
}

/// The producer's state; never locked across a suspension.
pub(super) struct State {
    pub(super) events: VecDeque<Event>,
    event_wakers: Wakers,
    pub(super) queues: BTreeMap<TopicPartition, PartitionQueue>,
    /// The tasks that send, by partition.
    pub(super) senders: BTreeMap<TopicPartition, Option<Waker>>,
    /// Messages whose topics are not known yet.
    pub(super) waiting: BTreeMap<Arc<str>, Vec<PendingRecord>>,
    /// Topics that were not found.
    pub(super) missing: BTreeSet<Arc<str>>,
    sticky: BTreeMap<Arc<str>, (i32, Duration)>,
    /// Messages that were accepted and not reported yet; reports not handed out included.
    pub(super) outstanding_messages: usize,
    pub(super) outstanding_bytes: usize,
    /// Messages accepted and sent, by partition; -1 for those that waited for their topic.
    pub(super) counts: BTreeMap<TopicPartition, Counts>,
    /// Sent and not acknowledged yet, by id.
    pub(super) in_flight: BTreeMap<u64, PendingRecord>,
    last_id: u64,
    /// What numbers the batches of an idempotent producer.
    pub(super) idempotence: Option<Idempotence>,
    /// An id is being asked for.
    pub(super) acquiring_id: bool,
    /// The transaction of a transactional producer.
    pub(super) transaction: Option<Transaction>,
    pub(super) coordinators: BTreeMap<CoordinatorKey, Arc<Broker>>,
    pub(super) closed: bool,
}

impl ProducerCore {
    pub(super) fn start(client: Arc<ClientCore>, custom_partitioner: bool) -> Arc<Self> {
        let settings = &client.settings().producer;
        let idempotent = settings.idempotent;
        let transactional = settings.transactional_id.is_some();
        let core = Arc::new_cyclic(|this| Self {
            client,
            this: Weak::clone(this),
            custom_partitioner,
            state: Mutex::new(State {
                events: VecDeque::new(),
                event_wakers: Wakers::default(),
                queues: BTreeMap::new(),
                senders: BTreeMap::new(),
                waiting: BTreeMap::new(),
                missing: BTreeSet::new(),
                sticky: BTreeMap::new(),
                outstanding_messages: 0,
                outstanding_bytes: 0,
                counts: BTreeMap::new(),
                in_flight: BTreeMap::new(),
                last_id: 0,
                idempotence: idempotent.then(Idempotence::default),
                acquiring_id: false,
                transaction: transactional.then(Transaction::new),
                coordinators: BTreeMap::new(),
                closed: false,
            }),
        });
        let events: Weak<dyn ClientEvents> = core.this.clone();
        core.client.set_events(events);
        if idempotent && !transactional {
            core.acquire_id(&mut core.lock());
        }
        core
    }

    pub(super) fn settings(&self) -> &ProducerSettings {
        &self.client.settings().producer
    }

    /// Held for moves of plain data only: user code never runs inside.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops all background work.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wake_senders();
        if let Some(transaction) = &mut state.transaction {
            transaction.wakers.wake_all();
        }
        let coordinators = std::mem::take(&mut state.coordinators);
        drop(state);
        for coordinator in coordinators.into_values() {
            coordinator.close();
        }
        self.client.close();
    }

    /// Accepts a message. What goes with it has the id returned.
    ///
    /// # Errors
    /// `MessageSizeTooLarge`, `QueueFull`, `UnknownTopic` while the topic is known to be missing;
    /// `State` outside a transaction of a transactional producer, `Fatal` after a fatal error.
    pub(super) fn accept(
        &self,
        state: &mut State,
        topic: &str,
        partition: Option<i32>,
        content: RecordContent,
    ) -> Result<u64, RDKafkaErrorCode> {
        self.check_transaction(state)?;
        let settings = self.settings();
        let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
        if length(&content.key) + length(&content.value) > settings.message_max_bytes {
            return Err(RDKafkaErrorCode::MessageSizeTooLarge);
        }
        let size = size_estimate(&content);
        if state.outstanding_messages >= settings.queue_max_messages
            || state.outstanding_bytes + size > settings.queue_max_bytes
        {
            return Err(RDKafkaErrorCode::QueueFull);
        }
        if state.missing.contains(topic) {
            return Err(RDKafkaErrorCode::UnknownTopic);
        }
        if let (Some(partition), Some(count)) = (partition, self.partition_count(topic))
            && partition >= count
        {
            return Err(RDKafkaErrorCode::UnknownPartition);
        }
        let now = time::now();
        state.last_id += 1;
        state.outstanding_messages += 1;
        state.outstanding_bytes += size;
        let record = PendingRecord {
            id: state.last_id,
            topic: Arc::from(topic),
            partition: partition.unwrap_or(-1),
            content,
            size,
            send_by: now + settings.linger,
            expires: settings.message_timeout.map(|timeout| now + timeout),
            attempts: 0,
            sequenced: None,
        };
        let id = record.id;
        if self.partition_count(topic).is_some()
            && (record.partition >= 0 || !self.custom_partitioner)
        {
            self.route(state, record);
        } else {
            self.wait_for_topic(state, record);
        }
        Ok(id)
    }

    /// The number of a topic's partitions; none while the topic is not known.
    pub(super) fn partition_count(&self, topic: &str) -> Option<i32> {
        let view = self.client.view();
        let topic = view.topics.get(topic).filter(|topic| topic.exists())?;
        i32::try_from(topic.leaders.len()).ok()
    }

    /// Whether a partition has a leader.
    pub(super) fn is_available(&self, topic: &str, partition: i32) -> bool {
        let partition = TopicPartition::new(topic, partition);
        self.client.view().leader(&partition).is_some()
    }

    /// Queues a message of a known topic, its partition chosen here if need be.
    pub(super) fn route(&self, state: &mut State, mut record: PendingRecord) {
        let count = self.partition_count(&record.topic).unwrap_or(0);
        if record.partition < 0 {
            record.partition = self.choose_partition(state, &record, count);
        }
        if record.partition >= count {
            return self.report(state, record, Err(RDKafkaErrorCode::UnknownPartition));
        }
        let partition = TopicPartition::new(Arc::clone(&record.topic), record.partition);
        state.count(&partition).accepted += 1;
        state
            .queues
            .entry(partition.clone())
            .or_default()
            .insert(record);
        self.register_partition(state, &partition);
        self.kick_sender(state, &partition);
    }

    fn choose_partition(&self, state: &mut State, record: &PendingRecord, count: i32) -> i32 {
        let settings = self.settings();
        let sticky = settings.partitioner.is_sticky(settings.sticky_linger);
        let key = record.content.key.as_deref();
        match settings.partitioner.choose(key, count, sticky) {
            Choice::Partition(partition) => partition,
            Choice::Random => self.random_partition(&record.topic, count),
            Choice::Sticky => self.sticky_partition(state, &record.topic, count),
        }
    }

    /// A random partition; a second try if the first has no leader (rdkafka_msg.c).
    fn random_partition(&self, topic: &Arc<str>, count: i32) -> i32 {
        let draw = || below_in(Stream::Entropy, u64::from(count.unsigned_abs()).max(1)) as i32;
        let partition = draw();
        if self.is_available(topic, partition) {
            partition
        } else {
            draw()
        }
    }

    /// The partition that keyless messages stick to at present. A message of a custom
    /// partitioner that has no key comes here too.
    pub(super) fn sticky_partition(&self, state: &mut State, topic: &Arc<str>, count: i32) -> i32 {
        let now = time::now();
        if let Some((partition, until)) = state.sticky.get(topic)
            && *until > now
            && self.is_available(topic, *partition)
        {
            return *partition;
        }
        let partition = self.random_partition(topic, count);
        let until = now + self.settings().sticky_linger;
        state.sticky.insert(Arc::clone(topic), (partition, until));
        partition
    }

    /// Has a partition's sender look at its queue.
    pub(super) fn kick_sender(&self, state: &mut State, partition: &TopicPartition) {
        if state.closed {
            return;
        }
        match state.senders.get_mut(partition) {
            Some(waker) => {
                if let Some(waker) = waker.take() {
                    waker.wake();
                }
            }
            None => {
                state.senders.insert(partition.clone(), None);
                let core = Weak::clone(&self.this);
                drop(task::spawn(super::batch_sender::run(
                    core,
                    partition.clone(),
                )));
            }
        }
    }

    /// Says what became of a message.
    pub(super) fn report(
        &self,
        state: &mut State,
        record: PendingRecord,
        result: Result<Acknowledged, RDKafkaErrorCode>,
    ) {
        state.outstanding_bytes = state.outstanding_bytes.saturating_sub(record.size);
        if let Err(error) = result {
            self.transaction_failed(state, error, "a message was not delivered");
        }
        if result.is_ok() && self.settings().delivery_report_only_error {
            state.message_done();
            state.event_wakers.wake_all();
            return;
        }
        state
            .events
            .push_back(Event::Delivery(record.into_report(result)));
        state.event_wakers.wake_all();
    }

    /// Sends what is queued without waiting for more.
    pub(super) fn expedite(&self, state: &mut State) {
        for queue in state.queues.values_mut() {
            queue.expedite();
        }
        state.wake_senders();
    }

    /// Gives messages up.
    pub(super) fn purge(&self, state: &mut State, queued: bool, in_flight: bool) {
        if queued {
            let mut records: Vec<_> = std::mem::take(&mut state.waiting)
                .into_values()
                .flatten()
                .collect();
            records.extend(state.queues.values_mut().flat_map(PartitionQueue::take_all));
            for record in records {
                self.report(state, record, Err(RDKafkaErrorCode::PurgeQueue));
            }
        }
        if in_flight {
            for record in std::mem::take(&mut state.in_flight).into_values() {
                self.report(state, record, Err(RDKafkaErrorCode::PurgeInflight));
            }
        }
    }
}

impl State {
    pub(super) fn count(&mut self, partition: &TopicPartition) -> &mut Counts {
        self.counts.entry(partition.clone()).or_default()
    }

    pub(super) fn wake_senders(&mut self) {
        for waker in self.senders.values_mut().filter_map(Option::take) {
            waker.wake();
        }
    }

    /// Takes the next event.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if matches!(event, Event::Delivery(_)) {
            self.message_done();
        }
        Some(event)
    }

    /// A message is no longer outstanding.
    fn message_done(&mut self) {
        self.outstanding_messages -= 1;
        if self.outstanding_messages == 0
            && let Some(transaction) = &mut self.transaction
        {
            transaction.wakers.wake_all();
        }
    }

    /// Wakes a task at the next event.
    pub(super) fn register(&mut self, waker: &Waker) {
        self.event_wakers.register(waker);
    }

    /// Wakes everybody who waits for an event.
    pub(super) fn wake_all(&mut self) {
        self.event_wakers.wake_all();
    }
}

impl ClientEvents for ProducerCore {
    fn client_error(&self, code: RDKafkaErrorCode, reason: String) {
        let mut state = self.lock();
        state.events.push_back(Event::Error { code, reason });
        state.wake_all();
    }

    fn view_updated(&self) {
        let mut state = self.lock();
        self.topics_updated(&mut state);
        state.wake_senders();
    }

    fn add_statistics(&self, statistics: &mut Statistics) {
        self.add_producer_statistics(statistics);
    }

    fn statistics(&self, json: Vec<u8>) {
        let mut state = self.lock();
        state.events.push_front(Event::Statistics(json));
        state.wake_all();
    }
}
