//! Positions: where reading starts, seek, pause and resume.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::support::{TOPIC, create, create_topic, drain, produce, run, run_process};

const LONG: Duration = Duration::from_secs(10);

fn at(offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, offset).unwrap();
    list
}

fn next(consumer: &BaseConsumer) -> i64 {
    consumer
        .poll(LONG)
        .expect("a message comes")
        .unwrap()
        .offset()
}

fn starting(properties: &[(&str, &str)], offset: Offset) -> BaseConsumer {
    let mut all = vec![("group.id", "g")];
    all.extend_from_slice(properties);
    let consumer: BaseConsumer = create(&all);
    consumer.assign(&at(offset)).unwrap();
    consumer
}

/// Runs a client with a topic of one partition and ten messages.
fn with_ten(seed: u64, main: impl FnOnce() + 'static) {
    run(seed, |_cluster| async {
        create_topic(1).await;
        produce("producer", 10).await;
        run_process("consumer", || async { main() }).await;
    });
}

#[test]
fn auto_offset_reset_decides_where_a_new_group_starts() {
    with_ten(41, || {
        let earliest = starting(&[("auto.offset.reset", "earliest")], Offset::Stored);
        assert_eq!(next(&earliest), 0);
        let latest = starting(&[], Offset::Stored);
        assert!(latest.poll(Duration::from_secs(3)).is_none());
        let error = starting(&[("auto.offset.reset", "error")], Offset::Stored);
        assert!(matches!(
            error.poll(LONG),
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset
            )))
        ));
        assert!(
            error.poll(Duration::from_secs(3)).is_none(),
            "and fetching stops"
        );
    });
}

#[test]
fn every_kind_of_start_offset_works() {
    with_ten(42, || {
        assert_eq!(next(&starting(&[], Offset::Beginning)), 0);
        assert_eq!(next(&starting(&[], Offset::Offset(7))), 7);
        assert_eq!(next(&starting(&[], Offset::OffsetTail(2))), 8);
        let beyond = starting(&[("auto.offset.reset", "earliest")], Offset::Offset(99));
        assert_eq!(next(&beyond), 0);
    });
}

#[test]
fn seek_moves_a_partition_that_is_being_fetched_and_no_other() {
    with_ten(43, || {
        let consumer: BaseConsumer = create(&[("group.id", "g")]);
        let seek_error = |text: &str| Err(KafkaError::Seek(text.to_owned()));
        assert_eq!(
            consumer.seek(TOPIC, 0, Offset::Offset(5), LONG),
            seek_error("Local: Unknown partition")
        );
        consumer.fetch_metadata(Some(TOPIC), LONG).unwrap();
        assert_eq!(
            consumer.seek(TOPIC, 0, Offset::Offset(5), LONG),
            seek_error("Local: Erroneous state")
        );
        consumer.assign(&at(Offset::Beginning)).unwrap();
        assert_eq!(next(&consumer), 0);
        assert_eq!(
            consumer.position().unwrap().elements()[0].offset(),
            Offset::Offset(1)
        );
        assert_eq!(
            consumer.seek(TOPIC, 0, Offset::Stored, LONG),
            seek_error("Local: Invalid argument or configuration")
        );
        consumer.seek(TOPIC, 0, Offset::Offset(5), LONG).unwrap();
        assert_eq!(
            consumer.position().unwrap().elements()[0].offset(),
            Offset::Invalid
        );
        assert_eq!(next(&consumer), 5);
        consumer.seek(TOPIC, 0, Offset::Beginning, LONG).unwrap();
        assert_eq!(next(&consumer), 0);
    });
}

#[test]
fn a_paused_partition_is_silent_and_resumes_where_the_application_was() {
    with_ten(44, || {
        let consumer = starting(&[], Offset::Beginning);
        assert_eq!((next(&consumer), next(&consumer)), (0, 1));
        consumer.pause(&at(Offset::Invalid)).unwrap();
        assert!(
            consumer.poll(Duration::from_secs(5)).is_none(),
            "prefetched messages are gone"
        );
        consumer.resume(&at(Offset::Invalid)).unwrap();
        assert_eq!(drain(&consumer, Duration::from_secs(3)).len(), 8);
    });
}

#[test]
fn the_end_is_reported_once_if_asked_for() {
    with_ten(45, || {
        let consumer = starting(&[("enable.partition.eof", "true")], Offset::Offset(8));
        assert_eq!((next(&consumer), next(&consumer)), (8, 9));
        assert!(matches!(
            consumer.poll(LONG),
            Some(Err(KafkaError::PartitionEOF(0)))
        ));
        assert!(consumer.poll(Duration::from_secs(5)).is_none());
    });
}

#[test]
fn an_end_that_moves_on_before_the_next_fetch_is_not_reported() {
    run(48, |_cluster| async {
        create_topic(1).await;
        produce("producer", 2).await;
        run_process("consumer", || async {
            let consumer = starting(&[("enable.partition.eof", "true")], Offset::Beginning);
            assert_eq!((next(&consumer), next(&consumer)), (0, 1));
            produce_one();
            assert_eq!(next(&consumer), 2);
            assert!(matches!(
                consumer.poll(LONG),
                Some(Err(KafkaError::PartitionEOF(0)))
            ));
        })
        .await;
    });
}

fn produce_one() {
    let producer: BaseProducer = create(&[("linger.ms", "0")]);
    let record = BaseRecord::<str, str>::to(TOPIC).payload("more");
    assert!(producer.send(record).is_ok());
    producer.flush(LONG).unwrap();
}

#[test]
fn times_and_assignments_are_looked_up() {
    with_ten(46, || {
        let consumer = starting(&[], Offset::Beginning);
        let found = consumer.offsets_for_timestamp(0, LONG).unwrap();
        assert_eq!(found.elements()[0].offset(), Offset::Offset(0));
        let future = consumer.offsets_for_timestamp(i64::MAX / 2, LONG).unwrap();
        assert_eq!(future.elements()[0].offset(), Offset::End);
        assert_eq!(
            consumer.assignment().unwrap().elements()[0].offset(),
            Offset::Beginning
        );
        assert_eq!(consumer.fetch_watermarks(TOPIC, 0, LONG).unwrap(), (0, 10));
        assert_eq!(
            consumer.fetch_watermarks(TOPIC, 9, LONG),
            Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::UnknownPartition
            ))
        );
    });
}

#[test]
fn a_split_partition_is_delivered_by_its_own_queue() {
    with_ten(47, || {
        let consumer: std::sync::Arc<BaseConsumer> =
            std::sync::Arc::new(create(&[("group.id", "g")]));
        let queue = consumer.split_partition_queue(TOPIC, 0).unwrap();
        consumer.assign(&at(Offset::Beginning)).unwrap();
        assert!(consumer.poll(Duration::from_secs(3)).is_none());
        assert_eq!(queue.poll(LONG).unwrap().unwrap().offset(), 0);
        drop(queue);
        assert!(
            consumer.poll(Duration::from_secs(3)).is_none(),
            "the partition goes silent"
        );
    });
}
