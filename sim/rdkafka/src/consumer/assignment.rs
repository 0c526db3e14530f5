//! Assigning and unassigning, and what has to be done before an assignment is in effect.
//!
//! As rdkafka_assignment.c: removed partitions have their stored offsets committed first, then
//! the committed offsets of new ones are fetched, then those are started; when nothing is left to
//! do, the group membership is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse};
use whitewater_sim::{task, time};

use super::core::{ConsumerCore, State};
use super::offset_commit::CommitEntry;
use super::partition::FetchState;
use crate::client::api::{text, topic_name};
use crate::config::IsolationLevel;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::{OFFSET_INVALID, Offset, TopicPartitionList};
use crate::types::RDKafkaErrorCode;

/// The raw form of [`Offset::Stored`].
const STORED: i64 = -1000;

impl ConsumerCore {
    /// Adds partitions to the assignment.
    ///
    /// # Errors
    /// `InvalidArgument` for a partition named twice or a bad offset, `Conflict` for one that is
    /// assigned already.
    pub(super) fn assignment_add(
        &self,
        state: &mut State,
        list: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        let mut added: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        for element in list.elements() {
            let partition = TopicPartition::new(element.topic(), element.partition());
            let raw = element.raw_offset();
            if matches!(Offset::from_raw(raw), Offset::Offset(offset) if offset < 0) {
                return Err(RDKafkaErrorCode::InvalidArgument);
            }
            if state.assignment.all.contains_key(&partition) {
                return Err(RDKafkaErrorCode::Conflict);
            }
            let raw = if raw == OFFSET_INVALID { STORED } else { raw };
            if added.insert(partition, raw).is_some() {
                return Err(RDKafkaErrorCode::InvalidArgument);
            }
        }
        for partition in added.keys() {
            let entry = state.partition(partition);
            entry.assigned = true;
            entry.stored = None;
        }
        state.assignment.pending.extend(added.clone());
        state.assignment.all.extend(added);
        Ok(())
    }

    /// Removes partitions from the assignment.
    ///
    /// # Errors
    /// `InvalidArgument` if one of them is not assigned.
    pub(super) fn assignment_subtract(
        &self,
        state: &mut State,
        list: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        let removed = TopicPartition::all_of(list);
        let known = removed
            .iter()
            .all(|partition| state.assignment.all.contains_key(partition));
        if !known {
            return Err(RDKafkaErrorCode::InvalidArgument);
        }
        for partition in removed {
            state.assignment.all.remove(&partition);
            state.assignment.queried.remove(&partition);
            state.assignment.pending.remove(&partition);
            state.assignment.removed.push(partition);
        }
        Ok(())
    }

    /// Removes all partitions from the assignment.
    pub(super) fn assignment_clear(&self, state: &mut State) {
        state.assignment.pending.clear();
        state.assignment.queried.clear();
        let all = std::mem::take(&mut state.assignment.all);
        state.assignment.removed.extend(all.into_keys());
    }

    /// Does what there is to do, and tells the group membership when all is done.
    pub(super) fn serve_assignment(&self, state: &mut State) {
        self.serve_removals(state);
        if state.commits_in_progress == 0 {
            self.serve_pending(state);
        }
        let assignment = &state.assignment;
        if assignment.pending.is_empty()
            && assignment.queried.is_empty()
            && state.commits_in_progress == 0
        {
            self.assignment_done(state);
        }
    }

    pub(super) fn serve_removals(&self, state: &mut State) {
        let removed = std::mem::take(&mut state.assignment.removed);
        let mut stored = Vec::new();
        for partition in removed {
            let entry = state.partition(&partition);
            if let Some(offset) = entry.stored {
                stored.push(CommitEntry {
                    partition: partition.clone(),
                    offset,
                    metadata: std::mem::take(&mut entry.stored_metadata),
                });
            }
            entry.stop();
            state.queue_of(&partition).purge(&partition);
        }
        if !stored.is_empty() && self.settings().enable_auto_commit {
            self.commit_assigned(state, Some(stored));
        }
    }

    fn serve_pending(&self, state: &mut State) {
        let coordinator = state.group.usable_coordinator();
        let can_query = coordinator.is_some() && state.assignment.queried.is_empty();
        let mut to_query = Vec::new();
        for (partition, raw) in std::mem::take(&mut state.assignment.pending) {
            if raw != STORED {
                state.partition(&partition).paused_by_rebalance = false;
                self.start_at(state, &partition, Offset::from_raw(raw));
            } else if self.settings().group_id.is_none() {
                self.start_at(state, &partition, Offset::Invalid);
            } else if can_query {
                state.assignment.queried.insert(partition.clone());
                to_query.push(partition);
            } else {
                state.assignment.pending.insert(partition, raw);
            }
        }
        if let (false, Some(coordinator)) = (to_query.is_empty(), coordinator) {
            let request = self.offset_fetch_request(&to_query);
            let core = Weak::clone(&self.this);
            drop(task::spawn(async move {
                let Some(this) = core.upgrade() else { return };
                let timeout = this.client.settings().socket_timeout;
                let response = coordinator.call(request, timeout).await;
                this.take_committed(&to_query, response);
            }));
        }
    }

