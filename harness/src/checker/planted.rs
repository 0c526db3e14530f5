//! A run that went right, for tests to spoil.

use std::collections::{BTreeMap, BTreeSet};

use super::observation::{Acknowledged, Observation};
use crate::dataset::record::{Malformed, What};
use crate::pipeline_under_test::{Accounting, InputRecord, RecordPosition, Row};
use crate::trace::history;

const ACKNOWLEDGED_AT_NS: u64 = 5_000_000;

fn payload(id: &str) -> Vec<u8> {
    format!("{{\"id\":\"{id}\"}}").into_bytes()
}

pub(super) fn row(record: &InputRecord) -> Row {
    let id = record.id.clone().expect("only good records have rows");
    Row {
        columns: BTreeMap::from([("text".to_owned(), format!("of {id}"))]),
        id,
        source: Some(record.position()),
    }
}

/// What each record of a planted log is: its id, or none for a malformed one.
pub(super) type Script = Vec<(i32, Option<String>)>;

/// A run over a log of these records (partition, id) with everything in its place. A repeated id
/// is a duplicate, none is a malformed record.
pub(super) fn run(script: &Script) -> Observation {
    let mut run = Observation {
        quarantined: Some(Vec::new()),
        healed_at_ns: 60_000_000_000,
        drained_at_ns: Some(65_000_000_000),
        liveness_ms: 30_000,
        ..Observation::default()
    };
    let mut accounting = Accounting::default();
    let mut next_offset: BTreeMap<i32, i64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (index, (partition, id)) in script.iter().enumerate() {
        let offset = next_offset.entry(*partition).or_default();
        let record = InputRecord {
            id: id.clone(),
            topic: "trades".to_owned(),
            partition: *partition,
            offset: *offset,
            key: None,
            payload: id.as_deref().map_or_else(|| b"{".to_vec(), payload),
        };
        *offset += 1;
        accounting.records_in += 1;
        let what = match id {
            None => {
                accounting.quarantined += 1;
                run.quarantined
                    .get_or_insert_default()
                    .push(record.position());
                What::Malformed(Malformed::Truncated)
            }
            Some(id) if seen.insert(id.clone()) => {
                accounting.results += 1;
                run.expected.push(row(&record));
                run.results.push(row(&record));
                What::Fresh
            }
            Some(_) => {
                accounting.duplicates += 1;
                What::DuplicateOf(0)
            }
        };
        run.acknowledged.insert(
            record.position(),
            Acknowledged {
                index: index as u64,
                what,
                at_ns: ACKNOWLEDGED_AT_NS,
            },
        );
        run.log.push(record);
    }
    // A redelivery on top, cut as it should be.
    accounting.records_in += 1;
    accounting.redelivered += 1;
    run.accounting = Some(accounting);
    for (partition, offset) in next_offset {
        let partition = i64::from(partition);
        run.trace.push(history::offset_commit(
            64_000.0, "worker-1", partition, offset, 2,
        ));
    }
    run.log.sort_by_key(InputRecord::position);
    run
}

/// Three partitions, six results, one duplicate, one malformed record.
pub(super) fn right_run() -> Observation {
    let id = |text: &str| Some(text.to_owned());
    run(&vec![
        (0, id("IBM-0")),
        (1, id("SPY-0")),
        (0, id("IBM-1")),
        (2, id("BAC-0")),
        (1, None),
        (1, id("SPY-1")),
        (0, id("IBM-0")),
        (0, id("IBM-2")),
    ])
}

/// Where rows of a partition stand in the result set.
pub(super) fn rows_of_partition(run: &Observation, partition: i32) -> Vec<usize> {
    run.results
        .iter()
        .enumerate()
        .filter(|(_, row)| {
            row.source
                .as_ref()
                .is_some_and(|s| s.partition == partition)
        })
        .map(|(index, _)| index)
        .collect()
}

/// `trades-<partition>@<offset>`.
pub(super) fn position(partition: i32, offset: i64) -> RecordPosition {
    RecordPosition {
        topic: "trades".to_owned(),
        partition,
        offset,
    }
}
