//! Membership of a classic group: the state machine of librdkafka's rdkafka_cgrp.c.
//!
//! Joining is in `group_join`, the coordinator in `group_coordinator`, heartbeats in
//! `group_heartbeat`, what happens by itself in `group_timers`, subscribing in `subscription`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use whitewater_sim::time;

use super::RebalanceProtocol;
use super::assignor::{AssignorKind, Member};
use super::core::{ConsumerCore, State};
use super::member_state::{MemberState, random_member_id};
use super::op_queue::Op;
use crate::client::broker::Broker;
use crate::config::ConsumerSettings;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::TopicPartitionList;
use crate::types::RDKafkaErrorCode;

/// Where the member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JoinState {
    /// Not in the group, or about to join again.
    Init,
    /// JoinGroup is sent.
    WaitJoin,
    /// Leader: fetching the metadata that the assignor needs.
    WaitMetadata,
    /// SyncGroup is sent.
    WaitSync,
    /// The application has to call (incremental) assign.
    WaitAssignCall,
    /// The application has to call (incremental) unassign.
    WaitUnassignCall,
    /// All partitions are being unassigned.
    WaitUnassignToComplete,
    /// Some partitions are being unassigned.
    WaitIncrementalUnassignToComplete,
    /// The assignment is in effect.
    Steady,
}

/// What waits to be applied when the present rebalance is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NextSubscription {
    Subscribe(BTreeSet<Arc<str>>),
    Unsubscribe,
}

/// The member's view of its group.
pub(super) struct Group {
    pub(super) join_state: JoinState,
    pub(super) coordinator: Option<Arc<Broker>>,
    /// Requests may be sent to the coordinator; else it is being looked for.
    pub(super) coordinator_usable: bool,
    pub(super) finding_coordinator: bool,
    pub(super) member_id: String,
    pub(super) generation: i32,
    pub(super) assignor: Option<AssignorKind>,
    /// The members, if this one is the leader.
    pub(super) members: Vec<Member>,
    pub(super) subscription: Option<BTreeSet<Arc<str>>>,
    pub(super) next_subscription: Option<NextSubscription>,
    /// The topics of the subscription that exist, with their partition counts.
    pub(super) subscribed_topics: BTreeMap<Arc<str>, i32>,
    /// Metadata of the subscription's topics is being fetched.
    pub(super) learning_topics: bool,
    /// Missing topics that the application was told of.
    pub(super) reported_topics: BTreeSet<Arc<str>>,
    /// What the group assigned, whatever the application made of it.
    pub(super) group_assignment: Option<BTreeSet<TopicPartition>>,
    pub(super) assignment_lost: bool,
    /// Cooperative: join again when the present step is done.
    pub(super) rejoin_after: bool,
    /// Cooperative: what is assigned when the present revocation is done.
    pub(super) assign_after: Option<Vec<TopicPartition>>,
    /// A JoinGroup or SyncGroup of the present attempt is not answered yet.
    pub(super) awaiting_response: bool,
    pub(super) join_not_before: Duration,
    pub(super) heartbeat_at: Duration,
    pub(super) heartbeat_in_transit: bool,
    /// When the session ends without a successful heartbeat; none if it has ended.
    pub(super) session_ends: Option<Duration>,
    pub(super) auto_commit_at: Option<Duration>,
    /// When max.poll.interval.ms is looked at next; none while it is not watched.
    pub(super) poll_check_at: Option<Duration>,
    pub(super) max_poll_exceeded: bool,
    /// How often the application was told of partitions to assign or to revoke, why that was last
    /// and when, for statistics.
    pub(super) rebalances: i64,
    pub(super) rebalance_reason: String,
    pub(super) rebalanced_at: Option<Duration>,
    pub(super) leave_when_unassigned: bool,
    pub(super) leaving: bool,
    pub(super) terminating: bool,
    pub(super) terminated: bool,
    /// What only a member of the consumer protocol has.
    pub(super) member: MemberState,
    uses_consumer_protocol: bool,
    configured_protocol_is_cooperative: bool,
}

