//! The transaction coordinator (KIP-98): who may use a transactional id, and what becomes of its
//! transactions.
//!
//! A handler returns responses and the records to append to `__transaction_state`; the last record
//! of each transactional id is all there is to know about it. The rules are Kafka's
//! (`TransactionCoordinator.scala`, `TransactionMetadata.scala`), in its transaction version 1: the
//! epoch changes only with InitProducerId and where a coordinator fences a producer.

mod add_partitions;
mod coordinator;
mod end_transaction;
mod init_producer_id;
mod markers;
mod metadata;
mod request;
mod state;
mod verification;

#[cfg(test)]
mod tests;

pub use coordinator::TransactionCoordinator;
pub use markers::TransactionMarker;
pub use metadata::TransactionMetadata;
pub use request::{TransactionCatalog, TransactionOutput, TransactionRequest};
pub use state::TransactionState;
