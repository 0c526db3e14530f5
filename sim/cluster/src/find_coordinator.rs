//! FindCoordinator: which broker coordinates a group or a transactional id.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use crate::cluster_state::{ClusterState, offsets_topic_name, transactions_topic_name};
use crate::metadata;

const KEY_TYPE_GROUP: i8 = 0;
const KEY_TYPE_TRANSACTION: i8 = 1;

/// Answers FindCoordinator. The first request of a cluster's life creates `__consumer_offsets` or
/// `__transaction_state` and is answered COORDINATOR_NOT_AVAILABLE, as is any while the coordinator is down.
pub(crate) fn handle(
    state: &mut ClusterState,
    version: i16,
    request: &FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    if version >= 4 {
        let keys = request.coordinator_keys.iter();
        let found = keys.map(|key| find(state, request.key_type, key)).collect();
        return FindCoordinatorResponse::default().with_coordinators(found);
    }
    let found = find(state, request.key_type, &request.key);
    let mut response = FindCoordinatorResponse::default()
        .with_error_code(found.error_code)
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port);
    if version >= 1 {
        response.error_message = found.error_message;
    }
    response
}

fn find(state: &mut ClusterState, key_type: i8, key: &StrBytes) -> Coordinator {
    let answer = Coordinator::default().with_key(key.clone());
    let refused = |error: ResponseError, text: &'static str| {
        answer
            .clone()
            .with_node_id((-1).into())
            .with_port(-1)
            .with_error_code(error.code())
            .with_error_message(Some(StrBytes::from_static_str(text)))
    };
    let topic = match key_type {
        KEY_TYPE_GROUP => offsets_topic_name(),
        KEY_TYPE_TRANSACTION => transactions_topic_name(),
        _ => {
            return refused(
                ResponseError::InvalidRequest,
                "unknown coordinator key type",
            );
        }
    };
    let unavailable = refused(
        ResponseError::CoordinatorNotAvailable,
        "the coordinator is not available",
    );
    if state.topics.get(&topic).is_none() {
        metadata::auto_create_topic(state, topic);
        return unavailable;
    }
    let coordinator = state.coordinator(&topic, key);
    match coordinator.and_then(|id| state.broker_config(id)) {
        Some(broker) => answer
            .with_node_id(broker.id.into())
            .with_host(StrBytes::from_string(broker.host.clone()))
            .with_port(i32::from(broker.port)),
        None => unavailable,
    }
}
