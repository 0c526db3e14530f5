//! Sends the load, as a producer process of its own host, and keeps every acknowledgement.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::{host, task, time, trace};

use crate::checker::observation::Acknowledged;
use crate::clients;
use crate::dataset;
use crate::dataset::pace::Pace;
use crate::dataset::record::LoadRecord;
use crate::pipeline_under_test::RecordPosition;
use crate::plan::Plan;

/// What became of the load.
#[derive(Clone)]
pub(crate) struct Loaded {
    records: Rc<Vec<LoadRecord>>,
    inner: Rc<RefCell<Inner>>,
}

#[derive(Default)]
struct Inner {
    acknowledged: BTreeMap<RecordPosition, Acknowledged>,
    finished: bool,
    sent: u64,
    pace: Pace,
}

impl Loaded {
    fn new(records: Rc<Vec<LoadRecord>>) -> Self {
        Self {
            records,
            inner: Rc::default(),
        }
    }

    /// How many records were handed to the producer, repetitions included.
    pub(crate) fn sent(&self) -> u64 {
        self.inner.borrow().sent
    }

    /// Sends so many times as fast as the plan says, from now on.
    pub(crate) fn set_pace(&self, factor: u64) {
        self.inner.borrow_mut().pace.set(time::now(), factor);
    }

    /// Waits until a record is due that the plan sends at this load time.
    async fn wait_until(&self, at: Duration) {
        loop {
            let (left, version) = {
                let pace = &self.inner.borrow().pace;
                (pace.time_until(time::now(), at), pace.version())
            };
            let Some(left) = left else { return };
            let changed = std::future::poll_fn(|context| {
                let pace = &mut self.inner.borrow_mut().pace;
                pace.poll_changed(version, context.waker())
            });
            // Either way it is looked at anew.
            let _ = time::timeout(left, changed).await;
        }
    }

    /// Acknowledgements by position.
    pub(super) fn acknowledged(&self) -> BTreeMap<RecordPosition, Acknowledged> {
        self.inner.borrow().acknowledged.clone()
    }

    /// How often each load family (a duplicate, a malformed row, ...) took effect.
    pub(super) fn fault_hits(&self) -> BTreeMap<String, u64> {
        let inner = self.inner.borrow();
        dataset::load::fault_hits_acknowledged(&self.records, inner.acknowledged.values())
    }

    /// Everything that was to be sent.
    pub(super) fn records(&self) -> &[LoadRecord] {
        &self.records
    }

    /// Every record was sent, and has an answer.
    pub(super) fn is_finished(&self) -> bool {
        self.inner.borrow().finished
    }
}

/// Starts the loader. Its host is no target of any fault; its links are.
pub(super) fn start(
    plan: &Plan,
    brokers: &str,
    records: Rc<Vec<LoadRecord>>,
) -> (ProcessId, Loaded) {
    let host = host::create_host("loader-host");
    let process = process::create_process(host, "loader");
    let loaded = Loaded::new(records);
    let load = Load {
        topic: plan.load.topic.clone(),
        partitions: plan.partitions(&plan.load.topic).unwrap_or(1),
        loaded: loaded.clone(),
    };
    let config = clients::loader(plan, brokers);
    process::start(process, move || async move {
        let producer: FutureProducer = config
            .create()
            .expect("a fixed configuration that the client knows");
        load.send(&producer).await;
    });
    (process, loaded)
}

struct Load {
    topic: String,
    partitions: i32,
    loaded: Loaded,
}

impl Load {
    async fn send(self, producer: &FutureProducer) {
        self.loaded.inner.borrow_mut().pace.begin(time::now());
        let mut waiting = Vec::new();
        for record in self.loaded.records.iter() {
            let at = Duration::from_millis(record.at_ms);
            self.loaded.wait_until(at).await;
            for copy in 0..i64::from(record.sending.copies()) {
                let delivery = self.queue(producer, record).await;
                self.loaded.inner.borrow_mut().sent += 1;
                let (record, loaded) = (record.clone(), self.loaded.clone());
                let topic = self.topic.clone();
                waiting.push(task::spawn(async move {
                    loaded.note(&topic, &record, copy, delivery).await
                }));
            }
        }
        for delivery in waiting {
            // A panic in there would have ended the process; nothing aborts it.
            let _ = delivery.await;
        }
        self.loaded.inner.borrow_mut().finished = true;
    }

    /// Hands a record to the producer, waiting while its queue is full.
    async fn queue(&self, producer: &FutureProducer, record: &LoadRecord) -> DeliveryFuture {
        let partition = record.partition(self.partitions);
        loop {
            let mut next: FutureRecord<'_, [u8], [u8]> =
                FutureRecord::to(&self.topic).payload(&record.payload);
            next.key = record.key.as_deref();
            next.partition = partition;
            match producer.send_result(next) {
                Ok(delivery) => return delivery,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    time::sleep(Duration::from_millis(10)).await;
                }
                Err((error, _)) => panic!("the loader can't send to {}: {error}", self.topic),
            }
        }
    }
}

impl Loaded {
    async fn note(&self, topic: &str, record: &LoadRecord, copy: i64, delivery: DeliveryFuture) {
        let Ok(Ok(delivered)) = delivery.await else {
            // Whether it is in the log is unknown to its producer; the log itself tells.
            return;
        };
        let position = RecordPosition {
            topic: topic.to_owned(),
            partition: delivered.partition,
            offset: delivered.offset,
        };
        trace::event(
            "loaded",
            &[
                ("id", record.id.as_deref().unwrap_or_default().into()),
                ("topic", topic.into()),
                ("partition", position.partition.into()),
                ("offset", position.offset.into()),
                (
                    "key",
                    String::from_utf8_lossy(record.key.as_deref().unwrap_or_default())
                        .into_owned()
                        .into(),
                ),
                ("copy", copy.into()),
            ],
        );
        let at_ns = u64::try_from(time::now().as_nanos()).unwrap_or(u64::MAX);
        let acknowledged = Acknowledged {
            index: record.index,
            what: record.what.clone(),
            at_ns,
        };
        self.inner
            .borrow_mut()
            .acknowledged
            .insert(position, acknowledged);
    }
}
