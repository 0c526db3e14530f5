//! DescribeCluster: the brokers that are up.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use crate::cluster_state::ClusterState;

/// `EndpointType.BROKER`.
const ENDPOINT_TYPE_BROKER: i8 = 1;

/// Answers DescribeCluster.
pub(crate) fn handle(
    state: &ClusterState,
    version: i16,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    if version >= 1 && request.endpoint_type != ENDPOINT_TYPE_BROKER {
        return DescribeClusterResponse::default()
            .with_error_code(ResponseError::MismatchedEndpointType.code())
            .with_endpoint_type(ENDPOINT_TYPE_BROKER);
    }
    let brokers = state.alive_brokers().map(|broker| {
        DescribeClusterBroker::default()
            .with_broker_id(broker.id.into())
            .with_host(StrBytes::from_string(broker.host.clone()))
            .with_port(i32::from(broker.port))
    });
    DescribeClusterResponse::default()
        .with_cluster_id(StrBytes::from_string(state.config.cluster_id.clone()))
        .with_controller_id(state.controller().into())
        .with_brokers(brokers.collect())
}
