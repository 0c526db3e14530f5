//! Joining a group: JoinGroup, the leader's assignment, SyncGroup.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use whitewater_sim::{task, time};

use super::assignor::AssignorKind;
use super::core::{ConsumerCore, State};
use super::group_membership::{JoinState, NextSubscription};
use super::group_protocol::{
    decode_assignment, decode_member, encode_assignment, encode_subscription,
};
use crate::client::api::text;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// The pause between attempts to join (rdkafka_cgrp.c).
const JOIN_INTERVAL: Duration = Duration::from_secs(1);

/// What JoinGroup may take beyond the rebalance timeout (rdkafka_request.c).
const JOIN_TIMEOUT_MARGIN: Duration = Duration::from_secs(3);

impl ConsumerCore {
    /// When the member wants to join next.
    pub(super) fn join_due(&self, state: &State) -> Option<Duration> {
        let group = &state.group;
        if group.uses_consumer_protocol() {
            return None;
        }
        let wants = group.join_state == JoinState::Init
            && group.subscription.is_some()
            && !group.subscribed_topics.is_empty()
            && group.coordinator_usable
            && !group.awaiting_response
            && !group.terminating;
        wants.then_some(group.join_not_before)
    }

    /// In the initial state: applies what was subscribed meanwhile, and joins if it is time.
    pub(super) fn serve_group(&self, state: &mut State) {
        if state.group.uses_consumer_protocol() {
            return self.serve_member(state);
        }
        if state.group.join_state != JoinState::Init
            || state.group.awaiting_response
            || state.closed
        {
            return;
        }
        match state.group.next_subscription.take() {
            Some(NextSubscription::Subscribe(topics)) => self.set_subscription(state, topics),
            Some(NextSubscription::Unsubscribe) => self.unsubscribe(state, true),
            None => {}
        }
        if state.group.subscription.is_none() || state.group.terminating {
            return self.terminate_if_done(state);
        }
        if state.group.subscribed_topics.is_empty() {
            self.learn_topics(state);
        }
        let now = time::now();
        if self.join_due(state).is_some_and(|due| due <= now) {
            state.group.join_not_before = now + JOIN_INTERVAL;
            // After max.poll.interval.ms ran out, not before the application polls again.
            if !(state.group.max_poll_exceeded && self.polls_are_overdue(state)) {
                state.group.max_poll_exceeded = false;
                self.join(state);
            }
        }
        state.wake_timers();
    }

