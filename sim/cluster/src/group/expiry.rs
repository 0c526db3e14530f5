//! The end of offsets and groups: retention, DeleteGroups, deleted topics
//! (`cleanupGroupMetadata` and `deleteGroups` in `GroupCoordinatorShard.java`,
//! `onPartitionsDeleted` in `OffsetMetadataManager.java`).

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse, ResponseKind};

use super::context::Context;
use super::generation::OffsetExpiration;
use super::groups::Groups;
use super::offsets::CommittedOffset;
use super::record::GroupRecord;
use super::timers::TimerKey;
use crate::group_state::GroupState;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

impl Groups {
    /// Keeps the periodic check going as long as there is anything to check.
    pub(super) fn schedule_expiry(&self, cx: &mut Context<'_>) {
        let any = !self.by_id.is_empty() || !self.consumer.is_empty();
        if any && !cx.timers.is_scheduled(&TimerKey::Expiry) {
            let every_ms = cx.settings.offsets_retention_check_interval_ms;
            let every = Duration::from_millis(u64::try_from(every_ms).unwrap_or(0).max(1));
            cx.timers
                .schedule(TimerKey::Expiry, cx.now.monotonic + every);
        }
    }

    /// Removes offsets past their retention, and empty groups that have none left.
    pub(super) fn expire_offsets_and_groups(&mut self, cx: &mut Context<'_>) {
        let ids: Vec<String> = self
            .by_id
            .keys()
            .chain(self.consumer.keys())
            .cloned()
            .collect();
        for id in ids {
            for (topic, partition) in self.expired_offsets(cx, &id) {
                self.remove_offset(cx, &id, &topic, partition);
            }
            let has_pending = !self.pending.producers_of(&id).is_empty();
            if self.is_empty(&id) && !has_pending && self.offsets.group(&id).is_none() {
                self.remove_group(cx, &id, "empty and without offsets");
            }
        }
    }

    fn expired_offsets(&self, cx: &Context<'_>, id: &str) -> Vec<(String, i32)> {
        let Some(topics) = self.offsets.group(id) else {
            return Vec::new();
        };
        let expiration = match self.by_id.get(id) {
            Some(group) => group.offset_expiration(),
            None => OffsetExpiration::SinceCommit,
        };
        let retention_ms = i64::from(cx.settings.offsets_retention_minutes) * 60_000;
        let is_expired = |offset: &CommittedOffset| {
            let since = match expiration {
                OffsetExpiration::Never => return false,
                OffsetExpiration::SinceCommit => offset.commit_timestamp_ms,
                OffsetExpiration::Since(timestamp_ms) => timestamp_ms,
            };
            match offset.expire_timestamp_ms {
                Some(expires_ms) => cx.now.wall_ms >= expires_ms,
                None => cx.now.wall_ms.saturating_sub(since) >= retention_ms,
            }
        };
        topics
            .iter()
            .filter(|(topic, _)| !self.is_subscribed(id, topic))
            .flat_map(|(topic, partitions)| {
                let expired = partitions.iter().filter(|(partition, offset)| {
                    is_expired(offset) && !self.pending.is_pending(id, topic, **partition)
                });
                expired.map(|(partition, _)| (topic.clone(), *partition))
            })
            .collect()
    }

    pub(super) fn is_subscribed(&self, id: &str, topic: &str) -> bool {
        let classic = self.by_id.get(id);
        let consumer = self.consumer.get(id);
        classic.is_some_and(|group| group.is_subscribed_to(topic))
            || consumer.is_some_and(|group| group.is_subscribed_to(topic))
    }

    /// Whether the group is there and has no members.
    fn is_empty(&self, id: &str) -> bool {
        let classic = self.by_id.get(id);
        let consumer = self.consumer.get(id);
        classic.is_some_and(|group| group.is(GroupState::Empty))
            || consumer.is_some_and(|group| group.is_empty())
    }

    pub(super) fn remove_offset(
        &mut self,
        cx: &mut Context<'_>,
        group: &str,
        topic: &str,
        partition: i32,
    ) {
        let tombstone = GroupRecord::OffsetTombstone {
            group: group.to_owned(),
            topic: topic.to_owned(),
            partition,
        };
        self.replay(tombstone.clone());
        cx.append(tombstone);
    }

    /// Removes a group without members.
    pub(super) fn remove_group(&mut self, cx: &mut Context<'_>, id: &str, reason: &str) {
        let Some(mut group) = self.by_id.remove(id) else {
            return self.remove_consumer_group(cx, id, reason);
        };
        for member_id in &group.pending_join {
            cx.timers.cancel(&group.session_key(member_id));
        }
        group.transition_to(cx, GroupState::Dead, reason);
        cx.append(GroupRecord::GroupTombstone {
            group: id.to_owned(),
        });
    }

    /// The offsets of a deleted topic go with it, whatever the state of their groups.
    pub(super) fn delete_topic(&mut self, cx: &mut Context<'_>, topic: &str) {
        for (group, partition) in self.offsets.of_topic(topic) {
            self.remove_offset(cx, &group, topic, partition);
        }
    }

    pub(super) fn delete_groups(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: DeleteGroupsRequest,
        catalog: &dyn TopicCatalog,
    ) {
        let mut response = DeleteGroupsResponse::default();
        for id in request.groups_names {
            let outcome = self.delete_group(cx, &id, catalog);
            response.results.push(
                DeletableGroupResult::default()
                    .with_group_id(id)
                    .with_error_code(outcome.map_or_else(|error| error.code(), |()| 0)),
            );
        }
        cx.respond(from, ResponseKind::DeleteGroups(response));
    }

    fn delete_group(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        catalog: &dyn TopicCatalog,
    ) -> Result<(), ResponseError> {
        if !catalog.is_coordinator_of(id) {
            return Err(ResponseError::NotCoordinator);
        }
        if !self.by_id.contains_key(id) && !self.consumer.contains_key(id) {
            return Err(ResponseError::GroupIdNotFound);
        }
        if !self.is_empty(id) {
            return Err(ResponseError::NonEmptyGroup);
        }
        for producer_id in self.pending.producers_of(id) {
            self.end_pending(cx, producer_id, id, false);
        }
        for (topic, partition) in self.offsets.of_group(id) {
            self.remove_offset(cx, id, &topic, partition);
        }
        self.remove_group(cx, id, "deleted");
        Ok(())
    }
}
