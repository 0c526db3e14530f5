//! A partition of a topic.

use std::fmt;

use rdkafka::TopicPartitionList;

/// A partition of a topic; shown as Kafka shows it, `trades-3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }

    /// All partitions of a client's list, in order.
    #[must_use]
    pub fn all(list: &TopicPartitionList) -> Vec<Self> {
        let mut all: Vec<Self> = list
            .elements()
            .iter()
            .map(|element| Self::new(element.topic(), element.partition()))
            .collect();
        all.sort();
        all
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// `trades-0,trades-3`.
#[must_use]
pub fn join<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> String {
    let names: Vec<String> = partitions.into_iter().map(ToString::to_string).collect();
    names.join(",")
}
