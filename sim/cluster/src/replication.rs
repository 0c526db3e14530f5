//! Replication: followers copy their leader's log, and the high watermark follows them.
//!
//! A follower's fetch is one step here, a while after there is something to fetch: what it reads and
//! what the leader learns by it happen at once. Logs, in-sync replicas and high watermarks go
//! through the states that Kafka's go through (`Partition.scala`, `AbstractFetcherThread`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::cluster::Cluster;
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::event::Event;
use crate::log_dir::LogDirOf;
use crate::now::Now;
use crate::partition_log::PartitionLog;
use crate::record_batch::{AppendRules, RecordBatch};
use crate::topics::{Partition, TopicPartition};

/// What a partition has beside its leader's log.
#[derive(Debug, Clone, Default)]
pub struct Replication {
    /// The brokers that hold the partition, the preferred leader first.
    pub(crate) assigned: Vec<BrokerId>,
    /// Those of them that have all that is committed. The last one stays in, even if it is down.
    pub(crate) in_sync: BTreeSet<BrokerId>,
    /// The replicas that do not lead; none where there is only one replica.
    pub(crate) followers: Vec<Follower>,
    /// What every replica in sync has.
    pub(crate) high_watermark: i64,
    /// The controller has given up the leader, and found no other.
    pub(crate) leaderless: bool,
}

/// A replica that does not lead.
#[derive(Debug, Clone)]
pub struct Follower {
    pub(crate) broker: BrokerId,
    pub(crate) log_dir: usize,
    pub(crate) log: PartitionLog,
    /// When it last had all of the leader's log (`lastCaughtUpTimeMs`), in monotonic time.
    pub(crate) caught_up_at: Duration,
}

/// What is due, by the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct ReplicationTimers {
    fetches: BTreeSet<(Duration, TopicPartition, BrokerId)>,
    /// When leaders look for followers that lag.
    lag_checks: BTreeMap<TopicPartition, Duration>,
    /// When the controller gives up a broker that is gone without a word.
    pub(crate) fencings: BTreeMap<BrokerId, Duration>,
}

impl ReplicationTimers {
    pub(crate) fn next(&self, ticks: impl Fn(BrokerId) -> bool) -> Option<Duration> {
        let fetches = self.fetches.iter().filter(|(_, _, id)| ticks(*id));
        let fetch = fetches.map(|(at, ..)| *at).next();
        let lag_check = self.lag_checks.values().copied().min();
        let fencing = self.fencings.values().copied().min();
        fetch.into_iter().chain(lag_check).chain(fencing).min()
    }
}

impl Replication {
    /// Of an empty partition.
    pub(crate) fn new(replicas: &[LogDirOf]) -> Self {
        let assigned: Vec<BrokerId> = replicas.iter().map(|(broker, _)| *broker).collect();
        let followers = replicas.iter().skip(1).map(|&(broker, log_dir)| Follower {
            broker,
            log_dir,
            log: PartitionLog::default(),
            caught_up_at: Duration::ZERO,
        });
        Self {
            in_sync: assigned.iter().copied().collect(),
            followers: followers.collect(),
            assigned,
            high_watermark: 0,
            leaderless: false,
        }
    }
}

impl Partition {
    /// The brokers that hold it, the preferred leader first.
    pub fn replicas(&self) -> &[BrokerId] {
        &self.replication.assigned
    }

    /// The brokers that have all that is committed, in the order of [`Self::replicas`].
    pub fn in_sync_replicas(&self) -> Vec<BrokerId> {
        let in_sync = |id: &&BrokerId| self.replication.in_sync.contains(id);
        self.replicas().iter().filter(in_sync).copied().collect()
    }

    /// The offset up to which the partition is committed: what consumers may see.
    pub fn high_watermark(&self) -> i64 {
        if self.is_replicated() {
            self.replication.high_watermark
        } else {
            self.log.log_end_offset()
        }
    }

    /// The log of the replica in a directory of a broker.
    pub(crate) fn log_in(&self, dir: LogDirOf) -> Option<&PartitionLog> {
        if (self.replica, self.log_dir) == dir {
            return Some(&self.log);
        }
        let mut followers = self.replication.followers.iter();
        let held = followers.find(|follower| (follower.broker, follower.log_dir) == dir);
        held.map(|follower| &follower.log)
    }

    /// Whether it has more than one replica.
    pub(crate) fn is_replicated(&self) -> bool {
        !self.replication.followers.is_empty()
    }

    /// Whether fewer replicas are in sync than must be; that is never more than there are
    /// (`Partition.effectiveMinIsr`).
    pub(crate) fn is_under_min_in_sync(&self, min_insync_replicas: usize) -> bool {
        self.replication.in_sync.len() < min_insync_replicas.min(self.replicas().len())
    }

