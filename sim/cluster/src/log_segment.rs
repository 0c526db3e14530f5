//! A segment of a log: a run of batches that retention deletes as a whole.

use crate::record_batch::{AppendRules, RecordBatch};

/// What is known of a segment beside its batches, which lie in the log.
#[derive(Debug, Clone)]
pub(crate) struct LogSegment {
    pub(crate) base_offset: i64,
    /// How many batches it holds; at least one.
    pub(crate) batches: usize,
    pub(crate) size_bytes: u64,
    /// Largest timestamp of its first batch: what `segment.ms` counts from
    /// (`LogSegment.rollingBasedTimestamp`).
    first_timestamp: i64,
    max_timestamp: i64,
    created_ms: i64,
    last_modified_ms: i64,
}

impl LogSegment {
    /// A segment that begins with this batch.
    pub(crate) fn begin(batch: &RecordBatch, wall_ms: i64) -> Self {
        Self {
            base_offset: batch.base_offset(),
            batches: 1,
            size_bytes: batch.bytes().len() as u64,
            first_timestamp: batch.max_timestamp(),
            max_timestamp: batch.max_timestamp(),
            created_ms: wall_ms,
            last_modified_ms: wall_ms,
        }
    }

    /// Takes one more batch.
    pub(crate) fn push(&mut self, batch: &RecordBatch, wall_ms: i64) {
        self.batches += 1;
        self.size_bytes += batch.bytes().len() as u64;
        self.max_timestamp = self.max_timestamp.max(batch.max_timestamp());
        self.last_modified_ms = wall_ms;
    }

    /// The segment as it would be with these of its batches only, the first of them included; none
    /// without any.
    pub(crate) fn cut_to<'a>(
        &self,
        mut batches: impl Iterator<Item = &'a RecordBatch>,
    ) -> Option<Self> {
        let mut cut = Self::begin(batches.next()?, self.created_ms);
        for batch in batches {
            cut.push(batch, self.last_modified_ms);
        }
        Some(cut)
    }

    /// The segment that becomes of these, where only those batches are left; none without any.
    pub(crate) fn merged<'a>(
        group: &[Self],
        batches: impl Iterator<Item = &'a RecordBatch>,
    ) -> Option<Self> {
        let (first, last) = (group.first()?, group.last()?);
        let left = first.cut_to(batches)?;
        Some(Self {
            base_offset: first.base_offset,
            last_modified_ms: last.last_modified_ms,
            ..left
        })
    }

    /// Largest timestamp of its first batch.
    pub(crate) fn first_timestamp(&self) -> i64 {
        self.first_timestamp
    }

    /// Whether the next batch belongs to a new segment (`LogSegment.shouldRoll`). Time passes here
    /// by the records' timestamps, and by the broker's clock only where they have none.
    pub(crate) fn should_roll(&self, next: &RecordBatch, rules: &AppendRules) -> bool {
        let size_after = self.size_bytes + next.bytes().len() as u64;
        let waited_ms = if self.first_timestamp >= 0 {
            next.max_timestamp().saturating_sub(self.first_timestamp)
        } else {
            rules.wall_ms.saturating_sub(self.created_ms)
        };
        size_after > u64::from(rules.segment_bytes.unsigned_abs()) || waited_ms > rules.segment_ms
    }

    /// What time-based retention and lookups by time compare (`LogSegment.largestTimestamp`).
    pub(crate) fn largest_timestamp(&self) -> i64 {
        if self.max_timestamp >= 0 {
            self.max_timestamp
        } else {
            self.last_modified_ms
        }
    }
}
