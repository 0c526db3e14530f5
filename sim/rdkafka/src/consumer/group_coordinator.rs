//! Finds the group's coordinator, and finds it again when it fails.

use std::sync::{Arc, Weak};
use std::time::Duration;

use kafka_protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, GroupId, LeaveGroupRequest,
};
use whitewater_sim::{task, time};

use super::core::{ConsumerCore, State};
use crate::client::api::{Api, text};
use crate::client::broker::Broker;
use crate::types::RDKafkaErrorCode;

/// How long to wait between queries without success (rdkafka_cgrp.c).
const QUERY_INTERVAL: Duration = Duration::from_millis(500);

impl ConsumerCore {
    /// Looks for the coordinator, unless that is being done.
    pub(super) fn find_coordinator(&self, state: &mut State) {
        if state.group.finding_coordinator || state.closed {
            return;
        }
        state.group.coordinator_usable = false;
        state.group.finding_coordinator = true;
        drop(task::spawn(run(Weak::clone(&self.this))));
    }

    /// Looks for the coordinator if this error says that the present one is none.
    pub(super) fn coordinator_failed(&self, state: &mut State, error: RDKafkaErrorCode) {
        if matches!(
            error,
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
        ) {
            self.find_coordinator(state);
        }
    }

    fn coordinator_found(&self, state: &mut State, node_id: i32, server: String) {
        state.group.finding_coordinator = false;
        let same = state
            .group
            .coordinator
            .as_ref()
            .is_some_and(|known| known.node_id() == node_id && known.server() == server);
        if !same {
            let found = self.client.extra_connection(node_id, server);
            if let Some(before) = state.group.coordinator.replace(found) {
                before.close();
            }
            if state.group.uses_consumer_protocol() {
                self.expedite_heartbeat(state);
            }
        }
        state.group.coordinator_usable = true;
        self.send_deferred(state);
        self.serve_assignment(state);
        self.serve_group(state);
        state.wake_timers();
    }

    /// Sends LeaveGroup if unsubscribing or closing asked for it.
    pub(super) fn leave_if_asked(&self, state: &mut State) {
        if !std::mem::take(&mut state.group.leave_when_unassigned) {
            return;
        }
        if state.group.uses_consumer_protocol() {
            return self.leave_as_member(state);
        }
        // Static members keep their place when they close (KIP-345).
        if self.settings().group_instance_id.is_some() && state.group.terminating {
            return;
        }
        self.leave(state);
    }

    /// Leaves the group: the member id is void at once.
    pub(super) fn leave(&self, state: &mut State) {
        let member_id = std::mem::take(&mut state.group.member_id);
        let coordinator = state.group.usable_coordinator();
        let Some(coordinator) = coordinator.filter(|_| !state.group.leaving) else {
            return;
        };
        state.group.leaving = true;
        let group = self.settings().group_id.as_deref().unwrap_or_default();
        let request = LeaveGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_member_id(text(&member_id));
        self.send_leave(coordinator, request, |core, state| {
            core.terminate_if_done(state);
        });
    }

    /// Sends the request that leaves the group, and does `then` when it is answered or lost.
    pub(super) fn send_leave<R: Api + 'static>(
        &self,
        coordinator: Arc<Broker>,
        request: R,
        then: fn(&Self, &mut State),
    ) {
        // librdkafka bounds this one, so that closing does not hang on a broker that is gone.
        let timeout = self
            .client
            .settings()
            .socket_timeout
            .min(Duration::from_secs(5));
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            // Whatever the answer: the session ends by itself if the request got lost.
            let _ = coordinator.call(request, timeout).await;
            if let Some(core) = core.upgrade() {
                let mut state = core.lock();
                state.group.leaving = false;
                then(&core, &mut state);
            }
        }));
    }
}

async fn run(core: Weak<ConsumerCore>) {
    loop {
        let Some(core) = core.upgrade() else { return };
        let group = core.settings().group_id.as_deref().unwrap_or_default();
        let request = FindCoordinatorRequest::default()
            .with_key(text(group))
            .with_key_type(0);
        let deadline = time::now() + core.client.settings().socket_timeout;
        let answer = core.client.call_any(request, Some(deadline)).await;
        if core.take_coordinator(answer.ok().map(|(answer, _)| answer)) {
            return;
        }
        drop(core);
        time::sleep(QUERY_INTERVAL).await;
    }
}

impl ConsumerCore {
    /// Takes an answer in; says whether the search is over.
    fn take_coordinator(&self, answer: Option<FindCoordinatorResponse>) -> bool {
        let mut state = self.lock();
        if state.closed {
            return true;
        }
        let Some(answer) = answer else { return false };
        match RDKafkaErrorCode::from(answer.error_code) {
            RDKafkaErrorCode::NoError => {
                let server = format!("{}:{}", &*answer.host, answer.port);
                self.coordinator_found(&mut state, answer.node_id.0, server);
                return true;
            }
            RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::CoordinatorLoadInProgress => {}
            error => {
                let reason = format!("FindCoordinator response error: {}", error.text());
                state.push_error(error, reason);
            }
        }
        false
    }
}
