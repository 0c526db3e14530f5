//! TxnOffsetCommit: offsets that count once their transaction commits (`commitTransactionalOffset`
//! and `replayEndTransactionMarker` in `OffsetMetadataManager.java`).
//!
//! Unlike OffsetCommit it is accepted in every state of the group, does not renew a session, and
//! is not checked at all if it names neither member nor generation (KIP-447 asks clients to).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestPartition;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    ResponseKind, TopicName, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::classic_group::Committer;
use super::consumer::MemberEpoch;
use super::context::Context;
use super::coordinator::GroupCoordinator;
use super::groups::Groups;
use super::offsets::CommittedOffset;
use super::pending_offsets::PendingOffset;
use super::record::GroupRecord;
use super::request::GroupOutput;
use crate::event::Event;
use crate::group_id;
use crate::now::Now;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

impl GroupCoordinator {
    /// A transaction has ended: its pending offsets in this partition of `__consumer_offsets` are
    /// committed or dropped.
    pub fn end_transaction(
        &mut self,
        now: Now,
        offsets_partition: i32,
        producer_id: i64,
        committed: bool,
    ) -> Vec<GroupOutput> {
        self.with_context(now, |groups, cx| {
            let partitions = cx.settings.offsets_topic_num_partitions;
            for group in groups.pending.groups_of(producer_id) {
                if group_id::partition_for(&group, partitions) == offsets_partition {
                    groups.end_pending(cx, producer_id, &group, committed);
                }
            }
        })
    }
}

impl Groups {
    pub(super) fn commit_transactional_offsets(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: TxnOffsetCommitRequest,
        topics: &dyn TopicCatalog,
    ) {
        let accepted = self.accept_transactional(&request, topics);
        let mut pending = self
            .pending
            .get(request.producer_id.0, &request.group_id)
            .cloned()
            .unwrap_or_default();
        let mut response = TxnOffsetCommitResponse::default();
        for topic in &request.topics {
            let partitions = topic.partitions.iter().map(|partition| {
                let index = partition.partition_index;
                let outcome = if topics.partition_exists(&topic.name, index) {
                    accepted.and_then(|()| pending_offset(cx, partition))
                } else {
                    Err(ResponseError::UnknownTopicOrPartition)
                };
                if let Err(error) = outcome {
                    report(cx, &from, &request, &topic.name, partition, error);
                }
                let error = outcome.as_ref().err().map_or(0, |error| error.code());
                if let Ok(offset) = outcome {
                    pending.insert((topic.name.to_string(), index), offset);
                }
                TxnOffsetCommitResponsePartition::default()
                    .with_partition_index(index)
                    .with_error_code(error)
            });
            let partitions = partitions.collect();
            response.topics.push(
                TxnOffsetCommitResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions),
            );
        }
        if accepted.is_ok() && !pending.is_empty() {
            self.record(
                cx,
                GroupRecord::PendingOffsets {
                    producer_id: request.producer_id.0,
                    group: request.group_id.to_string(),
                    wall_ms: cx.now.wall_ms,
                    offsets: pending,
                },
            );
        }
        cx.respond(from, ResponseKind::TxnOffsetCommit(response));
    }

    fn accept_transactional(
        &self,
        request: &TxnOffsetCommitRequest,
        topics: &dyn TopicCatalog,
    ) -> Result<(), ResponseError> {
        if !topics.is_coordinator_of(&request.group_id) {
            return Err(ResponseError::NotCoordinator);
        }
        if let Some(group) = self.consumer.get(request.group_id.as_str()) {
            let committer = MemberEpoch {
                member_id: &request.member_id,
                epoch: request.generation_id,
            };
            let partitions = request.topics.iter().flat_map(|topic| {
                let partitions = topic.partitions.iter();
                let id = topics.topic_id(&topic.name);
                partitions.filter_map(move |p| Some((id?, p.partition_index)))
            });
            return group.validate_transactional_commit(committer, partitions);
        }
        match self.by_id.get(request.group_id.as_str()) {
            None if request.generation_id < 0 => Ok(()),
            None => Err(ResponseError::IllegalGeneration),
            Some(group) => group.validate_committer(
                &Committer {
                    generation: request.generation_id,
                    member_id: &request.member_id,
                    instance_id: request.group_instance_id.as_ref().map(StrBytes::as_str),
                },
                true,
            ),
        }
    }

    /// Commits or drops what a transaction has pending in a group. An offset that was committed
    /// outside the transaction meanwhile is newer, and stays.
    pub(super) fn end_pending(
        &mut self,
        cx: &mut Context<'_>,
        producer_id: i64,
        group: &str,
        committed: bool,
    ) {
        let pending = self.pending.get(producer_id, group).cloned();
        for ((topic, partition), offset) in pending.unwrap_or_default() {
            if !committed || offset.superseded {
                continue;
            }
            let record = GroupRecord::OffsetCommit {
                group: group.to_owned(),
                topic: topic.clone(),
                partition,
                committed: offset.committed.clone(),
            };
            self.record(cx, record);
            cx.event(Event::OffsetCommitted {
                group: group.to_owned(),
                topic,
                partition,
                offset: offset.committed.offset,
                member_id: String::new(),
                client_id: String::new(),
                generation: -1,
            });
        }
        let ended = GroupRecord::PendingOffsetsEnded {
            producer_id,
            group: group.to_owned(),
        };
        self.record(cx, ended);
    }
}

fn pending_offset(
    cx: &Context<'_>,
    partition: &TxnOffsetCommitRequestPartition,
) -> Result<PendingOffset, ResponseError> {
    let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
    // Kafka counts Java characters, although the setting is named in bytes.
    let length = metadata.encode_utf16().count();
    if length > usize::try_from(cx.settings.offset_metadata_max_bytes).unwrap_or(0) {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    Ok(PendingOffset {
        committed: CommittedOffset {
            offset: partition.committed_offset,
            leader_epoch: partition.committed_leader_epoch,
            metadata: metadata.to_owned(),
            commit_timestamp_ms: cx.now.wall_ms,
            expire_timestamp_ms: None,
        },
        superseded: false,
    })
}

fn report(
    cx: &mut Context<'_>,
    from: &Requester,
    request: &TxnOffsetCommitRequest,
    topic: &TopicName,
    partition: &TxnOffsetCommitRequestPartition,
    error: ResponseError,
) {
    cx.event(Event::CommitRefused {
        group: request.group_id.to_string(),
        topic: topic.to_string(),
        partition: partition.partition_index,
        offset: partition.committed_offset,
        member_id: request.member_id.to_string(),
        client_id: from.client_id.clone(),
        generation: request.generation_id,
        error,
    });
}
