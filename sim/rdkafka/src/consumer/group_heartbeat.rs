//! Heartbeats, and what their answers mean.

use std::sync::Weak;
use std::time::Duration;

use kafka_protocol::messages::{GroupId, HeartbeatRequest};
use whitewater_sim::{task, time};

use super::core::{ConsumerCore, State};
use super::group_membership::JoinState;
use crate::client::api::text;
use crate::types::RDKafkaErrorCode;

impl ConsumerCore {
    /// When the next heartbeat is due; none in states without heartbeats.
    pub(super) fn heartbeat_due(&self, state: &State) -> Option<Duration> {
        let group = &state.group;
        if group.uses_consumer_protocol() {
            return self.member_heartbeat_due(state);
        }
        let member = matches!(
            group.join_state,
            JoinState::Steady | JoinState::WaitAssignCall | JoinState::WaitUnassignCall
        );
        let may_send = member
            && group.subscription.is_some()
            && group.coordinator_usable
            && group.session_ends.is_some()
            && !group.heartbeat_in_transit;
        may_send.then_some(group.heartbeat_at)
    }

    pub(super) fn send_heartbeat(&self, state: &mut State) {
        let Some(coordinator) = state.group.usable_coordinator() else {
            return;
        };
        let settings = self.settings();
        state.group.heartbeat_in_transit = true;
        state.group.heartbeat_at = time::now() + settings.heartbeat_interval;
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(
                settings.group_id.as_deref().unwrap_or_default(),
            )))
            .with_generation_id(state.group.generation)
            .with_member_id(text(&state.group.member_id))
            .with_group_instance_id(settings.group_instance_id.as_deref().map(text));
        let timeout = settings.session_timeout;
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            let answer = coordinator.call(request, timeout).await;
            if let Some(core) = core.upgrade() {
                let error = match answer {
                    Ok(answer) => RDKafkaErrorCode::from(answer.error_code),
                    Err(error) => error,
                };
                core.heartbeat_answered(&mut core.lock(), error);
            }
        }));
    }

    /// `rd_kafka_cgrp_handle_Heartbeat`.
    fn heartbeat_answered(&self, state: &mut State, error: RDKafkaErrorCode) {
        state.group.heartbeat_in_transit = false;
        state.wake_timers();
        if error == RDKafkaErrorCode::NoError {
            return self.renew_session(state, false);
        }
        if matches!(
            state.group.join_state,
            JoinState::Init | JoinState::WaitJoin | JoinState::WaitMetadata | JoinState::WaitSync
        ) {
            return;
        }
        match error {
            RDKafkaErrorCode::RebalanceInProgress => {
                self.renew_session(state, false);
                if !state.group.waits_for_application() {
                    self.group_is_rebalancing(state);
                }
            }
            RDKafkaErrorCode::UnknownMemberId => {
                state.group.member_id.clear();
                self.revoke_all_and_rejoin_unless_rebalancing(state, true, "resetting member-id");
            }
            RDKafkaErrorCode::IllegalGeneration => {
                state.group.generation = -1;
                self.revoke_all_and_rejoin_unless_rebalancing(state, true, "illegal generation");
            }
            RDKafkaErrorCode::FencedInstanceId => {
                self.raise_fatal(state, error);
                let reason = "consumer fenced by newer instance";
                self.revoke_all_and_rejoin_unless_rebalancing(state, true, reason);
            }
            error => self.coordinator_failed(state, error),
        }
    }

    /// Eager members give everything up and join again; cooperative ones join again as they are.
    fn group_is_rebalancing(&self, state: &mut State) {
        if !state.group.is_cooperative() {
            let reason = "rebalance in progress";
            self.revoke_all_and_rejoin_unless_rebalancing(state, false, reason);
        } else if !state.group.is_rebalancing() {
            self.rejoin(state);
        }
    }

    /// The session goes on. One that has ended starts again only with `restart`.
    pub(super) fn renew_session(&self, state: &mut State, restart: bool) {
        if restart || state.group.session_ends.is_some() {
            state.group.session_ends = Some(time::now() + self.settings().session_timeout);
        }
    }

    /// The coordinator has not answered for a whole session: the assignment is lost.
    pub(super) fn session_expired(&self, state: &mut State) {
        state.group.session_ends = None;
        state.group.member_id.clear();
        let reason = "session timed out without a successful response from the coordinator";
        self.revoke_all_and_rejoin_unless_rebalancing(state, true, reason);
    }

    /// The consumer is of no further use.
    pub(super) fn raise_fatal(&self, state: &mut State, error: RDKafkaErrorCode) {
        let reason = format!("Fatal consumer error: {}", error.text());
        self.client.set_fatal(error, reason.clone());
        state.queue.push(super::op_queue::Op::Error {
            code: error,
            reason,
            fatal: true,
        });
    }
}
