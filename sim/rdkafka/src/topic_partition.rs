//! A topic's partition, as the client's own tables key it.

use std::fmt;
use std::sync::Arc;

use crate::topic_partition_list::TopicPartitionList;

/// A topic and a partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicPartition {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
}

impl TopicPartition {
    pub(crate) fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }

    /// The partitions of a list.
    pub(crate) fn all_of(list: &TopicPartitionList) -> Vec<Self> {
        list.elements()
            .iter()
            .map(|element| Self::new(element.topic(), element.partition()))
            .collect()
    }

    /// A list of these partitions, without offsets.
    pub(crate) fn list<'a>(partitions: impl IntoIterator<Item = &'a Self>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&partition.topic, partition.partition);
        }
        list
    }

    /// The partitions as a trace event shows them: `trades-0,trades-3`.
    pub(crate) fn shown<'a>(partitions: impl IntoIterator<Item = &'a Self>) -> String {
        let names: Vec<String> = partitions.into_iter().map(Self::to_string).collect();
        names.join(",")
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
