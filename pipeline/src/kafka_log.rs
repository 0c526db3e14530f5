//! Looking at topics from outside the group.

use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use crate::clock;
use crate::config::Config;
use crate::topic_partition::TopicPartition;

/// One partition's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogExtent {
    /// The partition.
    pub partition: TopicPartition,
    /// The oldest offset.
    pub low: i64,
    /// The offset after the newest record.
    pub end: i64,
}

/// Why a log can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The client refused its properties.
    #[error("kafka client refused its configuration: {0}")]
    Client(KafkaError),
    /// No broker answered within the bound.
    #[error("no broker answered at {brokers} within {} s: {reason}", waited.as_secs())]
    Unreachable {
        /// `bootstrap.servers`.
        brokers: String,
        /// How long we waited.
        waited: Duration,
        /// The client's last word.
        reason: KafkaError,
    },
    /// A topic is not there.
    #[error("topic `{topic}` does not exist at {brokers}")]
    TopicMissing {
        /// Which topic.
        topic: String,
        /// `bootstrap.servers`.
        brokers: String,
    },
}

/// Every partition of the configured topics, waiting for brokers for `wait` at most.
///
/// # Errors
/// See [`LogError`].
pub fn extents(config: &Config, wait: Duration) -> Result<Vec<LogExtent>, LogError> {
    extents_by(&client(config)?, config, wait)
}

/// A client outside the group, for questions about logs.
pub(crate) fn client(config: &Config) -> Result<BaseConsumer, LogError> {
    let mut client = ClientConfig::new();
    client.extend(config.client_properties());
    client.create().map_err(LogError::Client)
}

/// [`extents`] by a client that is there already.
pub(crate) fn extents_by(
    consumer: &BaseConsumer,
    config: &Config,
    wait: Duration,
) -> Result<Vec<LogExtent>, LogError> {
    let deadline = Deadline {
        started: clock::monotonic(),
        wait,
        brokers: config.brokers.clone(),
    };
    let mut extents = Vec::new();
    for topic in &config.topics {
        for partition in partitions(consumer, topic, &deadline)? {
            let partition = TopicPartition::new(topic, partition);
            let (low, end) = deadline.keep_trying(|left| {
                consumer.fetch_watermarks(&partition.topic, partition.partition, left)
            })?;
            extents.push(LogExtent {
                partition,
                low,
                end,
            });
        }
    }
    Ok(extents)
}

fn partitions(
    consumer: &BaseConsumer,
    topic: &str,
    deadline: &Deadline,
) -> Result<Vec<i32>, LogError> {
    let metadata = deadline.keep_trying(|left| consumer.fetch_metadata(Some(topic), left))?;
    let mut partitions: Vec<i32> = metadata
        .topics()
        .iter()
        .filter(|found| found.name() == topic)
        .flat_map(|found| found.partitions().iter().map(|partition| partition.id()))
        .collect();
    partitions.sort_unstable();
    if partitions.is_empty() {
        return Err(LogError::TopicMissing {
            topic: topic.to_owned(),
            brokers: deadline.brokers.clone(),
        });
    }
    Ok(partitions)
}

/// A bound on all questions together.
struct Deadline {
    started: Instant,
    wait: Duration,
    brokers: String,
}

impl Deadline {
    fn keep_trying<T>(
        &self,
        mut ask: impl FnMut(Duration) -> Result<T, KafkaError>,
    ) -> Result<T, LogError> {
        loop {
            let left = self.wait.saturating_sub(self.started.elapsed());
            match ask(left.clamp(Duration::from_millis(10), Duration::from_secs(2))) {
                Ok(answer) => return Ok(answer),
                Err(reason) if left.is_zero() => {
                    return Err(LogError::Unreachable {
                        brokers: self.brokers.clone(),
                        waited: self.started.elapsed(),
                        reason,
                    });
                }
                Err(_) => {}
            }
        }
    }
}
