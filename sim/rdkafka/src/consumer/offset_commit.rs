//! Committing offsets: by hand, by timer, and when partitions are unassigned.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_channel::oneshot;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, OffsetCommitResponse};
use whitewater_sim::{task, time};

use super::core::{ConsumerCore, State};
use super::op_queue::Op;
use crate::client::api::{text, topic_name};
use crate::client::broker::Broker;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::types::RDKafkaErrorCode;

/// An offset to be committed.
#[derive(Debug, Clone)]
pub(super) struct CommitEntry {
    pub(super) partition: TopicPartition,
    pub(super) offset: i64,
    pub(super) metadata: String,
}

/// Who hears of a commit's outcome.
pub(super) enum CommitOrigin {
    /// The caller of a synchronous commit.
    Caller(oneshot::Sender<Result<(), RDKafkaErrorCode>>),
    /// Nobody: an asynchronous commit by hand. (librdkafka's offset_commit_cb is not called for
    /// these with rust-rdkafka.)
    Nobody,
    /// `ConsumerContext::commit_callback`, unless there was nothing to commit.
    Callback,
}

/// A commit that waits for a coordinator.
pub(super) struct DeferredCommit {
    commit: Commit,
    /// When it fails with `WaitingForCoordinator`.
    pub(super) until: Duration,
}

/// A commit under way. Sent again at most while it has not been deferred before.
struct Commit {
    entries: Vec<CommitEntry>,
    origin: CommitOrigin,
    deferred: bool,
}

/// The outcome of a commit: of the whole, and of each partition.
struct Outcome {
    general: RDKafkaErrorCode,
    partitions: BTreeMap<TopicPartition, RDKafkaErrorCode>,
}

impl ConsumerCore {
    /// Commits this list, or what is stored of the assignment.
    pub(super) fn commit(
        &self,
        state: &mut State,
        list: Option<&TopicPartitionList>,
        origin: CommitOrigin,
    ) {
        let entries = match list {
            Some(list) => Ok(list
                .elements()
                .iter()
                .filter_map(|element| match element.offset() {
                    Offset::Offset(offset) => Some(CommitEntry {
                        partition: TopicPartition::new(element.topic(), element.partition()),
                        offset,
                        metadata: element.metadata().to_owned(),
                    }),
                    _ => None,
                })
                .collect()),
            None if !state.assignment.all.is_empty() && state.group.assignment_lost => {
                Err(RDKafkaErrorCode::AssignmentLost)
            }
            None => Ok(state.newly_stored()),
        };
        self.start_commit(state, entries, origin);
    }

    /// Commits stored offsets of the assignment, or these, on the consumer's own account.
    /// Nothing happens while the assignment is lost.
    pub(super) fn commit_assigned(&self, state: &mut State, entries: Option<Vec<CommitEntry>>) {
        if state.group.assignment_lost {
            return;
        }
        let entries = entries.unwrap_or_else(|| state.newly_stored());
        if !entries.is_empty() {
            self.start_commit(state, Ok(entries), CommitOrigin::Callback);
        }
    }

    fn start_commit(
        &self,
        state: &mut State,
        entries: Result<Vec<CommitEntry>, RDKafkaErrorCode>,
        origin: CommitOrigin,
    ) {
        state.commits_in_progress += 1;
        let (entries, refusal) = match entries {
            Err(error) => (Vec::new(), Some(error)),
            Ok(entries) if self.client.fatal_error().is_some() => {
                (entries, Some(RDKafkaErrorCode::Fatal))
            }
            Ok(entries) if entries.is_empty() => (entries, Some(RDKafkaErrorCode::NoOffset)),
            Ok(entries) => (entries, None),
        };
        let commit = Commit {
            entries,
            origin,
            deferred: false,
        };
        match refusal {
            Some(error) => self.finish_later(commit, error),
            None => self.send_commit(state, commit),
        }
    }

