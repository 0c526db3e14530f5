//! Whose heartbeat it is: a member, a new one, or a static one that is back
//! (`getOrMaybeSubscribe...ConsumerGroupMember` in `GroupMetadataManager.java`).

use kafka_protocol::ResponseError;

use super::super::context::Context;
use super::super::groups::Groups;
use super::super::record::GroupRecord;
use super::assignment::Assignment;
use super::consumer_group::ConsumerGroup;
use super::consumer_member::{ConsumerMember, JOIN, LEAVE_STATIC};
use super::heartbeat::{Heartbeat, Refusal};
use crate::event::Event;

impl Groups {
    /// The member as it stood before this heartbeat.
    pub(super) fn member_of(
        &mut self,
        cx: &mut Context<'_>,
        beat: &Heartbeat<'_>,
    ) -> Result<ConsumerMember, Refusal> {
        let group = self.consumer_group_for(cx, beat)?;
        group.check_size(cx, beat)?;
        let Some(instance_id) = beat.instance_id() else {
            return group.dynamic_member(beat);
        };
        if beat.epoch() != JOIN {
            let member = group.named_static_member(beat, instance_id)?;
            check_epoch(member, beat)?;
            return Ok(member.clone());
        }
        match group.static_member(instance_id).cloned() {
            None => Ok(ConsumerMember::new(beat.member_id)),
            Some(old) if old.epoch != LEAVE_STATIC => Err(Refusal::new(
                ResponseError::UnreleasedInstanceId,
                format!(
                    "Static member {} with instance id {instance_id} cannot join the group because \
                     the instance id is owned by {} member.",
                    beat.member_id, old.member_id
                ),
            )),
            Some(old) => Ok(self.replace_static(cx, beat, old)),
        }
    }

    /// A static member that went and is back under another id: it has what it had.
    fn replace_static(
        &mut self,
        cx: &mut Context<'_>,
        beat: &Heartbeat<'_>,
        old: ConsumerMember,
    ) -> ConsumerMember {
        let id = beat.group_id();
        let mut target = self
            .consumer
            .get(id)
            .map(|group| group.target_of(&old.member_id));
        self.forget_member(cx, id, &old.member_id);
        let new = ConsumerMember {
            member_id: beat.member_id.to_owned(),
            epoch: JOIN,
            previous_epoch: JOIN,
            ..old.clone()
        };
        let group = id.to_owned();
        self.record(
            cx,
            GroupRecord::ConsumerGroupMember {
                group: group.clone(),
                member: new.clone(),
            },
        );
        let target = target.take().unwrap_or_default();
        let member_id = new.member_id.clone();
        self.record(
            cx,
            GroupRecord::ConsumerGroupMemberTarget {
                group,
                member_id,
                target,
            },
        );
        let generation = self.consumer.get(id).map_or(0, |group| group.epoch);
        cx.event(Event::MemberExpired {
            group: id.to_owned(),
            member_id: old.member_id,
            client_id: old.client_id,
            generation,
            reason: format!(
                "{} took its place under the same group.instance.id",
                new.member_id
            ),
        });
        cx.event(Event::MemberJoined {
            group: id.to_owned(),
            member_id: new.member_id.clone(),
            client_id: beat.from.client_id.clone(),
            generation,
        });
        new
    }
}

impl ConsumerGroup {
    fn check_size(&self, cx: &Context<'_>, beat: &Heartbeat<'_>) -> Result<(), Refusal> {
        let max = usize::try_from(cx.settings.group_consumer_max_size).unwrap_or(0);
        if self.members.len() < max || self.members.contains_key(beat.member_id) {
            return Ok(());
        }
        Err(Refusal::new(
            ResponseError::GroupMaxSizeReached,
            format!("The consumer group has reached its maximum capacity of {max} members."),
        ))
    }

    fn dynamic_member(&self, beat: &Heartbeat<'_>) -> Result<ConsumerMember, Refusal> {
        match self.members.get(beat.member_id) {
            Some(member) => {
                check_epoch(member, beat)?;
                Ok(member.clone())
            }
            None if beat.epoch() == JOIN => Ok(ConsumerMember::new(beat.member_id)),
            None => Err(self.unknown(beat)),
        }
    }

    pub(super) fn unknown(&self, beat: &Heartbeat<'_>) -> Refusal {
        Refusal::new(
            ResponseError::UnknownMemberId,
            format!(
                "Member {} is not a member of group {}.",
                beat.member_id, self.id
            ),
        )
    }

    /// The static member that a request means, which must be the one that has the instance id.
    pub(super) fn named_static_member(
        &self,
        beat: &Heartbeat<'_>,
        instance_id: &str,
    ) -> Result<&ConsumerMember, Refusal> {
        let member = self.static_member(instance_id).ok_or_else(|| {
            let text = format!("Instance id {instance_id} is unknown.");
            Refusal::new(ResponseError::UnknownMemberId, text)
        })?;
        if member.member_id == beat.member_id {
            return Ok(member);
        }
        Err(Refusal::new(
            ResponseError::FencedInstanceId,
            format!(
                "Static member {} with instance id {instance_id} was fenced by member {}.",
                beat.member_id, member.member_id
            ),
        ))
    }
}

/// A member may join anew whenever it likes. Otherwise it has to name its epoch, or the one before if
/// it owns nothing that it was not given since: then it was the answer that got lost
/// (`throwIfConsumerGroupMemberEpochIsInvalid`).
fn check_epoch(member: &ConsumerMember, beat: &Heartbeat<'_>) -> Result<(), Refusal> {
    let (received, known) = (beat.epoch(), member.epoch);
    let owned = beat
        .request
        .topic_partitions
        .as_deref()
        .map(Assignment::of_request);
    let answer_was_lost =
        received == member.previous_epoch && owned.is_some_and(|owned| member.was_given(&owned));
    if received == JOIN || received == known || (received < known && answer_was_lost) {
        return Ok(());
    }
    let which = if received > known {
        "greater"
    } else {
        "smaller"
    };
    Err(Refusal::new(
        ResponseError::FencedMemberEpoch,
        format!(
            "The consumer group member has a {which} member epoch ({received}) than the one known \
             by the group coordinator ({known}). The member must abandon all its partitions and \
             rejoin."
        ),
    ))
}