impl Group {
    pub(super) fn new(settings: &ConsumerSettings) -> Self {
        let uses_consumer_protocol = settings.uses_consumer_protocol;
        let cooperative = settings
            .assignors
            .first()
            .is_some_and(|kind| kind.is_cooperative());
        Self {
            join_state: JoinState::Init,
            coordinator: None,
            coordinator_usable: false,
            finding_coordinator: false,
            member_id: if uses_consumer_protocol {
                random_member_id()
            } else {
                String::new()
            },
            generation: if uses_consumer_protocol { 0 } else { -1 },
            assignor: None,
            members: Vec::new(),
            subscription: None,
            next_subscription: None,
            subscribed_topics: BTreeMap::new(),
            learning_topics: false,
            reported_topics: BTreeSet::new(),
            group_assignment: None,
            assignment_lost: false,
            rejoin_after: false,
            assign_after: None,
            awaiting_response: false,
            join_not_before: Duration::ZERO,
            heartbeat_at: Duration::ZERO,
            heartbeat_in_transit: false,
            session_ends: None,
            auto_commit_at: None,
            poll_check_at: None,
            max_poll_exceeded: false,
            rebalances: 0,
            rebalance_reason: String::new(),
            rebalanced_at: None,
            leave_when_unassigned: false,
            leaving: false,
            terminating: false,
            terminated: false,
            member: MemberState::default(),
            uses_consumer_protocol,
            configured_protocol_is_cooperative: cooperative || uses_consumer_protocol,
        }
    }

    /// The coordinator, if requests may be sent to it.
    pub(super) fn usable_coordinator(&self) -> Option<Arc<Broker>> {
        self.coordinator.clone().filter(|_| self.coordinator_usable)
    }

    /// Whether the application has to answer a rebalance.
    pub(super) fn waits_for_application(&self) -> bool {
        matches!(
            self.join_state,
            JoinState::WaitAssignCall | JoinState::WaitUnassignCall
        )
    }

    /// `RD_KAFKA_CGRP_REBALANCING`.
    pub(super) fn is_rebalancing(&self) -> bool {
        match self.join_state {
            JoinState::WaitJoin | JoinState::WaitMetadata => self.has_joined(),
            JoinState::WaitSync
            | JoinState::WaitAssignCall
            | JoinState::WaitUnassignCall
            | JoinState::WaitUnassignToComplete
            | JoinState::WaitIncrementalUnassignToComplete => true,
            JoinState::Init | JoinState::Steady => false,
        }
    }

    /// Whether it is a member. In the consumer protocol it has an id before.
    pub(super) fn has_joined(&self) -> bool {
        if self.uses_consumer_protocol {
            self.generation > 0
        } else {
            !self.member_id.is_empty()
        }
    }

    /// Whether the group is one of `group.protocol=consumer`.
    pub(super) fn uses_consumer_protocol(&self) -> bool {
        self.uses_consumer_protocol
    }

    /// Whether it leaves, or will once everything is unassigned.
    pub(super) fn will_leave(&self) -> bool {
        self.leave_when_unassigned || self.leaving
    }

    /// Consumer protocol: it is no member any more, and owns nothing.
    pub(super) fn forget_membership(&mut self) {
        self.generation = 0;
        self.member.reset();
    }

    /// Whether partitions are handed over in steps. Before the first join the configured
    /// assignors say so.
    pub(super) fn is_cooperative(&self) -> bool {
        self.configured_protocol_is_cooperative
    }

    /// The protocol as the application is told: none before there was a rebalance.
    pub(super) fn protocol(&self) -> RebalanceProtocol {
        match self.assignor {
            None if self.member.has_subscribed => RebalanceProtocol::Cooperative,
            None => RebalanceProtocol::None,
            Some(kind) if kind.is_cooperative() => RebalanceProtocol::Cooperative,
            Some(_) => RebalanceProtocol::Eager,
        }
    }
}

impl ConsumerCore {
    pub(super) fn set_join_state(&self, state: &mut State, join_state: JoinState) {
        if state.group.join_state != join_state {
            state.group.join_state = join_state;
            state.wake_timers();
        }
    }

    /// Goes back to the start, from where the member joins again if it still subscribes.
    pub(super) fn rejoin(&self, state: &mut State) {
        if state.group.uses_consumer_protocol() {
            self.leave_if_asked(state);
            state.group.forget_membership();
            self.set_join_state(state, JoinState::Init);
            self.expedite_heartbeat(state);
            return self.serve_member(state);
        }
        if state.group.subscription.is_none() && state.group.next_subscription.is_none() {
            self.leave_if_asked(state);
        }
        self.set_join_state(state, JoinState::Init);
        self.serve_group(state);
    }

