//! A member of a consumer group (`ConsumerGroupMember.java`).

use std::collections::BTreeSet;

use kafka_protocol::messages::ConsumerGroupHeartbeatRequest;

use super::assignment::{Assignment, HeldPartitions};
use crate::requester::Requester;

/// The member epoch of a request that joins.
pub(super) const JOIN: i32 = 0;
/// The member epoch of a member that leaves (`LEAVE_GROUP_MEMBER_EPOCH`).
pub(super) const LEAVE: i32 = -1;
/// The member epoch of a static member that goes and will be back
/// (`LEAVE_GROUP_STATIC_MEMBER_EPOCH`).
pub(super) const LEAVE_STATIC: i32 = -2;

/// How far a member is on its way to the target assignment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemberState {
    /// It has what the target of its epoch gave it.
    #[default]
    Stable,
    /// It still holds partitions that it was told to give up.
    UnrevokedPartitions,
    /// It waits for partitions that other members still hold.
    UnreleasedPartitions,
}

/// A member as its records keep it (`ConsumerGroupMemberMetadataValue`,
/// `ConsumerGroupCurrentMemberAssignmentValue`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerMember {
    /// The id, which the member chose.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// `client.rack`.
    pub rack_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// How long it may take to give partitions up.
    pub rebalance_timeout_ms: i32,
    /// The topics it subscribes to.
    pub topics: BTreeSet<String>,
    /// `group.remote.assignor`, if it names one.
    pub server_assignor: Option<String>,
    /// Its epoch; -2 for a static member that will be back.
    pub epoch: i32,
    /// The epoch before: a request may still name it if the answer to an earlier one got lost.
    pub previous_epoch: i32,
    /// Where it stands.
    pub state: MemberState,
    /// What it has.
    pub assigned: HeldPartitions,
    /// What it was told to give up, and has not.
    pub pending_revocation: HeldPartitions,
}

impl ConsumerMember {
    pub(super) fn new(member_id: &str) -> Self {
        Self {
            member_id: member_id.to_owned(),
            rebalance_timeout_ms: -1,
            ..Self::default()
        }
    }

    /// Takes over what a request says: what it leaves out stays.
    pub(super) fn update(&mut self, from: &Requester, request: &ConsumerGroupHeartbeatRequest) {
        let text = |value: &Option<_>| value.as_ref().map(ToString::to_string);
        self.instance_id = text(&request.instance_id).or(self.instance_id.take());
        self.rack_id = text(&request.rack_id).or(self.rack_id.take());
        self.server_assignor = text(&request.server_assignor).or(self.server_assignor.take());
        if request.rebalance_timeout_ms != -1 {
            self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        if let Some(topics) = &request.subscribed_topic_names {
            self.topics = topics.iter().map(|topic| topic.to_string()).collect();
        }
        self.client_id = from.client_id.clone();
        self.client_host = from.client_host.clone();
    }

    /// Goes to an epoch, and remembers the one it leaves.
    pub(super) fn go_to_epoch(&mut self, epoch: i32) {
        if self.epoch != epoch {
            self.previous_epoch = self.epoch;
            self.epoch = epoch;
        }
    }

    /// Whether it is as far on its way to the target, with the same partitions.
    pub(super) fn stands_as(&self, other: &Self) -> bool {
        self.epoch == other.epoch
            && self.state == other.state
            && self.assigned == other.assigned
            && self.pending_revocation == other.pending_revocation
    }

    /// Whether nothing is left to do for the target of this epoch.
    pub(super) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// Whether nobody else may have the partition yet.
    pub(in crate::group) fn holds(&self, topic: uuid::Uuid, partition: i32) -> bool {
        self.assigned.contains(topic, partition)
            || self.pending_revocation.contains(topic, partition)
    }

    /// Whether it owns nothing beyond what it was given.
    pub(super) fn was_given(&self, owned: &Assignment) -> bool {
        owned
            .iter()
            .all(|(topic, partition)| self.assigned.contains(topic, partition))
    }
}
