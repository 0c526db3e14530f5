//! Compaction of one log: of each key only the last record stays (`Cleaner.java`,
//! `LogCleanerManager.java`, KIP-534 for tombstones and transaction markers).
//!
//! Compressed batches stay as they are, since this cluster keeps them closed.

use std::collections::{BTreeMap, BTreeSet};

use crate::log_segment::LogSegment;
use crate::partition_log::PartitionLog;
use crate::producer_state::ProducerStates;
use crate::record_batch::{RecordBatch, RecordView};

/// A topic's compaction settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompactionRules {
    /// `min.cleanable.dirty.ratio`: how much of the log's bytes must be new before a pass is worth it.
    pub dirty_ratio_min: f64,
    /// `min.compaction.lag.ms`: how long a record stays in any case.
    pub lag_ms_min: i64,
    /// `max.compaction.lag.ms`: after how long a pass comes in any case.
    pub lag_ms_max: i64,
    /// `delete.retention.ms`: how long tombstones and transaction markers stay after their first pass.
    pub delete_retention_ms: i64,
    /// `segment.bytes`: small segments become one, up to this size.
    pub segment_bytes: i32,
}

impl PartitionLog {
    /// Compacts the log, if enough of it is dirty at the broker's wall-clock time. Returns the batches
    /// that were removed or rewritten, as they were before; none where there was nothing to do.
    ///
    /// The active segment is never touched, nor is anything that is not stable yet. No offset changes:
    /// the log has holes afterwards. `producers` are those of the log: the last batch of each stays,
    /// empty if need be, so that what is known of them can still be derived from the log.
    pub fn compact(
        &mut self,
        rules: &CompactionRules,
        producers: &ProducerStates,
        last_stable_offset: i64,
        wall_ms: i64,
    ) -> Vec<RecordBatch> {
        let Some(pass) = Pass::due(self, rules, last_stable_offset, wall_ms) else {
            return Vec::new();
        };
        let cleaner = Cleaner {
            latest_offsets: latest_offsets(self, &pass, producers),
            producers,
            delete_horizon_ms: wall_ms.saturating_add(rules.delete_retention_ms),
            wall_ms,
        };
        let (cleaned, replaced) = cleaner.clean(self, &pass);
        let groups = grouped(self.segments().take(pass.segments), rules.segment_bytes);
        self.replace_oldest_segments(&groups, cleaned, pass.end_offset);
        replaced
    }
}

/// Which part of a log is to be cleaned.
struct Pass {
    /// How many segments, from the oldest on.
    segments: usize,
    /// Where the part begins that no earlier pass has seen.
    first_dirty_offset: i64,
    /// Where the first segment begins that this pass does not see.
    end_offset: i64,
}

impl Pass {
    /// The pass that is due, if one is (`LogCleanerManager.grabFilthiestCompactedLog`).
    fn due(
        log: &PartitionLog,
        rules: &CompactionRules,
        last_stable_offset: i64,
        wall_ms: i64,
    ) -> Option<Self> {
        let segments: Vec<&LogSegment> = log.segments().collect();
        let first_dirty_offset = log.compacted_until().max(log.log_start_offset());
        let count = cleanable_segments(
            &segments,
            first_dirty_offset,
            rules,
            last_stable_offset,
            wall_ms,
        );
        let (cleanable, active) = (&segments[..count], segments.get(count)?);
        let is_clean = |segment: &LogSegment| segment.base_offset < first_dirty_offset;
        let clean = cleanable
            .iter()
            .take_while(|segment| is_clean(segment))
            .count();
        let (clean, dirty) = cleanable.split_at(clean);
        let size = |segments: &[&LogSegment]| segments.iter().map(|s| s.size_bytes).sum::<u64>();
        let (clean_bytes, dirty_bytes) = (size(clean), size(dirty));
        let dirty_ratio = dirty_bytes as f64 / (clean_bytes + dirty_bytes).max(1) as f64;
        let oldest_dirty = dirty
            .iter()
            .map(|s| s.first_timestamp())
            .filter(|ms| *ms > 0)
            .min();
        let is_late = oldest_dirty.is_some_and(|ms| wall_ms.saturating_sub(ms) > rules.lag_ms_max);
        let is_due = dirty_ratio > rules.dirty_ratio_min || is_late;
        is_due.then_some(Self {
            segments: count,
            first_dirty_offset,
            end_offset: active.base_offset,
        })
    }
}

/// How many segments may be cleaned (`LogCleanerManager.cleanableOffsets`): none that is active, holds
/// what is not stable, or is younger than `min.compaction.lag.ms`, and none behind one of those.
fn cleanable_segments(
    segments: &[&LogSegment],
    first_dirty_offset: i64,
    rules: &CompactionRules,
    last_stable_offset: i64,
    wall_ms: i64,
) -> usize {
    let may_go = |index: usize| {
        let segment = segments[index];
        let is_young = rules.lag_ms_min > 0
            && segment.base_offset >= first_dirty_offset
            && segment.largest_timestamp() > wall_ms.saturating_sub(rules.lag_ms_min);
        !is_young && segments[index + 1].base_offset <= last_stable_offset
    };
    let closed = segments.len().saturating_sub(1);
    (0..closed).take_while(|index| may_go(*index)).count()
}

