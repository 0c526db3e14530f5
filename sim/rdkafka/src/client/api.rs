//! The requests a client sends: in which version, and what answers them.
//!
//! Versions are the highest that librdkafka 2.12 speaks and whose fields the client uses.

use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, AlterConfigsRequest, AlterConfigsResponse,
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, CreatePartitionsRequest,
    CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteGroupsRequest,
    DeleteGroupsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, EndTxnRequest, EndTxnResponse, FetchRequest, FetchResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse,
    InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
    ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    ProduceRequest, ProduceResponse, RequestKind, ResponseKind, SyncGroupRequest,
    SyncGroupResponse, TopicName, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::{Encodable, StrBytes};

/// A request with its response.
pub(crate) trait Api: Into<RequestKind> {
    /// The version it is sent in.
    const VERSION: i16;
    /// Its name, as librdkafka shows it.
    const NAME: &'static str;
    /// What answers it.
    type Response;

    /// The size of its frame in bytes, but for the client's name.
    fn size(&self) -> u64;

    /// The size of its response's frame in bytes.
    fn response_size(response: &Self::Response) -> u64;

    /// The response of this type, none if the broker answered something else.
    fn response(kind: ResponseKind) -> Option<Self::Response>;
}

macro_rules! apis {
    ($($request:ident => $response:ident, $kind:ident, $version:literal;)*) => {
        $(impl Api for $request {
            const VERSION: i16 = $version;
            const NAME: &'static str = stringify!($kind);
            type Response = $response;

            fn size(&self) -> u64 {
                // Length, API key and version, correlation id, length of the name.
                14 + self.compute_size($version).unwrap_or(0) as u64
            }

            fn response_size(response: &$response) -> u64 {
                8 + response.compute_size($version).unwrap_or(0) as u64
            }

            fn response(kind: ResponseKind) -> Option<$response> {
                match kind {
                    ResponseKind::$kind(response) => Some(response),
                    _ => None,
                }
            }
        })*
    };
}

apis! {
    ProduceRequest => ProduceResponse, Produce, 10;
    FetchRequest => FetchResponse, Fetch, 12;
    ListOffsetsRequest => ListOffsetsResponse, ListOffsets, 7;
    MetadataRequest => MetadataResponse, Metadata, 12;
    OffsetCommitRequest => OffsetCommitResponse, OffsetCommit, 9;
    OffsetFetchRequest => OffsetFetchResponse, OffsetFetch, 7;
    FindCoordinatorRequest => FindCoordinatorResponse, FindCoordinator, 2;
    JoinGroupRequest => JoinGroupResponse, JoinGroup, 5;
    HeartbeatRequest => HeartbeatResponse, Heartbeat, 3;
    LeaveGroupRequest => LeaveGroupResponse, LeaveGroup, 1;
    SyncGroupRequest => SyncGroupResponse, SyncGroup, 3;
    ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse, ConsumerGroupHeartbeat, 1;
    DescribeGroupsRequest => DescribeGroupsResponse, DescribeGroups, 0;
    ListGroupsRequest => ListGroupsResponse, ListGroups, 0;
    DeleteGroupsRequest => DeleteGroupsResponse, DeleteGroups, 1;
    InitProducerIdRequest => InitProducerIdResponse, InitProducerId, 4;
    AddPartitionsToTxnRequest => AddPartitionsToTxnResponse, AddPartitionsToTxn, 0;
    AddOffsetsToTxnRequest => AddOffsetsToTxnResponse, AddOffsetsToTxn, 0;
    EndTxnRequest => EndTxnResponse, EndTxn, 1;
    TxnOffsetCommitRequest => TxnOffsetCommitResponse, TxnOffsetCommit, 3;
    DescribeConfigsRequest => DescribeConfigsResponse, DescribeConfigs, 1;
    AlterConfigsRequest => AlterConfigsResponse, AlterConfigs, 2;
    CreatePartitionsRequest => CreatePartitionsResponse, CreatePartitions, 0;
    DeleteRecordsRequest => DeleteRecordsResponse, DeleteRecords, 1;
    CreateTopicsRequest => CreateTopicsResponse, CreateTopics, 4;
    DeleteTopicsRequest => DeleteTopicsResponse, DeleteTopics, 1;
}

/// A text as the protocol's structs hold it.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A topic's name as the protocol's structs hold it.
pub(crate) fn topic_name(topic: &str) -> TopicName {
    TopicName(text(topic))
}
