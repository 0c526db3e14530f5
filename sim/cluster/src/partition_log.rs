//! One partition's log: record batches in offset order, and the leader epochs they were
//! written under.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;

use crate::log_segment::LogSegment;
use crate::record_batch::{
    AppendRules, RecordBatch, RecordBatchError, TimestampAndOffset, ValidBatch,
};

/// A log that grows at its end, and is deleted from its start.
#[derive(Debug, Clone, Default)]
pub struct PartitionLog {
    batches: VecDeque<RecordBatch>,
    /// For each batch, the largest timestamp of its segment up to and including it: ascending
    /// within a segment, so searchable.
    largest_timestamps: VecDeque<i64>,
    /// The segments that the batches make up, the active one last. None while the log is empty,
    /// where Kafka has an empty one.
    segments: VecDeque<LogSegment>,
    log_start_offset: i64,
    log_end_offset: i64,
    /// (epoch, offset of its first record), both ascending (`LeaderEpochFileCache`).
    epochs: Vec<EpochEntry>,
    size_bytes: u64,
    /// Up to where the log has been compacted (`cleaner-offset-checkpoint`).
    compacted_until: i64,
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
        let batch = ValidBatch::check(batch, rules)?;
        Ok(self.append_valid(batch, rules, leader_epoch))
    }

    /// Appends a batch that was checked before, to a new segment if the rules say so.
    pub fn append_valid(
        &mut self,
        batch: ValidBatch,
        rules: &AppendRules,
        leader_epoch: i32,
    ) -> Appended {
        let batch = batch.place(self.log_end_offset, leader_epoch);
        let appended = Appended {
            base_offset: batch.base_offset(),
            records: batch.record_count(),
            bytes: batch.bytes().len(),
        };
        self.append_placed(batch, rules);
        appended
    }

    /// Appends a batch that has its place: what a leader has written, or a follower fetched.
    pub(crate) fn append_placed(&mut self, batch: RecordBatch, rules: &AppendRules) {
        self.assign_epoch(batch.leader_epoch());
        self.log_end_offset = batch.last_offset() + 1;
        self.size_bytes += batch.bytes().len() as u64;
        let active = self.segments.back_mut();
        match active.filter(|active| !active.should_roll(&batch, rules)) {
            Some(active) => {
                active.push(&batch, rules.wall_ms);
                let before = self.largest_timestamps.back().copied().unwrap_or(i64::MIN);
                self.largest_timestamps
                    .push_back(batch.max_timestamp().max(before));
            }
            None => {
                self.segments
                    .push_back(LogSegment::begin(&batch, rules.wall_ms));
                self.largest_timestamps.push_back(batch.max_timestamp());
            }
        }
        self.batches.push_back(batch);
    }

    /// Deletes the segments before `offset`, and begins there.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        while let Some(oldest) = self.segments.front()
            && let Some(last) = self.batches.get(oldest.batches - 1)
            && last.last_offset() < offset
        {
            self.delete_oldest_segment();
        }
        self.raise_log_start_offset(offset);
    }

    /// An empty log whose first record will have this offset.
    pub(crate) fn starting_at(offset: i64) -> Self {
        Self {
            log_start_offset: offset,
            log_end_offset: offset,
            ..Self::default()
        }
    }

    /// Drops whatever is not before `offset` (`UnifiedLog.truncateTo`).
    pub(crate) fn truncate_to(&mut self, offset: i64) {
        if offset >= self.log_end_offset {
            return;
        }
        let kept = self
            .batches
            .partition_point(|batch| batch.last_offset() < offset);
        let end_offset = self
            .batches
            .get(kept)
            .map_or(offset, RecordBatch::base_offset);
        let mut excess = self.batches.len() - kept;
        while let Some(last) = self.segments.pop_back() {
            if let Some(rest) = last.batches.checked_sub(excess).filter(|rest| *rest > 0) {
                let batches = self.batches.range(kept - rest..kept);
                self.segments.extend(last.cut_to(batches));
                break;
            }
            excess -= last.batches;
        }
        self.batches.truncate(kept);
        self.largest_timestamps.truncate(kept);
        self.size_bytes = self.segments.iter().map(|segment| segment.size_bytes).sum();
        self.log_end_offset = end_offset.max(self.log_start_offset);
        self.epochs.retain(|entry| entry.offset < end_offset);
        self.compacted_until = self.compacted_until.min(end_offset);
    }

    /// Up to where the log has been compacted.
    pub(crate) fn compacted_until(&self) -> i64 {
        self.compacted_until
    }

    /// Puts these batches in the place of the oldest segments, of which each group becomes one
    /// segment, or none where nothing is left of it. The log is compacted up to `until` then.
    pub(crate) fn replace_oldest_segments(
        &mut self,
        groups: &[Vec<LogSegment>],
        batches: Vec<RecordBatch>,
        until: i64,
    ) {
        let old = groups.iter().flatten();
        let (count, old_batches) = old.fold((0, 0), |(n, sum), s| (n + 1, sum + s.batches));
        let rest = self.batches.split_off(old_batches);
        let rest_timestamps = self.largest_timestamps.split_off(old_batches);
        let rest_segments = self.segments.split_off(count);
        self.batches = batches.into();
        self.largest_timestamps.clear();
        self.segments.clear();
        let mut end = self.batches.len();
        let mut cleaned = Vec::new();
        for group in groups.iter().rev() {
            let base_offset = group.first().map_or(0, |first| first.base_offset);
            let begin = self
                .batches
                .partition_point(|batch| batch.base_offset() < base_offset);
            cleaned.push(LogSegment::merged(group, self.batches.range(begin..end)));
            end = begin;
        }
        self.segments.extend(cleaned.into_iter().rev().flatten());
        let mut batches = self.batches.iter();
        for segment in &self.segments {
            let mut largest = i64::MIN;
            for batch in batches.by_ref().take(segment.batches) {
                largest = largest.max(batch.max_timestamp());
                self.largest_timestamps.push_back(largest);
            }
        }
        self.batches.extend(rest);
        self.largest_timestamps.extend(rest_timestamps);
        self.segments.extend(rest_segments);
        self.size_bytes = self.segments.iter().map(|segment| segment.size_bytes).sum();
        self.compacted_until = until;
    }

    /// The batches from the one that holds `offset` on.
    pub(crate) fn batches_from(&self, offset: i64) -> impl Iterator<Item = &RecordBatch> {
        let first = self
            .batches
            .partition_point(|batch| batch.last_offset() < offset);
        self.batches.range(first..)
    }

    /// The epoch of the log's last record, or of its leader if that has written nothing yet.
    pub(crate) fn latest_epoch(&self) -> i32 {
        self.epochs.last().map_or(-1, |last| last.epoch)
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &LogSegment> {
        self.segments.iter()
    }

    /// Takes the oldest segment out, and moves the log's start past it.
    pub(crate) fn delete_oldest_segment(&mut self) -> Vec<RecordBatch> {
        let Some(oldest) = self.segments.pop_front() else {
            return Vec::new();
        };
        self.size_bytes -= oldest.size_bytes;
        self.largest_timestamps.drain(..oldest.batches);
        let deleted: Vec<RecordBatch> = self.batches.drain(..oldest.batches).collect();
        let next = self.segments.front().map(|segment| segment.base_offset);
        self.raise_log_start_offset(next.unwrap_or(self.log_end_offset));
        deleted
    }

    /// Moves the log's start forward; never back.
    pub(crate) fn raise_log_start_offset(&mut self, offset: i64) {
        if offset <= self.log_start_offset {
            return;
        }
        self.log_start_offset = offset;
        // `LeaderEpochFileCache.truncateFromStart`: the epoch of the first record begins there.
        let ended = self.epochs.partition_point(|entry| entry.offset <= offset);
        if let Some(first) = ended.checked_sub(1) {
            self.epochs.drain(..first);
            self.epochs[0].offset = offset;
        }
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
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &RecordBatch> {
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

    /// Offset and timestamp of the first record that can be read and whose timestamp is at least
    /// `timestamp_ms`. Only the first segment with such a timestamp is searched, as in Kafka
    /// (`UnifiedLog.fetchOffsetByTimestamp`).
    pub fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
    ) -> Result<Option<TimestampAndOffset>, ResponseError> {
        let mut begin = 0;
        for segment in &self.segments {
            let end = begin + segment.batches;
            if segment.largest_timestamp() >= timestamp_ms {
                return self.find_timestamp(begin, end, timestamp_ms);
            }
            begin = end;
        }
        Ok(None)
    }

    /// As [`Self::offset_for_timestamp`], among the batches of one segment.
    fn find_timestamp(
        &self,
        begin: usize,
        end: usize,
        timestamp_ms: i64,
    ) -> Result<Option<TimestampAndOffset>, ResponseError> {
        let mut first = begin;
        let mut after = end;
        while first < after {
            let middle = first + (after - first) / 2;
            if self.largest_timestamps[middle] < timestamp_ms {
                first = middle + 1;
            } else {
                after = middle;
            }
        }
        for batch in self.batches.range(first..end) {
            if let Some(found) = batch.first_at_or_after(timestamp_ms, self.log_start_offset)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Offset and timestamp of the first record with the log's largest timestamp (KIP-734).
    pub fn offset_for_max_timestamp(&self) -> Result<Option<TimestampAndOffset>, ResponseError> {
        let largest = self.segments().map(LogSegment::largest_timestamp).max();
        largest.map_or(Ok(None), |largest| self.offset_for_timestamp(largest))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{APPEND_RULES, record_batch, values};

    fn append(log: &mut PartitionLog, timestamps_and_values: &[(i64, &str)], epoch: i32) -> i64 {
        let batch = record_batch(timestamps_and_values);
        let appended = log.append(batch, &APPEND_RULES, epoch).unwrap();
        appended.base_offset
    }

    fn entry(epoch: i32, offset: i64) -> EpochEntry {
        EpochEntry { epoch, offset }
    }

    #[test]
    fn only_offsets_between_start_and_end_can_be_read() {
        let mut log = PartitionLog::default();
        append(&mut log, &[(1, "a"), (1, "b")], 0);
        for outside in [-1, 3] {
            let read = log.read(outside, 100, true);
            assert_eq!(read, Err(ResponseError::OffsetOutOfRange));
        }
        assert_eq!(log.read(2, 100, true), Ok(Bytes::new()));
        let from_within = values(&log.read(1, 0, true).unwrap());
        assert_eq!(from_within, [(0, "a".to_owned()), (1, "b".to_owned())]);
        assert_eq!(log.read(0, 10, false), Ok(Bytes::new()));
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let mut log = PartitionLog::default();
        assert_eq!(log.end_offset_for_epoch(0), EpochEntry::UNDEFINED);
        log.assign_epoch(0);
        append(&mut log, &[(1, "a"), (1, "b")], 0);
        log.assign_epoch(2);
        log.assign_epoch(4);
        append(&mut log, &[(1, "c")], 4);
        assert_eq!(log.end_offset_for_epoch(-1), EpochEntry::UNDEFINED);
        assert_eq!(log.end_offset_for_epoch(0), entry(0, 2));
        // Epoch 2 wrote nothing.
        assert_eq!(log.end_offset_for_epoch(3), entry(0, 2));
        assert_eq!(log.end_offset_for_epoch(4), entry(4, 3));
        assert_eq!(log.end_offset_for_epoch(5), EpochEntry::UNDEFINED);
        assert_eq!(log.epoch_for_offset(1), Some(0));
        assert_eq!(log.epoch_for_offset(2), Some(4));
    }

    #[test]
    fn a_timestamp_finds_the_first_record_that_is_not_older() {
        let mut log = PartitionLog::default();
        assert_eq!(log.offset_for_timestamp(0), Ok(None));
        append(&mut log, &[(50, "a"), (10, "b")], 0);
        append(&mut log, &[(20, "c")], 0);
        append(&mut log, &[(60, "d"), (60, "e")], 0);
        let find = |timestamp_ms| {
            let found = log.offset_for_timestamp(timestamp_ms).unwrap();
            found.map(|found| found.offset)
        };
        assert_eq!(find(0), Some(0));
        assert_eq!(find(51), Some(3));
        assert_eq!(find(61), None);
        let newest = log.offset_for_max_timestamp().unwrap().unwrap();
        assert_eq!((newest.timestamp_ms, newest.offset), (60, 3));
    }

    /// Batches as their records' values.
    fn batches() -> impl Strategy<Value = Vec<Vec<String>>> {
        let value = "[a-z]{0,40}";
        let batch = prop::collection::vec(value, 1..8);
        prop::collection::vec(batch, 0..20)
    }

    proptest! {
        #[test]
        fn offsets_are_contiguous_and_any_max_bytes_reads_everything(
            batches in batches(),
            max_bytes in 0usize..2000,
            epochs in prop::collection::vec(0i32..3, 20),
        ) {
            let mut log = PartitionLog::default();
            let mut expected = Vec::new();
            let mut epoch = 0;
            for (batch, bump) in batches.iter().zip(epochs) {
                epoch += bump;
                let records: Vec<_> = batch.iter().map(|value| (1, value.as_str())).collect();
                let base_offset = append(&mut log, &records, epoch);
                prop_assert_eq!(base_offset, expected.len() as i64);
                for value in batch {
                    expected.push((expected.len() as i64, value.clone()));
                }
            }
            prop_assert_eq!(log.log_end_offset(), expected.len() as i64);

            let mut read = Vec::new();
            while read.len() < expected.len() {
                let bytes = log.read(read.len() as i64, max_bytes, true).unwrap();
                let found = values(&bytes);
                prop_assert!(!found.is_empty(), "no progress at {}", read.len());
                let first_size = log.batches().find(|b| b.last_offset() >= found[0].0);
                let first_size = first_size.map_or(0, |batch| batch.bytes().len());
                prop_assert!(bytes.len() <= max_bytes.max(first_size));
                read.extend(found);
            }
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn bytes_available_counts_what_a_read_would_return(
            batches in batches(),
            from in 0.0f64..1.0,
            max_bytes in 0usize..2000,
        ) {
            let mut log = PartitionLog::default();
            for batch in &batches {
                let records: Vec<_> = batch.iter().map(|value| (1, value.as_str())).collect();
                append(&mut log, &records, 0);
            }
            let offset = (from * log.log_end_offset() as f64) as i64;
            let all = log.read(offset, usize::MAX, true).unwrap().len();
            prop_assert_eq!(log.bytes_available(offset, max_bytes).unwrap(), all.min(max_bytes));
        }

        #[test]
        fn any_offset_can_be_read_and_its_batch_comes_first(
            batches in batches(),
            at in 0.0f64..1.0,
        ) {
            let mut log = PartitionLog::default();
            for batch in &batches {
                let records: Vec<_> = batch.iter().map(|value| (1, value.as_str())).collect();
                append(&mut log, &records, 0);
            }
            let offset = (at * log.log_end_offset() as f64) as i64;
            let found = values(&log.read(offset, 1, true).unwrap());
            prop_assert_eq!(found.is_empty(), log.log_end_offset() == 0);
            if let (Some(first), Some(last)) = (found.first(), found.last()) {
                prop_assert!((first.0..=last.0).contains(&offset));
            }
        }
    }
}
