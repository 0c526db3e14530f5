//! What a partition remembers of the idempotent producers that write to it
//! (`ProducerStateManager.java`, `ProducerAppendInfo.java`, `ProducerStateEntry.java`).
//!
//! It is a function of the log: after a restart it is rebuilt from the batches, which gives the
//! same answers, except that a producer that had expired is known again until the next check.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kafka_protocol::ResponseError;

use crate::config::BrokerSettings;
use crate::now::Now;
use crate::record_batch::{BatchProducer, RecordBatch, add_to_sequence};
use crate::transaction_index::{AbortedTransaction, TransactionIndex};

/// Batches remembered of each producer (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
const BATCHES_KEPT: usize = 5;

/// The producers of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerStates {
    by_id: BTreeMap<i64, ProducerState>,
    transactions: TransactionIndex,
    /// How many checks for expired producers have been due.
    checks: u128,
}

/// One producer, as far as this partition knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ProducerState {
    epoch: i16,
    /// Its last batches of this epoch, oldest first.
    batches: VecDeque<BatchMetadata>,
    last_timestamp_ms: i64,
    /// Offset of the first record of its open transaction.
    transaction_first_offset: Option<i64>,
}

/// A batch that a producer wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchMetadata {
    /// Sequence number of the first record.
    pub first_sequence: i32,
    /// Sequence number of the last record.
    pub last_sequence: i32,
    /// Offset of the first record.
    pub base_offset: i64,
    /// Largest timestamp of its records.
    pub timestamp_ms: i64,
}

/// What is to be done with a batch of an idempotent producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is the producer's next one.
    Append,
    /// It is in the log already: a retry whose first response was lost. The answer is the one
    /// that the first got.
    Duplicate(BatchMetadata),
}

/// Why a batch of an idempotent producer was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// A newer instance of the producer has written.
    #[error("producer {id} wrote with epoch {epoch}; its epoch is {current} by now")]
    InvalidEpoch {
        /// The producer.
        id: i64,
        /// The batch's epoch.
        epoch: i16,
        /// The newest epoch seen.
        current: i16,
    },
    /// A batch before this one is missing, or this one is older than those remembered.
    #[error("producer {id}, epoch {epoch}: sequence number {sequence}, expected {expected}")]
    OutOfOrderSequence {
        /// The producer.
        id: i64,
        /// The batch's epoch.
        epoch: i16,
        /// The batch's first sequence number.
        sequence: i32,
        /// The one that would have followed.
        expected: i32,
    },
    /// A batch outside the transaction that its producer has open.
    #[error("producer {id} has a transaction open, and the batch is not part of it")]
    NotInTransaction {
        /// The producer.
        id: i64,
    },
}

impl ProducerError {
    /// The error code that Produce answers.
    pub fn response_error(self) -> ResponseError {
        match self {
            Self::InvalidEpoch { .. } => ResponseError::InvalidProducerEpoch,
            Self::OutOfOrderSequence { .. } => ResponseError::OutOfOrderSequenceNumber,
            Self::NotInTransaction { .. } => ResponseError::InvalidTxnState,
        }
    }
}

