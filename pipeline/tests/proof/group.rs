//! The consumer group and its topic as the brokers see them.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::patience::{PATIENCE, SOMETIMES, until};

const ANSWER: Duration = Duration::from_secs(5);

/// A client that asks about a group without joining it.
pub(crate) struct Group {
    consumer: BaseConsumer,
    name: String,
    topic: String,
    partitions: i32,
}

impl Group {
    /// Nothing is asked yet.
    pub(crate) fn new(bootstrap_servers: &str, name: &str, topic: &str, partitions: i32) -> Self {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("group.id", name)
            .set("enable.auto.commit", "false")
            .set("reconnect.backoff.max.ms", "500")
            .create()
            .unwrap();
        Self {
            consumer,
            name: name.to_owned(),
            topic: topic.to_owned(),
            partitions,
        }
    }

    /// The `client.id` of each member.
    pub(crate) fn members(&self) -> KafkaResult<BTreeSet<String>> {
        let groups = self.consumer.fetch_group_list(Some(&self.name), ANSWER)?;
        let members = groups.groups().iter().flat_map(|group| group.members());
        Ok(members
            .map(|member| member.client_id().to_owned())
            .collect())
    }

    /// Waits until the brokers no longer count somebody as a member.
    pub(crate) fn wait_until_expired(&self, member: &str) {
        until(
            &format!("the group's expiry of {member}"),
            SOMETIMES,
            || match self.members() {
                Ok(members) if !members.contains(member) => Ok(()),
                Ok(members) => Err(format!("the members are {members:?}")),
                Err(error) => Err(error.to_string()),
            },
        );
    }

    /// Whether a broker answers.
    pub(crate) fn answers(&self) -> KafkaResult<()> {
        self.consumer
            .fetch_metadata(Some(&self.topic), Duration::from_secs(1))
            .map(|_| ())
    }

    /// The offset after the newest record, per partition.
    pub(crate) fn ends(&self) -> Vec<i64> {
        (0..self.partitions)
            .map(|partition| {
                let extent = self
                    .consumer
                    .fetch_watermarks(&self.topic, partition, PATIENCE);
                extent.unwrap().1
            })
            .collect()
    }

    /// The group's committed offset per partition.
    pub(crate) fn committed(&self) -> Vec<Option<i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic, 0, self.partitions - 1);
        let committed = self.consumer.committed_offsets(list, PATIENCE).unwrap();
        (0..self.partitions)
            .map(|partition| {
                let found = committed.find_partition(&self.topic, partition)?;
                match found.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                }
            })
            .collect()
    }
}
