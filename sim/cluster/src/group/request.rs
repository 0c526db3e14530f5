//! What goes into the coordinator and what comes out.

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest,
    DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, RequestKind,
    ResponseKind, SyncGroupRequest, TxnOffsetCommitRequest,
};

use super::record::GroupRecord;
use crate::event::Event;
use crate::requester::Requester;

/// A request that the group coordinator answers.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupRequest {
    /// Key 11, versions 0-9.
    JoinGroup(JoinGroupRequest),
    /// Key 14, versions 0-5.
    SyncGroup(SyncGroupRequest),
    /// Key 12, versions 0-4.
    Heartbeat(HeartbeatRequest),
    /// Key 13, versions 0-5.
    LeaveGroup(LeaveGroupRequest),
    /// Key 8, versions 2-9.
    OffsetCommit(OffsetCommitRequest),
    /// Key 28, versions 0-4.
    TxnOffsetCommit(TxnOffsetCommitRequest),
    /// Key 9, versions 1-9.
    OffsetFetch(OffsetFetchRequest),
    /// Key 15, versions 0-6.
    DescribeGroups(DescribeGroupsRequest),
    /// Key 16, versions 0-5.
    ListGroups(ListGroupsRequest),
    /// Key 42, versions 0-2.
    DeleteGroups(DeleteGroupsRequest),
    /// Key 47, version 0.
    OffsetDelete(OffsetDeleteRequest),
    /// Key 68, versions 0-1.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest),
    /// Key 69, versions 0-1.
    ConsumerGroupDescribe(ConsumerGroupDescribeRequest),
}

impl TryFrom<RequestKind> for GroupRequest {
    /// The request, if it is not one of the coordinator's.
    type Error = Box<RequestKind>;

    fn try_from(request: RequestKind) -> Result<Self, Self::Error> {
        Ok(match request {
            RequestKind::JoinGroup(request) => Self::JoinGroup(request),
            RequestKind::SyncGroup(request) => Self::SyncGroup(request),
            RequestKind::Heartbeat(request) => Self::Heartbeat(request),
            RequestKind::LeaveGroup(request) => Self::LeaveGroup(request),
            RequestKind::OffsetCommit(request) => Self::OffsetCommit(request),
            RequestKind::TxnOffsetCommit(request) => Self::TxnOffsetCommit(request),
            RequestKind::OffsetFetch(request) => Self::OffsetFetch(request),
            RequestKind::DescribeGroups(request) => Self::DescribeGroups(request),
            RequestKind::ListGroups(request) => Self::ListGroups(request),
            RequestKind::DeleteGroups(request) => Self::DeleteGroups(request),
            RequestKind::OffsetDelete(request) => Self::OffsetDelete(request),
            RequestKind::ConsumerGroupHeartbeat(request) => Self::ConsumerGroupHeartbeat(request),
            RequestKind::ConsumerGroupDescribe(request) => Self::ConsumerGroupDescribe(request),
            other => return Err(Box::new(other)),
        })
    }
}

/// What the caller must do, in this order.
///
/// A response never comes before the record that it depends on.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupOutput {
    /// Send the response to a request, this one or one that was parked.
    Response(Requester, ResponseKind),
    /// Append the record to the group's `__consumer_offsets` partition.
    Append {
        /// The group, which decides the partition.
        group: String,
        /// The record; it names its group too.
        record: GroupRecord,
    },
    /// Something happened; for traces and checkers.
    Event(Event),
}
