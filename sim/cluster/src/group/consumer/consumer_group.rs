//! One consumer group: its epochs, members and target assignment (`ConsumerGroup.java`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::super::timers::TimerKey;
use super::assignment::Assignment;
use super::consumer_member::ConsumerMember;
use super::server_assignor::ServerAssignor;
use crate::group_state::GroupState;
use crate::topic_catalog::TopicCatalog;

/// Id and number of partitions of each subscribed topic that exists.
pub type SubscribedTopics = BTreeMap<String, (Uuid, i32)>;

#[derive(Debug, Clone)]
pub(in crate::group) struct ConsumerGroup {
    pub(in crate::group) id: String,
    /// Counts what calls for another assignment: subscriptions, members, topics.
    pub(in crate::group) epoch: i32,
    /// The group epoch that the target assignment was made for.
    pub(in crate::group) assignment_epoch: i32,
    pub(in crate::group) assignor: ServerAssignor,
    /// The topics as they were at this group epoch.
    pub(in crate::group) topics: SubscribedTopics,
    pub(in crate::group) members: BTreeMap<String, ConsumerMember>,
    /// What each member is to have in the end.
    pub(in crate::group) target: BTreeMap<String, Assignment>,
    /// When the target was made, on the monotonic clock; none if the next may be made at once.
    pub(in crate::group) assigned_at: Option<Duration>,
    /// The state that the last event told of.
    pub(super) reported_state: GroupState,
}

impl ConsumerGroup {
    pub(in crate::group) fn new(id: String) -> Self {
        Self {
            id,
            epoch: 1,
            assignment_epoch: 0,
            assignor: ServerAssignor::default(),
            topics: SubscribedTopics::new(),
            members: BTreeMap::new(),
            target: BTreeMap::new(),
            assigned_at: None,
            reported_state: GroupState::Dead,
        }
    }

    pub(in crate::group) fn state(&self) -> GroupState {
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.assignment_epoch {
            GroupState::Assigning
        } else if self
            .members
            .values()
            .all(|m| m.is_reconciled_to(self.assignment_epoch))
        {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    pub(in crate::group) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member of that id.
    pub(super) fn member(&self, member_id: &str) -> Result<&ConsumerMember, ResponseError> {
        self.members
            .get(member_id)
            .ok_or(ResponseError::UnknownMemberId)
    }

    /// The member that has this `group.instance.id`, gone for a while or not.
    pub(super) fn static_member(&self, instance_id: &str) -> Option<&ConsumerMember> {
        let mut members = self.members.values();
        members.find(|member| member.instance_id.as_deref() == Some(instance_id))
    }

    /// Whether any member, or one that was, has the partition: nobody may be given it yet.
    pub(super) fn is_held(&self, topic: Uuid, partition: i32) -> bool {
        self.members
            .values()
            .any(|member| member.holds(topic, partition))
    }

    pub(super) fn target_of(&self, member_id: &str) -> Assignment {
        self.target.get(member_id).cloned().unwrap_or_default()
    }

    pub(in crate::group) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.members
            .values()
            .any(|member| member.topics.contains(topic))
    }

    /// The topics that these members subscribe to, as far as they exist.
    pub(super) fn subscribed_topics<'a>(
        members: impl Iterator<Item = &'a ConsumerMember>,
        catalog: &dyn TopicCatalog,
    ) -> SubscribedTopics {
        let names: BTreeSet<&String> = members.flat_map(|member| &member.topics).collect();
        let known = names.into_iter().filter_map(|name| {
            let topic = TopicName(StrBytes::from_string(name.clone()));
            let id = catalog.topic_id(&topic)?;
            Some((name.clone(), (id, catalog.partition_count(&topic)?)))
        });
        known.collect()
    }

    /// The name of a topic that the group knows.
    pub(in crate::group) fn topic_name(&self, id: Uuid) -> Option<&str> {
        let mut topics = self.topics.iter();
        topics
            .find(|(_, (known, _))| *known == id)
            .map(|(name, _)| name.as_str())
    }

    pub(in crate::group) fn session_key(&self, member_id: &str) -> TimerKey {
        TimerKey::Session {
            group: self.id.clone(),
            member_id: member_id.to_owned(),
        }
    }

    pub(in crate::group) fn revocation_key(&self, member_id: &str) -> TimerKey {
        TimerKey::Revocation {
            group: self.id.clone(),
            member_id: member_id.to_owned(),
        }
    }
}
