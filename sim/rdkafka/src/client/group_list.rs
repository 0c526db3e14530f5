//! Lists groups as `rd_kafka_list_groups` does: every broker is asked for the groups it
//! coordinates, then for their members.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::{DescribeGroupsRequest, GroupId, ListGroupsRequest};

use super::api::text;
use super::broker::{Broker, until};
use super::core::ClientCore;
use crate::groups::{GroupInfo, GroupList, GroupMemberInfo};
use crate::types::RDKafkaErrorCode;

/// Fetches all groups, or the one named.
///
/// # Errors
/// `BrokerTransportFailure` or `OperationTimedOut` if no broker answers in time.
pub(super) async fn fetch(
    core: &Arc<ClientCore>,
    group: Option<&str>,
    deadline: Option<Duration>,
) -> Result<GroupList, RDKafkaErrorCode> {
    core.fetch_metadata(Some(&[].into()), deadline).await?;
    let nodes: Vec<i32> = core.view().nodes.keys().copied().collect();
    let mut groups = Vec::new();
    let mut last_error = None;
    let mut answers = 0;
    for broker in nodes.into_iter().filter_map(|node| core.node(node)) {
        match until(deadline, groups_of(core, &broker, group)).await {
            Some(Ok(mut found)) => {
                answers += 1;
                groups.append(&mut found);
            }
            Some(Err(error)) => last_error = Some(error),
            None => last_error = Some(RDKafkaErrorCode::OperationTimedOut),
        }
    }
    match last_error {
        Some(error) if answers == 0 => Err(error),
        _ => Ok(GroupList { groups }),
    }
}

async fn groups_of(
    core: &ClientCore,
    broker: &Arc<Broker>,
    wanted: Option<&str>,
) -> Result<Vec<GroupInfo>, RDKafkaErrorCode> {
    let timeout = core.settings().socket_timeout;
    let listed = broker.call(ListGroupsRequest::default(), timeout).await?;
    let names: Vec<GroupId> = listed
        .groups
        .into_iter()
        .map(|group| group.group_id)
        .filter(|group| wanted.is_none_or(|wanted| *group.0 == *wanted))
        .collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let request = DescribeGroupsRequest::default().with_groups(names);
    let described = broker.call(request, timeout).await?;
    Ok(described.groups.into_iter().map(info).collect())
}

fn info(group: DescribedGroup) -> GroupInfo {
    let members = group.members.into_iter().map(|member| GroupMemberInfo {
        id: member.member_id.to_string(),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        metadata: member.member_metadata,
        assignment: member.member_assignment,
    });
    GroupInfo {
        name: text(&group.group_id.0).to_string(),
        members: members.collect(),
        state: group.group_state.to_string(),
        protocol: group.protocol_data.to_string(),
        protocol_type: group.protocol_type.to_string(),
    }
}
