//! OffsetDelete: single offsets of a group go (KIP-496; `deleteOffsets` in
//! `OffsetMetadataManager.java`, `validateOffsetDelete` in `ClassicGroup.java`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse, ResponseKind};

use super::context::Context;
use super::groups::Groups;
use crate::group_state::GroupState;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

impl Groups {
    /// Deletes the offsets of topics that nobody in the group subscribes to. One that was never
    /// committed is no error.
    pub(super) fn delete_offsets(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: OffsetDeleteRequest,
        catalog: &dyn TopicCatalog,
    ) {
        let id = request.group_id.to_string();
        let mut response = OffsetDeleteResponse::default();
        if let Err(error) = self.may_delete_offsets(&id, catalog) {
            response.error_code = error.code();
            return cx.respond(from, ResponseKind::OffsetDelete(response));
        }
        for topic in request.topics {
            let mut answer = OffsetDeleteResponseTopic::default().with_name(topic.name.clone());
            let is_subscribed = self.is_subscribed(&id, &topic.name);
            for wanted in topic.partitions {
                let index = wanted.partition_index;
                let error = if !catalog.partition_exists(&topic.name, index) {
                    Some(ResponseError::UnknownTopicOrPartition)
                } else if is_subscribed {
                    Some(ResponseError::GroupSubscribedToTopic)
                } else {
                    if self.offsets.get(&id, &topic.name, index).is_some() {
                        self.remove_offset(cx, &id, &topic.name, index);
                    }
                    None
                };
                let partition =
                    OffsetDeleteResponsePartition::default().with_partition_index(index);
                answer
                    .partitions
                    .push(partition.with_error_code(error.map_or(0, |error| error.code())));
            }
            response.topics.push(answer);
        }
        cx.respond(from, ResponseKind::OffsetDelete(response));
    }

    /// A group whose members are no consumers says of no topic whether it needs its offsets.
    fn may_delete_offsets(
        &self,
        id: &str,
        catalog: &dyn TopicCatalog,
    ) -> Result<(), ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        if !catalog.is_coordinator_of(id) {
            return Err(ResponseError::NotCoordinator);
        }
        match self.by_id.get(id) {
            Some(group) if group.is(GroupState::Empty) || group.uses_consumer_protocol() => Ok(()),
            Some(_) => Err(ResponseError::NonEmptyGroup),
            None if self.consumer.contains_key(id) => Ok(()),
            None => Err(ResponseError::GroupIdNotFound),
        }
    }
}
