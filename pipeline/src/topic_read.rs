//! Reading a topic once, up to where it ended at the start. It belongs to no group and writes
//! nowhere, so nobody notices.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::clock;
use crate::config::Config;
use crate::kafka_log::{self, LogError};
use crate::side_reader;

const POLL_WAIT: Duration = Duration::from_millis(200);

/// Why a topic can't be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum TopicReadError {
    /// It can't be looked at.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The client failed.
    #[error("kafka client failed: {0}")]
    Kafka(#[from] KafkaError),
    /// Nothing came for too long.
    #[error("nothing came for {} s, with {left} offsets left{}", waited.as_secs(), last_word(reason.as_ref()))]
    Stalled {
        /// How long we waited.
        waited: Duration,
        /// Offsets before the end.
        left: i64,
        /// The client's last word.
        reason: Option<KafkaError>,
    },
    /// The output can't be written.
    #[error("writing the output failed: {0}")]
    Write(#[from] io::Error),
}

fn last_word(reason: Option<&KafkaError>) -> String {
    reason.map_or(String::new(), |reason| format!(": {reason}"))
}

/// Writes every payload of `topic` to `output`, one a line, up to where the topic ends now; within a
/// partition in the order of offsets. A line end within a payload becomes a blank (in JSON that
/// changes nothing); records without a payload are left out. Gives up when nothing comes for
/// `wait`. Returns the number of lines. `config` says how to reach the brokers.
///
/// # Errors
/// See [`TopicReadError`].
pub fn read(
    config: &Config,
    topic: &str,
    wait: Duration,
    mut output: impl Write,
) -> Result<u64, TopicReadError> {
    let config = &Config {
        topics: vec![topic.to_owned()],
        ..config.clone()
    };
    let mut left: BTreeMap<i32, Range<i64>> = kafka_log::extents(config, wait)?
        .into_iter()
        .filter(|extent| extent.low < extent.end)
        .map(|extent| (extent.partition.partition, extent.low..extent.end))
        .collect();
    let consumer: BaseConsumer = side_reader::client_config(config)
        .create()
        .map_err(LogError::Client)?;
    let mut list = TopicPartitionList::with_capacity(left.len());
    for (partition, offsets) in &left {
        list.add_partition_offset(topic, *partition, Offset::Offset(offsets.start))?;
    }
    consumer.assign(&list)?;
    let mut heard_at: Instant = clock::monotonic();
    let mut last = None;
    let mut lines = 0;
    while !left.is_empty() {
        match consumer.poll(POLL_WAIT) {
            Some(Ok(message)) => {
                heard_at = clock::monotonic();
                let Some(offsets) = left.get_mut(&message.partition()) else {
                    continue;
                };
                if message.offset() < offsets.end
                    && let Some(payload) = message.payload()
                {
                    write_line(&mut output, payload)?;
                    lines += 1;
                }
                offsets.start = message.offset() + 1;
                if offsets.is_empty() {
                    left.remove(&message.partition());
                }
            }
            // What follows the last record (transaction markers) is never delivered.
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(left.remove(&partition)),
            Some(Err(error)) => last = Some(error),
            None => {}
        }
        if heard_at.elapsed() >= wait {
            return Err(TopicReadError::Stalled {
                waited: wait,
                left: left
                    .values()
                    .map(|offsets| offsets.end - offsets.start)
                    .sum(),
                reason: last,
            });
        }
    }
    output.flush()?;
    Ok(lines)
}

fn write_line(output: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    if payload.contains(&b'\n') {
        let line: Vec<u8> = payload
            .iter()
            .map(|byte| if *byte == b'\n' { b' ' } else { *byte })
            .collect();
        output.write_all(&line)?;
    } else {
        output.write_all(payload)?;
    }
    output.write_all(b"\n")
}
