//! ConsumerGroupHeartbeat: join, stay, acknowledge, leave (`consumerGroupHeartbeat` in
//! `GroupMetadataManager.java`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ResponseKind,
};
use kafka_protocol::protocol::StrBytes;

use super::super::context::Context;
use super::super::groups::Groups;
use super::super::record::GroupRecord;
use super::assignment::Assignment;
use super::consumer_group::ConsumerGroup;
use super::consumer_member::{ConsumerMember, JOIN, LEAVE, LEAVE_STATIC, MemberState};
use super::reconcile::Reconciliation;
use super::server_assignor::ServerAssignor;
use crate::event::Event;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

/// From this version on a member chooses its own id.
const OWN_MEMBER_ID_SINCE: i16 = 1;

/// An error and the text that goes with it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: ResponseError,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(error: ResponseError, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { error, text }
    }

    fn invalid(text: &str) -> Self {
        Self::new(ResponseError::InvalidRequest, text)
    }
}

/// A request with its sender.
pub(super) struct Heartbeat<'a> {
    pub(super) from: &'a Requester,
    pub(super) request: &'a ConsumerGroupHeartbeatRequest,
    pub(super) member_id: &'a str,
}

impl Heartbeat<'_> {
    pub(super) fn group_id(&self) -> &str {
        &self.request.group_id
    }

    pub(super) fn epoch(&self) -> i32 {
        self.request.member_epoch
    }

    pub(super) fn instance_id(&self) -> Option<&str> {
        self.request.instance_id.as_deref()
    }

    fn reason(&self) -> String {
        let verb = if self.epoch() == JOIN {
            "joins"
        } else {
            "heartbeats"
        };
        format!("{} {verb}", self.member_id)
    }

    /// A request that says everything is answered with the assignment, whether it is new or not.
    fn is_full(&self) -> bool {
        let request = self.request;
        self.epoch() == JOIN
            || request.rebalance_timeout_ms != -1
                && request.subscribed_topic_names.is_some()
                && request.topic_partitions.is_some()
    }
}

impl Groups {
    pub(in crate::group) fn consumer_group_heartbeat(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: ConsumerGroupHeartbeatRequest,
        catalog: &dyn TopicCatalog,
    ) {
        let answer = self.answer_heartbeat(cx, &from, &request, catalog);
        let response = answer.unwrap_or_else(|refusal| {
            ConsumerGroupHeartbeatResponse::default()
                .with_error_code(refusal.error.code())
                .with_error_message(Some(StrBytes::from_string(refusal.text)))
        });
        cx.respond(from, ResponseKind::ConsumerGroupHeartbeat(response));
    }

