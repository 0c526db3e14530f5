//! Retention: which segments of a log are deleted, and how its start moves.

use kafka_protocol::ResponseError;

use crate::log_segment::LogSegment;
use crate::partition_log::PartitionLog;
use crate::record_batch::RecordBatch;

/// A topic's retention settings. Negative means without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionRules {
    /// `retention.ms`.
    pub retention_ms: i64,
    /// `retention.bytes`.
    pub retention_bytes: i64,
}

/// Why segments were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletionReason {
    /// All their records are before the log start offset.
    LogStartOffset,
    /// `retention.bytes`.
    RetentionBytes,
    /// `retention.ms`.
    RetentionMs,
}

impl DeletionReason {
    /// The setting that it was, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LogStartOffset => "log start offset",
            Self::RetentionBytes => "retention.bytes",
            Self::RetentionMs => "retention.ms",
        }
    }
}

/// Segments that were deleted for one reason.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// Why.
    pub reason: DeletionReason,
    /// What they held, in offset order.
    pub batches: Vec<RecordBatch>,
}

impl Deletion {
    /// The offset after the last that was deleted.
    #[must_use]
    pub fn end_offset(&self) -> i64 {
        self.batches.last().map_or(0, |last| last.last_offset() + 1)
    }
}

impl PartitionLog {
    /// Deletes what its retention no longer keeps, at the broker's wall-clock time
    /// (`UnifiedLog.deleteOldSegments`). Only whole segments go, the oldest first, until one must
    /// stay; that can be the active one as well. Everything must be committed.
    ///
    /// A segment's age is that of its largest timestamp: one record with a CreateTime in the
    /// future keeps its segment and all later ones.
    pub fn delete_old_segments(&mut self, rules: &RetentionRules, wall_ms: i64) -> Vec<Deletion> {
        let start = self.log_start_offset();
        let mut deletions = Vec::new();
        // The active segment has no end to compare.
        let before_start = |_: &LogSegment, end: Option<i64>| end.is_some_and(|end| end <= start);
        deletions.extend(self.delete_while(DeletionReason::LogStartOffset, before_start));
        if let Ok(limit) = u64::try_from(rules.retention_bytes)
            && self.size_bytes() >= limit
        {
            let mut excess = self.size_bytes() - limit;
            let too_much = |segment: &LogSegment, _: Option<i64>| {
                let fits = excess.checked_sub(segment.size_bytes);
                excess = fits.unwrap_or(excess);
                fits.is_some()
            };
            deletions.extend(self.delete_while(DeletionReason::RetentionBytes, too_much));
        }
        if rules.retention_ms >= 0 {
            let too_old = |segment: &LogSegment, _: Option<i64>| {
                wall_ms.saturating_sub(segment.largest_timestamp()) > rules.retention_ms
            };
            deletions.extend(self.delete_while(DeletionReason::RetentionMs, too_old));
        }
        deletions
    }

    /// Deletes segments from the oldest on while `goes` says so of a segment and the offset at
    /// which the next one begins, if there is one.
    fn delete_while(
        &mut self,
        reason: DeletionReason,
        mut goes: impl FnMut(&LogSegment, Option<i64>) -> bool,
    ) -> Option<Deletion> {
        let mut batches = Vec::new();
        loop {
            let mut segments = self.segments();
            let oldest = segments.next();
            let end = segments.next().map(|next| next.base_offset);
            if !oldest.is_some_and(|oldest| goes(oldest, end)) {
                break;
            }
            drop(segments);
            batches.extend(self.delete_oldest_segment());
        }
        (!batches.is_empty()).then_some(Deletion { reason, batches })
    }

