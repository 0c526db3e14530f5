use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::record_batch::AppendRules;
use crate::testing::{APPEND_RULES, Sender, keyed_batch};

/// Every batch begins a segment whose records are later than the one before.
const ROLL_AT_ONCE: AppendRules = AppendRules {
    segment_ms: 0,
    ..APPEND_RULES
};

const RULES: CompactionRules = CompactionRules {
    dirty_ratio_min: 0.0,
    lag_ms_min: 0,
    lag_ms_max: i64::MAX,
    delete_retention_ms: 1_000,
    segment_bytes: i32::MAX,
};

type Keyed<'a> = (i64, &'a str, Option<&'a str>);

/// A log and what is known of its producers.
#[derive(Default)]
struct Lab {
    log: PartitionLog,
    producers: ProducerStates,
}

impl Lab {
    fn of(batches: &[&[Keyed<'_>]]) -> Self {
        let mut lab = Self::default();
        for batch in batches {
            lab.append(&Sender::default(), batch);
        }
        lab
    }

    fn append(&mut self, sender: &Sender, records: &[Keyed<'_>]) {
        let bytes = keyed_batch(sender, records);
        self.log.append(bytes, &ROLL_AT_ONCE, 0).unwrap();
        self.note_last();
    }

    fn note_last(&mut self) {
        let last = self.log.batches().next_back().unwrap().clone();
        self.producers.record(&last);
    }

    fn end_transaction(&mut self, producer_id: i64, committed: bool, timestamp_ms: i64) {
        let marker = crate::control_batch::EndTransactionMarker {
            producer_id,
            producer_epoch: 0,
            committed,
            coordinator_epoch: 0,
            timestamp_ms,
        };
        let marker = crate::record_batch::ValidBatch::marker(&marker).unwrap();
        self.log.append_valid(marker, &ROLL_AT_ONCE, 0);
        self.note_last();
    }

    /// How many batches were removed or rewritten.
    fn compact(&mut self, rules: &CompactionRules, wall_ms: i64) -> usize {
        let stable = self.producers.transactions().first_open_offset();
        let stable = stable.unwrap_or(self.log.log_end_offset());
        self.log
            .compact(rules, &self.producers, stable, wall_ms)
            .len()
    }

    /// Offsets, keys and values of what can be read; control records left out.
    fn read(&self) -> Vec<(i64, String, bool)> {
        let data = self.log.batches().filter(|batch| !batch.is_control());
        data.flat_map(|batch| {
            let records = batch.records().map(|record| {
                let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
                (record.offset, key, record.has_value)
            });
            records.collect::<Vec<_>>()
        })
        .collect()
    }

    fn offsets(&self) -> Vec<i64> {
        self.read().into_iter().map(|(offset, ..)| offset).collect()
    }

    fn markers(&self) -> usize {
        self.log
            .batches()
            .filter(|batch| batch.is_control())
            .count()
    }
}

fn transactional(producer_id: i64, sequence: i32) -> Sender {
    Sender {
        transactional: true,
        ..Sender::idempotent(producer_id, 0, sequence)
    }
}

#[test]
fn of_each_key_the_last_record_stays_and_no_offset_changes() {
    let batches: [&[Keyed<'_>]; 4] = [
        &[(1, "a", Some("1")), (1, "b", Some("1"))],
        &[(2, "a", Some("2"))],
        &[(3, "c", Some("1")), (3, "a", Some("3"))],
        &[(4, "b", Some("2"))],
    ];
    let mut lab = Lab::of(&batches);
    let end = lab.log.log_end_offset();
    assert_eq!(lab.compact(&RULES, 10), 2);
    // The active segment has a newer `b`, and is not looked at.
    assert_eq!(lab.offsets(), [1, 3, 4, 5]);
    assert_eq!(
        (lab.log.log_start_offset(), lab.log.log_end_offset()),
        (0, end)
    );
    // A reader within a hole gets what comes next.
    let from_hole = lab.log.read(2, 1, true).unwrap();
    assert_eq!(crate::testing::values(&from_hole)[0].0, 3);
    assert_eq!(lab.compact(&RULES, 10), 0, "nothing is dirty any more");
}

#[test]
fn a_pass_comes_when_enough_is_dirty_or_a_record_has_waited_long_enough() {
    let half = CompactionRules {
        dirty_ratio_min: 0.5,
        ..RULES
    };
    let mut lab = Lab::of(&[
        &[(1, "a", Some("1"))],
        &[(2, "b", Some("1"))],
        &[(3, "c", Some("1"))],
    ]);
    // All of it is dirty.
    lab.compact(&half, 10);
    assert_eq!(lab.log.compacted_until(), 2);
    lab.append(&Sender::default(), &[(4, "a", Some("2"))]);
    lab.append(&Sender::default(), &[(5, "d", Some("1"))]);
    // Two of four segments: not more than half.
    lab.compact(&half, 10);
    assert_eq!(lab.offsets(), [0, 1, 2, 3, 4]);
    let late = CompactionRules {
        lag_ms_max: 6,
        ..half
    };
    lab.compact(&late, 9);
    assert_eq!(lab.offsets(), [0, 1, 2, 3, 4]);
    lab.compact(&late, 10);
    assert_eq!(lab.offsets(), [1, 2, 3, 4]);
}

#[test]
fn what_is_young_or_not_stable_stays_with_all_that_follows() {
    let batches: [&[Keyed<'_>]; 4] = [
        &[(1, "a", Some("1"))],
        &[(5, "a", Some("2"))],
        &[(9, "a", Some("3"))],
        &[(10, "a", Some("4"))],
    ];
    let mut lab = Lab::of(&batches);
    let young = CompactionRules {
        lag_ms_min: 4,
        ..RULES
    };
    lab.compact(&young, 8);
    assert_eq!(lab.log.compacted_until(), 1);
    lab.compact(&young, 9);
    assert_eq!(lab.offsets(), [1, 2, 3]);

    let mut open = Lab::of(&batches[..1]);
    open.append(&transactional(7, 0), &[(2, "a", Some("2"))]);
    open.append(&Sender::default(), &[(3, "a", Some("3"))]);
    open.append(&Sender::default(), &[(4, "z", Some("1"))]);
    open.compact(&RULES, 10);
    assert_eq!(open.offsets(), [0, 1, 2, 3]);
    open.end_transaction(7, true, 5);
    open.compact(&RULES, 10);
    assert_eq!(open.offsets(), [2, 3]);
}

#[test]
fn a_tombstone_stays_for_delete_retention_ms_after_its_first_pass() {
    let mut lab = Lab::of(&[
        &[(1, "a", Some("1"))],
        &[(2, "a", None)],
        &[(3, "x", Some("1"))],
    ]);
    lab.compact(&RULES, 100);
    assert_eq!(lab.read()[0], (1, "a".to_owned(), false));
    let horizon = lab.log.batches().next().unwrap().delete_horizon_ms();
    assert_eq!(horizon, Some(1_100));
    lab.append(&Sender::default(), &[(4, "y", Some("1"))]);
    lab.compact(&RULES, 1_099);
    assert_eq!(lab.offsets(), [1, 2, 3]);
    lab.append(&Sender::default(), &[(5, "z", Some("1"))]);
    lab.compact(&RULES, 1_100);
    assert_eq!(lab.offsets(), [2, 3, 4]);
}

#[test]
fn a_producers_last_batch_stays_without_its_records() {
    let mut lab = Lab::default();
    for (sequence, value) in (0..).zip(["1", "2", "3"]) {
        let sender = Sender::idempotent(9, 0, sequence);
        lab.append(&sender, &[(i64::from(sequence), "a", Some(value))]);
    }
    lab.append(&Sender::default(), &[(8, "a", Some("4"))]);
    lab.append(&Sender::default(), &[(9, "x", Some("1"))]);
    lab.compact(&RULES, 100);
    assert_eq!(lab.offsets(), [3, 4]);
    let first = lab.log.batches().next().unwrap();
    assert_eq!((first.record_count(), first.base_offset()), (0, 2));
    // A retry after a restart is still known.
    let rebuilt = ProducerStates::rebuild(lab.log.batches());
    let retry = first.producer().unwrap();
    let known = rebuilt.admit(&retry).unwrap();
    assert!(
        matches!(known, crate::producer_state::Admission::Duplicate(_)),
        "{known:?}"
    );
    // It stays as it is at the next pass.
    lab.append(&Sender::default(), &[(10, "y", Some("1"))]);
    assert_eq!(lab.compact(&RULES, 100), 0);
}

#[test]
fn aborted_records_go_at_once_and_their_marker_later() {
    let mut lab = Lab::default();
    lab.append(&transactional(7, 0), &[(1, "a", Some("1"))]);
    lab.end_transaction(7, true, 2);
    lab.append(&transactional(7, 1), &[(3, "a", Some("never"))]);
    lab.end_transaction(7, false, 4);
    // Another transaction, so that what is known of the producer comes from there.
    lab.append(&transactional(7, 2), &[(5, "b", Some("1"))]);
    lab.end_transaction(7, true, 6);
    lab.append(&Sender::default(), &[(7, "x", Some("1"))]);
    lab.compact(&RULES, 100);
    assert_eq!((lab.offsets(), lab.markers()), (vec![0, 4, 6], 3));
    // Only the marker of the aborted one ends nothing any more: now its time begins to run.
    for (at, wall_ms, markers) in [(8, 200, 3), (9, 1_199, 3), (10, 1_200, 2)] {
        lab.append(&Sender::default(), &[(at, "y", Some("1"))]);
        lab.compact(&RULES, wall_ms);
        assert_eq!(lab.markers(), markers, "at {wall_ms}");
    }
}

#[test]
fn small_segments_become_one_up_to_segment_bytes() {
    let batches: [&[Keyed<'_>]; 5] = [
        &[(1, "a", Some("1"))],
        &[(2, "b", Some("1"))],
        &[(3, "c", Some("1"))],
        &[(4, "d", Some("1"))],
        &[(5, "e", Some("1"))],
    ];
    let mut lab = Lab::of(&batches);
    let one = lab.log.size_bytes() as i32 / 5;
    let two_fit = CompactionRules {
        segment_bytes: 2 * one,
        ..RULES
    };
    lab.compact(&two_fit, 10);
    let segments: Vec<i64> = lab
        .log
        .segments()
        .map(|segment| segment.base_offset)
        .collect();
    assert_eq!(segments, [0, 2, 4]);
    let found = lab.log.offset_for_timestamp(4).unwrap().unwrap();
    assert_eq!(found.offset, 3);
}

proptest! {
    /// Whenever passes come, the log stays one that gives the same table, at the same offsets.
    #[test]
    fn a_table_read_from_the_log_is_always_the_same(
        batches in prop::collection::vec(
            prop::collection::vec((0_u8..6, prop::bool::weighted(0.8)), 1..5), 1..30),
        passes in prop::collection::vec(prop::bool::weighted(0.4), 30),
        dirty_ratio_min in 0.0f64..1.0,
        segment_bytes in 100i32..1000,
        truncated in 0.0f64..1.0,
    ) {
        let rules = CompactionRules { dirty_ratio_min, segment_bytes, ..RULES };
        let mut lab = Lab::default();
        let mut whole: BTreeMap<String, (i64, bool)> = BTreeMap::new();
        let mut next_offset = 0;
        for (at, (batch, pass)) in batches.iter().zip(&passes).enumerate() {
            let keys: Vec<String> = batch.iter().map(|(key, _)| format!("k{key}")).collect();
            let records: Vec<Keyed<'_>> = keys.iter().zip(batch)
                .map(|(key, (_, has_value))| (at as i64, key.as_str(), has_value.then_some("v")))
                .collect();
            lab.append(&Sender::default(), &records);
            for (key, (_, has_value)) in keys.into_iter().zip(batch) {
                whole.insert(key, (next_offset, *has_value));
                next_offset += 1;
            }
            if *pass {
                // Late enough for every tombstone that an earlier pass has seen.
                lab.compact(&rules, 2_000 * at as i64);
            }
        }
        let mut read: BTreeMap<String, (i64, bool)> = BTreeMap::new();
        for (offset, key, has_value) in lab.read() {
            read.insert(key, (offset, has_value));
        }
        for (key, (offset, has_value)) in &whole {
            match read.get(key) {
                Some(found) => prop_assert_eq!(found, &(*offset, *has_value)),
                None => prop_assert!(!has_value, "{} is lost", key),
            }
        }
        prop_assert_eq!(lab.log.log_end_offset(), next_offset);
        let offsets = lab.offsets();
        prop_assert!(offsets.is_sorted());
        // What the log knows of itself agrees with what it holds.
        let size: usize = lab.log.batches().map(|batch| batch.bytes().len()).sum();
        prop_assert_eq!(lab.log.size_bytes(), size as u64);
        let count: usize = lab.log.segments().map(|segment| segment.batches).sum();
        prop_assert_eq!(lab.log.batches().count(), count);
        for offset in 0..next_offset {
            let bytes = lab.log.read(offset, usize::MAX, true).unwrap();
            let next = offsets.iter().find(|found| **found >= offset);
            let found = crate::testing::values(&bytes);
            let found = found.iter().map(|(found, _)| *found).find(|found| *found >= offset);
            prop_assert_eq!(found, next.copied());
        }
        let cut = (truncated * next_offset as f64) as i64;
        lab.log.truncate_to(cut);
        prop_assert!(lab.log.compacted_until() <= lab.log.log_end_offset().max(cut));
        prop_assert!(lab.offsets().iter().all(|offset| *offset < cut));
    }
}
