//! A group changes its protocol while it is empty (KIP-848's offline upgrade and downgrade).
//!
//! Kafka can also do it while the group has members (`group.consumer.migration.policy`, by default
//! both ways); here it answers as it does under the policy `disabled`.

use kafka_protocol::ResponseError;

use super::super::context::Context;
use super::super::groups::Groups;
use super::super::record::GroupRecord;
use super::consumer_group::{ConsumerGroup, SubscribedTopics};
use super::consumer_member::JOIN;
use super::heartbeat::{Heartbeat, Refusal};
use crate::event::Event;
use crate::group_state::GroupState;

impl Groups {
    /// The consumer group that a heartbeat means. One that joins makes it, in the place of an empty
    /// classic group if there is one: its offsets stay.
    pub(super) fn consumer_group_for(
        &mut self,
        cx: &mut Context<'_>,
        beat: &Heartbeat<'_>,
    ) -> Result<&ConsumerGroup, Refusal> {
        let id = beat.group_id();
        if !self.consumer.contains_key(id) {
            if beat.epoch() != JOIN {
                return Err(self.no_consumer_group(id));
            }
            self.make_way_for_consumers(cx, id)?;
            let (group, topics) = (id.to_owned(), SubscribedTopics::new());
            self.record(
                cx,
                GroupRecord::ConsumerGroupMetadata {
                    group,
                    epoch: 1,
                    topics,
                },
            );
        }
        self.consumer
            .get(id)
            .ok_or_else(|| self.no_consumer_group(id))
    }

    fn make_way_for_consumers(&mut self, cx: &mut Context<'_>, id: &str) -> Result<(), Refusal> {
        match self.by_id.get(id) {
            None => Ok(()),
            Some(classic) if classic.is(GroupState::Empty) => {
                self.remove_group(cx, id, "empty, and taken over by the consumer protocol");
                Ok(())
            }
            Some(_) => {
                let text = format!(
                    "Cannot upgrade classic group {id} to consumer group because online upgrade is \
                     disabled."
                );
                Err(Refusal::new(ResponseError::GroupIdNotFound, text))
            }
        }
    }

    /// For a JoinGroup: INCONSISTENT_GROUP_PROTOCOL if the group has members of the consumer
    /// protocol. A new classic member takes an empty group over, with its offsets.
    pub(in crate::group) fn make_way_for_classic(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        member_id: &str,
    ) -> Result<(), ResponseError> {
        match self.consumer.get(id) {
            Some(group) if !group.is_empty() => Err(ResponseError::InconsistentGroupProtocol),
            Some(_) if member_id.is_empty() => {
                self.remove_consumer_group(cx, id, "empty, and taken over by the classic protocol");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Removes a group that has no members left.
    pub(in crate::group) fn remove_consumer_group(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        reason: &str,
    ) {
        let Some(group) = self.consumer.get(id) else {
            return;
        };
        cx.event(Event::GroupStateChanged {
            group: id.to_owned(),
            from: group.state(),
            to: GroupState::Dead,
            generation: group.epoch,
            reason: reason.to_owned(),
        });
        let group = id.to_owned();
        self.record(cx, GroupRecord::ConsumerGroupTombstone { group });
    }
}