    /// Raises the high watermark to what all replicas in sync have, but not while they are too few
    /// (KIP-966). Whether it moved.
    fn advance_high_watermark(&mut self, min_insync_replicas: usize) -> bool {
        if self.is_under_min_in_sync(min_insync_replicas) {
            return false;
        }
        let replication = &mut self.replication;
        let followers = replication.followers.iter();
        let in_sync = followers.filter(|follower| replication.in_sync.contains(&follower.broker));
        let committed = in_sync
            .map(|follower| follower.log.log_end_offset())
            .fold(self.log.log_end_offset(), i64::min);
        let moved = committed > replication.high_watermark;
        replication.high_watermark = replication.high_watermark.max(committed);
        moved
    }

    /// A follower drops what it has from `shared` on, and takes the leader's batches instead.
    fn copy_to(
        &mut self,
        broker: BrokerId,
        shared: i64,
        batches: Vec<RecordBatch>,
        rules: &AppendRules,
    ) {
        let mut followers = self.replication.followers.iter_mut();
        let Some(follower) = followers.find(|follower| follower.broker == broker) else {
            return;
        };
        let start_offset = self.log.log_start_offset();
        if follower.log.log_end_offset() < start_offset {
            follower.log = PartitionLog::starting_at(start_offset);
        }
        follower.log.truncate_to(shared);
        for batch in batches {
            follower.log.append_placed(batch, rules);
        }
        follower.log.delete_before(start_offset);
        follower.log.assign_epoch(self.leader_epoch);
    }
}

impl PartitionLog {
    /// Up to where this log, a follower's, is its leader's: the largest epoch that both have ends
    /// there in one of them (KIP-101, KIP-279).
    fn end_offset_shared_with(&self, leader: &Self) -> i64 {
        if self.log_end_offset() < leader.log_start_offset() {
            return leader.log_start_offset();
        }
        let mut epoch = self.latest_epoch();
        loop {
            let theirs = leader.end_offset_for_epoch(epoch);
            if theirs.offset < 0 {
                return self.log_end_offset().min(leader.log_end_offset());
            }
            let ours = self.end_offset_for_epoch(theirs.epoch);
            if ours.epoch == theirs.epoch || ours.epoch < 0 {
                let ours = if ours.offset < 0 {
                    theirs.offset
                } else {
                    ours.offset
                };
                return ours.min(theirs.offset).min(self.log_end_offset());
            }
            epoch = ours.epoch;
        }
    }
}

impl ClusterState {
    /// Lets the followers of a partition fetch, after the time that a fetch takes.
    pub(crate) fn schedule_fetches(&mut self, now: Duration, partition: &TopicPartition) {
        let Some(found) = self.topics.partition_mut(partition) else {
            return;
        };
        let settings = &self.config.settings;
        let due = now + Duration::from_micros(settings.replica_fetch_us);
        for follower in &found.replication.followers {
            if self.alive.contains(&follower.broker) {
                let fetch = (due, partition.clone(), follower.broker);
                self.replication.fetches.insert(fetch);
            }
        }
        let lag_max = Duration::from_millis(settings.replica_lag_time_max_ms);
        let checks = &mut self.replication.lag_checks;
        checks.entry(partition.clone()).or_insert(now + lag_max);
    }

    /// A leader has appended. Followers that had everything until now begin to lag.
    pub(crate) fn appended(&mut self, now: Now, partition: &TopicPartition, end_before: i64) {
        let Some(found) = self.topics.partition_mut(partition) else {
            return;
        };
        if !found.is_replicated() {
            return;
        }
        let end_offset = found.log.log_end_offset();
        for follower in &mut found.replication.followers {
            if follower.log.log_end_offset() == end_before && end_offset > end_before {
                follower.caught_up_at = now.monotonic;
            }
        }
        self.advance_high_watermark(partition);
        self.schedule_fetches(now.monotonic, partition);
    }

    /// Raises a partition's high watermark as far as it may go by now. Whether it moved.
    pub(crate) fn advance_high_watermark(&mut self, partition: &TopicPartition) -> bool {
        let min_insync_replicas = self.min_insync_replicas(&partition.0);
        let Some(found) = self.topics.partition_mut(partition) else {
            return false;
        };
        let moved = found.advance_high_watermark(min_insync_replicas);
        if moved {
            let (topic, partition) = partition;
            self.events.push(Event::HighWatermarkMoved {
                topic: topic.to_string(),
                partition: *partition,
                high_watermark: found.high_watermark(),
            });
        }
        moved
    }

    /// A follower fetches all there is. Whether clients of the partition may notice.
    fn fetch_as_follower(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        broker: BrokerId,
    ) -> bool {
        let (name, index) = partition;
        let Some(topic) = self.topics.get(name) else {
            return false;
        };
        let Some(found) = topic.partition(*index) else {
            return false;
        };
        let mut followers = found.replication.followers.iter();
        let Some(follower) = followers.find(|follower| follower.broker == broker) else {
            return false;
        };
        let log_dir = (broker, follower.log_dir);
        let can_fetch = self.alive.contains(&broker) && !self.log_dirs.is_offline(log_dir);
        if !can_fetch || self.leader_of(found).is_none() {
            return false;
        }
        let has = follower.log.end_offset_shared_with(&found.log);
        let batches: Vec<RecordBatch> = found.log.batches_from(has).cloned().collect();
        let bytes = batches.iter().map(|batch| batch.bytes().len()).sum();
        let rules = topic
            .config
            .append_rules(&self.config.settings, now.wall_ms);
        if self.write_to_log_dir(now, log_dir, bytes).is_err() {
            return true;
        }
        let Some(found) = self.topics.partition_mut(partition) else {
            return false;
        };
        found.copy_to(broker, has, batches, &rules);
        self.learn_of_fetch(now, partition, broker)
    }

