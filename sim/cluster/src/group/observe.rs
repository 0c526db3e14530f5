//! A view of the coordinator for checkers and tools. It influences nothing.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::classic_group::Group;
use super::consumer::ConsumerGroup;
use super::coordinator::GroupCoordinator;
use super::offsets::{CommittedOffset, GroupOffsets};
use crate::group_state::GroupState;

/// A group as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group.
    pub group: String,
    /// Its state.
    pub state: GroupState,
    /// Its generation; it counts up when a rebalance's join phase ends. In the consumer protocol the
    /// group epoch.
    pub generation: i32,
    /// `consumer` for consumers; `None` if it never had members.
    pub protocol_type: Option<String>,
    /// The selected assignor.
    pub protocol_name: Option<String>,
    /// The leader's member id.
    pub leader: Option<String>,
    /// The members, in the order in which they joined.
    pub members: Vec<MemberDescription>,
    /// The committed offsets by topic and partition.
    pub offsets: BTreeMap<(String, i32), CommittedOffset>,
}

/// A member as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDescription {
    /// The member id.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// Its assignment (`ConsumerProtocolAssignment`) in the present generation; empty while there is none.
    pub assignment: Bytes,
    /// Its JoinGroup is parked until the join phase ends.
    pub awaiting_join: bool,
    /// Its SyncGroup is parked until the leader's comes.
    pub awaiting_sync: bool,
}

impl GroupCoordinator {
    /// Every group of this coordinator, by name.
    pub fn groups(&self) -> Vec<GroupDescription> {
        let groups = &self.groups;
        let classic = groups
            .by_id
            .values()
            .map(|group| describe(group, groups.offsets.group(&group.id)));
        let consumers = groups
            .consumer
            .values()
            .map(|group| describe_consumers(group, groups.offsets.group(&group.id)));
        classic.chain(consumers).collect()
    }

    /// What the group committed for the partition, if anything.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.groups.offsets.get(group, topic, partition)
    }
}

fn describe(group: &Group, offsets: Option<&GroupOffsets>) -> GroupDescription {
    let members = group.members.values().map(|member| MemberDescription {
        member_id: member.id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        assignment: member.assignment.clone(),
        awaiting_join: member.awaiting_join.is_some(),
        awaiting_sync: member.awaiting_sync.is_some(),
    });
    GroupDescription {
        group: group.id.clone(),
        state: group.state,
        generation: group.generation,
        protocol_type: group.protocol_type.clone(),
        protocol_name: group.protocol_name.clone(),
        leader: group.leader.clone(),
        members: members.collect(),
        offsets: by_partition(offsets),
    }
}

/// A group of the consumer protocol: its epoch takes the generation's place, and nobody leads.
fn describe_consumers(group: &ConsumerGroup, offsets: Option<&GroupOffsets>) -> GroupDescription {
    let members = group.members.values().map(|member| MemberDescription {
        member_id: member.member_id.clone(),
        group_instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        assignment: group.encode_assignment(&member.assigned.partitions()),
        awaiting_join: false,
        awaiting_sync: false,
    });
    GroupDescription {
        group: group.id.clone(),
        state: group.state(),
        generation: group.epoch,
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some(group.assignor.name().to_owned()),
        leader: None,
        members: members.collect(),
        offsets: by_partition(offsets),
    }
}

fn by_partition(offsets: Option<&GroupOffsets>) -> BTreeMap<(String, i32), CommittedOffset> {
    let topics = offsets.into_iter().flatten();
    let offsets = topics.flat_map(|(topic, partitions)| {
        let of_topic = partitions.iter();
        of_topic.map(|(partition, offset)| ((topic.clone(), *partition), offset.clone()))
    });
    offsets.collect()
}
