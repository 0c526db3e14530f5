//! OffsetCommit (`handleOffsetCommitRequest` in `KafkaApis.scala`, `commitOffset` in
//! `OffsetMetadataManager.java`, `validateOffsetCommit` in `ClassicGroup.java`).
//!
//! A commit is checked against member and generation, never against ownership: a late commit of a
//! partition that went to another member is accepted.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, ResponseKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::classic_group::Committer;
use super::consumer::MemberEpoch;
use super::context::Context;
use super::groups::Groups;
use super::offsets::CommittedOffset;
use super::record::GroupRecord;
use crate::event::Event;
use crate::group_state::GroupState;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

/// From this version on a generation of a group that does not exist is told so.
const GROUP_ID_NOT_FOUND_SINCE: i16 = 9;

impl Groups {
    /// Unknown partitions are refused one by one. If none is known the group is not asked, so
    /// such a request, like one that is empty, does not renew a session.
    pub(super) fn commit_offsets(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: OffsetCommitRequest,
        topics: &dyn TopicCatalog,
    ) {
        let any_known = request.topics.iter().any(|topic| {
            let known = |p: &OffsetCommitRequestPartition| {
                topics.partition_exists(&topic.name, p.partition_index)
            };
            topic.partitions.iter().any(known)
        });
        let accepted = if !any_known {
            Ok(())
        } else if topics.is_coordinator_of(&request.group_id) {
            self.accept_commit(cx, from.api_version, &request, topics)
        } else {
            Err(ResponseError::NotCoordinator)
        };

        let mut response = OffsetCommitResponse::default();
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let outcome = if topics.partition_exists(&topic.name, partition.partition_index) {
                    accepted
                        .and_then(|()| self.commit_partition(cx, &request, &topic.name, partition))
                } else {
                    Err(ResponseError::UnknownTopicOrPartition)
                };
                report(cx, &from, &request, &topic.name, partition, outcome);
                partitions.push(
                    OffsetCommitResponsePartition::default()
                        .with_partition_index(partition.partition_index)
                        .with_error_code(outcome.map_or_else(|error| error.code(), |()| 0)),
                );
            }
            response.topics.push(
                OffsetCommitResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions),
            );
        }
        cx.respond(from, ResponseKind::OffsetCommit(response));
    }

    /// Checks the commit as a whole and renews the member's session.
    fn accept_commit(
        &mut self,
        cx: &mut Context<'_>,
        api_version: i16,
        request: &OffsetCommitRequest,
        topics: &dyn TopicCatalog,
    ) -> Result<(), ResponseError> {
        if let Some(group) = self.consumer.get(request.group_id.as_str()) {
            let committer = MemberEpoch {
                member_id: &request.member_id,
                epoch: request.generation_id_or_member_epoch,
            };
            let partitions = request.topics.iter().flat_map(|topic| {
                let partitions = topic.partitions.iter();
                let id = topics.topic_id(&topic.name);
                partitions.filter_map(move |p| Some((id?, p.partition_index)))
            });
            return group.validate_commit(committer, api_version, partitions);
        }
        let Some(group) = self.by_id.get_mut(request.group_id.as_str()) else {
            return if request.generation_id_or_member_epoch < 0 {
                Ok(())
            } else if api_version >= GROUP_ID_NOT_FOUND_SINCE {
                Err(ResponseError::GroupIdNotFound)
            } else {
                Err(ResponseError::IllegalGeneration)
            };
        };
        let committer = Committer {
            generation: request.generation_id_or_member_epoch,
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_ref().map(StrBytes::as_str),
        };
        group.validate_committer(&committer, false)?;
        if matches!(
            group.state,
            GroupState::Stable | GroupState::PreparingRebalance
        ) {
            group.renew_session(cx, &request.member_id);
        }
        Ok(())
    }

    fn commit_partition(
        &mut self,
        cx: &mut Context<'_>,
        request: &OffsetCommitRequest,
        topic: &TopicName,
        partition: &OffsetCommitRequestPartition,
    ) -> Result<(), ResponseError> {
        let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
        // Kafka counts Java characters, although the setting is named in bytes.
        let length = metadata.encode_utf16().count();
        if length > usize::try_from(cx.settings.offset_metadata_max_bytes).unwrap_or(0) {
            return Err(ResponseError::OffsetMetadataTooLarge);
        }
        let retention_ms = request.retention_time_ms;
        let committed = CommittedOffset {
            offset: partition.committed_offset,
            leader_epoch: partition.committed_leader_epoch,
            metadata: metadata.to_owned(),
            commit_timestamp_ms: cx.now.wall_ms,
            expire_timestamp_ms: (retention_ms != -1)
                .then(|| cx.now.wall_ms.saturating_add(retention_ms)),
        };
        self.store(
            cx,
            &request.group_id,
            topic,
            partition.partition_index,
            committed,
        );
        Ok(())
    }

    pub(super) fn store(
        &mut self,
        cx: &mut Context<'_>,
        group: &str,
        topic: &str,
        partition: i32,
        committed: CommittedOffset,
    ) {
        let record = GroupRecord::OffsetCommit {
            group: group.to_owned(),
            topic: topic.to_owned(),
            partition,
            committed,
        };
        self.record(cx, record);
    }
}

fn report(
    cx: &mut Context<'_>,
    from: &Requester,
    request: &OffsetCommitRequest,
    topic: &TopicName,
    partition: &OffsetCommitRequestPartition,
    outcome: Result<(), ResponseError>,
) {
    let group = request.group_id.to_string();
    let topic = topic.to_string();
    let member_id = request.member_id.to_string();
    let client_id = from.client_id.clone();
    let generation = request.generation_id_or_member_epoch;
    let (partition, offset) = (partition.partition_index, partition.committed_offset);
    cx.event(match outcome {
        Ok(()) => Event::OffsetCommitted {
            group,
            topic,
            partition,
            offset,
            member_id,
            client_id,
            generation,
        },
        Err(error) => Event::CommitRefused {
            group,
            topic,
            partition,
            offset,
            member_id,
            client_id,
            generation,
            error,
        },
    });
}
