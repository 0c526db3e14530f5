//! ConsumerGroupHeartbeat: when it is sent, what it says, and what its answer means
//! (`rd_kafka_cgrp_consumer_serve` and `rd_kafka_cgrp_handle_ConsumerGroupHeartbeat` in
//! rdkafka_cgrp.c).

use std::sync::{Arc, Weak};
use std::time::Duration;

use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId,
};
use whitewater_sim::{task, time};

use super::core::{ConsumerCore, State};
use super::group_membership::JoinState;
use super::member_state::{MemberState, PartitionIds};
use crate::client::api::{text, topic_name};
use crate::types::RDKafkaErrorCode;

/// How often a member that exceeded `max.poll.interval.ms` looks whether the application polls.
const POLL_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The member epoch that leaves, and the one of a static member that will be back.
const LEAVE: i32 = -1;
const LEAVE_STATIC: i32 = -2;

impl ConsumerCore {
    /// When the next heartbeat of this protocol is due, if one may be sent.
    pub(super) fn member_heartbeat_due(&self, state: &State) -> Option<Duration> {
        let group = &state.group;
        let may_send = group.subscription.is_some()
            && !group.heartbeat_in_transit
            && !group.member.must_rejoin
            && !group.member.rejoins
            && !group.will_leave()
            && group.coordinator_usable
            && self.client.fatal_error().is_none();
        if may_send && group.max_poll_exceeded && self.polls_are_overdue(state) {
            return Some(time::now() + POLL_CHECK_INTERVAL);
        }
        may_send.then_some(group.heartbeat_at)
    }

    /// Does what there is to do: revoke what was lost, apply a subscription, heartbeat.
    pub(super) fn serve_member(&self, state: &mut State) {
        if state.closed || self.client.fatal_error().is_some() {
            return;
        }
        if state.group.member.must_rejoin {
            if state.group.is_rebalancing() {
                return;
            }
            state.group.member.must_rejoin = false;
            state.group.member.rejoins = true;
            self.revoke_all_and_rejoin(state, true, "member fenced - rejoining");
        }
        if state.group.join_state == JoinState::Init {
            state.group.member.rejoins = false;
            self.apply_next_subscription(state);
        }
        let now = time::now();
        if self
            .member_heartbeat_due(state)
            .is_some_and(|due| due <= now)
        {
            self.send_member_heartbeat(state);
        }
        if state.group.subscription.is_none() || state.group.terminating {
            self.terminate_if_done(state);
        }
        state.wake_timers();
    }

    /// Has the next heartbeat sent now, or soon if others have failed.
    pub(super) fn expedite_heartbeat(&self, state: &mut State) {
        let attempts = state.group.member.attempts;
        let backoff = match attempts {
            0 => Duration::ZERO,
            _ => Duration::from_millis(1 << (attempts - 1).min(20)),
        };
        let backoff = backoff.min(self.client.settings().retry_backoff_max);
        state.group.heartbeat_at = time::now() + backoff;
        state.wake_timers();
    }

