//! What a member of the consumer protocol (KIP-848) knows, and has to say in its next heartbeat.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use uuid::Uuid;
use whitewater_sim::random::{Stream, below_in};

use crate::topic_partition::TopicPartition;

/// Partitions by topic id, as heartbeats name them.
pub(super) type PartitionIds = BTreeSet<(Uuid, i32)>;

/// The parts of librdkafka's `rkcg_...` that only this protocol has.
#[derive(Debug, Default)]
pub(super) struct MemberState {
    /// The assignment that the coordinator knows it has.
    pub(super) current: PartitionIds,
    /// The assignment it is taking over, or has and must acknowledge.
    pub(super) target: Option<PartitionIds>,
    /// The assignment it was given last, and looks at when it can.
    pub(super) next: Option<PartitionIds>,
    /// The names of the topics in these.
    pub(super) names: BTreeMap<Uuid, Arc<str>>,
    /// `target` is not acknowledged yet.
    pub(super) must_acknowledge: bool,
    /// The heartbeat that is under way acknowledges `target`.
    pub(super) acknowledges: bool,
    /// The next heartbeat says everything.
    pub(super) says_everything: bool,
    /// A subscription is to be sent.
    pub(super) has_new_subscription: bool,
    /// The heartbeat that is under way, or is to be repeated, has it.
    pub(super) sends_new_subscription: bool,
    /// Fenced: everything is to be revoked as lost.
    pub(super) must_rejoin: bool,
    /// Everything is being revoked; no heartbeats meanwhile.
    pub(super) rejoins: bool,
    /// It has subscribed once.
    pub(super) has_subscribed: bool,
    /// As the coordinator said; zero before.
    pub(super) heartbeat_interval: Duration,
    /// Heartbeats since the last one that succeeded.
    pub(super) attempts: u32,
}

impl MemberState {
    /// Forgets the membership (`rd_kafka_cgrp_consumer_reset`).
    pub(super) fn reset(&mut self) {
        *self = Self {
            has_subscribed: self.has_subscribed,
            rejoins: self.rejoins,
            heartbeat_interval: self.heartbeat_interval,
            attempts: self.attempts,
            names: std::mem::take(&mut self.names),
            ..Self::default()
        };
    }

    /// Whether an assignment is news beside what it has, or is about to have.
    pub(super) fn is_new(&self, assignment: &PartitionIds) -> bool {
        self.target.as_ref().unwrap_or(&self.current) != assignment
    }

    /// The partitions whose topics it can name.
    pub(super) fn named(&self, assignment: &PartitionIds) -> Vec<TopicPartition> {
        let named = assignment.iter().filter_map(|(topic, partition)| {
            let name = self.names.get(topic)?;
            Some(TopicPartition::new(Arc::clone(name), *partition))
        });
        named.collect()
    }

    /// Whether all topics of an assignment have names.
    pub(super) fn knows(&self, assignment: &PartitionIds) -> bool {
        assignment
            .iter()
            .all(|(topic, _)| self.names.contains_key(topic))
    }

    pub(super) fn to_request(assignment: &PartitionIds) -> Vec<TopicPartitions> {
        let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in assignment {
            topics.entry(*topic).or_default().push(*partition);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            TopicPartitions::default()
                .with_topic_id(topic)
                .with_partitions(partitions)
        });
        topics.collect()
    }
}

/// A member id, which a member of this protocol makes itself: 22 characters of base64.
pub(super) fn random_member_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letters = (0..22).map(|_| ALPHABET[below_in(Stream::Entropy, 64) as usize]);
    letters.map(char::from).collect()
}
