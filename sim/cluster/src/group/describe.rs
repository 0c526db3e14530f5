//! DescribeGroups and ListGroups (`describeGroups` and `listGroups` in
//! `GroupMetadataManager.java`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, GroupId, ListGroupsRequest, ListGroupsResponse,
    ResponseKind,
};
use kafka_protocol::protocol::StrBytes;

use super::classic_group::Group;
use super::consumer;
use super::context::Context;
use super::groups::Groups;
use super::member::Member;
use crate::group_state::GroupState;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

/// From this version on a missing group is an error (KIP-1043); before, it is just Dead.
const GROUP_ID_NOT_FOUND_SINCE: i16 = 6;

/// ListGroups' name for groups of this protocol (KIP-848).
const GROUP_TYPE: &str = "classic";

/// Without an authorizer every operation on a group is allowed: READ, DELETE, DESCRIBE,
/// DESCRIBE_CONFIGS, ALTER_CONFIGS (`AclEntry.supportedOperations`), one bit each.
pub(super) const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

impl Groups {
    pub(super) fn describe_groups(
        &self,
        cx: &mut Context<'_>,
        from: Requester,
        request: DescribeGroupsRequest,
        catalog: &dyn TopicCatalog,
    ) {
        let groups = request.groups.into_iter().map(|id| {
            let described = match self.by_id.get(id.as_str()) {
                _ if !catalog.is_coordinator_of(&id) => DescribedGroup::default()
                    .with_group_id(id)
                    .with_error_code(ResponseError::NotCoordinator.code()),
                Some(group) => group.describe(id),
                None => self.missing(from.api_version, id),
            };
            if request.include_authorized_operations && described.error_code == 0 {
                described.with_authorized_operations(ALL_OPERATIONS)
            } else {
                described
            }
        });
        let response = DescribeGroupsResponse::default().with_groups(groups.collect());
        cx.respond(from, ResponseKind::DescribeGroups(response));
    }

    pub(super) fn list_groups(
        &self,
        cx: &mut Context<'_>,
        from: Requester,
        request: &ListGroupsRequest,
    ) {
        let asked_for = |filter: &[StrBytes], name: &str| {
            filter.is_empty() || filter.iter().any(|f| f.trim().eq_ignore_ascii_case(name))
        };
        let groups = self
            .by_id
            .values()
            .filter(|group| asked_for(&request.states_filter, group.state.name()))
            .filter(|_| asked_for(&request.types_filter, GROUP_TYPE))
            .map(Group::list);
        let consumers = self
            .consumer
            .values()
            .filter(|group| asked_for(&request.states_filter, group.state().name()))
            .filter(|_| asked_for(&request.types_filter, consumer::GROUP_TYPE))
            .map(consumer::ConsumerGroup::list);
        let groups = groups.chain(consumers);
        let response = ListGroupsResponse::default().with_groups(groups.collect());
        cx.respond(from, ResponseKind::ListGroups(response));
    }

    /// A group that is not there, or of the other protocol.
    fn missing(&self, api_version: i16, id: GroupId) -> DescribedGroup {
        let dead = DescribedGroup::default()
            .with_group_state(StrBytes::from_static_str(GroupState::Dead.name()));
        if api_version < GROUP_ID_NOT_FOUND_SINCE {
            return dead.with_group_id(id);
        }
        let message = if self.consumer.contains_key(id.as_str()) {
            format!("Group {} is not a classic group.", id.as_str())
        } else {
            format!("Group {} not found.", id.as_str())
        };
        dead.with_group_id(id)
            .with_error_code(ResponseError::GroupIdNotFound.code())
            .with_error_message(Some(StrBytes::from_string(message)))
    }
}

impl Group {
    /// Protocol, subscriptions and assignments are only shown while they hold.
    fn describe(&self, id: GroupId) -> DescribedGroup {
        let protocol = self
            .protocol_name
            .as_deref()
            .filter(|_| self.is(GroupState::Stable));
        let members = self
            .members
            .values()
            .map(|member| member.describe(protocol));
        DescribedGroup::default()
            .with_group_id(id)
            .with_group_state(StrBytes::from_static_str(self.state.name()))
            .with_protocol_type(text(self.protocol_type.as_deref()))
            .with_protocol_data(text(protocol))
            .with_members(members.collect())
    }

    fn list(&self) -> ListedGroup {
        ListedGroup::default()
            .with_group_id(GroupId(StrBytes::from_string(self.id.clone())))
            .with_protocol_type(text(self.protocol_type.as_deref()))
            .with_group_state(StrBytes::from_static_str(self.state.name()))
            .with_group_type(StrBytes::from_static_str(GROUP_TYPE))
    }
}

impl Member {
    fn describe(&self, protocol: Option<&str>) -> DescribedGroupMember {
        let instance = self.group_instance_id.clone();
        let described = DescribedGroupMember::default()
            .with_member_id(text(Some(&self.id)))
            .with_group_instance_id(instance.map(StrBytes::from_string))
            .with_client_id(text(Some(&self.client_id)))
            .with_client_host(text(Some(&self.client_host)));
        match protocol {
            Some(protocol) => described
                .with_member_metadata(self.metadata(protocol))
                .with_member_assignment(self.assignment.clone()),
            None => described,
        }
    }
}

fn text(value: Option<&str>) -> StrBytes {
    StrBytes::from_string(value.unwrap_or_default().to_owned())
}
