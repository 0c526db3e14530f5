//! The micro-batch: records in the order in which they came, in one reused buffer.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::config::BatchLimits;

/// Names a line (an assigned partition) within one worker.
pub type LineId = u32;

/// A batch that is being filled, or on its way into the sink.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<BatchRecord>,
    opened_at: Option<Instant>,
}

/// One record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// The line it came from.
    pub line: LineId,
    /// Its offset in the partition.
    pub offset: i64,
    /// The record's timestamp, as the broker gives it.
    pub broker_time_ms: Option<i64>,
    /// It is below the position already reached: only counted.
    pub redelivered: bool,
    key: Option<Range<usize>>,
    payload: Option<Range<usize>>,
}

impl Batch {
    /// Adds a record; the first one starts the linger.
    pub fn push(&mut self, now: Instant, record: Incoming<'_>) {
        self.opened_at.get_or_insert(now);
        let key = record.key.map(|key| self.keep(key));
        let payload = record.payload.map(|payload| self.keep(payload));
        self.records.push(BatchRecord {
            line: record.line,
            offset: record.offset,
            broker_time_ms: record.broker_time_ms,
            redelivered: record.redelivered,
            key,
            payload,
        });
    }

    /// The records, in the order in which they came.
    #[must_use]
    pub fn records(&self) -> &[BatchRecord] {
        &self.records
    }

    /// A record's key.
    #[must_use]
    pub fn key(&self, record: &BatchRecord) -> Option<&[u8]> {
        record.key.clone().map(|range| &self.bytes[range])
    }

    /// A record's payload.
    #[must_use]
    pub fn payload(&self, record: &BatchRecord) -> Option<&[u8]> {
        record.payload.clone().map(|range| &self.bytes[range])
    }

    /// No record is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// No more records belong in it.
    #[must_use]
    pub fn is_full(&self, limits: &BatchLimits) -> bool {
        self.records.len() >= limits.records_max
    }

    /// It is full, or its first record has waited long enough.
    #[must_use]
    pub fn is_due(&self, now: Instant, limits: &BatchLimits) -> bool {
        self.is_full(limits) || self.linger_left(now, limits) == Some(Duration::ZERO)
    }

    /// How long the first record may still wait; `None` without one.
    #[must_use]
    pub fn linger_left(&self, now: Instant, limits: &BatchLimits) -> Option<Duration> {
        let waited = now.saturating_duration_since(self.opened_at?);
        Some(limits.linger.saturating_sub(waited))
    }

    /// Drops the records that `keep` refuses and says how many.
    pub fn retain(&mut self, keep: impl Fn(&BatchRecord) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(keep);
        let dropped = before - self.records.len();
        if self.records.is_empty() {
            self.clear();
        }
        dropped
    }

    /// Forgets all records, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.opened_at = None;
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        from..self.bytes.len()
    }
}

/// A record on its way into a batch.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The line it came from.
    pub line: LineId,
    /// Its offset in the partition.
    pub offset: i64,
    /// The record's timestamp, as the broker gives it.
    pub broker_time_ms: Option<i64>,
    /// It is below the position already reached: only counted.
    pub redelivered: bool,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The payload, if it has one.
    pub payload: Option<&'a [u8]>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(LineId, Vec<u8>),
        Wait(u64),
        Revoke(LineId),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (0_u32..3, prop::collection::vec(any::<u8>(), 0..5)).prop_map(|(line, payload)| Step::Push(line, payload)),
            2 => (0_u64..150).prop_map(Step::Wait),
            1 => (0_u32..3).prop_map(Step::Revoke),
        ];
        prop::collection::vec(step, 0..120)
    }

    proptest! {
        /// Whatever comes, every record leaves exactly once, unchanged and in order, in a batch
        /// that is never over its limits.
        #[test]
        fn nothing_is_lost_mixed_up_or_late(steps in steps(), records_max in 1_usize..20) {
            let limits = BatchLimits { records_max, linger: Duration::from_millis(100) };
            let start = Instant::now();
            let mut now = start;
            let mut batch = Batch::default();
            let mut opened = None;
            let mut waiting: Vec<(LineId, i64, Vec<u8>)> = Vec::new();
            for (offset, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(line, payload) => {
                        let offset = offset as i64;
                        batch.push(now, Incoming { line, offset, broker_time_ms: None, redelivered: false, key: None, payload: Some(&payload) });
                        opened.get_or_insert(now);
                        waiting.push((line, offset, payload));
                    }
                    Step::Wait(ms) => now += Duration::from_millis(ms),
                    Step::Revoke(line) => {
                        let dropped = batch.retain(|record| record.line != line);
                        let before = waiting.len();
                        waiting.retain(|record| record.0 != line);
                        prop_assert_eq!(dropped, before - waiting.len());
                        if waiting.is_empty() { opened = None; }
                    }
                }
                let expected = waiting.len() >= records_max
                    || opened.is_some_and(|opened| now - opened >= limits.linger);
                prop_assert_eq!(batch.is_due(now, &limits), expected);
                prop_assert_eq!(batch.is_empty(), waiting.is_empty());
                if expected {
                    prop_assert!(batch.records().len() <= records_max);
                    let held: Vec<_> = batch.records().iter()
                        .map(|record| (record.line, record.offset, batch.payload(record).unwrap().to_vec()))
                        .collect();
                    prop_assert_eq!(&held, &waiting);
                    batch.clear();
                    waiting.clear();
                    opened = None;
                }
            }
        }
    }
}
