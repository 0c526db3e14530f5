//! The directories of `log.dirs`: how much they hold, and what happens when one fails.
//!
//! A write that a disk refuses takes the whole directory offline: Kafka doesn't try it again
//! before a restart (KIP-112). A broker halts once its last directory, or the one with the
//! metadata log, has failed (`LogManager.handleLogDirFailure`,
//! `ReplicaManager.handleLogDirFailure`). So with the single directory of most set-ups a full disk
//! ends the broker; only with more of them can clients see KAFKA_STORAGE_ERROR from a broker that
//! goes on.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

use crate::cluster::Cluster;
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::event::Event;
use crate::now::Now;
use crate::partition_log::PartitionLog;
use crate::topics::Partition;

/// The directory that holds the metadata log, and here the internal topics, whose size is not
/// counted.
const METADATA_LOG_DIR: usize = 0;

/// A directory of a broker, by its index in `log.dirs`.
pub(crate) type LogDirOf = (BrokerId, usize);

/// What is known of the directories; those that nothing is known of are online and unlimited.
#[derive(Debug, Default)]
pub(crate) struct LogDirs {
    states: BTreeMap<LogDirOf, LogDir>,
    /// Brokers that are about to halt.
    halting: Vec<BrokerId>,
}

#[derive(Debug, Default)]
struct LogDir {
    /// How much the disk holds of it; `None` without limit.
    capacity_bytes: Option<u64>,
    offline: bool,
    failures: u64,
}

impl LogDirs {
    pub(crate) fn is_offline(&self, dir: LogDirOf) -> bool {
        self.states.get(&dir).is_some_and(|state| state.offline)
    }
}

impl ClusterState {
    /// Whether the directory of the replica that leads has failed.
    pub(crate) fn is_offline(&self, partition: &Partition) -> bool {
        self.log_dirs
            .is_offline((partition.replica, partition.log_dir))
    }

    /// The directory for a broker's next log: of those online the one with the fewest logs
    /// (`LogManager.nextLogDirs`).
    pub(crate) fn next_log_dir(&self, broker: BrokerId, planned: &[LogDirOf]) -> usize {
        let logs = |dir: &usize| {
            let topics = self.topics.iter().filter(|topic| !topic.is_internal());
            let held = topics.flat_map(|topic| &topic.partitions);
            let held = held.filter_map(|held| held.log_in((broker, *dir)));
            let planned = planned.iter().filter(|other| **other == (broker, *dir));
            held.count() + planned.count()
        };
        let dirs = 0..self.config.settings.log_dirs;
        if dirs.len() < 2 {
            return METADATA_LOG_DIR;
        }
        let online = dirs.filter(|dir| !self.log_dirs.is_offline((broker, *dir)));
        online.min_by_key(logs).unwrap_or(METADATA_LOG_DIR)
    }

    /// Bytes of the logs in a directory.
    fn log_dir_bytes(&self, (broker, dir): LogDirOf) -> u64 {
        let held = self.topics.iter().flat_map(|topic| &topic.partitions);
        let held = held.filter_map(|held| held.log_in((broker, dir)));
        held.map(PartitionLog::size_bytes).sum()
    }

    /// Makes sure that so many bytes fit into a directory. If they don't, the write fails, and the
    /// directory with it.
    pub(crate) fn write_to_log_dir(
        &mut self,
        now: Now,
        dir: LogDirOf,
        bytes: usize,
    ) -> Result<(), ResponseError> {
        let state = self.log_dirs.states.get(&dir);
        let Some(capacity_bytes) = state.and_then(|state| state.capacity_bytes) else {
            return Ok(());
        };
        if self.log_dir_bytes(dir) + bytes as u64 <= capacity_bytes {
            return Ok(());
        }
        self.fail_log_dir(now, dir);
        Err(ResponseError::KafkaStorageError)
    }

    fn fail_log_dir(&mut self, now: Now, dir: LogDirOf) {
        let (broker, index) = dir;
        let state = self.log_dirs.states.entry(dir).or_default();
        state.offline = true;
        state.failures += 1;
        self.events.push(Event::LogDirFailed {
            broker,
            log_dir: index,
        });
        // The controller hears of it (KIP-858), and finds another replica to lead if there is one.
        let mut replicated = Vec::new();
        for topic in self.topics.iter_mut() {
            let held = (0..).zip(&mut topic.partitions);
            for (index, partition) in held.filter(|(_, held)| held.log_in(dir).is_some()) {
                if partition.is_replicated() {
                    replicated.push((topic.name.clone(), index));
                } else {
                    partition.leader_epoch += 1;
                }
            }
        }
        for partition in replicated {
            self.replica_lost(now, &partition, broker);
        }
        let mut dirs = 0..self.config.settings.log_dirs;
        if index == METADATA_LOG_DIR || dirs.all(|dir| self.log_dirs.is_offline((broker, dir))) {
            self.log_dirs.halting.push(broker);
        }
    }

    /// A broker that starts finds all of its directories again.
    pub(crate) fn open_log_dirs(&mut self, broker: BrokerId) {
        for ((of, _), state) in &mut self.log_dirs.states {
            state.offline &= *of != broker;
        }
    }
}

impl Cluster {
    /// Limits what the logs in a directory of a broker may take: the disk behind it is that small,
    /// or others have filled it. An append that does not fit fails the directory. `None` takes the
    /// limit away; a directory that has failed comes back only when its broker starts again.
    pub fn set_log_dir_capacity(
        &mut self,
        broker: BrokerId,
        log_dir: usize,
        capacity_bytes: Option<u64>,
    ) {
        let states = &mut self.state.log_dirs.states;
        states.entry((broker, log_dir)).or_default().capacity_bytes = capacity_bytes;
    }

    /// Bytes of the logs in a directory of a broker. Internal topics are not counted.
    pub fn log_dir_bytes(&self, broker: BrokerId, log_dir: usize) -> u64 {
        self.state.log_dir_bytes((broker, log_dir))
    }

    /// How often a directory of the broker has failed.
    pub fn log_dir_failures(&self, broker: BrokerId) -> u64 {
        let states = self.state.log_dirs.states.iter();
        let own = states.filter(|((of, _), _)| *of == broker);
        own.map(|(_, state)| state.failures).sum()
    }

    /// Whether a directory of the broker has failed since it started.
    pub fn has_offline_log_dir(&self, broker: BrokerId) -> bool {
        let mut states = self.state.log_dirs.states.iter();
        states.any(|((of, _), state)| *of == broker && state.offline)
    }

    /// Stops the brokers that a failed directory leaves without what they need (`Exit.halt`).
    pub(crate) fn halt_brokers(&mut self, now: Now) {
        for broker in std::mem::take(&mut self.state.log_dirs.halting) {
            if self.is_running(broker) {
                self.state.events.push(Event::BrokerHalted { broker });
                self.take_down(now, broker);
            }
        }
    }
}