    fn join(&self, state: &mut State) {
        let Some(coordinator) = state.group.usable_coordinator() else {
            return;
        };
        let settings = self.settings();
        let protocols = settings.assignors.iter().map(|kind| {
            JoinGroupRequestProtocol::default()
                .with_name(text(kind.name()))
                .with_metadata(self.subscription_for(state, *kind))
        });
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(
                settings.group_id.as_deref().unwrap_or_default(),
            )))
            .with_session_timeout_ms(settings.session_timeout.as_millis() as i32)
            .with_rebalance_timeout_ms(settings.max_poll_interval.as_millis() as i32)
            .with_member_id(text(&state.group.member_id))
            .with_group_instance_id(settings.group_instance_id.as_deref().map(text))
            .with_protocol_type(text(&settings.group_protocol_type))
            .with_protocols(protocols.collect());
        let timeout = settings.max_poll_interval + JOIN_TIMEOUT_MARGIN;
        state.group.awaiting_response = true;
        self.set_join_state(state, JoinState::WaitJoin);
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            let response = coordinator.call(request, timeout).await;
            if let Some(core) = core.upgrade() {
                core.joined(&mut core.lock(), response);
            }
        }));
    }

    fn subscription_for(&self, state: &State, kind: AssignorKind) -> bytes::Bytes {
        let nothing = BTreeSet::new();
        let owned = match &state.group.group_assignment {
            Some(owned) if kind.is_cooperative() => owned,
            _ => &nothing,
        };
        let topics = state.group.subscribed_topics.keys();
        encode_subscription(topics, owned, state.group.generation)
    }

    /// `rd_kafka_cgrp_handle_JoinGroup`.
    fn joined(&self, state: &mut State, response: Result<JoinGroupResponse, RDKafkaErrorCode>) {
        state.group.awaiting_response = false;
        if state.closed || state.group.terminating {
            return self.terminate_if_done(state);
        }
        if state.group.join_state != JoinState::WaitJoin {
            return self.serve_group(state);
        }
        let response = match response {
            Ok(response) => response,
            Err(error) => return self.join_failed(state, error),
        };
        let error = RDKafkaErrorCode::from(response.error_code);
        if error != RDKafkaErrorCode::NoError {
            if error == RDKafkaErrorCode::MemberIdRequired {
                state.group.member_id = response.member_id.to_string();
            }
            return self.join_failed(state, error);
        }
        let protocol = response.protocol_name.as_deref().unwrap_or_default();
        let kind = AssignorKind::from_name(protocol)
            .filter(|kind| self.settings().assignors.contains(kind));
        let Some(kind) = kind else {
            return self.join_failed(state, RDKafkaErrorCode::UnknownProtocol);
        };
        state.group.member_id = response.member_id.to_string();
        state.group.generation = response.generation_id;
        state.group.assignor = Some(kind);
        if response.leader == response.member_id {
            state.group.members = response
                .members
                .iter()
                .filter_map(|member| {
                    let instance = member.group_instance_id.as_deref();
                    decode_member(&member.member_id, instance, &member.metadata)
                })
                .collect();
            self.set_join_state(state, JoinState::WaitMetadata);
            self.assign_as_leader(state, kind);
        } else {
            state.group.members.clear();
            self.sync(state, Vec::new());
        }
    }

    fn join_failed(&self, state: &mut State, error: RDKafkaErrorCode) {
        self.coordinator_failed(state, error);
        state.group.join_not_before = time::now() + JOIN_INTERVAL;
        match error {
            RDKafkaErrorCode::FencedInstanceId => self.raise_fatal(state, error),
            RDKafkaErrorCode::UnknownMemberId => state.group.member_id.clear(),
            RDKafkaErrorCode::IllegalGeneration => state.group.generation = -1,
            // The id is in; the next attempt follows at once (KIP-394).
            RDKafkaErrorCode::MemberIdRequired => state.group.join_not_before = Duration::ZERO,
            RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::InvalidSessionTimeout
            | RDKafkaErrorCode::InvalidGroupId
            | RDKafkaErrorCode::GroupMaxSizeReached
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::UnknownProtocol => {
                let reason = format!("JoinGroup failed: {}", error.text());
                state.push_error(error, reason);
            }
            _ => {}
        }
        let owns_something = state
            .group
            .group_assignment
            .as_ref()
            .is_some_and(|o| !o.is_empty());
        let voided = matches!(
            error,
            RDKafkaErrorCode::IllegalGeneration | RDKafkaErrorCode::MemberIdRequired
        );
        if state.group.is_cooperative() && voided && owns_something {
            self.revoke_all_and_rejoin(state, true, "JoinGroup error");
        } else {
            self.rejoin(state);
        }
    }

    /// Fetches the metadata of all members' topics, runs the assignor, tells the group.
    fn assign_as_leader(&self, state: &mut State, kind: AssignorKind) {
        let topics: BTreeSet<Arc<str>> = state
            .group
            .members
            .iter()
            .flat_map(|member| member.topics.iter().cloned())
            .collect();
        let generation = state.group.generation;
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            let Some(core) = core.upgrade() else { return };
            let deadline = time::now() + core.client.settings().socket_timeout;
            let fetched = core
                .client
                .fetch_metadata(Some(&topics), Some(deadline))
                .await;
            let mut state = core.lock();
            let current = state.group.join_state == JoinState::WaitMetadata
                && state.group.generation == generation;
            if state.closed || !current {
                return core.serve_group(&mut state);
            }
            if let Err(error) = fetched {
                return core.join_failed(&mut state, error);
            }
            let counts = core.client.view().partition_counts(&topics);
            let assignments = kind.assign(&state.group.members, &counts);
            let assignments = assignments
                .into_iter()
                .map(|(member, partitions)| {
                    SyncGroupRequestAssignment::default()
                        .with_member_id(text(&member))
                        .with_assignment(encode_assignment(&partitions))
                })
                .collect();
            core.sync(&mut state, assignments);
        }));
    }

    fn sync(&self, state: &mut State, assignments: Vec<SyncGroupRequestAssignment>) {
        let Some(coordinator) = state.group.usable_coordinator() else {
            return self.rejoin(state);
        };
        let settings = self.settings();
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(
                settings.group_id.as_deref().unwrap_or_default(),
            )))
            .with_generation_id(state.group.generation)
            .with_member_id(text(&state.group.member_id))
            .with_group_instance_id(settings.group_instance_id.as_deref().map(text))
            .with_assignments(assignments);
        let timeout = settings.session_timeout + JOIN_TIMEOUT_MARGIN;
        state.group.awaiting_response = true;
        self.set_join_state(state, JoinState::WaitSync);
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            let response = coordinator.call(request, timeout).await;
            if let Some(core) = core.upgrade() {
                core.synced(&mut core.lock(), response);
            }
        }));
    }

    /// `rd_kafka_cgrp_handle_SyncGroup`.
    fn synced(&self, state: &mut State, response: Result<SyncGroupResponse, RDKafkaErrorCode>) {
        state.group.awaiting_response = false;
        if state.closed || state.group.terminating {
            return self.terminate_if_done(state);
        }
        if state.group.join_state != JoinState::WaitSync {
            return self.serve_group(state);
        }
        let assignment =
            response.and_then(
                |response| match RDKafkaErrorCode::from(response.error_code) {
                    RDKafkaErrorCode::NoError => {
                        decode_assignment(&response.assignment).ok_or(RDKafkaErrorCode::BadMessage)
                    }
                    error => Err(error),
                },
            );
        match assignment {
            Ok(partitions) => {
                self.renew_session(state, true);
                self.take_assignment(state, partitions);
            }
            Err(error) => self.sync_failed(state, error),
        }
    }

    fn sync_failed(&self, state: &mut State, error: RDKafkaErrorCode) {
        self.coordinator_failed(state, error);
        match error {
            RDKafkaErrorCode::FencedInstanceId => self.raise_fatal(state, error),
            RDKafkaErrorCode::IllegalGeneration => state.group.generation = -1,
            RDKafkaErrorCode::UnknownMemberId => state.group.member_id.clear(),
            _ => {}
        }
        let voided = matches!(
            error,
            RDKafkaErrorCode::IllegalGeneration | RDKafkaErrorCode::UnknownMemberId
        );
        if state.group.is_cooperative() && voided {
            self.revoke_all_and_rejoin(state, true, "SyncGroup error");
        } else {
            self.rejoin(state);
        }
    }

    /// Has the application take over what the group assigned: all of it, or the difference.
    pub(super) fn take_assignment(&self, state: &mut State, partitions: Vec<TopicPartition>) {
        if !state.group.is_cooperative() {
            return self.ask_application(state, true, partitions);
        }
        let before = state.group.group_assignment.clone().unwrap_or_default();
        let after: BTreeSet<TopicPartition> = partitions.into_iter().collect();
        let revoked: Vec<_> = before.difference(&after).cloned().collect();
        let added: Vec<_> = after.difference(&before).cloned().collect();
        if revoked.is_empty() {
            self.ask_application_incrementally(state, true, added, false);
        } else {
            state.group.assign_after = Some(added);
            self.ask_application_incrementally(state, false, revoked, false);
        }
    }
}

/// The partition counts of topics, for comparing two views of a subscription.
pub(super) type TopicCounts = BTreeMap<Arc<str>, i32>;