    /// Moves the log start offset, as DeleteRecords asks: `-1` means the high watermark. Returns
    /// the new one, which is the old one if that was higher already. The records go later, with
    /// their segments.
    ///
    /// Fails with OFFSET_OUT_OF_RANGE for a negative offset or one beyond the high watermark
    /// (`Partition.deleteRecordsOnLeader`, `UnifiedLog.maybeIncrementLogStartOffset`).
    pub fn delete_records_before(
        &mut self,
        offset: i64,
        high_watermark: i64,
    ) -> Result<i64, ResponseError> {
        let offset = match offset {
            -1 => high_watermark,
            offset => offset,
        };
        if !(0..=high_watermark).contains(&offset) {
            return Err(ResponseError::OffsetOutOfRange);
        }
        self.raise_log_start_offset(offset);
        Ok(self.log_start_offset())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record_batch::AppendRules;
    use crate::testing::{APPEND_RULES, record_batch, values};

    const KEEP_ALL: RetentionRules = RetentionRules {
        retention_ms: -1,
        retention_bytes: -1,
    };

    /// Every batch begins a segment whose records are later than the one before.
    const ROLL_AT_ONCE: AppendRules = AppendRules {
        segment_ms: 0,
        ..APPEND_RULES
    };

    fn log(rules: &AppendRules, batches: &[&[(i64, &str)]]) -> PartitionLog {
        let mut log = PartitionLog::default();
        for batch in batches {
            log.append(record_batch(batch), rules, 0).unwrap();
        }
        log
    }

    /// Base offsets of the segments.
    fn segments(log: &PartitionLog) -> Vec<i64> {
        log.segments().map(|segment| segment.base_offset).collect()
    }

    fn by_age(log: &mut PartitionLog, retention_ms: i64, wall_ms: i64) -> Vec<DeletionReason> {
        let rules = RetentionRules {
            retention_ms,
            ..KEEP_ALL
        };
        let deletions = log.delete_old_segments(&rules, wall_ms);
        deletions.iter().map(|deletion| deletion.reason).collect()
    }

    #[test]
    fn a_segment_rolls_by_size_and_by_the_time_between_its_records() {
        let size = record_batch(&[(0, "a")]).len() as i32;
        let two_fit = AppendRules {
            segment_bytes: 2 * size,
            ..APPEND_RULES
        };
        let by_size = log(&two_fit, &[&[(0, "a")], &[(0, "b")], &[(0, "c")]]);
        assert_eq!(segments(&by_size), [0, 2]);
        let a_second = AppendRules {
            segment_ms: 1000,
            ..APPEND_RULES
        };
        let by_time = log(&a_second, &[&[(5, "a")], &[(1005, "b")], &[(1006, "c")]]);
        assert_eq!(segments(&by_time), [0, 2]);
    }

    #[test]
    fn records_without_a_timestamp_age_by_the_clock() {
        let at = |wall_ms| AppendRules {
            segment_ms: 1000,
            wall_ms,
            ..APPEND_RULES
        };
        let mut log = log(&at(100), &[&[(-1, "a")]]);
        log.append(record_batch(&[(-1, "b")]), &at(1100), 0)
            .unwrap();
        assert_eq!(segments(&log), [0]);
        log.append(record_batch(&[(-1, "c")]), &at(1101), 0)
            .unwrap();
        assert_eq!(segments(&log), [0, 2]);
        assert!(by_age(&mut log, 500, 1600).is_empty());
        assert_eq!(by_age(&mut log, 500, 1601), [DeletionReason::RetentionMs]);
    }

    #[test]
    fn a_batch_that_no_segment_can_hold_is_refused() {
        let tiny = AppendRules {
            segment_bytes: 10,
            ..APPEND_RULES
        };
        let refused = PartitionLog::default().append(record_batch(&[(0, "a")]), &tiny, 0);
        let error = refused.unwrap_err().response_error();
        assert_eq!(error, ResponseError::RecordListTooLarge);
    }

    #[test]
    fn old_segments_go_and_the_active_one_too_once_it_is_old() {
        let mut log = log(&ROLL_AT_ONCE, &[&[(100, "a"), (200, "b")], &[(300, "c")]]);
        assert!(by_age(&mut log, 50, 250).is_empty());
        assert_eq!(by_age(&mut log, 50, 251), [DeletionReason::RetentionMs]);
        assert_eq!((log.log_start_offset(), segments(&log)), (2, vec![2]));
        assert_eq!(by_age(&mut log, 50, 351), [DeletionReason::RetentionMs]);
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (3, 3));
        assert_eq!((log.size_bytes(), log.batches().count()), (0, 0));
        let again = record_batch(&[(400, "d")]);
        assert_eq!(log.append(again, &ROLL_AT_ONCE, 0).unwrap().base_offset, 3);
        assert_eq!(
            values(&log.read(3, 1, true).unwrap()),
            [(3, "d".to_owned())]
        );
    }

