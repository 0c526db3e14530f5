//! Partitions by topic id: what members are to have, and what they have.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::{
    consumer_group_heartbeat_request, consumer_group_heartbeat_response,
};
use uuid::Uuid;

/// The partitions of each topic. By id: a topic created anew under an old name is another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment(pub BTreeMap<Uuid, BTreeSet<i32>>);

impl Assignment {
    pub(super) fn contains(&self, topic: Uuid, partition: i32) -> bool {
        let partitions = self.0.get(&topic);
        partitions.is_some_and(|partitions| partitions.contains(&partition))
    }

    pub(super) fn insert(&mut self, topic: Uuid, partition: i32) {
        self.0.entry(topic).or_default().insert(partition);
    }

    pub(super) fn remove(&mut self, topic: Uuid, partition: i32) {
        if let Some(partitions) = self.0.get_mut(&topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.0.remove(&topic);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Uuid, i32)> {
        let topics = self.0.iter();
        topics
            .flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
    }

    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    pub(super) fn of_request(owned: &[consumer_group_heartbeat_request::TopicPartitions]) -> Self {
        let partitions = owned.iter().flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|index| (topic.topic_id, *index))
        });
        partitions.collect()
    }
}

impl FromIterator<(Uuid, i32)> for Assignment {
    fn from_iter<I: IntoIterator<Item = (Uuid, i32)>>(partitions: I) -> Self {
        let mut assignment = Self::default();
        for (topic, partition) in partitions {
            assignment.insert(topic, partition);
        }
        assignment
    }
}

/// What a member has, and the member epoch at which it was given each partition: a commit under an
/// epoch since then is a commit of its holder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldPartitions(pub BTreeMap<(Uuid, i32), i32>);

impl HeldPartitions {
    pub(super) fn contains(&self, topic: Uuid, partition: i32) -> bool {
        self.0.contains_key(&(topic, partition))
    }

    /// The member epoch since which it has the partition.
    pub(super) fn since(&self, topic: Uuid, partition: i32) -> Option<i32> {
        self.0.get(&(topic, partition)).copied()
    }

    pub(in crate::group) fn partitions(&self) -> Assignment {
        self.0.keys().copied().collect()
    }

    pub(super) fn to_response(&self) -> consumer_group_heartbeat_response::Assignment {
        let topics = self.partitions().0.into_iter().map(|(topic, partitions)| {
            consumer_group_heartbeat_response::TopicPartitions::default()
                .with_topic_id(topic)
                .with_partitions(partitions.into_iter().collect())
        });
        consumer_group_heartbeat_response::Assignment::default()
            .with_topic_partitions(topics.collect())
    }
}
