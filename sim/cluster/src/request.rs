//! What goes into the cluster and what comes out.

use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

use crate::requester::ConnectionId;

/// One request as it arrived at a broker.
#[derive(Debug, Clone)]
pub struct Request {
    /// The connection it came over.
    pub connection: ConnectionId,
    /// What its response will repeat.
    pub correlation_id: i32,
    /// The version it was sent in. An ApiVersions request of an unknown version comes with a
    /// default body.
    pub api_version: i16,
    /// `client.id`; empty if there was none.
    pub client_id: String,
    /// The client's address without port.
    pub client_host: String,
    /// The request itself.
    pub body: RequestKind,
}

/// What the carrier of the bytes must do, in this order.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every output is a response, and few exist at a time"
)]
pub enum Output {
    /// Send a response.
    Response {
        /// Over this connection.
        connection: ConnectionId,
        /// The request's correlation id.
        correlation_id: i32,
        /// The version to encode it in.
        api_version: i16,
        /// The response itself.
        body: ResponseKind,
    },
    /// Close a connection, after what was sent before has left.
    CloseConnection {
        /// The connection.
        connection: ConnectionId,
    },
}

/// The key of a request; `None` for those that this cluster never serves.
pub(crate) fn api_key(request: &RequestKind) -> Option<ApiKey> {
    Some(match request {
        RequestKind::Produce(_) => ApiKey::Produce,
        RequestKind::Fetch(_) => ApiKey::Fetch,
        RequestKind::ListOffsets(_) => ApiKey::ListOffsets,
        RequestKind::Metadata(_) => ApiKey::Metadata,
        RequestKind::OffsetCommit(_) => ApiKey::OffsetCommit,
        RequestKind::OffsetFetch(_) => ApiKey::OffsetFetch,
        RequestKind::FindCoordinator(_) => ApiKey::FindCoordinator,
        RequestKind::JoinGroup(_) => ApiKey::JoinGroup,
        RequestKind::Heartbeat(_) => ApiKey::Heartbeat,
        RequestKind::LeaveGroup(_) => ApiKey::LeaveGroup,
        RequestKind::SyncGroup(_) => ApiKey::SyncGroup,
        RequestKind::DescribeGroups(_) => ApiKey::DescribeGroups,
        RequestKind::ListGroups(_) => ApiKey::ListGroups,
        RequestKind::DeleteGroups(_) => ApiKey::DeleteGroups,
        RequestKind::ConsumerGroupHeartbeat(_) => ApiKey::ConsumerGroupHeartbeat,
        RequestKind::ConsumerGroupDescribe(_) => ApiKey::ConsumerGroupDescribe,
        RequestKind::ApiVersions(_) => ApiKey::ApiVersions,
        RequestKind::CreateTopics(_) => ApiKey::CreateTopics,
        RequestKind::DeleteTopics(_) => ApiKey::DeleteTopics,
        RequestKind::CreatePartitions(_) => ApiKey::CreatePartitions,
        RequestKind::InitProducerId(_) => ApiKey::InitProducerId,
        RequestKind::DeleteRecords(_) => ApiKey::DeleteRecords,
        RequestKind::AddPartitionsToTxn(_) => ApiKey::AddPartitionsToTxn,
        RequestKind::AddOffsetsToTxn(_) => ApiKey::AddOffsetsToTxn,
        RequestKind::EndTxn(_) => ApiKey::EndTxn,
        RequestKind::TxnOffsetCommit(_) => ApiKey::TxnOffsetCommit,
        RequestKind::OffsetForLeaderEpoch(_) => ApiKey::OffsetForLeaderEpoch,
        RequestKind::DescribeConfigs(_) => ApiKey::DescribeConfigs,
        RequestKind::AlterConfigs(_) => ApiKey::AlterConfigs,
        RequestKind::IncrementalAlterConfigs(_) => ApiKey::IncrementalAlterConfigs,
        RequestKind::OffsetDelete(_) => ApiKey::OffsetDelete,
        RequestKind::DescribeCluster(_) => ApiKey::DescribeCluster,
        _ => return None,
    })
}
