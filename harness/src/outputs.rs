//! What a run's output topics hold in the end, read as any consumer of theirs would: through a client,
//! committed records only, up to the last stable offset.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::pipeline_under_test::{OutputRecord, RecordPosition};
use crate::plan::Plan;

/// How long brokers may take to say which partitions there are.
const METADATA_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a poll waits.
const POLL: Duration = Duration::from_secs(1);

/// So many polls may come to nothing before reading is given up.
const SILENT_POLLS_MAX: u32 = 60;

/// Reads all output topics of a plan, by topic, partition and offset. Blocks while it does.
///
/// # Errors
/// One can't be read to its end; in words for people.
pub(crate) fn read(plan: &Plan, bootstrap_servers: &str) -> Result<Vec<OutputRecord>, String> {
    let mut records = Vec::new();
    for topic in plan.outputs() {
        let of_topic = read_topic(&topic.name, bootstrap_servers)
            .map_err(|why| format!("the output {} can't be read: {why}", topic.name))?;
        records.extend(of_topic);
    }
    records.sort_by(|a, b| a.position.cmp(&b.position));
    Ok(records)
}

/// One consumer a topic: the end of a partition is told by its number alone.
fn read_topic(topic: &str, bootstrap_servers: &str) -> Result<Vec<OutputRecord>, String> {
    let text = |error: KafkaError| error.to_string();
    let consumer: BaseConsumer = config(bootstrap_servers).create().map_err(text)?;
    let metadata = consumer
        .fetch_metadata(Some(topic), METADATA_TIMEOUT)
        .map_err(text)?;
    let topics = metadata.topics().iter();
    let partitions = topics.flat_map(|topic| topic.partitions());
    let mut left: BTreeSet<i32> = partitions.map(|partition| partition.id()).collect();
    let mut assigned = TopicPartitionList::new();
    for partition in &left {
        assigned
            .add_partition_offset(topic, *partition, Offset::Beginning)
            .map_err(text)?;
    }
    consumer.assign(&assigned).map_err(text)?;
    let mut records = Vec::new();
    let mut silent_polls = 0;
    while !left.is_empty() {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                records.push(output_record(&message));
                silent_polls = 0;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                left.remove(&partition);
                silent_polls = 0;
            }
            // What a client can't mend by itself ends in silence.
            Some(Err(_)) | None => silent_polls += 1,
        }
        if silent_polls > SILENT_POLLS_MAX {
            return Err(format!("the ends of its partitions {left:?} do not come"));
        }
    }
    Ok(records)
}

fn config(bootstrap_servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap_servers)
        .set("client.id", "reader")
        // The client wants one; nothing is committed in its name.
        .set("group.id", "whitewater-reader")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true");
    config
}

fn output_record(message: &BorrowedMessage<'_>) -> OutputRecord {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    OutputRecord {
        position: RecordPosition {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
        },
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().unwrap_or_default().to_vec(),
        headers: headers
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
            .collect(),
    }
}
