//! After rdkafka's `examples/metadata.rs`: what the cluster says of itself, with watermarks.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::output::Output;

/// Prints brokers, topics and partitions, and how many messages they hold if asked for.
pub(crate) fn main(brokers: &str, topic: Option<&str>, fetch_offsets: bool, output: &Output) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .expect("the consumer is created");
    let metadata = consumer
        .fetch_metadata(topic, Duration::from_secs(60))
        .expect("metadata is fetched");

    output.say(format!("brokers: {}", metadata.brokers().len()));
    output.say(format!("topics: {}", metadata.topics().len()));
    output.say(format!("asked: {}", metadata.orig_broker_name()));
    output.say(format!("asked id: {}", metadata.orig_broker_id()));
    for broker in metadata.brokers() {
        output.say(format!(
            "broker {} at {}:{}",
            broker.id(),
            broker.host(),
            broker.port()
        ));
    }
    for topic in metadata.topics() {
        output.say(format!("topic {}: {:?}", topic.name(), topic.error()));
        let mut message_count = 0;
        for partition in topic.partitions() {
            output.say(format!(
                "partition {}: leader {} replicas {:?} in sync {:?} error {:?}",
                partition.id(),
                partition.leader(),
                partition.replicas(),
                partition.isr(),
                partition.error()
            ));
            if fetch_offsets {
                let (low, high) = consumer
                    .fetch_watermarks(topic.name(), partition.id(), Duration::from_secs(1))
                    .unwrap_or((-1, -1));
                output.say(format!("watermarks {low} to {high}"));
                message_count += high - low;
            }
        }
        if fetch_offsets {
            output.say(format!("messages: {message_count}"));
        }
    }
}