    fn send_commit(&self, state: &mut State, commit: Commit) {
        match state.group.usable_coordinator() {
            Some(coordinator) => {
                let request = self.commit_request(state, &commit.entries);
                let core = Weak::clone(&self.this);
                let (done, next) = oneshot::channel();
                let previous = state.previous_commit.replace(next);
                let timeout = self.client.settings().socket_timeout;
                // Takes its place among the requests here: tasks run in any order.
                let first = coordinator.call(request.clone(), timeout);
                drop(task::spawn(async move {
                    let mut outcome = outcome(first.await);
                    // Outcomes are acted on in the order of the commits, as they arrive.
                    if let Some(previous) = previous {
                        let _ = previous.await;
                    }
                    if outcome.general == RDKafkaErrorCode::CoordinatorLoadInProgress {
                        drop(done);
                        outcome = try_again(&core, &coordinator, request).await;
                    }
                    if let Some(core) = core.upgrade() {
                        core.finish(&mut core.lock(), commit, outcome);
                    }
                }));
            }
            None => self.defer(state, commit, RDKafkaErrorCode::WaitingForCoordinator),
        }
    }

    /// Keeps a commit until there is a coordinator; one that has waited before fails.
    fn defer(&self, state: &mut State, mut commit: Commit, error: RDKafkaErrorCode) {
        if commit.deferred {
            return self.finish_later(commit, error);
        }
        commit.deferred = true;
        state.deferred_commits.push(DeferredCommit {
            commit,
            until: time::now() + self.settings().session_timeout,
        });
        state.wake_timers();
        self.find_coordinator(state);
    }

    /// Keeps a commit until the member has heard of its epoch.
    fn wait_for_epoch(&self, state: &mut State, mut commit: Commit) {
        commit.deferred = true;
        state.deferred_commits.push(DeferredCommit {
            commit,
            until: time::now() + self.settings().session_timeout,
        });
        state.wake_timers();
    }

    /// Sends what waits for a coordinator, or for an epoch.
    pub(super) fn send_deferred(&self, state: &mut State) {
        for deferred in std::mem::take(&mut state.deferred_commits) {
            self.send_commit(state, deferred.commit);
        }
    }

    /// Fails what has waited too long for a coordinator.
    pub(super) fn expire_deferred(&self, state: &mut State) {
        let now = time::now();
        let (expired, waiting) = std::mem::take(&mut state.deferred_commits)
            .into_iter()
            .partition(|deferred| deferred.until <= now);
        state.deferred_commits = waiting;
        for deferred in expired {
            self.finish_later(deferred.commit, RDKafkaErrorCode::WaitingForCoordinator);
        }
    }

    /// Finishes in a task of its own: finishing may start the next step of a rebalance, which the
    /// caller may be in the middle of.
    fn finish_later(&self, commit: Commit, error: RDKafkaErrorCode) {
        let core = Weak::clone(&self.this);
        drop(task::spawn(async move {
            if let Some(core) = core.upgrade() {
                let outcome = Outcome {
                    general: error,
                    partitions: BTreeMap::new(),
                };
                core.finish(&mut core.lock(), commit, outcome);
            }
        }));
    }

    fn commit_request(&self, state: &State, entries: &[CommitEntry]) -> OffsetCommitRequest {
        let settings = self.settings();
        let mut topics: BTreeMap<&Arc<str>, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for entry in entries {
            topics.entry(&entry.partition.topic).or_default().push(
                OffsetCommitRequestPartition::default()
                    .with_partition_index(entry.partition.partition)
                    .with_committed_offset(entry.offset)
                    .with_committed_leader_epoch(-1)
                    .with_committed_metadata(Some(text(&entry.metadata))),
            );
        }
        OffsetCommitRequest::default()
            .with_group_id(GroupId(text(
                settings.group_id.as_deref().unwrap_or_default(),
            )))
            .with_generation_id_or_member_epoch(state.group.generation)
            .with_member_id(text(&state.group.member_id))
            .with_group_instance_id(settings.group_instance_id.as_deref().map(text))
            .with_topics(
                topics
                    .into_iter()
                    .map(|(topic, partitions)| {
                        OffsetCommitRequestTopic::default()
                            .with_name(topic_name(topic))
                            .with_partitions(partitions)
                    })
                    .collect(),
            )
    }

