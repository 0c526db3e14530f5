//! Subscribing: which topics are wanted, which of them exist, and what follows when that changes.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use whitewater_sim::{task, time};

use super::core::{ConsumerCore, State};
use super::group_membership::{JoinState, NextSubscription};
use super::topic_selection::Selected;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::TopicPartitionList;
use crate::topic_patterns::{TopicPatterns, is_pattern};
use crate::types::RDKafkaErrorCode;

/// Why a member joins, or joins again, when topics of its subscription come or go.
const TOPICS_CHANGED: &str = "Metadata for subscribed topic(s) has changed";

impl ConsumerCore {
    /// Replaces the subscription (`rd_kafka_cgrp_subscribe`).
    ///
    /// # Errors
    /// `InvalidArgument` without topics, or with a pattern (`^...`) that is no regular expression or
    /// that the coordinator would have to match; `Fatal` after a fatal error.
    pub(super) fn subscribe(
        &self,
        state: &mut State,
        topics: BTreeSet<Arc<str>>,
    ) -> Result<(), RDKafkaErrorCode> {
        let patterns = TopicPatterns::new(&topics);
        let possible = |patterns: TopicPatterns| {
            !(patterns.has_expressions() && state.group.uses_consumer_protocol())
        };
        if topics.is_empty()
            || topics.iter().any(|topic| topic.is_empty())
            || !patterns.is_some_and(possible)
            || (self.settings().assignors.is_empty() && !state.group.uses_consumer_protocol())
        {
            return Err(RDKafkaErrorCode::InvalidArgument);
        }
        if self.client.fatal_error().is_some() {
            if state.group.subscription.is_some() {
                self.unsubscribe(state, true);
            }
            return Err(RDKafkaErrorCode::Fatal);
        }
        self.note_poll(state);
        if state.group.uses_consumer_protocol() {
            state.group.next_subscription = Some(NextSubscription::Subscribe(topics));
            if !state.group.will_leave() {
                self.apply_next_subscription(state);
                self.serve_member(state);
            }
        } else if state.group.is_rebalancing() {
            state.group.next_subscription = Some(NextSubscription::Subscribe(topics));
        } else {
            state.group.next_subscription = None;
            self.set_subscription(state, topics);
            self.serve_group(state);
        }
        Ok(())
    }

    /// The topics subscribed to, or about to be.
    pub(super) fn subscription_list(&self, state: &State) -> TopicPartitionList {
        let topics = match &state.group.next_subscription {
            Some(NextSubscription::Subscribe(topics)) => Some(topics),
            Some(NextSubscription::Unsubscribe) => None,
            None => state.group.subscription.as_ref(),
        };
        let mut list = TopicPartitionList::new();
        for topic in topics.into_iter().flatten() {
            list.add_topic_unassigned(topic);
        }
        list
    }

    /// Ends the subscription, at the application's wish.
    pub(super) fn unsubscribe_by_application(&self, state: &mut State) {
        self.note_poll(state);
        if state.group.is_rebalancing() && !state.group.uses_consumer_protocol() {
            state.group.next_subscription = Some(NextSubscription::Unsubscribe);
        } else {
            state.group.next_subscription = None;
            if state.group.subscription.is_some() {
                self.unsubscribe(state, true);
            }
        }
    }

    /// Subscribing counts as polling, or a slow start would cost the membership.
    fn note_poll(&self, state: &mut State) {
        if state.last_poll.is_some() {
            state.last_poll = Some(time::now());
        }
    }

    pub(super) fn set_subscription(&self, state: &mut State, topics: BTreeSet<Arc<str>>) {
        if state.group.subscription.is_some() {
            if state.group.is_cooperative() {
                return self.modify_subscription(state, topics);
            }
            self.unsubscribe(state, false);
        }
        self.expect_topics(&topics);
        state.group.subscription = Some(topics);
        state.group.subscribed_topics.clear();
        state.group.reported_topics.clear();
    }

    fn expect_topics(&self, topics: &BTreeSet<Arc<str>>) {
        let wants_all = topics.iter().any(|topic| is_pattern(topic));
        self.client.set_wants_all_topics(wants_all);
    }

    /// Whether it is known which topics are meant.
    fn knows_topics(&self, topics: &BTreeSet<Arc<str>>) -> bool {
        if topics.iter().any(|topic| is_pattern(topic)) {
            return self.client.knows_all_topics();
        }
        let view = self.client.view();
        topics.iter().all(|topic| view.topics.contains_key(topic))
    }

    /// Cooperative: only what is no longer wanted is given up.
    fn modify_subscription(&self, state: &mut State, topics: BTreeSet<Arc<str>>) {
        let wanted = TopicPatterns::new(&topics).unwrap_or_default();
        let unwanted: Vec<TopicPartition> = state
            .group
            .group_assignment
            .iter()
            .flatten()
            .filter(|partition| !wanted.matches(&partition.topic))
            .cloned()
            .collect();
        let changed = state.group.subscription.as_ref() != Some(&topics);
        let known = self.knows_topics(&topics);
        self.expect_topics(&topics);
        state.group.subscription = Some(topics);
        if !known {
            // What is given up is decided once the topics are known.
            self.learn_topics(state);
        } else if !unwanted.is_empty() {
            state.group.subscribed_topics.clear();
            self.ask_application_incrementally(state, false, unwanted, true);
        } else if changed {
            state.group.subscribed_topics.clear();
            self.rejoin_now(state);
        }
    }

