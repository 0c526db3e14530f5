//! What the topics hold: every record, read from the first to the last.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::administrator::Partition;
use crate::pipeline_under_test::InputRecord;

/// How long nothing may come before reading is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Reads all records between these bounds, as they come. `ids` names them by their payload.
pub(super) fn read(
    bootstrap_servers: &str,
    bounds: &BTreeMap<Partition, (i64, i64)>,
    ids: &BTreeMap<&[u8], &str>,
) -> Result<Vec<InputRecord>, String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("client.id", "reader")
        // The client wants one; nothing is committed in its name.
        .set("group.id", "whitewater-reader")
        .set("enable.auto.commit", "false")
        .create()
        .map_err(|error| error.to_string())?;
    let mut assigned = TopicPartitionList::new();
    for ((topic, partition), (begin, _)) in bounds {
        let offset = Offset::Offset(*begin);
        assigned
            .add_partition_offset(topic, *partition, offset)
            .map_err(|error| error.to_string())?;
    }
    consumer
        .assign(&assigned)
        .map_err(|error| error.to_string())?;
    let mut left: BTreeMap<Partition, i64> = bounds
        .iter()
        .filter(|(_, (begin, end))| begin < end)
        .map(|(partition, (_, end))| (partition.clone(), *end))
        .collect();
    let mut records = Vec::new();
    let mut heard = Instant::now();
    while !left.is_empty() {
        // What a client can't mend by itself ends in silence.
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
            heard = Instant::now();
            let partition = (message.topic().to_owned(), message.partition());
            let Some(&end) = left.get(&partition) else {
                continue;
            };
            if message.offset() + 1 >= end {
                left.remove(&partition);
            }
            let payload = message.payload().unwrap_or_default().to_vec();
            records.push(InputRecord {
                id: ids.get(payload.as_slice()).map(|id| (*id).to_owned()),
                topic: partition.0,
                partition: partition.1,
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                payload,
            });
        }
        if heard.elapsed() > SILENCE_MAX {
            return Err(format!(
                "the log can't be read to its end: {left:?} is left"
            ));
        }
    }
    Ok(records)
}
