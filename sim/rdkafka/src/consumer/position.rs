//! Where the application is, and moving it: position, seek, pause, resume, committed offsets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use whitewater_sim::time;

use super::core::{ConsumerCore, State};
use super::partition::FetchState;
use crate::client::broker::until;
use crate::client::{OffsetQuery, query_offsets};
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::{OFFSET_INVALID, Offset, TopicPartitionList};
use crate::types::RDKafkaErrorCode;

impl ConsumerCore {
    /// The assignment, with the offsets it was made with.
    pub(super) fn assignment_list(&self, state: &State) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (partition, raw) in &state.assignment.all {
            list.add_partition(&partition.topic, partition.partition)
                .set_raw_offset(*raw);
        }
        list
    }

    /// The assignment, with the positions of the application.
    pub(super) fn position_list(&self, state: &State) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in state.assignment.all.keys() {
            let entry = state.partitions.get(partition);
            let position = entry.and_then(|entry| entry.app_offset);
            list.add_partition(&partition.topic, partition.partition)
                .set_raw_offset(position.unwrap_or(OFFSET_INVALID));
        }
        list
    }

    /// Goes on at another offset, as [`seek`](Self::seek).
    ///
    /// # Errors
    /// As there; `UnknownPartition` if the partition is not known.
    pub(super) fn seek_one(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        offset: Offset,
    ) -> Result<(), RDKafkaErrorCode> {
        state.named_topics.insert(Arc::clone(&partition.topic));
        self.check_known(state, partition)?;
        self.seek(state, partition, offset)
    }

    /// Goes on at another offset.
    ///
    /// Asking makes what was fetched void even where it is refused, and then nothing has it
    /// fetched again: after `Stored` the partition is silent (`rd_kafka_toppar_op_seek`).
    ///
    /// # Errors
    /// `State` if the partition is not being fetched, `UnknownPartition` if its topic is not
    /// known, `InvalidArgument` for `Stored`.
    pub(super) fn seek(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        offset: Offset,
    ) -> Result<(), RDKafkaErrorCode> {
        self.check_topic_known(state, partition)?;
        if !state.is_fetching(partition) {
            return Err(RDKafkaErrorCode::State);
        }
        state.queue_of(partition).purge(partition);
        let entry = state.partition(partition);
        entry.void_fetched();
        if offset == Offset::Stored {
            entry.fetch = FetchState::Failed;
            return Err(RDKafkaErrorCode::InvalidArgument);
        }
        entry.app_offset = None;
        self.start_at(state, partition, offset);
        Ok(())
    }

    /// Pauses or resumes partitions for the application. Partitions that the client does not
    /// know get `UnknownPartition` in the list.
    pub(super) fn set_paused(&self, state: &mut State, list: &TopicPartitionList, paused: bool) {
        for mut element in list.elements() {
            let partition = TopicPartition::new(element.topic(), element.partition());
            if !state.partitions.contains_key(&partition) {
                element.set_error(RDKafkaErrorCode::UnknownPartition);
                continue;
            }
            let entry = state.partition(&partition);
            if paused {
                entry.paused_by_app = true;
                entry.restart_from_app();
                state.void_fetched(&partition);
            } else if std::mem::take(&mut entry.paused_by_app) {
                state.void_fetched(&partition);
                self.resume_fetching(state, &partition);
            }
        }
    }

    /// Fetches again after a pause; where no offset was found yet it is looked up again.
    fn resume_fetching(&self, state: &mut State, partition: &TopicPartition) {
        let entry = state.partition(partition);
        if entry.fetch == FetchState::Active && entry.fetch_start.is_none() {
            let offset = Offset::from_raw(entry.start_raw);
            self.start_at(state, partition, offset);
        } else {
            self.kick_fetcher(state, partition);
        }
    }

    /// Writes the committed offsets of a list's partitions into it.
    ///
    /// # Errors
    /// `WaitingForCoordinator` or `OperationTimedOut` when the time is up, else the coordinator's.
    pub(super) async fn committed(
        &self,
        list: &TopicPartitionList,
        deadline: Option<Duration>,
    ) -> Result<(), RDKafkaErrorCode> {
        let partitions = TopicPartition::all_of(list);
        let request = self.offset_fetch_request(&partitions);
        let mut backoff = self.client.retry_backoff();
        loop {
            let coordinator = {
                let mut state = self.lock();
                if state.group.usable_coordinator().is_none() {
                    self.find_coordinator(&mut state);
                }
                state.group.usable_coordinator()
            };
            let mut last_error = RDKafkaErrorCode::WaitingForCoordinator;
            if let Some(coordinator) = coordinator {
                let call = coordinator.call(request.clone(), self.client.settings().socket_timeout);
                let answer = until(deadline, call)
                    .await
                    .ok_or(RDKafkaErrorCode::OperationTimedOut)?;
                let answer =
                    answer.map(|answer| (RDKafkaErrorCode::from(answer.error_code), answer));
                match answer {
                    Ok((RDKafkaErrorCode::NoError, answer)) => {
                        let mut answers = BTreeMap::new();
                        for topic in answer.topics {
                            let name: Arc<str> = Arc::from(&**topic.name);
                            for answer in topic.partitions {
                                let partition =
                                    TopicPartition::new(Arc::clone(&name), answer.partition_index);
                                answers.insert(partition, answer);
                            }
                        }
                        let unstable = answers.values().any(|answer| {
                            RDKafkaErrorCode::from(answer.error_code)
                                == RDKafkaErrorCode::UnstableOffsetCommit
                        });
                        if !unstable {
                            write_committed(list, &answers);
                            return Ok(());
                        }
                        last_error = RDKafkaErrorCode::OperationTimedOut;
                    }
                    Ok((RDKafkaErrorCode::CoordinatorLoadInProgress, _)) => {
                        last_error = RDKafkaErrorCode::CoordinatorLoadInProgress;
                    }
                    Ok((error, _)) | Err(error) => {
                        let mut state = self.lock();
                        self.coordinator_failed(&mut state, error);
                        if state.group.coordinator_usable {
                            return Err(error);
                        }
                    }
                }
            }
            let pause = backoff.step();
            if deadline.is_some_and(|deadline| time::now() + pause >= deadline) {
                return Err(last_error);
            }
            time::sleep(pause).await;
        }
    }

    /// Replaces the timestamps in a list by offsets.
    ///
    /// # Errors
    /// `OperationTimedOut` when the time is up, `UnknownPartition` if one of them is not there.
    pub(super) async fn offsets_for_times(
        &self,
        list: &TopicPartitionList,
        deadline: Option<Duration>,
    ) -> Result<(), RDKafkaErrorCode> {
        let wanted = list
            .elements()
            .iter()
            .map(|element| {
                let partition = TopicPartition::new(element.topic(), element.partition());
                (partition, OffsetQuery::Timestamp(element.raw_offset()))
            })
            .collect();
        let found = query_offsets(&self.client, wanted, deadline).await?;
        for mut element in list.elements() {
            let partition = TopicPartition::new(element.topic(), element.partition());
            match found.get(&partition) {
                // -1, "no record is that young", reads as the end.
                Some(Ok(found)) => element.set_raw_offset(found.offset),
                // Without a leader to ask nothing is asked (`rd_kafka_offsets_for_times`).
                Some(Err(RDKafkaErrorCode::UnknownPartition)) => {
                    return Err(RDKafkaErrorCode::UnknownPartition);
                }
                Some(Err(error)) => element.set_error(*error),
                None => {}
            }
        }
        Ok(())
    }
}

fn write_committed(
    list: &TopicPartitionList,
    answers: &BTreeMap<
        TopicPartition,
        kafka_protocol::messages::offset_fetch_response::OffsetFetchResponsePartition,
    >,
) {
    for mut element in list.elements() {
        let partition = TopicPartition::new(element.topic(), element.partition());
        element.set_raw_offset(OFFSET_INVALID);
        if let Some(answer) = answers.get(&partition) {
            if answer.committed_offset >= 0 {
                element.set_raw_offset(answer.committed_offset);
            }
            element.set_metadata(answer.metadata.as_deref().unwrap_or_default());
            element.set_error(answer.error_code.into());
        }
    }
}