    /// Cooperative: partitions of topics that are not subscribed to, or not there, any more count
    /// as lost, and the leader rejoins once they are given up; without any the member rejoins
    /// (`rd_kafka_cgrp_metadata_update_check`).
    fn give_up_absent_topics(&self, state: &mut State) {
        let group = &state.group;
        let owned = group.group_assignment.iter().flatten();
        let absent: Vec<TopicPartition> = owned
            .filter(|partition| !group.subscribed_topics.contains_key(&partition.topic))
            .cloned()
            .collect();
        if absent.is_empty() {
            return self.rejoin_now(state);
        }
        state.group.assignment_lost = true;
        let is_leader = !state.group.members.is_empty();
        self.ask_application_incrementally(state, false, absent, is_leader);
    }

    /// Ends the subscription; with `leave` the member leaves the group once everything is
    /// unassigned.
    pub(super) fn unsubscribe(&self, state: &mut State, leave: bool) {
        state.group.poll_check_at = None;
        state.group.subscription = None;
        state.group.subscribed_topics.clear();
        state.group.members.clear();
        if state.group.uses_consumer_protocol() {
            return self.unsubscribe_as_member(state, leave);
        }
        if leave && state.group.has_joined() {
            state.group.leave_when_unassigned = true;
        }
        if !state.group.assignment_lost {
            self.revoke_all_and_rejoin(state, false, "unsubscribe");
        }
    }

    /// Consumer protocol: nothing follows if the member has been fenced, or leaves already.
    fn unsubscribe_as_member(&self, state: &mut State, leave: bool) {
        let member = &state.group.member;
        let is_fenced = member.must_rejoin || member.rejoins;
        if leave && !is_fenced && state.group.has_joined() && !state.group.will_leave() {
            state.group.leave_when_unassigned = true;
            self.revoke_all_and_rejoin(state, false, "unsubscribe");
        }
    }

    /// Finds out which topics of the subscription exist, and asks for those not known yet.
    pub(super) fn learn_topics(&self, state: &mut State) {
        let Some(subscription) = state.group.subscription.clone() else {
            return;
        };
        if self.knows_topics(&subscription) {
            self.update_topics(state);
            return;
        }
        // None: all topics there are.
        let unknown = (!subscription.iter().any(|topic| is_pattern(topic))).then(|| {
            let view = self.client.view();
            let is_unknown = |topic: &Arc<str>| !view.topics.contains_key(topic);
            subscription.into_iter().filter(is_unknown).collect()
        });
        if std::mem::replace(&mut state.group.learning_topics, true) {
            return;
        }
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            let Some(core) = core.upgrade() else { return };
            // The view's update has the subscription looked at again.
            let fetched = core.client.fetch_metadata(unknown.as_ref(), None).await;
            debug_assert!(fetched.is_ok() || core.client.is_closed());
            core.lock().group.learning_topics = false;
        }));
    }

    /// Takes over which topics exist; says whether that has changed. The application is told once
    /// of each topic that is missing.
    fn update_topics(&self, state: &mut State) -> bool {
        let Some(subscription) = &state.group.subscription else {
            return false;
        };
        let Selected { counts, missing } = self.select_topics(subscription);
        state
            .group
            .reported_topics
            .retain(|topic| missing.contains_key(topic));
        for (topic, error) in missing {
            if error == RDKafkaErrorCode::LeaderNotAvailable {
                self.client.want_metadata(&topic);
            } else if state.group.reported_topics.insert(Arc::clone(&topic)) {
                let reason = format!("Subscribed topic not available: {topic}: {}", error.text());
                state.push_error(error, reason);
            }
        }
        let changed = counts != state.group.subscribed_topics;
        state.group.subscribed_topics = counts;
        changed
    }

    /// Called when the view of the cluster was updated: joins, or joins again, if the topics of
    /// the subscription have changed (`rd_kafka_cgrp_metadata_update_check`).
    pub(super) fn check_subscription(&self, state: &mut State) {
        if state.group.uses_consumer_protocol() {
            // The coordinator watches the topics.
            return;
        }
        let join_state = state.group.join_state;
        match join_state {
            JoinState::Init if self.update_topics(state) => {
                TOPICS_CHANGED.clone_into(&mut state.group.rebalance_reason);
                self.serve_group(state);
            }
            JoinState::Steady => {
                let known = !state.group.subscribed_topics.is_empty();
                if self.update_topics(state) && known {
                    if state.group.is_cooperative() {
                        self.give_up_absent_topics(state);
                    } else {
                        self.revoke_all_and_rejoin(state, false, TOPICS_CHANGED);
                    }
                }
            }
            // Looked at again when the rebalance is over.
            _ => {}
        }
    }
}
