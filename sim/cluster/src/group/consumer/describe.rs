//! ConsumerGroupDescribe, and a consumer group in ListGroups (`consumerGroupDescribe` in
//! `GroupMetadataManager.java`).

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment as DescribedAssignment, DescribedGroup, Member, TopicPartitions,
};
use kafka_protocol::messages::consumer_protocol_assignment as classic;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerProtocolAssignment,
    GroupId, ResponseKind, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::super::context::Context;
use super::super::describe::ALL_OPERATIONS;
use super::super::groups::Groups;
use super::assignment::Assignment;
use super::consumer_group::ConsumerGroup;
use super::consumer_member::ConsumerMember;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

/// `memberType` of a member of the consumer protocol.
const CONSUMER_MEMBER: i8 = 1;

impl Groups {
    pub(in crate::group) fn describe_consumer_groups(
        &self,
        cx: &mut Context<'_>,
        from: Requester,
        request: ConsumerGroupDescribeRequest,
        catalog: &dyn TopicCatalog,
    ) {
        let groups = request.group_ids.into_iter().map(|id| {
            let described = match self.consumer.get(id.as_str()) {
                _ if !catalog.is_coordinator_of(&id) => {
                    DescribedGroup::default().with_error_code(ResponseError::NotCoordinator.code())
                }
                Some(group) => group.describe(catalog),
                None => {
                    let refusal = self.no_consumer_group(&id);
                    DescribedGroup::default()
                        .with_error_code(refusal.error.code())
                        .with_error_message(Some(StrBytes::from_string(refusal.text)))
                }
            };
            let described = described.with_group_id(id);
            if request.include_authorized_operations && described.error_code == 0 {
                described.with_authorized_operations(ALL_OPERATIONS)
            } else {
                described
            }
        });
        let response = ConsumerGroupDescribeResponse::default().with_groups(groups.collect());
        cx.respond(from, ResponseKind::ConsumerGroupDescribe(response));
    }
}

impl ConsumerGroup {
    fn describe(&self, catalog: &dyn TopicCatalog) -> DescribedGroup {
        let members = self
            .members
            .values()
            .map(|member| self.describe_member(member, catalog));
        DescribedGroup::default()
            .with_group_state(StrBytes::from_static_str(self.state().name()))
            .with_group_epoch(self.epoch)
            .with_assignment_epoch(self.assignment_epoch)
            .with_assignor_name(StrBytes::from_static_str(self.assignor.name()))
            .with_members(members.collect())
    }

    fn describe_member(&self, member: &ConsumerMember, catalog: &dyn TopicCatalog) -> Member {
        let optional = |value: &Option<String>| value.clone().map(StrBytes::from_string);
        let topics = member.topics.iter().map(|topic| TopicName(text(topic)));
        let mut held = member.assigned.partitions();
        for (topic, partition) in member.pending_revocation.partitions().iter() {
            held.insert(topic, partition);
        }
        let target = self.target_of(&member.member_id);
        Member::default()
            .with_member_id(text(&member.member_id))
            .with_instance_id(optional(&member.instance_id))
            .with_rack_id(optional(&member.rack_id))
            .with_member_epoch(member.epoch)
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host))
            .with_subscribed_topic_names(topics.collect())
            .with_subscribed_topic_regex(Some(StrBytes::default()))
            .with_assignment(describe_assignment(&held, catalog))
            .with_target_assignment(describe_assignment(&target, catalog))
            .with_member_type(CONSUMER_MEMBER)
    }

    /// Written as a leader of the classic protocol would (`ConsumerProtocolAssignment` version 0).
    pub(in crate::group) fn encode_assignment(&self, assignment: &Assignment) -> Bytes {
        let named = assignment.0.iter().filter_map(|(id, partitions)| {
            let topic = classic::TopicPartition::default()
                .with_topic(TopicName(text(self.topic_name(*id)?)))
                .with_partitions(partitions.iter().copied().collect());
            Some(topic)
        });
        let assignment =
            ConsumerProtocolAssignment::default().with_assigned_partitions(named.collect());
        let mut bytes = BytesMut::new();
        bytes.put_i16(0);
        // A version 0 of this schema has no field that could not be written.
        let encoded = assignment.encode(&mut bytes, 0);
        debug_assert!(encoded.is_ok(), "{encoded:?}");
        bytes.freeze()
    }

    pub(in crate::group) fn list(&self) -> ListedGroup {
        ListedGroup::default()
            .with_group_id(GroupId(text(&self.id)))
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_group_state(StrBytes::from_static_str(self.state().name()))
            .with_group_type(StrBytes::from_static_str(GROUP_TYPE))
    }
}

/// Topics that are gone have no name any more, and are left out.
fn describe_assignment(assignment: &Assignment, catalog: &dyn TopicCatalog) -> DescribedAssignment {
    let topics = assignment.0.iter().filter_map(|(id, partitions)| {
        let described = TopicPartitions::default()
            .with_topic_id(*id)
            .with_topic_name(catalog.topic_name(*id)?)
            .with_partitions(partitions.iter().copied().collect());
        Some(described)
    });
    DescribedAssignment::default().with_topic_partitions(topics.collect())
}

/// ListGroups' name for groups of this protocol.
pub(in crate::group) const GROUP_TYPE: &str = "consumer";

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}
