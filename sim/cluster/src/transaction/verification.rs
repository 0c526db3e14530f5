//! Whether a write belongs to an ongoing transaction (KIP-890, `handleVerifyPartitionsInTransaction`
//! in `TransactionCoordinator.scala`, `AddPartitionsToTxnManager.scala`).
//!
//! A leader asks before it begins a transaction in its partition. Without it, a write that arrives
//! after its transaction's marker would begin one that nobody ends: it hangs, and with it every
//! reader of committed records.

use kafka_protocol::ResponseError;

use super::coordinator::TransactionCoordinator;
use crate::topics::TopicPartition;

impl TransactionCoordinator {
    /// Fails unless the partition was added to the producer's ongoing transaction.
    pub fn verify(
        &self,
        transactional_id: &str,
        producer_id: i64,
        producer_epoch: i16,
        partition: &TopicPartition,
    ) -> Result<(), ResponseError> {
        let transaction = self.transaction_under(transactional_id, producer_id, producer_epoch)?;
        if transaction.state.decision().is_some() {
            Err(ResponseError::ConcurrentTransactions)
        } else if transaction.partitions.contains(partition) {
            Ok(())
        } else {
            Err(ResponseError::TransactionAbortable)
        }
    }
}