    #[test]
    fn a_create_time_in_the_future_keeps_its_segment_and_all_later_ones() {
        let mut log = log(&ROLL_AT_ONCE, &[&[(1, "a")], &[(9000, "b")], &[(2, "c")]]);
        assert_eq!(by_age(&mut log, 10, 1000), [DeletionReason::RetentionMs]);
        assert_eq!(log.log_start_offset(), 1);
        assert!(by_age(&mut log, 10, 9010).is_empty());
        assert_eq!(by_age(&mut log, 10, 9011), [DeletionReason::RetentionMs]);
        assert_eq!(log.log_start_offset(), 3);
    }

    #[test]
    fn size_deletes_only_what_is_wholly_too_much() {
        let mut log = log(&ROLL_AT_ONCE, &[&[(1, "a")], &[(2, "b")], &[(3, "c")]]);
        let one = log.size_bytes() as i64 / 3;
        let mut keep = |retention_bytes| {
            let rules = RetentionRules {
                retention_bytes,
                ..KEEP_ALL
            };
            log.delete_old_segments(&rules, 0);
            log.log_start_offset()
        };
        assert_eq!(keep(-1), 0);
        assert_eq!(keep(2 * one + 1), 0);
        assert_eq!(keep(2 * one), 1);
        assert_eq!(keep(0), 3);
    }

    #[test]
    fn deleted_records_cannot_be_read_and_go_with_their_segments() {
        let batches: [&[(i64, &str)]; 2] = [&[(1, "a"), (2, "b")], &[(3, "c")]];
        let mut log = log(&ROLL_AT_ONCE, &batches);
        for outside in [-2, 4] {
            let refused = log.delete_records_before(outside, log.log_end_offset());
            assert_eq!(refused, Err(ResponseError::OffsetOutOfRange));
        }
        assert_eq!(log.delete_records_before(1, log.log_end_offset()), Ok(1));
        assert_eq!(log.delete_records_before(0, log.log_end_offset()), Ok(1));
        assert_eq!(log.read(0, 9, true), Err(ResponseError::OffsetOutOfRange));
        // The batch is whole: clients skip what they did not ask for.
        assert_eq!(values(&log.read(1, 1, true).unwrap()).len(), 2);
        let earliest = log.offset_for_timestamp(0).unwrap().unwrap();
        assert_eq!((earliest.offset, earliest.timestamp_ms), (1, 2));
        assert!(log.delete_old_segments(&KEEP_ALL, 0).is_empty());
        assert_eq!(log.delete_records_before(2, log.log_end_offset()), Ok(2));
        let deleted = log.delete_old_segments(&KEEP_ALL, 0);
        assert_eq!(deleted[0].reason, DeletionReason::LogStartOffset);
        assert_eq!((deleted[0].end_offset(), segments(&log)), (2, vec![2]));
        assert_eq!(log.delete_records_before(-1, log.log_end_offset()), Ok(3));
        // Kafka keeps the active segment for this reason alone.
        assert!(log.delete_old_segments(&KEEP_ALL, 0).is_empty());
        assert_eq!(log.read(3, 1, true), Ok(Default::default()));
    }

