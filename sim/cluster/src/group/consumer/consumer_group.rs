//! One consumer group: its epochs, members and target assignment (`ConsumerGroup.java`).

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::super::timers::TimerKey;
use super::assignment::{Assignment, HeldPartitions};
use super::consumer_member::ConsumerMember;
use super::server_assignor::ServerAssignor;
use crate::event::Event;
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
    /// How many members subscribe to each topic: it is asked for with each heartbeat of each member.
    pub(in crate::group) subscribers: BTreeMap<String, usize>,
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
            subscribers: BTreeMap::new(),
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
        self.subscribers.contains_key(topic)
    }

    /// The topics that members subscribe to, as far as they exist.
    pub(super) fn subscribed_topics(&self, catalog: &dyn TopicCatalog) -> SubscribedTopics {
        let known = self.subscribers.keys().filter_map(|name| {
            let topic = TopicName(StrBytes::from_string(name.clone()));
            let id = catalog.topic_id(&topic)?;
            Some((name.clone(), (id, catalog.partition_count(&topic)?)))
        });
        known.collect()
    }

    /// Adds a member, or takes it as it stands now.
    pub(in crate::group) fn put_member(&mut self, member: ConsumerMember) {
        let is_as_before = |before: &ConsumerMember| before.topics == member.topics;
        if !self
            .members
            .get(&member.member_id)
            .is_some_and(is_as_before)
        {
            self.remove_member(&member.member_id);
            for topic in &member.topics {
                *self.subscribers.entry(topic.clone()).or_default() += 1;
            }
        }
        self.members.insert(member.member_id.clone(), member);
    }

    /// Removes a member, if it is there.
    pub(in crate::group) fn remove_member(&mut self, member_id: &str) {
        let gone = self.members.remove(member_id);
        for topic in gone.iter().flat_map(|member| &member.topics) {
            let Some(count) = self.subscribers.get_mut(topic) else {
                continue;
            };
            *count -= 1;
            if *count == 0 {
                self.subscribers.remove(topic);
            }
        }
    }

    /// The name of a topic that the group knows.
    pub(in crate::group) fn topic_name(&self, id: Uuid) -> Option<&str> {
        let mut topics = self.topics.iter();
        topics
            .find(|(_, (known, _))| *known == id)
            .map(|(name, _)| name.as_str())
    }

    /// What there is to tell of a member that took a step.
    pub(super) fn reconciled(&self, member: ConsumerMember) -> Event {
        Event::MemberReconciled {
            group: self.id.clone(),
            member_epoch: member.epoch,
            state: member.state,
            assigned: self.named(&member.assigned),
            pending_revocation: self.named(&member.pending_revocation),
            member_id: member.member_id,
            client_id: member.client_id,
        }
    }

    fn named(&self, held: &HeldPartitions) -> Vec<(String, i32)> {
        let named = held.0.keys().filter_map(|(topic, partition)| {
            let name = self.topic_name(*topic)?;
            Some((name.to_owned(), *partition))
        });
        named.collect()
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
