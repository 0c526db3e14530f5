//! OffsetFetch (`fetchOffsets` and `fetchAllOffsets` in `OffsetMetadataManager.java`).
//!
//! A group or offset that does not exist is no error: its offset is -1.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopics;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, ResponseKind, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::context::Context;
use super::groups::Groups;
use super::offsets::CommittedOffset;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

/// From this version on a request asks for any number of groups (KIP-709).
const BATCH_SINCE: i16 = 8;

/// From this version on a response has an error of its own.
const TOP_LEVEL_ERROR_SINCE: i16 = 2;

/// `OffsetFetchResponse.INVALID_OFFSET`.
const NO_OFFSET: i64 = -1;

impl Groups {
    pub(super) fn fetch_offsets(
        &self,
        cx: &mut Context<'_>,
        from: Requester,
        request: OffsetFetchRequest,
        catalog: &dyn TopicCatalog,
    ) {
        let response = if from.api_version >= BATCH_SINCE {
            let groups = request.groups.into_iter().map(|group| {
                let id = group.group_id;
                let stable = request.require_stable;
                let member_id = group.member_id.as_ref().map(StrBytes::as_str);
                let fetched = self
                    .may_fetch(&id, member_id, group.member_epoch)
                    .and_then(|()| self.fetch_group(&id, group.topics, stable, catalog));
                let response = OffsetFetchResponseGroup::default().with_group_id(id);
                match fetched {
                    Ok(topics) => response.with_topics(topics),
                    Err(error) => response.with_error_code(error.code()),
                }
            });
            OffsetFetchResponse::default().with_groups(groups.collect())
        } else {
            self.fetch_single(from.api_version, request, catalog)
        };
        cx.respond(from, ResponseKind::OffsetFetch(response));
    }

    /// A member of a consumer group has to name its epoch; nobody else is asked.
    fn may_fetch(
        &self,
        group: &str,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ResponseError> {
        match self.consumer.get(group) {
            Some(group) => group.validate_fetch(member_id, epoch),
            None => Ok(()),
        }
    }

    fn fetch_single(
        &self,
        api_version: i16,
        request: OffsetFetchRequest,
        catalog: &dyn TopicCatalog,
    ) -> OffsetFetchResponse {
        let asked = request.topics.map(|topics| {
            let as_batched = topics.into_iter().map(|topic| {
                OffsetFetchRequestTopics::default()
                    .with_name(topic.name)
                    .with_partition_indexes(topic.partition_indexes)
            });
            as_batched.collect::<Vec<_>>()
        });
        let stable = request.require_stable;
        match self.fetch_group(&request.group_id, asked.clone(), stable, catalog) {
            Ok(topics) => OffsetFetchResponse::default()
                .with_topics(topics.into_iter().map(to_single).collect()),
            Err(error) if api_version >= TOP_LEVEL_ERROR_SINCE => {
                OffsetFetchResponse::default().with_error_code(error.code())
            }
            Err(error) => {
                let refused = asked.unwrap_or_default().into_iter().map(|topic| {
                    let refused =
                        |index: &i32| partition(*index, None).with_error_code(error.code());
                    let partitions = topic.partition_indexes.iter().map(refused).collect();
                    to_single(of_topic(topic.name, partitions))
                });
                OffsetFetchResponse::default().with_topics(refused.collect())
            }
        }
    }

    /// The offsets asked for; all that the group has, if no topics are named.
    fn fetch_group(
        &self,
        group: &str,
        asked: Option<Vec<OffsetFetchRequestTopics>>,
        require_stable: bool,
        catalog: &dyn TopicCatalog,
    ) -> Result<Vec<OffsetFetchResponseTopics>, ResponseError> {
        if !catalog.is_coordinator_of(group) {
            return Err(ResponseError::NotCoordinator);
        }
        let Some(asked) = asked else {
            return Ok(self.all_offsets(group, require_stable));
        };
        let answered = asked.into_iter().map(|topic| {
            let committed =
                |index: &i32| self.fetch_partition(group, &topic.name, *index, require_stable);
            let partitions = topic.partition_indexes.iter().map(committed).collect();
            of_topic(topic.name.clone(), partitions)
        });
        Ok(answered.collect())
    }

    /// A partition's offset. Who asks for stable ones is told to come back while a transaction
    /// has one pending (KIP-447).
    fn fetch_partition(
        &self,
        group: &str,
        topic: &str,
        index: i32,
        require_stable: bool,
    ) -> OffsetFetchResponsePartitions {
        if require_stable && self.pending.is_pending(group, topic, index) {
            let unstable = ResponseError::UnstableOffsetCommit;
            return partition(index, None).with_error_code(unstable.code());
        }
        partition(index, self.offsets.get(group, topic, index))
    }

    fn all_offsets(&self, group: &str, require_stable: bool) -> Vec<OffsetFetchResponseTopics> {
        let topics = self.offsets.group(group).into_iter().flatten();
        topics
            .map(|(topic, partitions)| {
                let partitions = partitions
                    .keys()
                    .map(|index| self.fetch_partition(group, topic, *index, require_stable));
                let name = TopicName(StrBytes::from_string(topic.clone()));
                of_topic(name, partitions.collect())
            })
            .collect()
    }
}

fn of_topic(
    name: TopicName,
    partitions: Vec<OffsetFetchResponsePartitions>,
) -> OffsetFetchResponseTopics {
    OffsetFetchResponseTopics::default()
        .with_name(name)
        .with_partitions(partitions)
}

fn partition(index: i32, committed: Option<&CommittedOffset>) -> OffsetFetchResponsePartitions {
    let metadata = committed
        .map(|offset| offset.metadata.clone())
        .unwrap_or_default();
    OffsetFetchResponsePartitions::default()
        .with_partition_index(index)
        .with_committed_offset(committed.map_or(NO_OFFSET, |offset| offset.offset))
        .with_committed_leader_epoch(committed.map_or(-1, |offset| offset.leader_epoch))
        .with_metadata(Some(StrBytes::from_string(metadata)))
}

fn to_single(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|partition| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(partition.committed_leader_epoch)
            .with_metadata(partition.metadata)
            .with_error_code(partition.error_code)
    });
    OffsetFetchResponseTopic::default()
        .with_name(topic.name)
        .with_partitions(partitions.collect())
}
