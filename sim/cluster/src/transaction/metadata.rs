//! What is known of one transactional id (`TransactionMetadata.scala`).

use std::collections::BTreeSet;

use super::state::TransactionState;
use crate::topics::TopicPartition;

/// The epoch of an id that no producer has used yet, or of no earlier request.
pub(super) const NO_PRODUCER_EPOCH: i16 = -1;

/// No producer id.
pub(super) const NO_PRODUCER_ID: i64 = -1;

/// A transactional id and its transaction: a record of `__transaction_state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionMetadata {
    /// The transactional id.
    pub transactional_id: String,
    /// Its producer id.
    pub producer_id: i64,
    /// Its producer's epoch; a producer with an older one is fenced.
    pub producer_epoch: i16,
    /// The producer id before the epochs ran out; -1 if they never have.
    pub last_producer_id: i64,
    /// The epoch that the last bump replaced, if its request named it; otherwise -1. A repeated
    /// request is known by it (KIP-360).
    pub last_producer_epoch: i16,
    /// `transaction.timeout.ms` of the producer.
    pub timeout_ms: i32,
    /// The state.
    pub state: TransactionState,
    /// The partitions of the transaction, those of `__consumer_offsets` included.
    pub partitions: BTreeSet<TopicPartition>,
    /// Wall-clock time at which the transaction began; -1 while there is none.
    pub start_timestamp_ms: i64,
    /// Wall-clock time of the last change.
    pub last_update_timestamp_ms: i64,
}

impl TransactionMetadata {
    /// An id that no producer has used yet.
    pub(super) fn new(transactional_id: &str, producer_id: i64, timeout_ms: i32) -> Self {
        Self {
            transactional_id: transactional_id.to_owned(),
            producer_id,
            producer_epoch: NO_PRODUCER_EPOCH,
            last_producer_id: NO_PRODUCER_ID,
            last_producer_epoch: NO_PRODUCER_EPOCH,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            start_timestamp_ms: -1,
            last_update_timestamp_ms: -1,
        }
    }

    /// Whether another bump would leave no epoch to fence this producer with.
    pub(super) fn is_epoch_exhausted(epoch: i16) -> bool {
        epoch >= i16::MAX - 1
    }

    /// Whether its transaction has gone on for longer than its producer allowed.
    pub(super) fn is_timed_out(&self, wall_ms: i64) -> bool {
        let ends_ms = self
            .start_timestamp_ms
            .saturating_add(i64::from(self.timeout_ms));
        self.state == TransactionState::Ongoing && ends_ms < wall_ms
    }
}
