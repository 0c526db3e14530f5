//! One classic group: its members and its state (`ClassicGroup.java`).

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use kafka_protocol::ResponseError;

use super::context::Context;
use super::member::Member;
use super::rebalance::InitialJoin;
use super::timers::TimerKey;
use crate::event::Event;
use crate::group_state::GroupState;
use crate::requester::Requester;

#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) state: GroupState,
    pub(super) previous_state: GroupState,
    /// Wall-clock time of the last change of state.
    pub(super) state_timestamp_ms: i64,
    pub(super) generation: i32,
    /// `None` for a group that never had members: a simple consumer's.
    pub(super) protocol_type: Option<String>,
    pub(super) protocol_name: Option<String>,
    pub(super) leader: Option<String>,
    /// In the order in which they joined.
    pub(super) members: IndexMap<String, Member>,
    /// Member ids by `group.instance.id`.
    pub(super) static_members: BTreeMap<String, String>,
    /// Ids given out by MEMBER_ID_REQUIRED that have not joined yet.
    pub(super) pending_join: BTreeSet<String>,
    /// Members of the generation that have not synced yet.
    pub(super) pending_sync: BTreeSet<String>,
    /// The topics its members subscribe to, as far as known.
    pub(super) subscribed_topics: Option<BTreeSet<String>>,
    /// A member came during the initial delay, which is therefore extended.
    pub(super) new_member_added: bool,
    /// What is left of the initial delay.
    pub(super) initial_join: Option<InitialJoin>,
}

/// Who a commit says it is from.
pub(super) struct Committer<'a> {
    /// -1 for a simple consumer.
    pub(super) generation: i32,
    pub(super) member_id: &'a str,
    /// `group.instance.id`.
    pub(super) instance_id: Option<&'a str>,
}

impl Group {
    pub(super) fn new(id: String, wall_ms: i64) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            previous_state: GroupState::Dead,
            state_timestamp_ms: wall_ms,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: IndexMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            subscribed_topics: None,
            new_member_added: false,
            initial_join: None,
        }
    }

    pub(super) fn is(&self, state: GroupState) -> bool {
        self.state == state
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Whether a rebalance may start (`PREPARING_REBALANCE.validPreviousStates`).
    pub(super) fn can_rebalance(&self) -> bool {
        matches!(
            self.state,
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable
        )
    }

    pub(super) fn has_all_members_joined(&self) -> bool {
        self.pending_join.is_empty() && self.awaiting_join() == self.members.len()
    }

    pub(super) fn awaiting_join(&self) -> usize {
        self.members
            .values()
            .filter(|member| member.awaiting_join.is_some())
            .count()
    }

    /// The longest of its members' rebalance timeouts.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        let longest = self.members.values().map(|m| m.rebalance_timeout_ms).max();
        longest.unwrap_or(0).max(0)
    }

    pub(super) fn transition_to(
        &mut self,
        cx: &mut Context<'_>,
        state: GroupState,
        reason: impl Into<String>,
    ) {
        self.previous_state = self.state;
        self.state = state;
        self.state_timestamp_ms = cx.now.wall_ms;
        cx.event(Event::GroupStateChanged {
            group: self.id.clone(),
            from: self.previous_state,
            to: state,
            generation: self.generation,
            reason: reason.into(),
        });
    }

    /// Adds a member; the first one decides the protocol type and leads.
    pub(super) fn add(&mut self, member: Member, protocol_type: &str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.to_owned());
        }
        if let Some(instance) = &member.group_instance_id {
            self.static_members
                .insert(instance.clone(), member.id.clone());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.pending_join.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    /// Removes a member or pending member. A leader's place goes to the oldest member left.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member> {
        let removed = self.members.shift_remove(member_id);
        if let Some(instance) = removed.as_ref().and_then(|m| m.group_instance_id.as_ref()) {
            self.static_members.remove(instance);
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(member_id);
        self.pending_sync.remove(member_id);
        removed
    }

    /// UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID, unless the member is in the group under this
    /// instance id (`ClassicGroup.validateMember`).
    pub(super) fn validate_member(
        &self,
        member_id: &str,
        group_instance_id: Option<&str>,
    ) -> Result<(), ResponseError> {
        if let Some(instance) = group_instance_id {
            match self.static_members.get(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(existing) if existing != member_id => {
                    return Err(ResponseError::FencedInstanceId);
                }
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) {
            Ok(())
        } else {
            Err(ResponseError::UnknownMemberId)
        }
    }

    /// Who may commit (`ClassicGroup.validateOffsetCommit`). Within a transaction the state of
    /// the group does not matter, and who names neither member nor generation is not checked.
    pub(super) fn validate_committer(
        &self,
        committer: &Committer<'_>,
        transactional: bool,
    ) -> Result<(), ResponseError> {
        let Committer {
            generation,
            member_id,
            instance_id,
        } = *committer;
        if generation < 0 && self.is(GroupState::Empty) {
            // A simple consumer, or an administrator.
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return if transactional {
                Ok(())
            } else {
                Err(ResponseError::UnknownMemberId)
            };
        }
        self.validate_member(member_id, instance_id)?;
        if generation != self.generation {
            Err(ResponseError::IllegalGeneration)
        } else if self.is(GroupState::CompletingRebalance) && !transactional {
            // The member has joined, but may not own what it commits any more.
            Err(ResponseError::RebalanceInProgress)
        } else {
            Ok(())
        }
    }

    pub(super) fn session_key(&self, member_id: &str) -> TimerKey {
        TimerKey::Session {
            group: self.id.clone(),
            member_id: member_id.to_owned(),
        }
    }

    pub(super) fn join_key(&self) -> TimerKey {
        TimerKey::Join {
            group: self.id.clone(),
        }
    }

    pub(super) fn sync_key(&self) -> TimerKey {
        TimerKey::Sync {
            group: self.id.clone(),
        }
    }

    /// Starts the member's session anew, as every sign of life does.
    pub(super) fn renew_session(&self, cx: &mut Context<'_>, member_id: &str) {
        if let Some(member) = self.members.get(member_id) {
            cx.schedule_in_ms(self.session_key(member_id), member.session_timeout_ms);
        }
    }

    pub(super) fn take_parked_join(&mut self, member_id: &str) -> Option<Requester> {
        self.members.get_mut(member_id)?.awaiting_join.take()
    }
}
