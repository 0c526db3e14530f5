//! What a consumer does by itself when the time comes.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Weak;
use std::task::Poll;
use std::time::Duration;

use whitewater_sim::time;

use super::core::{ConsumerCore, State};
use super::group_membership::JoinState;
use crate::types::RDKafkaErrorCode;

/// How often max.poll.interval.ms is looked at (rdkafka_cgrp.c).
const POLL_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Serves the timers of a consumer until it is closed.
pub(super) async fn run(core: Weak<ConsumerCore>) {
    if let Some(core) = core.upgrade() {
        let interval = core.settings().auto_commit_interval;
        let enabled = core.settings().enable_auto_commit;
        core.lock().group.auto_commit_at = interval
            .filter(|_| enabled)
            .map(|interval| time::now() + interval);
    }
    let mut sleep = pin!(time::sleep(Duration::MAX));
    poll_fn(|context| {
        loop {
            let Some(core) = core.upgrade() else {
                return Poll::Ready(());
            };
            let mut state = core.lock();
            if state.closed || state.group.terminated {
                return Poll::Ready(());
            }
            core.serve_timers(&mut state);
            let due = core.next_due(&state);
            state.timer_task = Some(context.waker().clone());
            drop(state);
            sleep.as_mut().reset(due.unwrap_or(Duration::MAX));
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

impl ConsumerCore {
    fn next_due(&self, state: &State) -> Option<Duration> {
        let group = &state.group;
        [
            self.heartbeat_due(state),
            group
                .session_ends
                .filter(|_| self.session_is_watched(state)),
            self.join_due(state),
            group.auto_commit_at,
            group.poll_check_at,
            state
                .deferred_commits
                .iter()
                .map(|deferred| deferred.until)
                .min(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn serve_timers(&self, state: &mut State) {
        let now = time::now();
        let is_due = |due: Option<Duration>| due.is_some_and(|due| due <= now);
        if self.session_is_watched(state) && is_due(state.group.session_ends) {
            self.session_expired(state);
        }
        if is_due(self.heartbeat_due(state)) {
            if state.group.uses_consumer_protocol() {
                self.serve_member(state);
            } else {
                self.send_heartbeat(state);
            }
        }
        if is_due(state.group.poll_check_at) {
            self.check_polls(state, now);
        }
        if is_due(state.group.auto_commit_at) {
            let interval = self.settings().auto_commit_interval;
            state.group.auto_commit_at = interval.map(|interval| now + interval);
            self.auto_commit(state);
        }
        if is_due(self.join_due(state)) {
            self.serve_group(state);
        }
        self.expire_deferred(state);
    }

    /// The session matters once there is something to lose.
    fn session_is_watched(&self, state: &State) -> bool {
        matches!(
            state.group.join_state,
            JoinState::Steady | JoinState::WaitAssignCall | JoinState::WaitUnassignCall
        )
    }

    /// Commits what is stored, except in the middle of a rebalance.
    fn auto_commit(&self, state: &mut State) {
        let subscribed = state.group.subscription.is_some();
        if !subscribed || state.group.join_state == JoinState::Steady {
            self.commit_assigned(state, None);
        }
    }

    /// Starts to watch that the application polls.
    pub(super) fn watch_polls(&self, state: &mut State) {
        state.group.poll_check_at = Some(time::now() + POLL_CHECK_INTERVAL);
        state.wake_timers();
    }

    /// Whether the application has not polled for max.poll.interval.ms.
    pub(super) fn polls_are_overdue(&self, state: &State) -> bool {
        state
            .last_poll
            .is_some_and(|last_poll| time::now() > last_poll + self.settings().max_poll_interval)
    }

    fn check_polls(&self, state: &mut State, now: Duration) {
        if !self.polls_are_overdue(state) {
            state.group.poll_check_at = Some(self.next_poll_check(state, now));
            return;
        }
        state.group.poll_check_at = None;
        state.group.max_poll_exceeded = true;
        let interval_ms = self.settings().max_poll_interval.as_millis();
        let reason = format!("Application maximum poll interval ({interval_ms}ms) exceeded");
        state.push_error(RDKafkaErrorCode::PollExceeded, reason);
        if state.group.uses_consumer_protocol() {
            self.leave_as_member(state);
            state.group.member.must_rejoin = true;
            self.expedite_heartbeat(state);
            return self.serve_member(state);
        }
        // Leaves at once, as the application may be busy for long; static members keep their
        // place (KIP-345).
        if self.settings().group_instance_id.is_none() {
            self.leave(state);
        }
        state.group.member_id.clear();
        let reason = "max.poll.interval.ms exceeded";
        self.revoke_all_and_rejoin_unless_rebalancing(state, true, reason);
    }

    /// The next of the half-second ticks at which polls could be overdue, so that no time
    /// is spent on ticks at which they cannot.
    fn next_poll_check(&self, state: &State, now: Duration) -> Duration {
        let earliest = state.last_poll.unwrap_or(now) + self.settings().max_poll_interval;
        let ticks = earliest.saturating_sub(now).as_millis() / POLL_CHECK_INTERVAL.as_millis() + 1;
        now + POLL_CHECK_INTERVAL * u32::try_from(ticks).unwrap_or(u32::MAX)
    }
}
