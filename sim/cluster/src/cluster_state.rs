//! What all brokers share: the metadata, the logs on their disks, and which of them are up.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::config::{BrokerConfig, BrokerId, ClusterConfig};
use crate::event::Event;
use crate::group_id;
use crate::topic_catalog::TopicCatalog;
use crate::topic_config::TopicConfig;
use crate::topic_name::GROUP_METADATA_TOPIC_NAME;
use crate::topics::{Partition, Topic, Topics};

/// The cluster's shared state.
#[derive(Debug)]
pub(crate) struct ClusterState {
    pub(crate) config: ClusterConfig,
    pub(crate) alive: BTreeSet<BrokerId>,
    pub(crate) topics: Topics,
    pub(crate) events: Vec<Event>,
}

impl ClusterState {
    pub(crate) fn new(config: ClusterConfig) -> Self {
        Self {
            alive: config.brokers.iter().map(|broker| broker.id).collect(),
            config,
            topics: Topics::default(),
            events: Vec::new(),
        }
    }

    /// The brokers that are up, in the order of their ids.
    pub(crate) fn alive_brokers(&self) -> impl Iterator<Item = &BrokerConfig> {
        self.alive.iter().filter_map(|id| self.broker_config(*id))
    }

    pub(crate) fn broker_config(&self, id: BrokerId) -> Option<&BrokerConfig> {
        self.config.brokers.iter().find(|broker| broker.id == id)
    }

    /// The broker clients are told is the controller (any would do: all of them forward).
    pub(crate) fn controller(&self) -> BrokerId {
        self.alive.first().copied().unwrap_or(-1)
    }

    /// The partition's leader; `None` while its only replica is down.
    pub(crate) fn leader_of(&self, partition: &Partition) -> Option<BrokerId> {
        self.alive.get(&partition.replica).copied()
    }

    /// Creates a topic of that many partitions, spread over the brokers that are up, each topic
    /// beginning at another one.
    pub(crate) fn create_topic(
        &mut self,
        name: TopicName,
        config: TopicConfig,
        partitions: i32,
    ) -> &Topic {
        let brokers: Vec<BrokerId> = self.alive.iter().copied().collect();
        let start = self.topics.created() as usize;
        let replicas: Vec<BrokerId> = (0..partitions.max(0) as usize)
            .map(|partition| brokers[(start + partition) % brokers.len()])
            .collect();
        self.create_topic_at(name, config, &replicas)
    }

    /// Creates a topic whose partition `i` lives on `replicas[i]`.
    pub(crate) fn create_topic_at(
        &mut self,
        name: TopicName,
        config: TopicConfig,
        replicas: &[BrokerId],
    ) -> &Topic {
        self.events.push(Event::TopicCreated {
            topic: name.to_string(),
            partitions: replicas.len() as i32,
        });
        self.topics.create(name, config, replicas)
    }

    /// Moves the partitions of a broker that came or went to their next leader epoch.
    pub(crate) fn bump_leader_epochs(&mut self, broker: BrokerId) {
        let up = self.alive.contains(&broker);
        for topic in self.topics.iter_mut() {
            let moved = topic.partitions.iter_mut();
            for partition in moved.filter(|partition| partition.replica == broker) {
                partition.leader_epoch += 1;
                if up {
                    partition.log.assign_epoch(partition.leader_epoch);
                }
            }
        }
    }

    /// The name a request means, which names its topics either by name or by id.
    pub(crate) fn topic_name(
        &self,
        name: &TopicName,
        id: Uuid,
        by_id: bool,
    ) -> Result<TopicName, ResponseError> {
        if !by_id {
            return Ok(name.clone());
        }
        let name = self.topics.name_of(id);
        name.cloned().ok_or(ResponseError::UnknownTopicId)
    }

    /// The partition, if the broker leads it and the client's leader epoch is the current one
    /// (`ReplicaManager.getPartitionOrException`, `Partition.getLocalLog`).
    pub(crate) fn led_partition(
        &self,
        broker: BrokerId,
        topic: &TopicName,
        index: i32,
        current_leader_epoch: i32,
    ) -> Result<&Partition, ResponseError> {
        let partition = self
            .topics
            .get(topic)
            .and_then(|topic| topic.partition(index))
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        if self.leader_of(partition) != Some(broker) {
            return Err(ResponseError::NotLeaderOrFollower);
        }
        partition.check_leader_epoch(current_leader_epoch)?;
        Ok(partition)
    }

    /// The leader of the `__consumer_offsets` partition of a group; `None` while that partition
    /// has no leader, or the topic does not exist yet.
    pub(crate) fn group_coordinator(&self, group: &str) -> Option<BrokerId> {
        let topic = self.topics.get(&offsets_topic_name())?;
        let partition = group_id::partition_for(group, topic.partitions.len() as i32);
        self.leader_of(topic.partition(partition)?)
    }
}

/// The name of the offsets topic as the protocol crate spells names.
pub(crate) fn offsets_topic_name() -> TopicName {
    TopicName(StrBytes::from_static_str(GROUP_METADATA_TOPIC_NAME))
}

/// The shared state as one broker's coordinator may see it.
pub(crate) struct CatalogOf<'a> {
    pub(crate) state: &'a ClusterState,
    pub(crate) broker: BrokerId,
}

impl TopicCatalog for CatalogOf<'_> {
    fn partition_count(&self, topic: &TopicName) -> Option<i32> {
        let topic = self.state.topics.get(topic)?;
        Some(topic.partitions.len() as i32)
    }

    fn is_coordinator_of(&self, group: &str) -> bool {
        self.state.group_coordinator(group) == Some(self.broker)
    }
}
