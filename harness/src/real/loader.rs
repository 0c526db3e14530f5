//! Sends the load as a producer does, and keeps every acknowledgement.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};

use super::clock::{Clock, Interrupted};
use super::history::{HARNESS, History};
use crate::checker::observation::Acknowledged;
use crate::clients;
use crate::dataset;
use crate::dataset::pace::Pace;
use crate::dataset::record::LoadRecord;
use crate::pipeline_under_test::RecordPosition;
use crate::plan::Plan;

/// A burst takes effect after so long at the latest.
const PACE_LOOK: Duration = Duration::from_millis(20);

/// What became of the load.
pub(super) struct Loader {
    records: Arc<Vec<LoadRecord>>,
    history: Arc<History>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    acknowledged: BTreeMap<RecordPosition, Acknowledged>,
    sent: u64,
    answered: u64,
    all_sent: bool,
    pace: Pace,
}

impl Loader {
    pub(super) fn new(records: Arc<Vec<LoadRecord>>, history: Arc<History>) -> Arc<Self> {
        Arc::new(Self {
            records,
            history,
            inner: Mutex::default(),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock(&self) -> &Clock {
        &self.history.clock
    }

    /// Sends every record when it is due.
    ///
    /// # Errors
    /// The client refuses its configuration or a record; or the run was called off.
    pub(super) fn send(self: &Arc<Self>, plan: &Plan, brokers: &str) -> Result<(), LoadError> {
        let context = Acknowledgements(self.clone());
        let producer: ThreadedProducer<Acknowledgements> =
            clients::loader(plan, brokers).create_with_context(context)?;
        let partitions = plan.partitions(&plan.load.topic).unwrap_or(1);
        self.inner().pace.begin(self.clock().now());
        for record in self.records.iter() {
            self.wait_until(Duration::from_millis(record.at_ms))?;
            for copy in 0..record.sending.copies() {
                self.queue(&producer, plan, record, copy, partitions)?;
                self.inner().sent += 1;
            }
        }
        self.inner().all_sent = true;
        while !self.is_finished() {
            self.clock().sleep(PACE_LOOK)?;
        }
        Ok(())
    }

    /// Waits until a record is due that the plan sends at this load time.
    fn wait_until(&self, at: Duration) -> Result<(), Interrupted> {
        loop {
            let left = self.inner().pace.time_until(self.clock().now(), at);
            match left {
                None => return Ok(()),
                Some(left) => self.clock().sleep(left.min(PACE_LOOK))?,
            }
        }
    }

    /// Hands a record to the producer, waiting while its queue is full.
    fn queue(
        &self,
        producer: &ThreadedProducer<Acknowledgements>,
        plan: &Plan,
        record: &LoadRecord,
        copy: u32,
        partitions: i32,
    ) -> Result<(), LoadError> {
        let sent = Box::new(Sent {
            record: record.clone(),
            copy: i64::from(copy),
        });
        let mut next: BaseRecord<'_, [u8], [u8], Box<Sent>> =
            BaseRecord::with_opaque_to(&plan.load.topic, sent).payload(&record.payload);
        if let Some(key) = &record.key {
            next = next.key(key);
        }
        if let Some(partition) = record.partition(partitions) {
            next = next.partition(partition);
        }
        loop {
            match producer.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    self.clock().sleep(Duration::from_millis(10))?;
                    next = again;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    fn note(&self, sent: Sent, delivered: Option<RecordPosition>) {
        let Some(position) = delivered else {
            // Whether it is in the log is unknown to its producer; the log itself tells.
            self.inner().answered += 1;
            return;
        };
        let Sent { record, copy } = sent;
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
        self.history.event(
            "loader-host",
            HARNESS,
            "loaded",
            &[
                ("id", record.id.as_deref().unwrap_or_default().into()),
                ("topic", position.topic.as_str().into()),
                ("partition", i64::from(position.partition).into()),
                ("offset", position.offset.into()),
                ("key", key.into_owned().into()),
                ("copy", copy.into()),
            ],
        );
        let acknowledged = Acknowledged {
            index: record.index,
            what: record.what,
            at_ns: self.clock().now_ns(),
        };
        let mut inner = self.inner();
        inner.answered += 1;
        inner.acknowledged.insert(position, acknowledged);
    }

    /// How many records were handed to the producer, repetitions included.
    pub(super) fn sent(&self) -> u64 {
        self.inner().sent
    }

    /// Sends so many times as fast as the plan says, from now on.
    pub(super) fn set_pace(&self, factor: u64) {
        let now = self.clock().now();
        self.inner().pace.set(now, factor);
    }

    /// Acknowledgements by position.
    pub(super) fn acknowledged(&self) -> BTreeMap<RecordPosition, Acknowledged> {
        self.inner().acknowledged.clone()
    }

    /// How often each load family (a duplicate, a malformed row, ...) took effect.
    pub(super) fn fault_hits(&self) -> BTreeMap<String, u64> {
        let inner = self.inner();
        dataset::load::fault_hits_acknowledged(&self.records, inner.acknowledged.values())
    }

    /// Everything that was to be sent.
    pub(super) fn records(&self) -> &[LoadRecord] {
        &self.records
    }

    /// Every record was sent, and has an answer.
    pub(super) fn is_finished(&self) -> bool {
        let inner = self.inner();
        inner.all_sent && inner.answered == inner.sent
    }
}

/// The load can't be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("the loader can't send: {0}")]
    Client(#[from] KafkaError),
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// A record on its way.
struct Sent {
    record: LoadRecord,
    copy: i64,
}

/// Hears of the brokers' answers.
struct Acknowledgements(Arc<Loader>);

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        let delivered = result.as_ref().ok().map(|message| RecordPosition {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
        });
        self.0.note(*sent, delivered);
    }
}
