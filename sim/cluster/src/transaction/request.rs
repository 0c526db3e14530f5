//! What goes into the coordinator and what comes out.

use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest,
    RequestKind, ResponseKind,
};

use super::metadata::TransactionMetadata;
use crate::event::Event;
use crate::requester::Requester;
use crate::topics::TopicPartition;

/// A request that the transaction coordinator answers.
#[derive(Debug, Clone, PartialEq)]
pub enum TransactionRequest {
    /// Key 22, versions 0-5, with a transactional id.
    InitProducerId(InitProducerIdRequest),
    /// Key 24, versions 0-5.
    AddPartitionsToTxn(AddPartitionsToTxnRequest),
    /// Key 25, versions 0-4.
    AddOffsetsToTxn(AddOffsetsToTxnRequest),
    /// Key 26, versions 0-4.
    EndTxn(EndTxnRequest),
}

impl TryFrom<RequestKind> for TransactionRequest {
    /// The request, if it is not one of the coordinator's.
    type Error = Box<RequestKind>;

    fn try_from(request: RequestKind) -> Result<Self, Self::Error> {
        Ok(match request {
            RequestKind::InitProducerId(request) if request.transactional_id.is_some() => {
                Self::InitProducerId(request)
            }
            RequestKind::AddPartitionsToTxn(request) => Self::AddPartitionsToTxn(request),
            RequestKind::AddOffsetsToTxn(request) => Self::AddOffsetsToTxn(request),
            RequestKind::EndTxn(request) => Self::EndTxn(request),
            other => return Err(Box::new(other)),
        })
    }
}

/// What the caller must do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum TransactionOutput {
    /// Send the response to a request.
    Response(Requester, ResponseKind),
    /// Append the record to its transactional id's `__transaction_state` partition.
    Append(TransactionMetadata),
    /// Something happened; for traces and checkers.
    Event(Event),
}

/// The cluster as one broker's transaction coordinator sees it.
pub trait TransactionCatalog {
    /// Whether the asking broker leads the `__transaction_state` partition of the id. A request
    /// for any other is answered NOT_COORDINATOR.
    fn is_coordinator_of(&self, transactional_id: &str) -> bool;

    /// Whether the partition exists, online or not.
    fn partition_exists(&self, partition: &TopicPartition) -> bool;

    /// The partition of `__consumer_offsets` that holds a group.
    fn offsets_partition(&self, group: &str) -> TopicPartition;

    /// A producer id that was never given out before.
    fn generate_producer_id(&mut self) -> i64;
}
