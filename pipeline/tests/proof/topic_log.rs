//! What the log really holds, read from its start by a consumer of its own.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::patience::{PATIENCE, until};

/// One record of the log.
pub(crate) struct LogRecord {
    /// Its partition.
    pub(crate) partition: i32,
    /// Its offset.
    pub(crate) offset: i64,
    /// Its payload.
    pub(crate) payload: Vec<u8>,
}

/// Every record of a topic, per partition in the order of its offsets.
pub(crate) fn read(bootstrap_servers: &str, topic: &str, partitions: i32) -> Vec<LogRecord> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", "oracle")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .unwrap();
    let mut from_start = TopicPartitionList::new();
    let mut left = 0;
    for partition in 0..partitions {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition, PATIENCE)
            .unwrap();
        assert_eq!(low, 0, "{topic}-{partition} does not begin at offset 0");
        left += high;
        from_start
            .add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&from_start).unwrap();
    let mut records = Vec::new();
    while left > 0 {
        let message = until(
            "the next record of the log",
            Duration::ZERO,
            || match consumer.poll(Duration::from_secs(1)) {
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(error.to_string()),
                None => Err(format!("{left} are left")),
            },
        );
        records.push(LogRecord {
            partition: message.partition(),
            offset: message.offset(),
            payload: message.payload().unwrap_or_default().to_vec(),
        });
        left -= 1;
    }
    records
}
