//! The topics as a group coordinator sees them.

use kafka_protocol::messages::TopicName;

/// Answers which partitions exist, for offset commits and subscriptions.
pub trait TopicCatalog {
    /// Number of partitions of the topic; `None` if there is no such topic.
    fn partition_count(&self, topic: &TopicName) -> Option<i32>;

    /// Whether the topic has the partition, online or not.
    fn partition_exists(&self, topic: &TopicName, partition: i32) -> bool {
        self.partition_count(topic)
            .is_some_and(|count| (0..count).contains(&partition))
    }
}