    #[test]
    fn the_first_epoch_begins_at_the_start() {
        let mut log = PartitionLog::default();
        for (epoch, value) in [(0, "a"), (1, "b"), (3, "c")] {
            let batch = record_batch(&[(1, value)]);
            log.append(batch, &APPEND_RULES, epoch).unwrap();
        }
        log.delete_records_before(2, log.log_end_offset()).unwrap();
        assert_eq!(log.epoch_for_offset(2), Some(3));
        // An epoch whose records are gone ended where the log begins.
        let end = log.end_offset_for_epoch(1);
        assert_eq!((end.epoch, end.offset), (1, 2));
    }

    proptest! {
        /// Whatever is deleted, what is left is a suffix, found by offset and by time as before.
        #[test]
        fn what_is_left_is_what_was_there_without_a_prefix(
            timestamps in prop::collection::vec(prop::collection::vec(0i64..1000, 1..4), 1..20),
            segment_ms in 0i64..500,
            retention_ms in 0i64..1000,
            retention_bytes in -1i64..2000,
            delete_before in 0.0f64..1.0,
            since in 0i64..1000,
        ) {
            let rules = AppendRules { segment_ms, ..APPEND_RULES };
            let batches: Vec<Vec<(i64, &str)>> = timestamps
                .iter()
                .map(|batch| batch.iter().map(|ms| (*ms, "x")).collect())
                .collect();
            let batches: Vec<&[(i64, &str)]> = batches.iter().map(Vec::as_slice).collect();
            let mut log = log(&rules, &batches);
            let all: Vec<i64> = timestamps.concat();
            let before = (delete_before * all.len() as f64) as i64;
            log.delete_records_before(before, log.log_end_offset()).unwrap();
            let retention = RetentionRules { retention_ms, retention_bytes };
            let mut largest = Vec::new();
            for segment in log.segments() {
                largest.push((segment.base_offset, segment.largest_timestamp()));
            }
            let deleted = log.delete_old_segments(&retention, 1000);

            let start = log.log_start_offset();
            prop_assert!(start >= before);
            prop_assert_eq!(log.log_end_offset(), all.len() as i64);
            let gone: usize = deleted.iter().map(|deletion| deletion.batches.len()).sum();
            prop_assert_eq!(gone + log.batches().count(), batches.len());
            // No segment that time alone would have deleted is at the front.
            if let Some(front) = log.segments().next() {
                prop_assert!(1000 - front.largest_timestamp() <= retention_ms);
            }
            // Nothing went that neither time nor size nor the start asked for.
            let by_time = deleted.iter().filter(|d| d.reason == DeletionReason::RetentionMs);
            for batch in by_time.flat_map(|deletion| &deletion.batches) {
                let of = largest.iter().rfind(|(base, _)| *base <= batch.base_offset());
                prop_assert!(of.is_some_and(|(_, ms)| 1000 - ms > retention_ms));
            }
            let size: usize = log.batches().map(|batch| batch.bytes().len()).sum();
            prop_assert_eq!(log.size_bytes(), size as u64);
            let count: usize = log.segments().map(|segment| segment.batches).sum();
            prop_assert_eq!(log.batches().count(), count);
            for offset in start..all.len() as i64 {
                let read = values(&log.read(offset, 1, true).unwrap());
                prop_assert!(read.iter().any(|(found, _)| *found == offset));
            }
            let found = log.offset_for_timestamp(since).unwrap();
            let segment = log.segments().position(|one| one.largest_timestamp() >= since);
            let bases: Vec<i64> = log.segments().map(|one| one.base_offset).collect();
            let expected = segment.and_then(|at| {
                let end = bases.get(at + 1).copied().unwrap_or(all.len() as i64);
                let offsets = bases[at].max(start)..end;
                offsets.zip(&all[bases[at].max(start) as usize..]).find(|(_, ms)| **ms >= since)
            });
            prop_assert_eq!(
                found.map(|found| (found.offset, found.timestamp_ms)),
                expected.map(|(offset, ms)| (offset, *ms))
            );
        }
    }
}