    /// What the leader learns from a follower's fetch (`Partition.updateFollowerFetchState`).
    fn learn_of_fetch(&mut self, now: Now, partition: &TopicPartition, broker: BrokerId) -> bool {
        let Some(found) = self.topics.partition_mut(partition) else {
            return false;
        };
        let replication = &mut found.replication;
        let mut followers = replication.followers.iter_mut();
        let Some(follower) = followers.find(|follower| follower.broker == broker) else {
            return false;
        };
        let end_offset = follower.log.log_end_offset();
        if end_offset >= found.log.log_end_offset() {
            follower.caught_up_at = now.monotonic;
        }
        if end_offset >= replication.high_watermark && replication.in_sync.insert(broker) {
            self.tell_in_sync(partition);
        }
        self.advance_high_watermark(partition)
    }

    /// Takes the followers out of the in-sync replicas that have lagged for too long
    /// (`Partition.maybeShrinkIsr`), and looks again when the next one will have. Whether clients may
    /// notice.
    fn shrink_in_sync(&mut self, now: Now, partition: &TopicPartition) -> bool {
        let lag_max = Duration::from_millis(self.config.settings.replica_lag_time_max_ms);
        let led = self.topics.partition(partition);
        if led.is_none_or(|found| self.leader_of(found).is_none()) {
            return false;
        }
        let Some(found) = self.topics.partition_mut(partition) else {
            return false;
        };
        let end_offset = found.log.log_end_offset();
        let Replication {
            in_sync, followers, ..
        } = &mut found.replication;
        let lagging = followers.iter().filter(|follower| {
            in_sync.contains(&follower.broker) && follower.log.log_end_offset() < end_offset
        });
        let (late, early): (Vec<&Follower>, Vec<&Follower>) =
            lagging.partition(|follower| now.monotonic >= follower.caught_up_at + lag_max);
        let shrank = !late.is_empty();
        for follower in late {
            in_sync.remove(&follower.broker);
        }
        if let Some(next) = early.iter().map(|follower| follower.caught_up_at).min() {
            let checks = &mut self.replication.lag_checks;
            checks.insert(partition.clone(), next + lag_max);
        }
        if shrank {
            self.tell_in_sync(partition);
            self.advance_high_watermark(partition);
        }
        shrank
    }

    pub(crate) fn tell_in_sync(&mut self, partition: &TopicPartition) {
        if let Some(found) = self.topics.partition(partition) {
            let in_sync = found.in_sync_replicas();
            let (topic, partition) = partition;
            self.events.push(Event::InSyncReplicasChanged {
                topic: topic.to_string(),
                partition: *partition,
                in_sync,
            });
        }
    }
}

impl Cluster {
    /// Lets followers fetch, leaders look for laggards, and the controller give brokers up, as far as
    /// that is due and the broker's process runs.
    pub(crate) fn tick_replication(&mut self, now: Now, ticks: &impl Fn(BrokerId) -> bool) {
        let due = self.state.replication.fencings.iter();
        let due: Vec<BrokerId> = due
            .filter(|(_, at)| **at <= now.monotonic)
            .map(|(broker, _)| *broker)
            .collect();
        for broker in due {
            self.fence(now, broker);
        }
        let mut changed = BTreeSet::new();
        let fetches = self.state.replication.fetches.iter();
        let due: Vec<_> = fetches
            .take_while(|(at, ..)| *at <= now.monotonic)
            .filter(|(_, partition, broker)| {
                let leader = self.state.topics.partition(partition);
                ticks(*broker) && leader.is_none_or(|found| ticks(found.replica))
            })
            .cloned()
            .collect();
        for fetch in due {
            self.state.replication.fetches.remove(&fetch);
            let (_, partition, broker) = fetch;
            if self.state.fetch_as_follower(now, &partition, broker) {
                changed.insert(partition);
            }
        }
        let is_due = |_: &TopicPartition, at: &mut Duration| *at <= now.monotonic;
        let due: Vec<_> = self
            .state
            .replication
            .lag_checks
            .extract_if(.., is_due)
            .collect();
        for (partition, _) in due {
            if self.state.shrink_in_sync(now, &partition) {
                changed.insert(partition);
            }
        }
        for partition in changed {
            self.partition_changed(&partition);
        }
    }

    /// Answers whoever waits for a partition's high watermark or leader.
    pub(crate) fn partition_changed(&mut self, partition: &TopicPartition) {
        self.complete_produces(partition);
        self.complete_fetches(partition);
    }
}
