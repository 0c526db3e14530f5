//! The cluster's metadata as one broker's group coordinator sees it.

use kafka_protocol::messages::TopicName;
use uuid::Uuid;

/// Answers which partitions exist and which groups the asking broker coordinates.
pub trait TopicCatalog {
    /// Number of partitions of the topic; `None` if there is no such topic.
    fn partition_count(&self, topic: &TopicName) -> Option<i32>;

    /// Id of the topic; `None` if there is no such topic.
    fn topic_id(&self, topic: &TopicName) -> Option<Uuid>;

    /// Name of the topic with that id; `None` if there is no such topic.
    fn topic_name(&self, id: Uuid) -> Option<TopicName>;

    /// Whether the asking broker leads the `__consumer_offsets` partition of the group. A request
    /// for any other group is answered NOT_COORDINATOR.
    fn is_coordinator_of(&self, group: &str) -> bool;

    /// Whether the topic has the partition, online or not.
    fn partition_exists(&self, topic: &TopicName, partition: i32) -> bool {
        self.partition_count(topic)
            .is_some_and(|count| (0..count).contains(&partition))
    }
}