    fn answer_heartbeat(
        &mut self,
        cx: &mut Context<'_>,
        from: &Requester,
        request: &ConsumerGroupHeartbeatRequest,
        catalog: &dyn TopicCatalog,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        validate(from.api_version, request)?;
        let given;
        let member_id = if request.member_id.is_empty() {
            given = cx.member_ids.next(&request.group_id, &from.client_id);
            &given
        } else {
            request.member_id.as_str()
        };
        let beat = Heartbeat {
            from,
            request,
            member_id,
        };
        if beat.epoch() < JOIN {
            return self.leave_consumer_group(cx, &beat);
        }
        let before = self.member_of(cx, &beat)?;
        let after = self.subscribe(cx, &beat, &before, catalog);
        self.update_target(cx, beat.group_id());
        let after = self.reconcile(cx, &beat, &before, after);
        let session_ms = cx.settings.group_consumer_session_timeout_ms;
        if let Some(group) = self.consumer.get(beat.group_id()) {
            cx.schedule_in_ms(group.session_key(member_id), session_ms);
        }
        self.report_state(cx, beat.group_id(), &beat.reason());

        let response = ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(StrBytes::from_string(after.member_id.clone())))
            .with_member_epoch(after.epoch)
            .with_heartbeat_interval_ms(cx.settings.group_consumer_heartbeat_interval_ms);
        let is_new = before.assigned.partitions() != after.assigned.partitions();
        Ok(if beat.is_full() || is_new {
            response.with_assignment(Some(after.assigned.to_response()))
        } else {
            response
        })
    }

    /// Takes over what the member says about itself. A new subscription, or a subscribed topic that
    /// is not as it was, raises the group epoch.
    fn subscribe(
        &mut self,
        cx: &mut Context<'_>,
        beat: &Heartbeat<'_>,
        before: &ConsumerMember,
        catalog: &dyn TopicCatalog,
    ) -> ConsumerMember {
        let id = beat.group_id().to_owned();
        let mut member = before.clone();
        member.update(beat.from, beat.request);
        let is_known = |group: &ConsumerGroup| group.members.contains_key(&member.member_id);
        let is_new = !self.consumer.get(&id).is_some_and(is_known);
        if is_new || member != *before {
            self.record_member(cx, &id, member.clone());
        }
        if let Some(group) = self.consumer.get(&id) {
            let topics = group.subscribed_topics(catalog);
            if member.topics != before.topics || topics != group.topics {
                let epoch = group.epoch + 1;
                let group = id.clone();
                self.record(
                    cx,
                    GroupRecord::ConsumerGroupMetadata {
                        group,
                        epoch,
                        topics,
                    },
                );
            }
        }
        if is_new {
            cx.event(Event::MemberJoined {
                generation: self.consumer.get(&id).map_or(0, |group| group.epoch),
                group: id,
                member_id: member.member_id.clone(),
                client_id: member.client_id.clone(),
            });
        }
        member
    }

    fn reconcile(
        &mut self,
        cx: &mut Context<'_>,
        beat: &Heartbeat<'_>,
        before: &ConsumerMember,
        member: ConsumerMember,
    ) -> ConsumerMember {
        let Some(group) = self.consumer.get(beat.group_id()) else {
            return member;
        };
        let subscribed = member
            .topics
            .iter()
            .filter_map(|name| group.topics.get(name));
        let owned = beat.request.topic_partitions.as_deref();
        let reconciliation = Reconciliation {
            group,
            target: group.target_of(&member.member_id),
            target_epoch: group.assignment_epoch,
            owned: owned.map(Assignment::of_request),
            subscribed: subscribed.map(|(id, _)| *id).collect(),
            has_new_subscription: before.topics != member.topics,
        };
        let after = reconciliation.step(&member);
        if after == member {
            return member;
        }
        let revocation = group.revocation_key(&member.member_id);
        self.record_member(cx, beat.group_id(), after.clone());
        if after.state == MemberState::UnrevokedPartitions {
            cx.schedule_in_ms(revocation, after.rebalance_timeout_ms);
        } else {
            cx.timers.cancel(&revocation);
        }
        after
    }

    /// Records the member as it stands, and tells of it if that is another epoch or other partitions.
    /// One that joins is told of once it has an epoch.
    pub(super) fn record_member(
        &mut self,
        cx: &mut Context<'_>,
        group: &str,
        member: ConsumerMember,
    ) {
        let known = self.consumer.get(group);
        let before = known.and_then(|known| known.members.get(&member.member_id));
        let is_a_step = !before.is_some_and(|before| before.stands_as(&member));
        let group = group.to_owned();
        let step = member.clone();
        self.record(
            cx,
            GroupRecord::ConsumerGroupMember {
                group: group.clone(),
                member,
            },
        );
        if is_a_step
            && step.epoch != JOIN
            && let Some(group) = self.consumer.get(&group)
        {
            cx.event(group.reconciled(step));
        }
    }

    /// Tells of the group's state if it is another than the one last told.
    pub(super) fn report_state(&mut self, cx: &mut Context<'_>, id: &str, reason: &str) {
        let Some(group) = self.consumer.get_mut(id) else {
            return;
        };
        let to = group.state();
        let from = std::mem::replace(&mut group.reported_state, to);
        if from != to {
            cx.event(Event::GroupStateChanged {
                group: id.to_owned(),
                from,
                to,
                generation: group.epoch,
                reason: reason.to_owned(),
            });
        }
    }
}

/// What can be wrong with a request by itself (`throwIfConsumerGroupHeartbeatRequestIsInvalid`).
fn validate(api_version: i16, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    let is_empty = |text: &Option<StrBytes>| text.as_ref().is_some_and(|text| text.is_empty());
    if request.group_id.is_empty() {
        return Err(Refusal::invalid("GroupId can't be empty."));
    }
    if is_empty(&request.instance_id) {
        return Err(Refusal::invalid("InstanceId can't be empty."));
    }
    if is_empty(&request.rack_id) {
        return Err(Refusal::invalid("RackId can't be empty."));
    }
    if request.member_id.is_empty()
        && (api_version >= OWN_MEMBER_ID_SINCE || request.member_epoch != JOIN)
    {
        return Err(Refusal::invalid("MemberId can't be empty."));
    }
    match request.member_epoch {
        JOIN => validate_join(request)?,
        LEAVE_STATIC if request.instance_id.is_none() => {
            return Err(Refusal::invalid("InstanceId can't be null."));
        }
        LEAVE_STATIC | LEAVE | 1.. => {}
        _ => return Err(Refusal::invalid("MemberEpoch is invalid.")),
    }
    // Kafka evaluates patterns since 4.1. Before, this was its answer.
    if request
        .subscribed_topic_regex
        .as_ref()
        .is_some_and(|regex| !regex.is_empty())
    {
        return Err(Refusal::invalid(
            "SubscribedTopicRegex is not supported yet.",
        ));
    }
    match request.server_assignor.as_deref() {
        Some(name) if ServerAssignor::from_name(name).is_none() => Err(Refusal::new(
            ResponseError::UnsupportedAssignor,
            format!(
                "ServerAssignor {name} is not supported. Supported assignors: {}.",
                ServerAssignor::ALL.map(ServerAssignor::name).join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

fn validate_join(request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    let owns_nothing = request.topic_partitions.as_ref().is_some_and(Vec::is_empty);
    if request.rebalance_timeout_ms == -1 {
        Err(Refusal::invalid(
            "RebalanceTimeoutMs must be provided in first request.",
        ))
    } else if !owns_nothing {
        Err(Refusal::invalid(
            "TopicPartitions must be empty when (re-)joining.",
        ))
    } else if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        Err(Refusal::invalid(
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ))
    } else {
        Ok(())
    }
}