impl ProducerStates {
    /// The producers of a log with these batches, oldest first.
    pub fn rebuild<'a>(batches: impl Iterator<Item = &'a RecordBatch>) -> Self {
        let mut states = Self::default();
        for batch in batches {
            states.record(batch);
        }
        states
    }

    /// Decides on a batch. A producer that is not known, because it is new or has expired, may
    /// start with any sequence number; a new epoch starts with 0.
    pub fn admit(&self, batch: &BatchProducer) -> Result<Admission, ProducerError> {
        let Some(state) = self.by_id.get(&batch.id) else {
            return Ok(Admission::Append);
        };
        if let Some(earlier) = state.duplicate_of(batch) {
            return Ok(Admission::Duplicate(earlier));
        }
        if batch.epoch < state.epoch {
            return Err(ProducerError::InvalidEpoch {
                id: batch.id,
                epoch: batch.epoch,
                current: state.epoch,
            });
        }
        let expected = state.next_sequence(batch.epoch);
        if batch.first_sequence != expected {
            return Err(ProducerError::OutOfOrderSequence {
                id: batch.id,
                epoch: batch.epoch,
                sequence: batch.first_sequence,
                expected,
            });
        }
        if state.transaction_first_offset.is_some() && !batch.transactional {
            return Err(ProducerError::NotInTransaction { id: batch.id });
        }
        Ok(Admission::Append)
    }

    /// Whether the batch continues a transaction that is open under its epoch. If not, it begins
    /// one, and its coordinator is to be asked first.
    pub fn continues_transaction(&self, batch: &BatchProducer) -> bool {
        self.by_id.get(&batch.id).is_some_and(|state| {
            state.epoch == batch.epoch && state.transaction_first_offset.is_some()
        })
    }

    /// The transactions of the partition.
    pub fn transactions(&self) -> &TransactionIndex {
        &self.transactions
    }

    /// Remembers a batch that was appended.
    pub fn record(&mut self, batch: &RecordBatch) {
        let Some(producer) = batch.producer() else {
            return;
        };
        let state = self.by_id.entry(producer.id).or_insert(ProducerState {
            epoch: producer.epoch,
            batches: VecDeque::new(),
            last_timestamp_ms: -1,
            transaction_first_offset: None,
        });
        if state.epoch != producer.epoch {
            state.epoch = producer.epoch;
            state.batches.clear();
        }
        state.last_timestamp_ms = batch.max_timestamp();
        if let Some(committed) = batch.ends_transaction() {
            if let Some(first_offset) = state.transaction_first_offset.take() {
                let ended = AbortedTransaction {
                    producer_id: producer.id,
                    first_offset,
                    last_offset: batch.base_offset(),
                };
                self.transactions.end(ended, committed);
            }
            return;
        }
        if producer.transactional && state.transaction_first_offset.is_none() {
            state.transaction_first_offset = Some(batch.base_offset());
            self.transactions.begin(batch.base_offset());
        }
        if state.batches.len() == BATCHES_KEPT {
            state.batches.pop_front();
        }
        state.batches.push_back(BatchMetadata {
            first_sequence: producer.first_sequence,
            last_sequence: producer.last_sequence,
            base_offset: batch.base_offset(),
            timestamp_ms: batch.max_timestamp(),
        });
    }

    /// Forgets producers whose last batch is too old, at the check that was due last, unless they
    /// have a transaction open (`isProducerExpired`). Kafka compares the batch's own timestamp with the wall
    /// clock: a producer of records with old timestamps is forgotten at every check.
    pub fn expire(&mut self, now: Now, settings: &BrokerSettings) {
        let every_ms = settings.producer_id_expiration_check_interval_ms;
        let every = Duration::from_millis(u64::try_from(every_ms).unwrap_or(0).max(1));
        let checks = now.monotonic.as_nanos() / every.as_nanos();
        if checks == self.checks {
            return;
        }
        self.checks = checks;
        let since_check_ms = (now.monotonic.as_nanos() % every.as_nanos()) / 1_000_000;
        let check_ms = now.wall_ms - since_check_ms as i64;
        let expiration_ms = settings.producer_id_expiration_ms;
        self.by_id.retain(|_, state| {
            state.transaction_first_offset.is_some()
                || check_ms.saturating_sub(state.last_timestamp_ms) < expiration_ms
        });
    }

    /// Whether the batch belongs to a transaction that was aborted.
    pub fn has_aborted(&self, batch: &RecordBatch) -> bool {
        batch.producer().is_some_and(|producer| {
            let transactions = &self.transactions;
            producer.transactional && transactions.is_aborted(producer.id, batch.base_offset())
        })
    }

    /// Whether what is known of the batch's producer comes from this batch: its last one, or a marker
    /// of its present epoch if that has no other (`LogCleaner`'s `lastRecordsOfActiveProducers`).
    pub(crate) fn is_last_of_its_producer(&self, batch: &RecordBatch) -> bool {
        batch.producer().is_some_and(|producer| {
            let state = self.by_id.get(&producer.id);
            state.is_some_and(|state| match state.batches.back() {
                Some(last) => last.base_offset == batch.base_offset(),
                None => batch.is_control() && state.epoch == producer.epoch,
            })
        })
    }

    /// Whether anything is known of a producer.
    pub fn knows(&self, producer_id: i64) -> bool {
        self.by_id.contains_key(&producer_id)
    }
}

impl ProducerState {
    /// The remembered batch with exactly these sequence numbers.
    fn duplicate_of(&self, batch: &BatchProducer) -> Option<BatchMetadata> {
        let same = |earlier: &&BatchMetadata| {
            earlier.first_sequence == batch.first_sequence
                && earlier.last_sequence == batch.last_sequence
        };
        let of_epoch = (self.epoch == batch.epoch).then_some(&self.batches);
        of_epoch?.iter().find(same).copied()
    }

    fn next_sequence(&self, epoch: i16) -> i32 {
        let last = self.batches.back().filter(|_| self.epoch == epoch);
        last.map_or(0, |last| add_to_sequence(last.last_sequence, 1))
    }
}

#[cfg(test)]
mod tests;
