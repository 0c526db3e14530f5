//! Why a worker ended.

use std::time::Duration;

use rdkafka::error::KafkaError;

use crate::field_path::OverlapError;
use crate::sink::SinkError;
use crate::topic_partition::TopicPartition;

/// Why a worker ended. In no case is a record lost: what the sink does not hold is read again.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// No processor of that name and version.
    #[error("no processor is called `{0}`")]
    UnknownProcessor(String),
    /// The field paths do not fit together.
    #[error(transparent)]
    Fields(#[from] OverlapError),
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
    #[error("topic `{topic}` does not exist at {brokers} (waited {} s)", waited.as_secs())]
    TopicMissing {
        /// Which topic.
        topic: String,
        /// `bootstrap.servers`.
        brokers: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The client can't go on.
    #[error("kafka client failed: {0}")]
    Kafka(KafkaError),
    /// The sink can't go on.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The log ends before the sink's position.
    #[error(
        "the log of {partition} went backwards: it ends at {end_offset}, the sink is at {next_offset}; \
         the topic was truncated or recreated"
    )]
    LogEndsEarly {
        /// Which partition.
        partition: TopicPartition,
        /// The sink's position.
        next_offset: i64,
        /// The log's end offset.
        end_offset: i64,
    },
    /// The last record that the sink processed is another one now.
    #[error(
        "the log of {partition} is another one: the record at offset {offset} is not the one that was processed; \
         the topic was recreated or rewritten"
    )]
    LogRewritten {
        /// Which partition.
        partition: TopicPartition,
        /// The offset that was compared.
        offset: i64,
    },
}

impl WorkerError {
    /// What a person can do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::LogEndsEarly { .. } | Self::LogRewritten { .. } => Some(
                "nothing was changed in the sink. To go on: restore the topic; or `pipeline rebuild` to build the \
                 result set again from the log as it is now; or keep these results, and give `sink.sqlite` another \
                 file for the new log",
            ),
            Self::Unreachable { .. } => {
                Some("check `brokers` and the network, then start again: nothing is lost")
            }
            Self::TopicMissing { .. } => {
                Some("check `topics`, or create it: `pipeline send --create-topic PARTITIONS` does")
            }
            Self::Sink(SinkError::Full { .. }) => {
                Some("make room, then start again: what is not in the sink is read again")
            }
            Self::Sink(SinkError::Failed { .. }) => Some(
                "check the disk and its room, then start again: what is not in the sink is read again",
            ),
            Self::Sink(SinkError::Unwritable { .. }) => {
                Some("check the directory, its permissions and that the file is a sink of ours")
            }
            Self::Sink(SinkError::OtherDefinition { .. }) => Some(
                "results of two definitions don't mix: give `sink.sqlite` another file, or delete this one and let it be built again",
            ),
            Self::Sink(SinkError::Busy { .. }) => Some(
                "another process holds the file locked: a backup, or a tool with an open transaction?",
            ),
            _ => None,
        }
    }
}
