//! From the first reason to rebalance to the next generation
//! (`prepareRebalance` and `completeClassicGroupJoin` in `GroupMetadataManager.java`).

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::classic_group::Group;
use super::context::Context;
use super::join::{JoinAnswer, error_response};
use super::member::Member;
use crate::event::Event;
use crate::group_state::GroupState;

/// The initial delay of a group that was empty: what runs now, and what may still be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InitialJoin {
    delay_ms: i32,
    remaining_ms: i32,
}

impl Group {
    /// A member came, went or changed: start a rebalance, or see whether it completes the one
    /// that runs.
    pub(super) fn prepare_rebalance_or_complete_join(
        &mut self,
        cx: &mut Context<'_>,
        reason: String,
    ) {
        if self.can_rebalance() {
            self.prepare_rebalance(cx, reason);
        } else {
            self.maybe_complete_join_phase(cx);
        }
    }

    pub(super) fn prepare_rebalance(&mut self, cx: &mut Context<'_>, reason: String) {
        if self.is(GroupState::CompletingRebalance) {
            self.refuse_parked_syncs(cx, ResponseError::RebalanceInProgress);
        }
        self.pending_sync.clear();
        cx.timers.cancel(&self.sync_key());

        let is_initial = self.is(GroupState::Empty);
        if is_initial {
            let delay_ms = cx.settings.group_initial_rebalance_delay_ms;
            let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
            self.schedule_initial_join(cx, delay_ms, remaining_ms);
        }
        self.transition_to(cx, GroupState::PreparingRebalance, reason);
        if is_initial {
            return;
        }
        if self.has_all_members_joined() {
            self.complete_join(cx, ALL_JOINED);
        } else {
            self.schedule_join(cx);
        }
    }

    /// The wait ends early once everybody is here, but never the initial one, which is there for
    /// members not heard of yet.
    pub(super) fn maybe_complete_join_phase(&mut self, cx: &mut Context<'_>) {
        if self.is(GroupState::PreparingRebalance)
            && self.previous_state != GroupState::Empty
            && self.has_all_members_joined()
        {
            self.complete_join(cx, ALL_JOINED);
        }
    }

    /// As `maybe_complete_join_phase`, when a member or pending member was lost, which also ends
    /// an initial wait.
    pub(super) fn complete_join_without(&mut self, cx: &mut Context<'_>) {
        if self.is(GroupState::PreparingRebalance) && self.has_all_members_joined() {
            self.complete_join(cx, ALL_JOINED);
        }
    }

    /// The wait for members has timed out.
    pub(super) fn expire_join(&mut self, cx: &mut Context<'_>) {
        let Some(InitialJoin {
            delay_ms,
            remaining_ms,
        }) = self.initial_join.take()
        else {
            return self.complete_join(cx, "rebalance timeout");
        };
        if self.new_member_added && remaining_ms != 0 {
            self.new_member_added = false;
            let extension_ms = remaining_ms.min(cx.settings.group_initial_rebalance_delay_ms);
            let remaining_ms = remaining_ms.saturating_sub(delay_ms).max(0);
            self.schedule_initial_join(cx, extension_ms, remaining_ms);
        } else {
            self.complete_join(cx, "initial rebalance delay over");
        }
    }

    fn schedule_initial_join(&mut self, cx: &mut Context<'_>, delay_ms: i32, remaining_ms: i32) {
        self.initial_join = Some(InitialJoin {
            delay_ms,
            remaining_ms,
        });
        cx.schedule_in_ms(self.join_key(), delay_ms);
    }

    fn schedule_join(&mut self, cx: &mut Context<'_>) {
        self.initial_join = None;
        cx.schedule_in_ms(self.join_key(), self.rebalance_timeout_ms());
    }

