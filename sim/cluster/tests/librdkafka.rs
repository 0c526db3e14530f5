//! librdkafka against the served cluster.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use common::{PATIENCE, Served};
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

const POLL: Timeout = Timeout::After(std::time::Duration::from_millis(100));

fn client(served: &Served) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", served.bootstrap_servers())
        .set("topic.metadata.refresh.fast.interval.ms", "20")
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "100");
    config
}

fn consumer(served: &Served, group: &str) -> BaseConsumer {
    client(served)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "100")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .unwrap()
}

/// Counts delivery reports, and keeps the errors.
#[derive(Default)]
struct Reports {
    delivered: AtomicUsize,
    errors: std::sync::Mutex<Vec<KafkaError>>,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => self.errors.lock().unwrap().push(error.clone()),
        }
    }
}

fn producer(config: &mut ClientConfig) -> BaseProducer<Reports> {
    config.create_with_context(Reports::default()).unwrap()
}

/// Sends the ids, each as an 8-byte payload, and waits for their delivery reports.
fn send(producer: &BaseProducer<Reports>, topic: &str, ids: std::ops::Range<u64>) {
    let before = producer.context().delivered.load(Ordering::Relaxed);
    let count = (ids.end - ids.start) as usize;
    for id in ids {
        enqueue(producer, topic, id);
    }
    producer.flush(PATIENCE).unwrap();
    let errors = producer.context().errors.lock().unwrap();
    assert_eq!(*errors, []);
    let delivered = producer.context().delivered.load(Ordering::Relaxed);
    assert_eq!(delivered - before, count);
}

fn enqueue(producer: &BaseProducer<Reports>, topic: &str, id: u64) {
    let payload = id.to_be_bytes();
    let mut record = BaseRecord::<[u8], [u8]>::to(topic)
        .payload(&payload)
        .key(&payload);
    while let Err((error, refused)) = producer.send(record) {
        let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        assert_eq!(error, full);
        producer.poll(POLL);
        record = refused;
    }
}

fn id_of(message: &impl Message) -> u64 {
    u64::from_be_bytes(message.payload().unwrap().try_into().unwrap())
}

#[test]
fn what_is_produced_is_consumed_as_it_was() {
    let served = Served::start(1, 1);
    let producer = producer(&mut client(&served));
    let headers = OwnedHeaders::new().insert(Header {
        key: "h",
        value: Some("1"),
    });
    for key in ["a", "b"] {
        let record = BaseRecord::to("t")
            .key(key)
            .payload("value")
            .timestamp(1_700_000_000_000);
        producer.send(record.headers(headers.clone())).ok().unwrap();
    }
    producer.flush(PATIENCE).unwrap();

    let consumer = consumer(&served, "g");
    consumer.subscribe(&["t"]).unwrap();
    for (offset, key) in ["a", "b"].into_iter().enumerate() {
        let message = consumer.poll(PATIENCE).unwrap().unwrap();
        assert_eq!(message.key(), Some(key.as_bytes()));
        assert_eq!(message.payload(), Some(&b"value"[..]));
        assert_eq!(message.offset(), offset as i64);
        assert_eq!(message.timestamp().to_millis(), Some(1_700_000_000_000));
        let header = message.headers().unwrap().get(0);
        assert_eq!((header.key, header.value), ("h", Some(&b"1"[..])));
    }
    consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    let committed = served.server.with(|cluster| cluster.committed("g", "t", 0));
    assert_eq!(committed.unwrap().offset, 2);
    let known = consumer.committed(PATIENCE).unwrap();
    assert_eq!(
        known.find_partition("t", 0).unwrap().offset(),
        Offset::Offset(2)
    );
    assert_eq!(consumer.fetch_watermarks("t", 0, PATIENCE).unwrap(), (0, 2));
}
