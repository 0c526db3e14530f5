//! What makes a generation: the protocol its members agree on, the topics, and its record.

use std::collections::BTreeSet;

use super::classic_group::Group;
use super::context::Context;
use super::member::{Member, Protocol};
use super::record::{GroupRecord, MemberMetadata};
use super::subscription;
use crate::group_state::GroupState;

/// The protocol type of consumers (`ConsumerProtocol.PROTOCOL_TYPE`).
const CONSUMER: &str = "consumer";

impl Group {
    /// Whether a member with these protocols could be in the group: an empty group takes any, all
    /// others those that share one with every member (`supportsProtocols`).
    pub(super) fn supports_protocols(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.is(GroupState::Empty) {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols
                .iter()
                .any(|protocol| self.all_support(&protocol.name))
    }

    fn all_support(&self, protocol: &str) -> bool {
        self.members
            .values()
            .all(|member| member.supports(protocol))
    }

    /// The protocol with most votes of those that every member supports. Kafka breaks a tie by
    /// hash order; here the one that the oldest member prefers wins.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let (_, oldest) = self.members.first()?;
        let candidates: Vec<&str> = oldest
            .protocols
            .iter()
            .map(|protocol| protocol.name.as_str())
            .filter(|protocol| self.all_support(protocol))
            .collect();
        let votes: Vec<&str> = self
            .members
            .values()
            .filter_map(|member| member.vote(&candidates))
            .collect();
        let count = |candidate: &str| votes.iter().filter(|vote| **vote == candidate).count();
        let most = candidates.iter().map(|candidate| count(candidate)).max()?;
        candidates
            .iter()
            .find(|candidate| count(candidate) == most)
            .map(|selected| (*selected).to_owned())
    }

    /// Goes to the next generation, which has members to wait for or is empty.
    pub(super) fn init_next_generation(&mut self, cx: &mut Context<'_>, reason: String) {
        self.generation += 1;
        self.pending_sync.clear();
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        let state = if self.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::CompletingRebalance
        };
        self.transition_to(cx, state, reason);
    }

    /// `None` if the group is no consumer group or a subscription can't be read.
    pub(super) fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_deref()?;
        let mut all = BTreeSet::new();
        for member in self.members.values() {
            all.extend(subscription::topics(member.metadata(protocol))?);
        }
        Some(all)
    }

    pub(super) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// A consumer group whose subscriptions are unknown counts as subscribed to everything.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// Whether offsets may expire now, and if so whether their age counts from the time the group
    /// became empty rather than from their commit (`offsetExpirationCondition`).
    pub(super) fn offset_expiration(&self) -> OffsetExpiration {
        if self.protocol_type.is_none() {
            OffsetExpiration::SinceCommit
        } else if self.is(GroupState::Empty) {
            OffsetExpiration::Since(self.state_timestamp_ms)
        } else if self.uses_consumer_protocol()
            && self.subscribed_topics.is_some()
            && self.is(GroupState::Stable)
        {
            OffsetExpiration::SinceCommit
        } else {
            OffsetExpiration::Never
        }
    }

    /// The record of the present generation (`newGroupMetadataRecord`).
    pub(super) fn to_record(&self) -> GroupRecord {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        GroupRecord::GroupMetadata {
            group: self.id.clone(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol_name.clone(),
            leader: self.leader.clone(),
            state_timestamp_ms: self.state_timestamp_ms,
            members: self
                .members
                .values()
                .map(|m| m.to_record(protocol))
                .collect(),
        }
    }

    /// A group as its record says: with members it is Stable, without them Empty.
    pub(super) fn of_record(
        id: String,
        generation: i32,
        protocol_type: String,
        protocol: Option<String>,
        leader: Option<String>,
        state_timestamp_ms: i64,
        members: Vec<MemberMetadata>,
    ) -> Self {
        let mut group = Self::new(id, state_timestamp_ms);
        if !members.is_empty() {
            group.state = GroupState::Stable;
        }
        group.generation = generation;
        group.leader = leader;
        for member in members {
            let member = Member::of_record(member, protocol.as_deref().unwrap_or_default());
            group.add(member, &protocol_type);
        }
        group.protocol_type = Some(protocol_type).filter(|kind| !kind.is_empty());
        group.protocol_name = protocol;
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }
}

/// From when the age of a committed offset counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OffsetExpiration {
    Never,
    SinceCommit,
    Since(i64),
}
