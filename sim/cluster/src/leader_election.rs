//! Who leads a partition with several replicas, after a broker or its disk went or came
//! (`ReplicationControlManager`, `PartitionChangeBuilder`).

use std::time::Duration;

use crate::cluster::Cluster;
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::event::Event;
use crate::now::Now;
use crate::producer_state::ProducerStates;
use crate::replication::Follower;
use crate::topics::{Partition, TopicPartition};

impl Cluster {
    /// The controller gives a broker up: it leaves the in-sync replicas, and what it led gets
    /// another leader if there is one.
    pub(crate) fn fence(&mut self, now: Now, broker: BrokerId) {
        self.state.replication.fencings.remove(&broker);
        for partition in self.state.replicated_on(broker) {
            self.state.replica_lost(now, &partition, broker);
            self.partition_changed(&partition);
        }
    }

    /// A broker is back: it leads what waited for it, and follows where others lead.
    pub(crate) fn rejoin(&mut self, now: Now, broker: BrokerId) {
        for partition in self.state.replicated_on(broker) {
            self.state.elect_if_leaderless(now, &partition);
            self.state.schedule_fetches(now.monotonic, &partition);
            self.partition_changed(&partition);
        }
    }
}

impl ClusterState {
    /// The partitions with several replicas of which the broker holds one.
    fn replicated_on(&self, broker: BrokerId) -> Vec<TopicPartition> {
        let topics = self.topics.iter().flat_map(|topic| {
            let partitions = (0..).zip(&topic.partitions);
            partitions.map(|(index, partition)| ((topic.name.clone(), index), partition))
        });
        topics
            .filter(|(_, found)| found.is_replicated() && found.replicas().contains(&broker))
            .map(|(partition, _)| partition)
            .collect()
    }

    /// A broker is gone: the controller waits for it a while.
    pub(crate) fn expect_back(&mut self, now: Duration, broker: BrokerId) {
        if !self.replicated_on(broker).is_empty() {
            let timeout_ms = self.config.settings.broker_session_timeout_ms;
            let at = now + Duration::from_millis(timeout_ms);
            self.replication.fencings.insert(broker, at);
        }
    }

    /// A replica is down, or its directory has failed. The last one in sync stays in.
    pub(crate) fn replica_lost(&mut self, now: Now, partition: &TopicPartition, broker: BrokerId) {
        let Some(found) = self.topics.partition_mut(partition) else {
            return;
        };
        let leads = found.replica == broker;
        let in_sync = &mut found.replication.in_sync;
        let leaves = in_sync.len() > 1 && in_sync.remove(&broker);
        if leads && !found.replication.leaderless {
            self.elect(now, partition, Some(broker));
        }
        if leaves {
            self.tell_in_sync(partition);
        }
        // Nobody waits for it any more, and a new leader has committed what those in sync have.
        self.advance_high_watermark(partition);
    }

    fn elect_if_leaderless(&mut self, now: Now, partition: &TopicPartition) {
        let found = self.topics.partition(partition);
        if found.is_some_and(|found| found.replication.leaderless) {
            self.elect(now, partition, None);
            self.advance_high_watermark(partition);
        }
    }

    /// Finds a leader for a partition whose leader is gone: the first of the replicas in sync that
    /// is up, else any that is up if `unclean.leader.election.enable` says so. `resigns` leads no
    /// more, even if it is up.
    fn elect(&mut self, now: Now, partition: &TopicPartition, resigns: Option<BrokerId>) {
        let (name, index) = partition;
        let Some(topic) = self.topics.get(name) else {
            return;
        };
        let Some(found) = topic.partition(*index) else {
            return;
        };
        let up = |id: &BrokerId| resigns != Some(*id) && self.is_up(found, *id);
        let candidates: Vec<BrokerId> = found.replicas().iter().copied().filter(up).collect();
        let clean = candidates
            .iter()
            .find(|id| found.replication.in_sync.contains(id));
        let unclean = match topic.config.unclean_leader_election_enable() {
            true => candidates.first(),
            false => None,
        };
        let elected = clean.or(unclean).copied();
        let is_unclean = clean.is_none() && elected.is_some();
        let Some(found) = self.topics.partition_mut(partition) else {
            return;
        };
        if elected.is_none() && found.replication.leaderless {
            return;
        }
        found.replication.leaderless = elected.is_none();
        found.leader_epoch += 1;
        if let Some(leader) = elected {
            found.make_leader(leader, now.monotonic);
            if is_unclean {
                found.replication.in_sync = [leader].into();
            }
        }
        let leader_epoch = found.leader_epoch;
        self.events.push(Event::LeaderElected {
            topic: name.to_string(),
            partition: *index,
            leader: elected.unwrap_or(-1),
            leader_epoch,
            unclean: is_unclean,
        });
        if is_unclean {
            self.tell_in_sync(partition);
        }
        self.schedule_fetches(now.monotonic, partition);
    }

    /// The replicas that are down, or whose directory has failed.
    pub(crate) fn offline_replicas(&self, partition: &Partition) -> Vec<BrokerId> {
        let replicas = partition.replicas().iter().copied();
        replicas.filter(|id| !self.is_up(partition, *id)).collect()
    }

    /// Whether a replica could lead.
    fn is_up(&self, partition: &Partition, broker: BrokerId) -> bool {
        let mut followers = partition.replication.followers.iter();
        let log_dir = match followers.find(|follower| follower.broker == broker) {
            Some(follower) => follower.log_dir,
            None => partition.log_dir,
        };
        self.alive.contains(&broker) && !self.log_dirs.is_offline((broker, log_dir))
    }
}

impl Partition {
    /// Changes places with the follower that leads from now on. What it never had is lost, unless
    /// the old leader has it and leads again before it follows.
    fn make_leader(&mut self, leader: BrokerId, now: Duration) {
        let followers = &mut self.replication.followers;
        if let Some(place) = followers.iter().position(|f| f.broker == leader) {
            let elected = followers.remove(place);
            let deposed = Follower {
                broker: std::mem::replace(&mut self.replica, elected.broker),
                log_dir: std::mem::replace(&mut self.log_dir, elected.log_dir),
                log: std::mem::replace(&mut self.log, elected.log),
                caught_up_at: now,
            };
            followers.insert(place, deposed);
        }
        self.log.assign_epoch(self.leader_epoch);
        self.producers = ProducerStates::rebuild(self.log.batches());
        let end_offset = self.log.log_end_offset();
        let replication = &mut self.replication;
        replication.high_watermark = replication.high_watermark.min(end_offset);
        for follower in &mut replication.followers {
            follower.caught_up_at = now;
        }
    }
}
