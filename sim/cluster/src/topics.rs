//! The topics of the cluster, their partitions and logs.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use uuid::Uuid;

use crate::config::BrokerId;
use crate::log_dir::LogDirOf;
use crate::partition_log::PartitionLog;
use crate::producer_state::ProducerStates;
use crate::replication::Replication;
use crate::topic_config::TopicConfig;
use crate::topic_name;

/// `IsolationLevel.READ_COMMITTED`.
pub(crate) const READ_COMMITTED: i8 = 1;

/// A partition by topic name and index.
pub type TopicPartition = (TopicName, i32);

/// One topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its id: a topic created anew under an old name has another.
    pub id: Uuid,
    /// Its own settings.
    pub config: TopicConfig,
    /// Its partitions, by index.
    pub partitions: Vec<Partition>,
}

/// One partition: its leader's replica, and what there is beside it.
#[derive(Debug, Clone)]
pub struct Partition {
    /// The broker that holds the log, and leads it whenever it is up; another one may take its place
    /// if there are more replicas.
    pub replica: BrokerId,
    /// Which of the broker's log dirs the log is in.
    pub log_dir: usize,
    /// Counts up whenever the leader goes or comes.
    pub leader_epoch: i32,
    /// The records.
    pub log: PartitionLog,
    /// What is known of the producers that wrote them.
    pub producers: ProducerStates,
    /// Its other replicas, and what all of them have.
    pub replication: Replication,
}

/// All topics, by name and by id.
#[derive(Debug, Clone, Default)]
pub struct Topics {
    by_name: BTreeMap<TopicName, Topic>,
    names_by_id: BTreeMap<Uuid, TopicName>,
    created: u64,
    /// Whether there was ever a topic whose logs are compacted.
    compacts: bool,
}

impl Topic {
    /// Whether it is one of Kafka's own topics.
    pub fn is_internal(&self) -> bool {
        topic_name::is_internal(&self.name)
    }

    /// The partition of that index.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// The partition of that index.
    pub fn partition_mut(&mut self, index: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(index).ok()?)
    }
}

impl Partition {
    /// The offset up to which every transaction has ended: what readers of committed records may
    /// see. Never before the log's start (`maybeIncrementFirstUnstableOffset`).
    pub fn last_stable_offset(&self) -> i64 {
        let open = self.producers.transactions().first_open_offset();
        match open {
            Some(first_offset) => first_offset.max(self.log.log_start_offset()),
            None => self.high_watermark(),
        }
        .min(self.high_watermark())
    }

    /// Where a reader of this isolation level finds the log's end.
    pub fn end_offset_for(&self, isolation_level: i8) -> i64 {
        if isolation_level == READ_COMMITTED {
            self.last_stable_offset()
        } else {
            self.high_watermark()
        }
    }

    /// An empty one on these brokers, each with one of its log dirs; the first leads.
    pub fn new(replicas: &[LogDirOf]) -> Self {
        let mut log = PartitionLog::default();
        log.assign_epoch(0);
        let (replica, log_dir) = replicas.first().copied().unwrap_or((-1, 0));
        Self {
            replica,
            log_dir,
            leader_epoch: 0,
            log,
            producers: ProducerStates::default(),
            replication: Replication::new(replicas),
        }
    }

    /// Compares the leader epoch a client believes in; -1 means that it does not say
    /// (`Partition.checkCurrentLeaderEpoch`).
    pub fn check_leader_epoch(&self, current_leader_epoch: i32) -> Result<(), ResponseError> {
        if current_leader_epoch < 0 || current_leader_epoch == self.leader_epoch {
            Ok(())
        } else if current_leader_epoch < self.leader_epoch {
            Err(ResponseError::FencedLeaderEpoch)
        } else {
            Err(ResponseError::UnknownLeaderEpoch)
        }
    }
}

impl Topics {
    /// Adds a topic whose partition `i` lives on `replicas[i]`, brokers and their log dirs. The
    /// caller has checked the name.
    pub(crate) fn create(
        &mut self,
        name: TopicName,
        config: TopicConfig,
        replicas: &[Vec<LogDirOf>],
    ) -> &Topic {
        self.created += 1;
        self.compacts |= config.is_compacted();
        let id = topic_id(self.created);
        let partitions = replicas.iter().map(|of| Partition::new(of)).collect();
        self.names_by_id.insert(id, name.clone());
        self.by_name.entry(name.clone()).or_insert(Topic {
            name,
            id,
            config,
            partitions,
        })
    }

    /// Changes a topic's own settings; nothing where there is no such topic.
    pub(crate) fn set_config(&mut self, name: &TopicName, config: TopicConfig) {
        if let Some(topic) = self.by_name.get_mut(name) {
            self.compacts |= config.is_compacted();
            topic.config = config;
        }
    }

    /// Whether a cleaner may have something to do.
    pub(crate) fn compacts(&self) -> bool {
        self.compacts
    }

    /// Removes a topic with its records.
    pub fn delete(&mut self, name: &TopicName) -> Option<Topic> {
        let topic = self.by_name.remove(name)?;
        self.names_by_id.remove(&topic.id);
        Some(topic)
    }

    /// How many topics were ever created: what spreads partitions over brokers.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// The topic of that name.
    pub fn get(&self, name: &TopicName) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// The topic of that name.
    pub fn get_mut(&mut self, name: &TopicName) -> Option<&mut Topic> {
        self.by_name.get_mut(name)
    }

    /// A partition of any topic.
    pub fn partition(&self, (name, index): &TopicPartition) -> Option<&Partition> {
        self.get(name)?.partition(*index)
    }

    /// A partition of any topic.
    pub fn partition_mut(&mut self, (name, index): &TopicPartition) -> Option<&mut Partition> {
        self.get_mut(name)?.partition_mut(*index)
    }

    /// The name of the topic with that id.
    pub fn name_of(&self, id: Uuid) -> Option<&TopicName> {
        self.names_by_id.get(&id)
    }

    /// All topics, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values()
    }

    /// All topics, by name.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Topic> {
        self.by_name.values_mut()
    }
}

/// A version 4 UUID that is a function of the topic's number, so that runs repeat.
fn topic_id(number: u64) -> Uuid {
    let scramble = |seed: u64| {
        // SplitMix64 (Steele, Lea and Flood 2014).
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let high = u128::from(scramble(number * 2));
    let low = u128::from(scramble(number * 2 + 1));
    let random = (high << 64 | low).to_be_bytes();
    uuid::Builder::from_random_bytes(random).into_uuid()
}