    /// Ends the join phase: dynamic members that did not rejoin are out, static ones stay.
    pub(super) fn complete_join(&mut self, cx: &mut Context<'_>, trigger: &str) {
        cx.timers.cancel(&self.join_key());
        self.initial_join = None;
        let removed = self.remove_members_not_rejoined(cx);
        let reason = if !removed.is_empty() {
            format!("{trigger}: {} did not rejoin", removed.join(", "))
        } else if self.members.is_empty() {
            "no members left".to_owned()
        } else {
            trigger.to_owned()
        };

        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Only static members are left and none has rejoined: wait until one does, or until
            // their sessions end.
            self.schedule_join(cx);
            return;
        }
        self.init_next_generation(cx, reason);
        if self.is(GroupState::Empty) {
            cx.append(self.to_record());
        } else {
            self.answer_parked_joins(cx);
            cx.schedule_in_ms(self.sync_key(), self.rebalance_timeout_ms());
        }
    }

    fn remove_members_not_rejoined(&mut self, cx: &mut Context<'_>) -> Vec<String> {
        let not_rejoined: Vec<String> = self
            .members
            .values()
            .filter(|member| member.awaiting_join.is_none() && !member.is_static())
            .map(|member| member.id.clone())
            .collect();
        for member_id in &not_rejoined {
            self.expel(cx, member_id, format!("{member_id} did not rejoin in time"));
        }
        not_rejoined
    }

    /// Removes a member that the coordinator no longer wants to wait for.
    pub(super) fn expel(&mut self, cx: &mut Context<'_>, member_id: &str, reason: String) {
        if let Some(member) = self.take_out(cx, member_id) {
            cx.event(Event::MemberExpired {
                group: self.id.clone(),
                member_id: member.id,
                client_id: member.client_id,
                generation: self.generation,
                reason,
            });
        }
    }

    /// Removes a member and ends what hangs on it. Its parked requests are told that it is
    /// unknown, so that a client that is still there joins anew. (Kafka forgets a parked
    /// SyncGroup, which only a second connection of the same member can bring about.)
    pub(super) fn take_out(&mut self, cx: &mut Context<'_>, member_id: &str) -> Option<Member> {
        cx.timers.cancel(&self.session_key(member_id));
        self.answer_parked_sync(cx, member_id, Err(ResponseError::UnknownMemberId));
        let mut member = self.remove(member_id)?;
        if let Some(parked) = member.awaiting_join.take() {
            let answer = error_response(parked.api_version, "", ResponseError::UnknownMemberId);
            cx.respond(parked, answer);
        }
        Some(member)
    }

    /// Makes a member that has rejoined the leader, if the leader has not; `false` if nobody can
    /// lead (`maybeElectNewJoinedLeader`).
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |id: &String| {
            let member = self.members.get(id);
            member.is_some_and(|member| member.awaiting_join.is_some())
        };
        let Some(leader) = &self.leader else {
            return false;
        };
        if has_joined(leader) {
            return true;
        }
        match self.members.keys().find(|id| has_joined(id)) {
            Some(joined) => {
                self.leader = Some(joined.clone());
                true
            }
            None => false,
        }
    }

    fn answer_parked_joins(&mut self, cx: &mut Context<'_>) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in ids {
            let answer = self.current_generation(&member_id);
            if let Some(member) = self.members.get_mut(&member_id) {
                member.is_new = false;
                if let Some(requester) = member.awaiting_join.take() {
                    answer.send(cx, requester);
                }
            }
            self.renew_session(cx, &member_id);
            self.pending_sync.insert(member_id);
        }
    }

    /// What a JoinGroup of this member is told about the present generation: the members too, if
    /// it is the leader.
    pub(super) fn current_generation(&self, member_id: &str) -> JoinAnswer {
        JoinAnswer {
            error: None,
            member_id: member_id.to_owned(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members: if self.is_leader(member_id) {
                self.members_for_leader()
            } else {
                Vec::new()
            },
        }
    }

    /// Removes a member that was lost other than at a join phase's end, and rebalances without it.
    pub(super) fn expel_and_rebalance(
        &mut self,
        cx: &mut Context<'_>,
        member_id: &str,
        reason: String,
    ) {
        self.expel(cx, member_id, reason.clone());
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => {
                self.prepare_rebalance(cx, reason);
            }
            _ => self.complete_join_without(cx),
        }
    }

    fn refuse_parked_syncs(&mut self, cx: &mut Context<'_>, error: ResponseError) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in ids {
            if let Some(member) = self.members.get_mut(&member_id) {
                member.assignment = Bytes::new();
            }
            self.answer_parked_sync(cx, &member_id, Err(error));
        }
    }
}

const ALL_JOINED: &str = "every member has joined";