/// For each key the offset of its last record among the dirty ones (`Cleaner.buildOffsetMap`).
fn latest_offsets(
    log: &PartitionLog,
    pass: &Pass,
    producers: &ProducerStates,
) -> BTreeMap<Vec<u8>, i64> {
    let dirty = log.batches_from(pass.first_dirty_offset);
    let dirty = dirty.take_while(|batch| batch.base_offset() < pass.end_offset);
    let mut latest = BTreeMap::new();
    for batch in dirty {
        if batch.is_control() || batch.is_compressed() || producers.has_aborted(batch) {
            continue;
        }
        for record in batch.records() {
            if let Some(key) = record
                .key
                .filter(|_| record.offset >= pass.first_dirty_offset)
            {
                latest.insert(key.to_vec(), record.offset);
            }
        }
    }
    latest
}

/// The segments in groups, each of which becomes one (`Cleaner.groupSegmentsBySize`).
fn grouped<'a>(
    segments: impl Iterator<Item = &'a LogSegment>,
    segment_bytes: i32,
) -> Vec<Vec<LogSegment>> {
    let limit = u64::from(segment_bytes.unsigned_abs());
    let mut groups: Vec<Vec<LogSegment>> = Vec::new();
    let mut size_bytes = 0;
    for segment in segments {
        size_bytes += segment.size_bytes;
        match groups.last_mut().filter(|_| size_bytes <= limit) {
            Some(group) => group.push(segment.clone()),
            None => {
                size_bytes = segment.size_bytes;
                groups.push(vec![segment.clone()]);
            }
        }
    }
    groups
}

/// Decides what stays.
struct Cleaner<'a> {
    latest_offsets: BTreeMap<Vec<u8>, i64>,
    producers: &'a ProducerStates,
    /// What batches get that need a delete horizon and have none.
    delete_horizon_ms: i64,
    wall_ms: i64,
}

impl Cleaner<'_> {
    /// The batches of the pass as they are afterwards, and those that went or changed.
    fn clean(&self, log: &PartitionLog, pass: &Pass) -> (Vec<RecordBatch>, Vec<RecordBatch>) {
        let mut cleaned = Vec::new();
        let mut replaced = Vec::new();
        // Producers of whose present transaction a record is left, so that its marker must stay.
        let mut unfinished = BTreeSet::new();
        let batches = log.batches();
        for batch in batches.take_while(|batch| batch.base_offset() < pass.end_offset) {
            let left = self.left_of(batch, &mut unfinished);
            if left
                .as_ref()
                .is_none_or(|left| left.bytes() != batch.bytes())
            {
                replaced.push(batch.clone());
            }
            cleaned.extend(left);
        }
        (cleaned, replaced)
    }

    /// What stays of a batch (`Cleaner.checkBatchRetention`, `MemoryRecords.filterTo`).
    fn left_of(&self, batch: &RecordBatch, unfinished: &mut BTreeSet<i64>) -> Option<RecordBatch> {
        let producer = batch.producer();
        if batch.is_control() {
            let ends_nothing = producer.is_none_or(|producer| !unfinished.remove(&producer.id));
            return self.left_of_marker(batch, ends_nothing);
        }
        if self.producers.has_aborted(batch) {
            unfinished.extend(producer.map(|producer| producer.id));
            return self.unless_last(batch);
        }
        if let Some(producer) = producer.filter(|producer| producer.transactional) {
            unfinished.insert(producer.id);
        }
        if batch.is_compressed() {
            return Some(batch.clone());
        }
        let horizon = batch.delete_horizon_ms();
        let kept: Vec<RecordView<'_>> = batch
            .records()
            .filter(|record| self.keeps(record, horizon))
            .collect();
        if kept.is_empty() {
            return self.unless_last(batch);
        }
        let has_tombstone = kept.iter().any(|record| !record.has_value);
        let new_horizon = (has_tombstone && horizon.is_none()).then_some(self.delete_horizon_ms);
        let is_whole = kept.len() == batch.record_count().unsigned_abs() as usize;
        if is_whole && new_horizon.is_none() {
            return Some(batch.clone());
        }
        Some(batch.with_records(&kept, new_horizon))
    }

    /// A marker goes some time after the last record of its transaction has gone.
    fn left_of_marker(&self, batch: &RecordBatch, ends_nothing: bool) -> Option<RecordBatch> {
        match batch.delete_horizon_ms() {
            Some(horizon) if horizon <= self.wall_ms => self.unless_last(batch),
            None if ends_nothing => {
                let marker: Vec<RecordView<'_>> = batch.records().collect();
                Some(batch.with_records(&marker, Some(self.delete_horizon_ms)))
            }
            _ => Some(batch.clone()),
        }
    }

    /// Nothing, but for the last batch of a producer: that stays, without its records.
    fn unless_last(&self, batch: &RecordBatch) -> Option<RecordBatch> {
        self.producers
            .is_last_of_its_producer(batch)
            .then(|| match batch.record_count() {
                0 => batch.clone(),
                _ => batch.with_records(&[], None),
            })
    }

    /// `Cleaner.shouldRetainRecord`.
    fn keeps(&self, record: &RecordView<'_>, delete_horizon_ms: Option<i64>) -> bool {
        let Some(key) = record.key else {
            return false;
        };
        let latest = self.latest_offsets.get(key);
        let is_latest = latest.is_none_or(|latest| record.offset >= *latest);
        let is_fresh = delete_horizon_ms.is_none_or(|horizon| self.wall_ms < horizon);
        is_latest && (record.has_value || is_fresh)
    }
}

#[cfg(test)]
mod tests;
