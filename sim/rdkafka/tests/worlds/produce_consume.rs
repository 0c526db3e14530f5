//! Producing and consuming without a group's help.

use std::time::Duration;

use crate::support::{TOPIC, create, create_topic, drain, numbers, produce, run, run_process};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, Timestamp, TopicPartitionList};

#[test]
fn what_is_produced_is_consumed_once_and_in_order_per_partition() {
    run(1, |_cluster| async {
        create_topic(4).await;
        produce("producer", 100).await;
        run_process("consumer", || async {
            let consumer: BaseConsumer = create(&[("group.id", "g")]);
            let mut list = TopicPartitionList::new();
            for partition in 0..4 {
                list.add_partition_offset(TOPIC, partition, Offset::Beginning)
                    .unwrap();
            }
            consumer.assign(&list).unwrap();
            let payloads = drain(&consumer, Duration::from_secs(2));
            assert_eq!(numbers(&payloads), Vec::from_iter(0..100));
        })
        .await;
    });
}

#[test]
fn a_message_arrives_with_everything_it_was_sent_with() {
    run(2, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let producer: FutureProducer = create(&[]);
            let headers = OwnedHeaders::new().insert(Header {
                key: "h",
                value: Some("v"),
            });
            let record = FutureRecord::to(TOPIC)
                .partition(0)
                .key("k")
                .payload("p")
                .timestamp(1_767_225_600_123)
                .headers(headers);
            let delivery = producer.send(record, Duration::from_secs(5)).await.unwrap();
            assert_eq!((delivery.partition, delivery.offset), (0, 0));
            assert_eq!(delivery.timestamp, Timestamp::CreateTime(1_767_225_600_123));

            let consumer: BaseConsumer = create(&[("group.id", "g")]);
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(TOPIC, 0, Offset::Beginning)
                .unwrap();
            consumer.assign(&list).unwrap();
            let message = consumer.poll(Duration::from_secs(5)).unwrap().unwrap();
            assert_eq!(message.key_view::<str>(), Some(Ok("k")));
            assert_eq!(message.payload_view::<str>(), Some(Ok("p")));
            assert_eq!(
                message.timestamp(),
                Timestamp::CreateTime(1_767_225_600_123)
            );
            assert_eq!(
                message.headers().unwrap().get_as::<str>(0).unwrap().value,
                Some("v")
            );
            assert_eq!(
                consumer
                    .fetch_watermarks(TOPIC, 0, Duration::from_secs(5))
                    .unwrap(),
                (0, 1)
            );
        })
        .await;
    });
}

#[test]
fn a_flush_waits_for_every_delivery() {
    run(3, |cluster| async move {
        create_topic(2).await;
        run_process("client", || async {
            let producer: BaseProducer = create(&[("linger.ms", "1000")]);
            for number in 0..10 {
                let payload = number.to_string();
                producer
                    .send(
                        BaseRecord::<str, str>::to(TOPIC)
                            .payload(&payload)
                            .key(&payload),
                    )
                    .map_err(|(error, _)| error)
                    .unwrap();
            }
            assert_eq!(producer.in_flight_count(), 10);
            producer.flush(Duration::from_secs(10)).unwrap();
            assert_eq!(producer.in_flight_count(), 0);
        })
        .await;
        let stored: i64 = cluster.with(|cluster| {
            (0..2)
                .map(|p| cluster.log(TOPIC, p).unwrap().log_end_offset())
                .sum()
        });
        assert_eq!(stored, 10);
    });
}
