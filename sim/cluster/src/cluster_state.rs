//! What all brokers share: the metadata, the logs on their disks, and which of them are up.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::config::{BrokerConfig, BrokerId, BrokerSettings, ClusterConfig};
use crate::dynamic_broker_configs::{Configs, DynamicBrokerConfigs};
use crate::event::Event;
use crate::group_id;
use crate::log_dir::{LogDirOf, LogDirs};
use crate::producer_state::ProducerStates;
use crate::replication::ReplicationTimers;
use crate::topic_catalog::TopicCatalog;
use crate::topic_config::TopicConfig;
use crate::topic_name;
use crate::topic_name::{GROUP_METADATA_TOPIC_NAME, TRANSACTION_STATE_TOPIC_NAME};
use crate::topics::{Partition, Topic, Topics};

/// The cluster's shared state.
#[derive(Debug)]
pub(crate) struct ClusterState {
    pub(crate) config: ClusterConfig,
    pub(crate) alive: BTreeSet<BrokerId>,
    pub(crate) topics: Topics,
    pub(crate) events: Vec<Event>,
    pub(crate) log_dirs: LogDirs,
    pub(crate) dynamic_configs: DynamicBrokerConfigs,
    pub(crate) replication: ReplicationTimers,
    /// How many producer ids were given out: the next one.
    producer_ids: i64,
}

impl ClusterState {
    pub(crate) fn new(config: ClusterConfig) -> Self {
        Self {
            alive: config.brokers.iter().map(|broker| broker.id).collect(),
            config,
            topics: Topics::default(),
            events: Vec::new(),
            log_dirs: LogDirs::default(),
            dynamic_configs: DynamicBrokerConfigs::default(),
            replication: ReplicationTimers::default(),
            producer_ids: 0,
        }
    }

    /// A producer id that was never given out before.
    pub(crate) fn generate_producer_id(&mut self) -> i64 {
        self.producer_ids += 1;
        self.producer_ids - 1
    }

    /// A broker's settings as they are now.
    pub(crate) fn settings_of(&self, broker: BrokerId) -> &BrokerSettings {
        self.dynamic_configs.settings(broker, &self.config.settings)
    }

