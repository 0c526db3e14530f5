//! How members go: they leave, are silent for too long, or do not give up what they should
//! (`consumerGroupLeave` and `consumerGroupFenceMember` in `GroupMetadataManager.java`).

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ConsumerGroupHeartbeatResponse;
use kafka_protocol::protocol::StrBytes;

use super::super::context::Context;
use super::super::groups::Groups;
use super::super::record::GroupRecord;
use super::assignment::HeldPartitions;
use super::consumer_group::ConsumerGroup;
use super::consumer_member::{ConsumerMember, LEAVE_STATIC, MemberState};
use super::heartbeat::{Heartbeat, Refusal};
use crate::event::Event;

impl Groups {
    /// A heartbeat that leaves. A static member that says it will be back keeps its place until its
    /// session ends.
    pub(super) fn leave_consumer_group(
        &mut self,
        cx: &mut Context<'_>,
        beat: &Heartbeat<'_>,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let id = beat.group_id();
        let group = self
            .consumer
            .get(id)
            .ok_or_else(|| self.no_consumer_group(id))?;
        let member = match beat.instance_id() {
            None => group
                .members
                .get(beat.member_id)
                .ok_or_else(|| group.unknown(beat))?,
            Some(instance_id) => group.named_static_member(beat, instance_id)?,
        };
        if beat.epoch() == LEAVE_STATIC {
            let leaving = ConsumerMember {
                epoch: LEAVE_STATIC,
                pending_revocation: HeldPartitions::default(),
                ..member.clone()
            };
            cx.timers.cancel(&group.revocation_key(&leaving.member_id));
            self.record_member(cx, id, leaving);
            self.report_state(cx, id, &format!("{} is away", beat.member_id));
        } else {
            self.let_consumer_go(cx, id, beat.member_id, "");
        }
        Ok(ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(StrBytes::from_string(beat.member_id.to_owned())))
            .with_member_epoch(beat.epoch()))
    }

    /// Removes a member that leaves.
    pub(in crate::group) fn let_consumer_go(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        member_id: &str,
        reason: &str,
    ) {
        if let Some((member, generation)) = self.remove_consumer(cx, id, member_id) {
            cx.event(Event::MemberLeft {
                group: id.to_owned(),
                member_id: member.member_id,
                client_id: member.client_id,
                generation,
                reason: reason.to_owned(),
            });
            self.report_state(cx, id, &format!("{member_id} leaves"));
        }
    }

    /// The member was silent for the session timeout.
    pub(in crate::group) fn expire_consumer_session(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        member_id: &str,
    ) {
        self.fence_consumer(
            cx,
            id,
            member_id,
            &format!("session of {member_id} expired"),
        );
    }

    /// The member has not given up its partitions within its rebalance timeout.
    pub(in crate::group) fn expire_revocation(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        member_id: &str,
    ) {
        let reason = format!("{member_id} did not give up its partitions in time");
        self.fence_consumer(cx, id, member_id, &reason);
    }

    fn fence_consumer(&mut self, cx: &mut Context<'_>, id: &str, member_id: &str, reason: &str) {
        if let Some((member, generation)) = self.remove_consumer(cx, id, member_id) {
            cx.event(Event::MemberExpired {
                group: id.to_owned(),
                member_id: member.member_id,
                client_id: member.client_id,
                generation,
                reason: reason.to_owned(),
            });
            self.report_state(cx, id, reason);
        }
    }

    /// Removes a member with what it has; also gives the group epoch at which it went. The next
    /// heartbeat of another hands its partitions on.
    fn remove_consumer(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        member_id: &str,
    ) -> Option<(ConsumerMember, i32)> {
        let member = self.consumer.get(id)?.members.get(member_id)?.clone();
        let generation = self.consumer.get(id)?.epoch;
        self.forget_member(cx, id, member_id);
        let group = self.consumer.get(id)?;
        let (epoch, topics) = (group.epoch + 1, group.topics_still_subscribed());
        let (assignor, is_empty) = (group.assignor, group.is_empty());
        let group = id.to_owned();
        self.record(
            cx,
            GroupRecord::ConsumerGroupMetadata {
                group,
                epoch,
                topics,
            },
        );
        if is_empty {
            // An empty group has nothing to wait for: whoever joins next is assigned at once.
            let (group, target) = (id.to_owned(), BTreeMap::new());
            self.record(
                cx,
                GroupRecord::ConsumerGroupTarget {
                    group,
                    epoch,
                    assignor,
                    target,
                },
            );
            self.consumer.get_mut(id)?.assigned_at = None;
        }
        Some((member, generation))
    }

    /// Members that were loaded get a full session, and the time to give up what they should
    /// (`onLoaded` in `GroupMetadataManager.java`).
    pub(in crate::group) fn start_loaded_consumers(&mut self, cx: &mut Context<'_>, id: &str) {
        let Some(group) = self.consumer.get(id) else {
            return;
        };
        let session_ms = cx.settings.group_consumer_session_timeout_ms;
        for member in group.members.values() {
            cx.schedule_in_ms(group.session_key(&member.member_id), session_ms);
            if member.state == MemberState::UnrevokedPartitions {
                let key = group.revocation_key(&member.member_id);
                cx.schedule_in_ms(key, member.rebalance_timeout_ms);
            }
        }
        let members = group.members.len();
        self.report_state(cx, id, &format!("loaded, members: {members}"));
    }

    /// The tombstone of a member, and the end of its timers.
    pub(super) fn forget_member(&mut self, cx: &mut Context<'_>, id: &str, member_id: &str) {
        if let Some(group) = self.consumer.get(id) {
            cx.timers.cancel(&group.session_key(member_id));
            cx.timers.cancel(&group.revocation_key(member_id));
        }
        let (group, member_id) = (id.to_owned(), member_id.to_owned());
        self.record(
            cx,
            GroupRecord::ConsumerGroupMemberTombstone { group, member_id },
        );
    }

    /// GROUP_ID_NOT_FOUND, for a group that is not there or of the other protocol.
    pub(super) fn no_consumer_group(&self, id: &str) -> Refusal {
        let text = if self.by_id.contains_key(id) {
            format!("Group {id} is not a consumer group.")
        } else {
            format!("Group {id} not found.")
        };
        Refusal::new(ResponseError::GroupIdNotFound, text)
    }
}

impl ConsumerGroup {
    /// Who is meant by a LeaveGroup.
    pub(in crate::group) fn leaver_id(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<String, ResponseError> {
        let Some(instance_id) = instance_id else {
            return Ok(self.member(member_id)?.member_id.clone());
        };
        let member = self
            .static_member(instance_id)
            .ok_or(ResponseError::UnknownMemberId)?;
        if member_id.is_empty() || member_id == member.member_id {
            Ok(member.member_id.clone())
        } else {
            Err(ResponseError::FencedInstanceId)
        }
    }

    fn topics_still_subscribed(&self) -> super::SubscribedTopics {
        let mut topics = self.topics.clone();
        topics.retain(|name, _| self.is_subscribed_to(name));
        topics
    }
}