    fn send_member_heartbeat(&self, state: &mut State) {
        let Some(coordinator) = state.group.usable_coordinator() else {
            return;
        };
        let request = self.member_heartbeat(state);
        let interval = state.group.member.heartbeat_interval;
        state.group.max_poll_exceeded = false;
        state.group.heartbeat_in_transit = true;
        state.group.heartbeat_at = time::now() + interval;
        state.group.member.attempts += 1;
        let timeout = if interval.is_zero() {
            self.settings().session_timeout
        } else {
            interval
        };
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            let answer = coordinator.call(request, timeout).await;
            if let Some(core) = core.upgrade() {
                core.member_heartbeat_answered(&mut core.lock(), answer);
            }
        }));
    }

    /// In the initial state everything is said, later only what is news.
    fn member_heartbeat(&self, state: &mut State) -> ConsumerGroupHeartbeatRequest {
        let settings = self.settings();
        let is_full =
            state.group.join_state == JoinState::Init || state.group.member.says_everything;
        let has_subscription =
            !state.group.is_rebalancing() && state.group.member.has_new_subscription;
        let topics = state.group.subscription.iter().flatten();
        let topics = topics.map(|topic| topic_name(topic)).collect();
        let mut request = self.no_news(state, state.group.generation.max(0));
        if is_full {
            request = request
                .with_instance_id(settings.group_instance_id.as_deref().map(text))
                .with_rebalance_timeout_ms(settings.max_poll_interval.as_millis() as i32)
                .with_server_assignor(settings.group_remote_assignor.as_deref().map(text));
        }
        let member = &mut state.group.member;
        if state.group.join_state == JoinState::Steady && member.must_acknowledge {
            member.acknowledges = true;
            let owned = member.target.as_ref().map(MemberState::to_request);
            request = request.with_topic_partitions(owned);
        } else if is_full {
            let owned = MemberState::to_request(&member.current);
            request = request.with_topic_partitions(Some(owned));
        }
        if has_subscription || member.sends_new_subscription {
            member.has_new_subscription = false;
            member.sends_new_subscription = true;
            request = request.with_subscribed_topic_names(Some(topics));
        } else if is_full {
            request = request.with_subscribed_topic_names(Some(topics));
        }
        request
    }

    fn member_heartbeat_answered(
        &self,
        state: &mut State,
        answer: Result<ConsumerGroupHeartbeatResponse, RDKafkaErrorCode>,
    ) {
        state.group.heartbeat_in_transit = false;
        if state.closed {
            return;
        }
        let answer = answer.and_then(|answer| match RDKafkaErrorCode::from(answer.error_code) {
            RDKafkaErrorCode::NoError => Ok(answer),
            error => Err(error),
        });
        match answer {
            Ok(answer) => self.heartbeat_succeeded(state, &answer),
            Err(error) => self.heartbeat_failed(state, error),
        }
        self.serve_member(state);
    }

    fn heartbeat_succeeded(&self, state: &mut State, answer: &ConsumerGroupHeartbeatResponse) {
        if let Some(member_id) = &answer.member_id {
            state.group.member_id = member_id.to_string();
        }
        state.group.generation = answer.member_epoch;
        if state.group.will_leave() {
            return;
        }
        let interval_ms = u64::try_from(answer.heartbeat_interval_ms).unwrap_or(0);
        if interval_ms > 0 {
            // The first one was sent when no interval was known.
            if state.group.member.heartbeat_interval.is_zero() {
                state.group.heartbeat_at += Duration::from_millis(interval_ms);
            }
            state.group.member.heartbeat_interval = Duration::from_millis(interval_ms);
        }
        if let Some(assignment) = &answer.assignment {
            let topics = assignment.topic_partitions.iter();
            let ids: PartitionIds = topics
                .flat_map(|topic| {
                    topic
                        .partitions
                        .iter()
                        .map(|index| (topic.topic_id, *index))
                })
                .collect();
            state.group.member.next = Some(ids).filter(|ids| state.group.member.is_new(ids));
        }
        self.note_acknowledgement(state);
        let member = &mut state.group.member;
        member.sends_new_subscription = false;
        member.says_everything = false;
        member.acknowledges = false;
        member.attempts = 0;
        if state.group.subscription.is_some() {
            self.look_at_next_assignment(state);
        } else {
            state.group.member.next = None;
        }
        if !state.group.is_rebalancing() && state.group.member.has_new_subscription {
            self.expedite_heartbeat(state);
        }
        self.send_deferred(state);
    }

    /// The coordinator knows what the member has; or, if the heartbeat was sent before the member
    /// had it, is told with another one.
    fn note_acknowledgement(&self, state: &mut State) {
        let waits =
            state.group.join_state == JoinState::Steady && state.group.member.must_acknowledge;
        let member = &mut state.group.member;
        if !waits || member.target.is_none() {
            return;
        }
        if member.acknowledges {
            member.current = member.target.take().unwrap_or_default();
            member.must_acknowledge = false;
        } else if state.group.subscription.is_some() {
            member.attempts = 0;
            self.expedite_heartbeat(state);
        }
    }

    fn heartbeat_failed(&self, state: &mut State, error: RDKafkaErrorCode) {
        match error {
            RDKafkaErrorCode::UnknownMemberId | RDKafkaErrorCode::FencedMemberEpoch => {
                state.group.member.must_rejoin = true;
                // They fail, and so hold up nothing.
                return self.send_deferred(state);
            }
            RDKafkaErrorCode::InvalidRequest
            | RDKafkaErrorCode::GroupMaxSizeReached
            | RDKafkaErrorCode::UnsupportedAssignor
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::UnreleasedInstanceId
            | RDKafkaErrorCode::GroupAuthorizationFailed => {
                self.raise_fatal(state, error);
                let reason = "fatal error in ConsumerGroupHeartbeat";
                return self.revoke_all_and_rejoin_unless_rebalancing(state, true, reason);
            }
            RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::OperationTimedOut => {
                state.group.member.says_everything = true;
                self.find_coordinator(state);
            }
            _ => {}
        }
        let is_first = state.group.member.heartbeat_interval.is_zero();
        if is_first || error == RDKafkaErrorCode::CoordinatorLoadInProgress {
            state.group.heartbeat_at = time::now() + self.client.retry_backoff().step();
        }
    }

    /// Leaves the group; a static member says that it will be back.
    pub(super) fn leave_as_member(&self, state: &mut State) {
        if state.group.leaving {
            return;
        }
        let Some(coordinator) = state.group.usable_coordinator() else {
            state.group.forget_membership();
            return;
        };
        state.group.leaving = true;
        let settings = self.settings();
        let epoch = if settings.group_instance_id.is_some() {
            LEAVE_STATIC
        } else {
            LEAVE
        };
        let request = self
            .no_news(state, epoch)
            .with_instance_id(settings.group_instance_id.as_deref().map(text));
        self.send_leave(coordinator, request, |core, state| {
            state.group.forget_membership();
            core.terminate_if_done(state);
            core.serve_member(state);
        });
    }

    /// A heartbeat that says who it is from, and nothing else.
    fn no_news(&self, state: &State, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        let group = self.settings().group_id.as_deref().unwrap_or_default();
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_member_id(text(&state.group.member_id))
            .with_member_epoch(epoch)
            .with_rebalance_timeout_ms(-1)
            .with_subscribed_topic_names(None)
            .with_topic_partitions(None)
    }

    /// Takes over names of topics that the view knows now.
    pub(super) fn name_assigned_topics(&self, state: &mut State) {
        let view = self.client.view();
        let next = state.group.member.next.iter().flatten();
        let ids: Vec<_> = next.map(|(topic, _)| *topic).collect();
        for id in ids {
            if let Some(name) = view.names_by_id.get(&id) {
                state.group.member.names.insert(id, Arc::clone(name));
            }
        }
    }
}
