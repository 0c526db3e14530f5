//! After rdkafka's `examples/at_least_once.rs`: every message is copied to all output topics, and
//! only then its offset is stored, for the next automatic commit.

use std::time::Duration;

use futures::future;
use rdkafka::Message;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::stream_consumer::StreamConsumer;
use rdkafka::consumer::{Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::output::Output;

struct TellingContext {
    output: Output,
}

impl ClientContext for TellingContext {}

impl ConsumerContext for TellingContext {
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        match result {
            Ok(()) => {
                for element in offsets.elements() {
                    self.output.say(format!("committed {:?}", element.offset()));
                }
            }
            Err(error) => self.output.say(format!("not committed: {error}")),
        }
    }
}

type TellingConsumer = StreamConsumer<TellingContext>;

fn create_consumer(brokers: &str, group: &str, topic: &str, output: &Output) -> TellingConsumer {
    let consumer: TellingConsumer = ClientConfig::new()
        .set("group.id", group)
        .set("bootstrap.servers", brokers)
        .set("enable.partition.eof", "false")
        .set("session.timeout.ms", "6000")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "5000")
        // Only what is stored by hand is committed.
        .set("enable.auto.offset.store", "false")
        .set_log_level(RDKafkaLogLevel::Debug)
        .create_with_context(TellingContext {
            output: output.clone(),
        })
        .expect("the consumer is created");
    consumer.subscribe(&[topic]).expect("the topic is good");
    consumer
}

fn create_producer(brokers: &str) -> FutureProducer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("queue.buffering.max.ms", "0")
        .create()
        .expect("the producer is created")
}

/// Copies whatever comes, for ever.
pub(crate) async fn main(
    brokers: &str,
    group: &str,
    input_topic: &str,
    output_topics: &[&str],
    output: &Output,
) {
    let consumer = create_consumer(brokers, group, input_topic, output);
    let producer = create_producer(brokers);
    loop {
        match consumer.recv().await {
            Err(error) => output.say(format!("error: {error}")),
            Ok(message) => {
                future::try_join_all(output_topics.iter().map(|topic| {
                    let mut record = FutureRecord::to(topic);
                    if let Some(payload) = message.payload() {
                        record = record.payload(payload);
                    }
                    if let Some(key) = message.key() {
                        record = record.key(key);
                    }
                    producer.send(record, Duration::from_secs(1))
                }))
                .await
                .expect("the copies are delivered");
                output.say(format!("copied {}", message.offset()));
                if let Err(error) = consumer.store_offset_from_message(&message) {
                    output.say(format!("not stored: {error}"));
                }
            }
        }
    }
}
