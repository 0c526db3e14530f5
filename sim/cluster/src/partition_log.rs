//! One partition's log: record batches in offset order, and the leader epochs they were
//! written under.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;

use crate::record_batch::{AppendRules, RecordBatch, RecordBatchError, TimestampAndOffset};

/// A log that only grows.
#[derive(Debug, Clone, Default)]
pub struct PartitionLog {
    batches: VecDeque<RecordBatch>,
    /// For each batch, the largest timestamp up to and including it: ascending, so searchable.
    largest_timestamps: VecDeque<i64>,
    log_start_offset: i64,
    log_end_offset: i64,
    /// (epoch, offset of its first record), both ascending (`LeaderEpochFileCache`).
    epochs: Vec<EpochEntry>,
    size_bytes: u64,
}

/// A leader epoch and the first offset written under it, or the offset at which it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEntry {
    /// The leader epoch; -1 if undefined.
    pub epoch: i32,
    /// The offset; -1 if undefined.
    pub offset: i64,
}

impl EpochEntry {
    /// Kafka's UNDEFINED_EPOCH with UNDEFINED_EPOCH_OFFSET.
    pub const UNDEFINED: Self = Self {
        epoch: -1,
        offset: -1,
    };
}

/// What an append wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Number of records.
    pub records: i32,
    /// Size of the batch.
    pub bytes: usize,
}

impl PartitionLog {
    /// Validates a batch and appends it at the log's end.
    pub fn append(
        &mut self,
        batch: Bytes,
        rules: &AppendRules,
        leader_epoch: i32,
    ) -> Result<Appended, RecordBatchError> {
        let batch = RecordBatch::place(batch, rules, self.log_end_offset, leader_epoch)?;
        let appended = Appended {
            base_offset: batch.base_offset(),
            records: batch.record_count(),
            bytes: batch.bytes().len(),
        };
        self.assign_epoch(leader_epoch);
        self.log_end_offset = batch.last_offset() + 1;
        self.size_bytes += appended.bytes as u64;
        let before = self.largest_timestamps.back().copied().unwrap_or(i64::MIN);
        self.largest_timestamps
            .push_back(batch.max_timestamp().max(before));
        self.batches.push_back(batch);
        Ok(appended)
    }

    /// Records that a leader epoch starts at the log's end (`maybeAssignEpochStartOffset`).
    pub fn assign_epoch(&mut self, epoch: i32) {
        if self.epochs.last().is_none_or(|last| last.epoch < epoch) {
            // An epoch without records leaves no trace once a later one starts at its offset.
            let offset = self.log_end_offset;
            self.epochs.retain(|entry| entry.offset < offset);
            self.epochs.push(EpochEntry { epoch, offset });
        }
    }

    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// The offset the next record will get. With one replica it is the high watermark and the
    /// last stable offset too.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// Bytes of all batches.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Every batch, in offset order.
    pub fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.batches.iter()
    }

    /// Whole batches from the one that holds `offset` on, at most `max_bytes` of them; the first
    /// is returned whatever its size if `first_whatever_size` (KIP-74).
    ///
    /// Fails with OFFSET_OUT_OF_RANGE before the log's start or beyond its end.
    pub fn read(
        &self,
        offset: i64,
        max_bytes: usize,
        first_whatever_size: bool,
    ) -> Result<Bytes, ResponseError> {
        let first = self.position(offset)?;
        let mut end = first;
        let mut size = 0;
        for batch in self.batches.range(first..) {
            let exempt = end == first && first_whatever_size;
            if size + batch.bytes().len() > max_bytes && !exempt {
                break;
            }
            size += batch.bytes().len();
            end += 1;
        }
        if end - first == 1 {
            return Ok(self.batches[first].bytes().clone());
        }
        let mut records = BytesMut::with_capacity(size);
        for batch in self.batches.range(first..end) {
            records.extend_from_slice(batch.bytes());
        }
        Ok(records.freeze())
    }

    /// How many bytes, up to `max_bytes`, a fetch from `offset` could return: what a long poll
    /// counts towards its `min_bytes`.
    pub fn bytes_available(&self, offset: i64, max_bytes: usize) -> Result<usize, ResponseError> {
        let first = self.position(offset)?;
        let mut size = 0;
        for batch in self.batches.range(first..) {
            size += batch.bytes().len();
            if size >= max_bytes {
                return Ok(max_bytes);
            }
        }
        Ok(size)
    }

    /// Offset and timestamp of the first record whose timestamp is at least `timestamp_ms`.
    pub fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
    ) -> Result<Option<TimestampAndOffset>, ResponseError> {
        let first = self
            .largest_timestamps
            .partition_point(|largest| *largest < timestamp_ms);
        for batch in self.batches.range(first..) {
            if let Some(found) = batch.first_at_or_after(timestamp_ms)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Offset and timestamp of the first record with the log's largest timestamp (KIP-734).
    pub fn offset_for_max_timestamp(&self) -> Result<Option<TimestampAndOffset>, ResponseError> {
        match self.largest_timestamps.back() {
            Some(largest) => self.offset_for_timestamp(*largest),
            None => Ok(None),
        }
    }

    /// The leader epoch under which `offset` was, or would be, written.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        let after = self.epochs.partition_point(|entry| entry.offset <= offset);
        let holder = after.checked_sub(1)?;
        Some(self.epochs[holder].epoch)
    }

    /// The largest epoch not above the requested one, and the offset at which it ended
    /// (`LeaderEpochFileCache.endOffsetFor`).
    pub fn end_offset_for_epoch(&self, requested: i32) -> EpochEntry {
        let Some(latest) = self.epochs.last() else {
            return EpochEntry::UNDEFINED;
        };
        if requested == latest.epoch {
            return EpochEntry {
                epoch: requested,
                offset: self.log_end_offset,
            };
        }
        if requested < 0 {
            return EpochEntry::UNDEFINED;
        }
        let higher = self
            .epochs
            .partition_point(|entry| entry.epoch <= requested);
        let Some(higher_entry) = self.epochs.get(higher) else {
            return EpochEntry::UNDEFINED;
        };
        let floor = higher.checked_sub(1).map(|floor| self.epochs[floor].epoch);
        EpochEntry {
            epoch: floor.unwrap_or(requested),
            offset: higher_entry.offset,
        }
    }

    /// Index of the batch that holds `offset`; one past the last for the log's end.
    fn position(&self, offset: i64) -> Result<usize, ResponseError> {
        if !(self.log_start_offset..=self.log_end_offset).contains(&offset) {
            return Err(ResponseError::OffsetOutOfRange);
        }
        Ok(self
            .batches
            .partition_point(|batch| batch.last_offset() < offset))
    }
}
