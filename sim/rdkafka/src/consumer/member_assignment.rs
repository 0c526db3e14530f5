//! From an assignment that a heartbeat brought to one that the application has taken over.

use std::sync::Weak;

use whitewater_sim::task;

use super::core::{ConsumerCore, State};
use super::group_membership::{JoinState, NextSubscription};

impl ConsumerCore {
    /// Starts on the next assignment, if its topics can be named and nothing else is under way;
    /// else it is looked at again later.
    pub(super) fn look_at_next_assignment(&self, state: &mut State) {
        self.name_assigned_topics(state);
        let Some(next) = state.group.member.next.clone() else {
            return;
        };
        if !state.group.member.knows(&next) {
            return self.learn_assigned_topics(state);
        }
        let is_idle = matches!(state.group.join_state, JoinState::Init | JoinState::Steady);
        if state.group.member.must_acknowledge || !is_idle {
            return;
        }
        state.group.member.next = None;
        if !state.group.member.is_new(&next) {
            return;
        }
        let partitions = state.group.member.named(&next);
        state.group.member.must_acknowledge = true;
        state.group.member.target = Some(next);
        self.take_assignment(state, partitions);
    }

    /// Asks for the metadata of the subscription: what is assigned is among it.
    fn learn_assigned_topics(&self, state: &mut State) {
        let Some(topics) = state.group.subscription.clone() else {
            return;
        };
        if std::mem::replace(&mut state.group.learning_topics, true) {
            return;
        }
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            let Some(core) = core.upgrade() else { return };
            // A topic that is not found was deleted meanwhile: another assignment will follow.
            let _ = core.client.fetch_metadata(Some(&topics), None).await;
            let mut state = core.lock();
            state.group.learning_topics = false;
            core.name_assigned_topics(&mut state);
            let is_known = |state: &State| {
                let next = state.group.member.next.as_ref();
                next.is_some_and(|next| state.group.member.knows(next))
            };
            if is_known(&state) {
                core.look_at_next_assignment(&mut state);
            }
        }));
    }

    /// Takes a subscription over, which the next heartbeat sends.
    pub(super) fn apply_next_subscription(&self, state: &mut State) {
        match state.group.next_subscription.take() {
            Some(NextSubscription::Subscribe(topics)) if !state.group.terminating => {
                state.group.subscription = Some(topics);
                state.group.member.has_subscribed = true;
                state.group.member.has_new_subscription = true;
                self.expedite_heartbeat(state);
            }
            Some(NextSubscription::Unsubscribe) => self.unsubscribe(state, true),
            _ => {}
        }
    }

    /// Called when an assignment, or its removal, is in effect
    /// (`rd_kafka_cgrp_consumer_assignment_done`).
    pub(super) fn member_assignment_done(&self, state: &mut State) {
        match state.group.join_state {
            JoinState::WaitUnassignToComplete => {
                self.leave_if_asked(state);
                self.rejoin(state);
            }
            JoinState::WaitIncrementalUnassignToComplete => {
                self.member_unassign_done(state);
            }
            JoinState::Init | JoinState::Steady => {
                self.leave_if_asked(state);
                self.terminate_if_done(state);
                if state.group.will_leave() || state.group.terminating {
                    return;
                }
                if state.group.join_state == JoinState::Init {
                    return;
                }
                if std::mem::take(&mut state.group.rejoin_after) {
                    self.rejoin(state);
                } else if state.group.member.must_acknowledge && !state.group.member.acknowledges {
                    self.expedite_heartbeat(state);
                } else {
                    self.look_at_next_assignment(state);
                }
            }
            _ => {}
        }
        if state.group.member.must_rejoin && !state.group.is_rebalancing() {
            self.serve_member(state);
        }
    }

    fn member_unassign_done(&self, state: &mut State) {
        if state.group.terminating {
            self.assignment_clear(state);
            self.set_join_state(state, JoinState::WaitUnassignToComplete);
            self.serve_assignment(state);
        } else if let Some(partitions) = state.group.assign_after.take() {
            // The assignment follows even if it is empty.
            self.ask_application_incrementally(state, true, partitions, false);
        } else if std::mem::take(&mut state.group.rejoin_after) {
            self.rejoin(state);
        } else {
            self.set_join_state(state, JoinState::Steady);
            if state.group.subscription.is_some() {
                self.watch_polls(state);
            }
        }
    }
}