    /// A request for committed offsets.
    pub(super) fn offset_fetch_request(&self, partitions: &[TopicPartition]) -> OffsetFetchRequest {
        let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            topics
                .entry(&partition.topic)
                .or_default()
                .push(partition.partition);
        }
        let settings = self.settings();
        let group = settings.group_id.as_deref().unwrap_or_default();
        OffsetFetchRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_require_stable(settings.isolation_level == IsolationLevel::ReadCommitted)
            .with_topics(Some(
                topics
                    .into_iter()
                    .map(|(topic, partitions)| {
                        OffsetFetchRequestTopic::default()
                            .with_name(topic_name(topic))
                            .with_partition_indexes(partitions)
                    })
                    .collect(),
            ))
    }

    fn take_committed(
        &self,
        asked: &[TopicPartition],
        response: Result<OffsetFetchResponse, RDKafkaErrorCode>,
    ) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let general = match &response {
            Ok(response) => RDKafkaErrorCode::from(response.error_code),
            Err(error) => *error,
        };
        let mut unstable = false;
        if let (RDKafkaErrorCode::NoError, Ok(response)) = (general, response) {
            unstable = self.apply_committed(&mut state, response);
        } else {
            self.coordinator_failed(&mut state, general);
        }
        // What has got no answer is asked again, once there is a coordinator.
        for partition in asked {
            if state.assignment.queried.remove(partition) {
                state.assignment.pending.insert(partition.clone(), STORED);
            }
        }
        if general == RDKafkaErrorCode::NoError && !unstable {
            self.serve_assignment(&mut state);
        } else {
            self.serve_assignment_later();
        }
    }

    /// Serves the assignment again after the retry back-off.
    fn serve_assignment_later(&self) {
        let core = Weak::clone(&self.this);
        let pause = self.client.settings().retry_backoff;
        drop(task::spawn(async move {
            time::sleep(pause).await;
            if let Some(core) = core.upgrade() {
                let mut state = core.lock();
                if !state.closed {
                    core.serve_assignment(&mut state);
                }
            }
        }));
    }

    /// Starts the partitions whose offsets are known. Says whether some wait for a transaction.
    fn apply_committed(&self, state: &mut State, response: OffsetFetchResponse) -> bool {
        let mut unstable = false;
        for topic in response.topics {
            let name: Arc<str> = Arc::from(&**topic.name);
            for answer in topic.partitions {
                let partition = TopicPartition::new(Arc::clone(&name), answer.partition_index);
                if !state.assignment.queried.remove(&partition) {
                    continue;
                }
                match RDKafkaErrorCode::from(answer.error_code) {
                    RDKafkaErrorCode::NoError => {
                        let committed =
                            (answer.committed_offset >= 0).then_some(answer.committed_offset);
                        let entry = state.partition(&partition);
                        entry.committed = committed;
                        entry.paused_by_rebalance = false;
                        let start = committed.map_or(Offset::Invalid, Offset::Offset);
                        self.start_at(state, &partition, start);
                    }
                    RDKafkaErrorCode::UnstableOffsetCommit => {
                        state.assignment.pending.insert(partition, STORED);
                        unstable = true;
                    }
                    error => {
                        let reason = format!(
                            "Failed to fetch committed offset of {partition}: {}",
                            error.text()
                        );
                        state.push_error(error, reason);
                    }
                }
            }
        }
        unstable
    }

    /// Holds deliveries back until the application has answered a rebalance.
    pub(super) fn pause_for_rebalance(&self, state: &mut State) {
        for partition in state.assigned() {
            let entry = state.partition(&partition);
            entry.paused_by_rebalance = true;
            entry.restart_from_app();
            state.void_fetched(&partition);
        }
    }

    /// The application has answered.
    pub(super) fn resume_after_rebalance(&self, state: &mut State) {
        for partition in state.assigned() {
            let entry = state.partition(&partition);
            if std::mem::take(&mut entry.paused_by_rebalance) {
                state.void_fetched(&partition);
                self.kick_fetcher(state, &partition);
            }
        }
    }
}

impl State {
    /// The assigned partitions, in order.
    pub(super) fn assigned(&self) -> Vec<TopicPartition> {
        self.assignment.all.keys().cloned().collect()
    }

    /// Whether fetching of a partition was started.
    pub(super) fn is_fetching(&self, partition: &TopicPartition) -> bool {
        self.partitions
            .get(partition)
            .is_some_and(|entry| entry.fetch != FetchState::Stopped)
    }
}