    /// Acts on the outcome as `rd_kafka_cgrp_op_handle_OffsetCommit` does.
    fn finish(&self, state: &mut State, commit: Commit, outcome: Outcome) {
        match outcome.general {
            RDKafkaErrorCode::UnknownMemberId if state.group.uses_consumer_protocol() => {
                self.expedite_heartbeat(state);
            }
            RDKafkaErrorCode::StaleMemberEpoch => {
                self.expedite_heartbeat(state);
                // What was committed by hand fails; the rest is sent again with the new epoch.
                if matches!(commit.origin, CommitOrigin::Callback) && !commit.deferred {
                    return self.wait_for_epoch(state, commit);
                }
            }
            RDKafkaErrorCode::UnknownMemberId => {
                state.group.member_id.clear();
                let reason = "OffsetCommit error: Unknown member";
                self.revoke_all_and_rejoin_unless_rebalancing(state, true, reason);
            }
            RDKafkaErrorCode::IllegalGeneration if !state.group.is_rebalancing() => {
                state.group.generation = -1;
                let reason = "OffsetCommit error: Illegal generation";
                self.revoke_all_and_rejoin_unless_rebalancing(state, true, reason);
            }
            error @ (RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::BrokerTransportFailure)
                if !commit.deferred =>
            {
                self.coordinator_failed(state, error);
                return self.defer(state, commit, error);
            }
            error => self.coordinator_failed(state, error),
        }
        state.commits_in_progress -= 1;
        let general = match outcome.general {
            RDKafkaErrorCode::NoError => Ok(()),
            error => Err(error),
        };
        let mut offsets = TopicPartitionList::new();
        for entry in &commit.entries {
            let error = match outcome.partitions.get(&entry.partition) {
                Some(error) => *error,
                None => outcome.general,
            };
            if error == RDKafkaErrorCode::NoError {
                state.partition(&entry.partition).committed = Some(entry.offset);
            }
            let mut element =
                offsets.add_partition(&entry.partition.topic, entry.partition.partition);
            element.set_raw_offset(entry.offset);
            element.set_metadata(&entry.metadata);
            element.set_error(error);
        }
        match commit.origin {
            CommitOrigin::Nobody => {}
            CommitOrigin::Caller(caller) => {
                let _ = caller.send(general);
            }
            CommitOrigin::Callback => state.queue.push_urgent(Op::Committed {
                result: general,
                offsets,
            }),
        }
        if state.commits_in_progress == 0 {
            self.serve_assignment(state);
        }
    }
}

impl State {
    /// The stored offsets of the assignment that are higher than the committed ones.
    fn newly_stored(&self) -> Vec<CommitEntry> {
        self.assignment
            .all
            .keys()
            .filter_map(|partition| {
                let entry = self.partitions.get(partition)?;
                let stored = entry.stored?;
                (entry.committed.is_none_or(|committed| stored > committed)).then(|| CommitEntry {
                    partition: partition.clone(),
                    offset: stored,
                    metadata: entry.stored_metadata.clone(),
                })
            })
            .collect()
    }
}

/// Asks again until the coordinator has loaded its groups.
async fn try_again(
    core: &Weak<ConsumerCore>,
    coordinator: &Arc<Broker>,
    request: OffsetCommitRequest,
) -> Outcome {
    let Some(core) = core.upgrade() else {
        return outcome(Err(RDKafkaErrorCode::BrokerDestroy));
    };
    let timeout = core.client.settings().socket_timeout;
    let mut backoff = core.client.retry_backoff();
    loop {
        time::sleep(backoff.step()).await;
        let outcome = outcome(coordinator.call(request.clone(), timeout).await);
        if outcome.general != RDKafkaErrorCode::CoordinatorLoadInProgress {
            return outcome;
        }
    }
}

fn outcome(response: Result<OffsetCommitResponse, RDKafkaErrorCode>) -> Outcome {
    let response = match response {
        Ok(response) => response,
        Err(general) => {
            return Outcome {
                general,
                partitions: BTreeMap::new(),
            };
        }
    };
    let mut partitions = BTreeMap::new();
    let mut general = RDKafkaErrorCode::NoError;
    for topic in response.topics {
        let name: Arc<str> = Arc::from(&**topic.name);
        for answer in topic.partitions {
            let error = RDKafkaErrorCode::from(answer.error_code);
            if error != RDKafkaErrorCode::NoError {
                general = error;
            }
            let partition = TopicPartition::new(Arc::clone(&name), answer.partition_index);
            partitions.insert(partition, error);
        }
    }
    Outcome {
        general,
        partitions,
    }
}