    /// Joins again without the pause between attempts.
    pub(super) fn rejoin_now(&self, state: &mut State) {
        state.group.join_not_before = Duration::ZERO;
        self.rejoin(state);
    }

    /// As [`revoke_all_and_rejoin`](Self::revoke_all_and_rejoin), unless a rebalance is under
    /// way.
    pub(super) fn revoke_all_and_rejoin_unless_rebalancing(
        &self,
        state: &mut State,
        lost: bool,
        reason: &str,
    ) {
        if !state.group.is_rebalancing() {
            self.revoke_all_and_rejoin(state, lost, reason);
        }
    }

    /// Has the application revoke everything, then joins again.
    pub(super) fn revoke_all_and_rejoin(&self, state: &mut State, lost: bool, reason: &str) {
        crate::log::debug!(target: "librdkafka", "revoking all, lost: {lost}: {reason}");
        reason.clone_into(&mut state.group.rebalance_reason);
        let owned: Vec<TopicPartition> = state
            .group
            .group_assignment
            .iter()
            .flatten()
            .cloned()
            .collect();
        if !state.group.is_cooperative() {
            let assigned = state.group.group_assignment.is_some();
            if lost && assigned {
                state.group.assignment_lost = true;
            }
            if assigned && !state.group.waits_for_application() {
                self.ask_application(state, false, owned);
            } else {
                self.rejoin_now(state);
            }
            return;
        }
        if !owned.is_empty() {
            if lost {
                state.group.assignment_lost = true;
            }
            let rejoin = !state.group.terminating;
            self.ask_application_incrementally(state, false, owned, rejoin);
        } else if !state.group.terminating {
            self.rejoin(state);
        }
    }

    /// Eager: has the application assign or unassign everything.
    pub(super) fn ask_application(
        &self,
        state: &mut State,
        assign: bool,
        partitions: Vec<TopicPartition>,
    ) {
        if self.client.fatal_error().is_some() {
            self.unassign(state);
            self.serve_assignment(state);
        } else {
            self.push_rebalance(state, assign, &partitions);
        }
        state.group.group_assignment = assign.then(|| partitions.into_iter().collect());
    }

    /// Cooperative: has the application assign or unassign some partitions; `rejoin` says whether
    /// the member joins again afterwards.
    pub(super) fn ask_application_incrementally(
        &self,
        state: &mut State,
        assign: bool,
        partitions: Vec<TopicPartition>,
        rejoin: bool,
    ) {
        state.group.rejoin_after = rejoin;
        if self.client.fatal_error().is_some() {
            self.unassign(state);
            self.serve_assignment(state);
        } else {
            self.push_rebalance(state, assign, &partitions);
        }
        let owned = state.group.group_assignment.get_or_insert_default();
        for partition in partitions {
            if assign {
                owned.insert(partition);
            } else {
                owned.remove(&partition);
            }
        }
    }

    fn push_rebalance(&self, state: &mut State, assign: bool, partitions: &[TopicPartition]) {
        let join_state = if assign {
            JoinState::WaitAssignCall
        } else {
            JoinState::WaitUnassignCall
        };
        self.set_join_state(state, join_state);
        state.group.rebalances += 1;
        state.group.rebalanced_at = Some(time::now());
        self.pause_for_rebalance(state);
        state.queue.push(Op::Rebalance {
            assign,
            partitions: TopicPartition::list(partitions),
        });
    }

    /// `assign`: the whole assignment is replaced.
    ///
    /// # Errors
    /// As [`assignment_add`](Self::assignment_add).
    pub(super) fn assign(
        &self,
        state: &mut State,
        list: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        self.assignment_clear(state);
        self.serve_removals(state);
        self.assignment_add(state, list)?;
        state.group.assignment_lost = false;
        self.application_assigned(state);
        Ok(())
    }

