//! A stream far longer than what the served cluster keeps of it.
//!
//! `WHITEWATER_STREAMED_RECORDS=N` sets its length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::served::{PATIENCE, Served};
use crate::{POLL, client};
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use whitewater_cluster::Event;

const RECORDS_BY_DEFAULT: u64 = 1_000_000;
const PARTITIONS: i32 = 4;
/// The least that Kafka takes for `segment.bytes`.
const SEGMENT_BYTES: i32 = 1 << 20;
const RETENTION_BYTES: i64 = 1 << 20;
/// How far the producer may be before the consumer, in records of some 15 bytes: retention must not
/// overtake who reads.
const AHEAD_MAX: u64 = 50_000;
/// A segment goes once the others hold `retention.bytes`, and one more may fill before the next look.
const LOG_BYTES_MAX: u64 = RETENTION_BYTES as u64 + 2 * SEGMENT_BYTES as u64;

fn records() -> u64 {
    std::env::var("WHITEWATER_STREAMED_RECORDS").map_or(RECORDS_BY_DEFAULT, |n| n.parse().unwrap())
}

fn create_topic(served: &Served) {
    let admin: AdminClient<_> = client(served).create().unwrap();
    let topic = NewTopic::new("t", PARTITIONS, TopicReplication::Fixed(1));
    let created = block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
    assert_eq!(created, [Ok("t".to_owned())]);
}

/// Sends record `n` to partition `n % PARTITIONS`, never far before what was consumed.
fn produce(served: &Served, records: u64, consumed: &AtomicU64) {
    let producer: BaseProducer = client(served)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .create()
        .unwrap();
    for number in 0..records {
        let payload = number.to_be_bytes();
        let partition = (number % PARTITIONS as u64) as i32;
        let mut record = BaseRecord::<(), [u8]>::to("t")
            .partition(partition)
            .payload(&payload);
        while let Err((error, refused)) = producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full);
            producer.poll(POLL);
            record = refused;
        }
        let deadline = Instant::now() + PATIENCE;
        while number.saturating_sub(consumed.load(Ordering::SeqCst)) > AHEAD_MAX {
            assert!(Instant::now() < deadline, "the consumer does not follow");
            producer.poll(Duration::from_millis(1));
        }
    }
    producer.flush(PATIENCE).unwrap();
}

/// Each record must be the next of its partition: none is lost, none comes twice or out of order.
fn consume(served: &Served, records: u64, consumed: &AtomicU64) {
    let consumer: BaseConsumer = client(served)
        .set("group.id", "g")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&["t"]).unwrap();
    let mut next: Vec<u64> = (0..PARTITIONS as u64).collect();
    let mut deadline = Instant::now() + PATIENCE;
    while consumed.load(Ordering::SeqCst) < records {
        assert!(Instant::now() < deadline, "no record comes");
        let Some(message) = consumer.poll(POLL) else {
            continue;
        };
        let message = message.unwrap();
        let number = u64::from_be_bytes(message.payload().unwrap().try_into().unwrap());
        let next = &mut next[message.partition() as usize];
        assert_eq!(number, *next, "partition {}", message.partition());
        assert_eq!(message.offset() as u64, *next / PARTITIONS as u64);
        *next += PARTITIONS as u64;
        consumed.fetch_add(1, Ordering::SeqCst);
        deadline = Instant::now() + PATIENCE;
    }
}

#[test]
fn a_stream_passes_whole_and_retention_bounds_what_is_kept() {
    let served = Served::start_with(3, PARTITIONS, |settings| {
        settings.log_segment_bytes = SEGMENT_BYTES;
        settings.log_retention_bytes = RETENTION_BYTES;
        settings.log_initial_task_delay_ms = 0;
        settings.log_retention_check_interval_ms = 20;
    });
    create_topic(&served);
    let records = records();
    let consumed = AtomicU64::new(0);
    let (server, progress) = (&served, &consumed);
    let kept_bytes_max = std::thread::scope(|scope| {
        let producing = scope.spawn(move || produce(server, records, progress));
        let consuming = scope.spawn(move || consume(server, records, progress));
        let mut kept_bytes_max = 0;
        while !(producing.is_finished() && consuming.is_finished()) {
            let kept = served.server.with(|cluster| {
                (0..PARTITIONS)
                    .filter_map(|partition| cluster.log("t", partition))
                    .map(|log| log.size_bytes())
                    .max()
            });
            kept_bytes_max = kept_bytes_max.max(kept.unwrap_or(0));
            std::thread::park_timeout(Duration::from_millis(10));
        }
        kept_bytes_max
    });
    let ends = served.server.with(|cluster| {
        let logs = (0..PARTITIONS).map(|partition| cluster.log("t", partition).unwrap());
        logs.map(|log| log.log_end_offset()).sum::<i64>()
    });
    assert_eq!(ends, records as i64);
    served.wait_for("the deletion of a segment", |event| {
        matches!(event, Event::SegmentsDeleted { .. }).then_some(())
    });
    assert!(
        kept_bytes_max <= LOG_BYTES_MAX,
        "a partition kept {kept_bytes_max} bytes"
    );
}
