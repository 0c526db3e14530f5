//! The partitions of a run by number, and their logs.

use crate::pipeline_under_test::{InputRecord, RecordPosition};

/// Every partition that the log or the trace names, numbered from 0.
#[derive(Debug)]
pub(super) struct Partitions<'o> {
    known: Vec<Known<'o>>,
    /// The one asked for last: most events of a stretch are about one partition.
    last: usize,
}

#[derive(Debug)]
struct Known<'o> {
    topic: &'o str,
    partition: i32,
    /// Its records by offset. Offsets can be missing: retention, and records of transactions.
    log: &'o [InputRecord],
}

impl<'o> Partitions<'o> {
    /// The partitions of a log that is ordered by topic, partition and offset.
    pub(super) fn of(log: &'o [InputRecord]) -> Self {
        let known = log
            .chunk_by(|a, b| a.partition == b.partition && a.topic == b.topic)
            .map(|log| Known {
                topic: &log[0].topic,
                partition: log[0].partition,
                log,
            })
            .collect();
        Self { known, last: 0 }
    }

    /// The partition's number; a new one is given one.
    pub(super) fn number(&mut self, topic: &'o str, partition: i32) -> usize {
        let is = |known: &Known<'o>| known.partition == partition && known.topic == topic;
        if !self.known.get(self.last).is_some_and(is) {
            self.last = self.known.iter().position(is).unwrap_or_else(|| {
                self.known.push(Known {
                    topic,
                    partition,
                    log: &[],
                });
                self.known.len() - 1
            });
        }
        self.last
    }

    /// Whether the number is the partition's.
    pub(super) fn is(&self, number: usize, topic: &str, partition: i32) -> bool {
        let known = self.known.get(number);
        known.is_some_and(|known| known.partition == partition && known.topic == topic)
    }

    /// The number of a partition that has one.
    pub(super) fn find(&self, topic: &str, partition: i32) -> Option<usize> {
        self.known
            .iter()
            .position(|known| known.partition == partition && known.topic == topic)
    }

    /// Every partition's number.
    pub(super) fn numbers(&self) -> std::ops::Range<usize> {
        0..self.known.len()
    }

    /// `trades-3`.
    pub(super) fn name(&self, partition: usize) -> String {
        let known = &self.known[partition];
        format!("{}-{}", known.topic, known.partition)
    }

    pub(super) fn position(&self, partition: usize, offset: i64) -> RecordPosition {
        let known = &self.known[partition];
        RecordPosition {
            topic: known.topic.to_owned(),
            partition: known.partition,
            offset,
        }
    }

    /// The records that are in the partition's log at the end of the run.
    pub(super) fn log(&self, partition: usize) -> &'o [InputRecord] {
        self.known[partition].log
    }

    /// The index in [`Self::log`] of the first record at or past the offset.
    pub(super) fn index_from(&self, partition: usize, offset: i64) -> usize {
        let log = self.log(partition);
        let Some(first) = log.first() else {
            return 0;
        };
        // Without gaps the place can be computed.
        let guess = usize::try_from(offset.saturating_sub(first.offset)).unwrap_or(0);
        match log.get(guess) {
            Some(record) if record.offset == offset => guess,
            _ => log.partition_point(|record| record.offset < offset),
        }
    }

    /// The index in [`Self::log`] of the record at the offset.
    pub(super) fn index_at(&self, partition: usize, offset: i64) -> Option<usize> {
        let index = self.index_from(partition, offset);
        let record = self.log(partition).get(index)?;
        (record.offset == offset).then_some(index)
    }

    /// The records with offsets in `from..until`.
    pub(super) fn between(&self, partition: usize, from: i64, until: i64) -> &'o [InputRecord] {
        if from >= until {
            return &[];
        }
        let log = self.log(partition);
        let begin = self.index_from(partition, from);
        let end = self.index_from(partition, until);
        &log[begin..end.max(begin)]
    }
}

/// A value for each partition, made when it is first asked for.
#[derive(Debug)]
pub(super) struct PerPartition<T>(Vec<T>);

impl<T> Default for PerPartition<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> PerPartition<T> {
    pub(super) fn of(&mut self, partition: usize) -> &mut T {
        if self.0.len() <= partition {
            self.0.resize_with(partition + 1, T::default);
        }
        &mut self.0[partition]
    }

    pub(super) fn get(&self, partition: usize) -> Option<&T> {
        self.0.get(partition)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(partition: i32, offset: i64) -> InputRecord {
        InputRecord {
            id: None,
            topic: "trades".to_owned(),
            partition,
            offset,
            key: None,
            payload: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn finds_what_a_search_finds(
            offsets in prop::collection::btree_set(0..60_i64, 0..40),
            from in -5..70_i64,
            until in -5..70_i64,
        ) {
            let mut log = vec![record(0, 7)];
            log.extend(offsets.iter().map(|offset| record(1, *offset)));
            let mut partitions = Partitions::of(&log);
            let number = partitions.number("trades", 1);
            let found: Vec<i64> = partitions
                .between(number, from, until)
                .iter()
                .map(|record| record.offset)
                .collect();
            let expected: Vec<i64> = offsets
                .iter()
                .copied()
                .filter(|offset| (from..until).contains(offset))
                .collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(
                partitions.index_at(number, from),
                offsets.iter().position(|offset| *offset == from)
            );
        }
    }

    #[test]
    fn a_partition_keeps_its_number() {
        let log = [record(0, 0), record(2, 0)];
        let mut partitions = Partitions::of(&log);
        assert_eq!(partitions.number("trades", 2), 1);
        assert_eq!(partitions.number("fills", 2), 2);
        assert_eq!(partitions.number("trades", 0), 0);
        assert_eq!(partitions.number("fills", 2), 2);
        assert_eq!(partitions.name(2), "fills-2");
        assert!(partitions.log(2).is_empty());
    }
}