    /// `assign(NULL)`: everything is unassigned.
    pub(super) fn unassign(&self, state: &mut State) {
        self.assignment_clear(state);
        if state.group.join_state == JoinState::WaitUnassignCall {
            self.resume_after_rebalance(state);
            self.set_join_state(state, JoinState::WaitUnassignToComplete);
        }
        state.group.assignment_lost = false;
    }

    /// `incremental_assign`.
    ///
    /// # Errors
    /// As [`assignment_add`](Self::assignment_add).
    pub(super) fn incremental_assign(
        &self,
        state: &mut State,
        list: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        if state.group.protocol() == RebalanceProtocol::Eager {
            return Err(RDKafkaErrorCode::State);
        }
        self.assignment_add(state, list)?;
        self.application_assigned(state);
        state.group.assignment_lost = false;
        Ok(())
    }

    /// `incremental_unassign`.
    ///
    /// # Errors
    /// As [`assignment_subtract`](Self::assignment_subtract).
    pub(super) fn incremental_unassign(
        &self,
        state: &mut State,
        list: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        if state.group.protocol() == RebalanceProtocol::Eager {
            return Err(RDKafkaErrorCode::State);
        }
        self.assignment_subtract(state, list)?;
        if state.group.join_state == JoinState::WaitUnassignCall {
            self.resume_after_rebalance(state);
            self.set_join_state(state, JoinState::WaitIncrementalUnassignToComplete);
        }
        state.group.assignment_lost = false;
        Ok(())
    }

    fn application_assigned(&self, state: &mut State) {
        if state.group.join_state == JoinState::WaitAssignCall {
            self.resume_after_rebalance(state);
            self.set_join_state(state, JoinState::Steady);
            if state.group.subscription.is_some() {
                self.watch_polls(state);
            }
        }
    }

    /// Called when an assignment, or its removal, is in effect.
    pub(super) fn assignment_done(&self, state: &mut State) {
        if state.group.uses_consumer_protocol() {
            return self.member_assignment_done(state);
        }
        match state.group.join_state {
            JoinState::WaitUnassignToComplete => {
                self.leave_if_asked(state);
                self.rejoin_now(state);
            }
            JoinState::WaitIncrementalUnassignToComplete => self.incremental_unassign_done(state),
            JoinState::Steady => {
                let applies_next = state.group.next_subscription.is_some();
                if applies_next || std::mem::take(&mut state.group.rejoin_after) {
                    self.rejoin_now(state);
                } else {
                    self.terminate_if_done(state);
                }
            }
            JoinState::Init => self.terminate_if_done(state),
            _ => {}
        }
    }

    fn incremental_unassign_done(&self, state: &mut State) {
        if state.group.terminating {
            self.assignment_clear(state);
            self.set_join_state(state, JoinState::WaitUnassignToComplete);
            self.serve_assignment(state);
        } else if let Some(partitions) = state.group.assign_after.take() {
            // KIP-429: the assignment follows even if it is empty, and the partitions that were
            // given up are handed on in another rebalance.
            self.ask_application_incrementally(state, true, partitions, true);
        } else if std::mem::take(&mut state.group.rejoin_after)
            || state.group.next_subscription.is_some()
        {
            self.rejoin_now(state);
        } else {
            self.set_join_state(state, JoinState::Steady);
        }
    }

    /// Starts to close the consumer: revocation, commit, LeaveGroup.
    pub(super) fn terminate(&self, state: &mut State) {
        if state.group.terminating {
            return;
        }
        state.group.terminating = true;
        state.group.member.must_rejoin = false;
        state.group.member.rejoins = false;
        if state.group.subscription.is_some() {
            self.unsubscribe(state, true);
        }
        if !state.group.waits_for_application() {
            self.unassign(state);
        }
        self.serve_assignment(state);
        self.terminate_if_done(state);
    }

    /// Ends the membership once nothing is left to do.
    pub(super) fn terminate_if_done(&self, state: &mut State) {
        let group = &state.group;
        let busy = group.waits_for_application()
            || group.leaving
            || !state.assignment.all.is_empty()
            || !state.assignment.pending.is_empty()
            || !state.assignment.queried.is_empty()
            || !state.assignment.removed.is_empty()
            || state.commits_in_progress > 0;
        if group.terminating && !group.terminated && !busy {
            state.group.terminated = true;
            state.queue.wake_all();
            state.wake_timers();
        }
    }
}