    /// Replaces the settings that were changed for a broker, or for all (`None`).
    pub(crate) fn replace_broker_configs(&mut self, broker: Option<BrokerId>, configs: Configs) {
        let brokers = self.config.brokers.iter().map(|broker| broker.id);
        let base = &self.config.settings;
        self.dynamic_configs.replace(broker, configs, brokers, base);
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

    /// The partition's leader; `None` while the replica that leads is down, or on a log dir that has
    /// failed, and while the controller has found none.
    pub(crate) fn leader_of(&self, partition: &Partition) -> Option<BrokerId> {
        let online = !self.is_offline(partition) && !partition.replication.leaderless;
        let up = self.alive.get(&partition.replica).copied();
        up.filter(|_| online)
    }

    /// Creates a topic of that many partitions and replicas of each, spread over the brokers that
    /// are up, each topic beginning at another one.
    pub(crate) fn create_topic(
        &mut self,
        name: TopicName,
        config: TopicConfig,
        partitions: i32,
        replication_factor: usize,
    ) -> &Topic {
        let start = self.topics.created() as usize;
        let replicas = self.spread(start, partitions.max(0) as usize, replication_factor);
        self.create_topic_at(name, config, &replicas)
    }

    /// The brokers of so many partitions, around those that are up from the `start`-th on. Each
    /// partition's replicas are neighbours.
    pub(crate) fn spread(
        &self,
        start: usize,
        partitions: usize,
        replication_factor: usize,
    ) -> Vec<Vec<BrokerId>> {
        let brokers: Vec<BrokerId> = self.alive.iter().copied().collect();
        let replicas = |leader: usize| {
            let places = leader..leader + replication_factor.clamp(1, brokers.len());
            places.map(|place| brokers[place % brokers.len()]).collect()
        };
        (start..start + partitions).map(replicas).collect()
    }

    /// Creates a topic whose partition `i` lives on `replicas[i]`, led by the first of them.
    pub(crate) fn create_topic_at(
        &mut self,
        name: TopicName,
        config: TopicConfig,
        replicas: &[Vec<BrokerId>],
    ) -> &Topic {
        self.events.push(Event::TopicCreated {
            topic: name.to_string(),
            partitions: replicas.len() as i32,
        });
        let placed = self.place(&name, replicas);
        self.topics.create(name, config, &placed)
    }

    /// Gives a topic more partitions, on these brokers; nothing where there is no such topic.
    pub(crate) fn create_partitions(&mut self, name: &TopicName, replicas: &[Vec<BrokerId>]) {
        let placed = self.place(name, replicas);
        let Some(topic) = self.topics.get_mut(name) else {
            return;
        };
        let new = placed.iter().map(|of| Partition::new(of));
        topic.partitions.extend(new);
        self.events.push(Event::PartitionsCreated {
            topic: name.to_string(),
            partitions: topic.partitions.len() as i32,
        });
    }

    /// The log dirs of a topic's new partitions, which live on these brokers.
    fn place(&self, topic: &TopicName, replicas: &[Vec<BrokerId>]) -> Vec<Vec<LogDirOf>> {
        let internal = topic_name::is_internal(topic);
        let mut placed: Vec<LogDirOf> = Vec::new();
        let mut place = |&replica: &BrokerId| {
            let log_dir = match internal {
                true => 0,
                false => self.next_log_dir(replica, &placed),
            };
            placed.push((replica, log_dir));
            (replica, log_dir)
        };
        let partitions = replicas.iter();
        partitions
            .map(|replicas| replicas.iter().map(&mut place).collect())
            .collect()
    }

    /// Moves the partitions that a broker which came or went has to itself to their next leader
    /// epoch.
    pub(crate) fn bump_leader_epochs(&mut self, broker: BrokerId) {
        let up = self.alive.contains(&broker);
        for topic in self.topics.iter_mut() {
            let moved = topic.partitions.iter_mut();
            let alone = |found: &&mut Partition| found.replica == broker && !found.is_replicated();
            for partition in moved.filter(alone) {
                partition.leader_epoch += 1;
                if up {
                    partition.log.assign_epoch(partition.leader_epoch);
                    partition.producers = ProducerStates::rebuild(partition.log.batches());
                }
            }
        }
    }

    /// `min.insync.replicas` of a topic.
    pub(crate) fn min_insync_replicas(&self, topic: &TopicName) -> usize {
        let topic = self.topics.get(topic);
        topic.map_or(1, |topic| {
            topic.config.min_insync_replicas(&self.config.settings)
        })
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
        if partition.replica == broker && self.is_offline(partition) {
            return Err(ResponseError::KafkaStorageError);
        }
        if self.leader_of(partition) != Some(broker) {
            return Err(ResponseError::NotLeaderOrFollower);
        }
        partition.check_leader_epoch(current_leader_epoch)?;
        Ok(partition)
    }

    /// The leader of the `__consumer_offsets` partition of a group; `None` while that partition
    /// has no leader, or the topic does not exist yet.
    pub(crate) fn group_coordinator(&self, group: &str) -> Option<BrokerId> {
        self.coordinator(&offsets_topic_name(), group)
    }

    /// The leader of the `__transaction_state` partition of a transactional id; `None` as above.
    pub(crate) fn transaction_coordinator(&self, transactional_id: &str) -> Option<BrokerId> {
        self.coordinator(&transactions_topic_name(), transactional_id)
    }

    /// Whatever leads a key's partition of an internal topic coordinates it.
    pub(crate) fn coordinator(&self, topic: &TopicName, key: &str) -> Option<BrokerId> {
        let topic = self.topics.get(topic)?;
        let partition = group_id::partition_for(key, topic.partitions.len() as i32);
        self.leader_of(topic.partition(partition)?)
    }
}

/// The name of the offsets topic as the protocol crate spells names.
pub(crate) fn offsets_topic_name() -> TopicName {
    TopicName(StrBytes::from_static_str(GROUP_METADATA_TOPIC_NAME))
}

/// The name of the transactions topic as the protocol crate spells names.
pub(crate) fn transactions_topic_name() -> TopicName {
    TopicName(StrBytes::from_static_str(TRANSACTION_STATE_TOPIC_NAME))
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

    fn topic_id(&self, topic: &TopicName) -> Option<Uuid> {
        Some(self.state.topics.get(topic)?.id)
    }

    fn topic_name(&self, id: Uuid) -> Option<TopicName> {
        self.state.topics.name_of(id).cloned()
    }

    fn is_coordinator_of(&self, group: &str) -> bool {
        self.state.group_coordinator(group) == Some(self.broker)
    }
}
