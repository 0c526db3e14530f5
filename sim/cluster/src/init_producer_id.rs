//! InitProducerId of an idempotent producer without a transactional id.

use kafka_protocol::messages::InitProducerIdResponse;

use crate::cluster_state::ClusterState;

/// Gives out a new id at epoch 0, whatever the producer had before
/// (`TransactionCoordinator.handleInitProducerId`).
pub(crate) fn handle(state: &mut ClusterState) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_producer_id(state.generate_producer_id().into())
        .with_producer_epoch(0)
}
