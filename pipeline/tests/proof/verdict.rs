//! Judging a sink by what the log and the file hold: nothing lost, nothing twice, nothing made up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use whitewater_pipeline::sqlite::Reader;

use super::dataset::Dataset;
use super::oracle;
use super::topic_log::LogRecord;

/// What a proved sink holds.
pub(crate) struct Verdict {
    /// Records of the log.
    pub(crate) records: usize,
    /// Rows of the result set.
    pub(crate) rows: usize,
    /// Records of the log whose id had come before.
    pub(crate) duplicates: usize,
    /// Records that workers took twice and cut.
    pub(crate) redelivered: u64,
    /// Records kept aside.
    pub(crate) quarantined: usize,
}

/// Partition and offset.
type Place = (i32, i64);

/// What should have come of a log.
struct Expected {
    /// Per message id: where it came first, and the row it makes.
    rows: BTreeMap<String, (Place, Vec<Option<String>>)>,
    /// Payloads that make no row.
    malformed: BTreeMap<Place, Vec<u8>>,
    /// Records whose id had come before.
    duplicates: usize,
}

/// Compares a sink with the log it was made from, and the log with the file it was sent from.
///
/// All copies of a record have its key, so they are in one partition: the first is the one to stay.
pub(crate) fn check(dataset: &Dataset, log: &[LogRecord], sink: &Path) -> Verdict {
    let expected = expect(dataset, log);
    expect_whole_file(dataset, &expected);
    let reader = Reader::open(sink, dataset.result_set).unwrap();
    check_rows(dataset, &reader, &expected);
    check_quarantine(dataset, &reader, &expected);
    assert_eq!(reader.gaps().unwrap(), [], "there are gaps");

    let accounting = reader.accounting().unwrap();
    assert_eq!(accounting.check(), Ok(()), "conservation");
    let counts = [
        accounting.records_in - accounting.redelivered,
        accounting.results,
        accounting.filtered,
        accounting.duplicates,
        accounting.quarantined,
    ];
    let (rows, malformed) = (expected.rows.len(), expected.malformed.len());
    assert_eq!(
        counts.map(|count| count as usize),
        [log.len(), rows, 0, expected.duplicates, malformed],
        "the audit counts otherwise: {accounting:?}"
    );
    Verdict {
        records: log.len(),
        rows,
        duplicates: expected.duplicates,
        redelivered: accounting.redelivered,
        quarantined: malformed,
    }
}

fn expect(dataset: &Dataset, log: &[LogRecord]) -> Expected {
    let mut expected = Expected {
        rows: BTreeMap::new(),
        malformed: BTreeMap::new(),
        duplicates: 0,
    };
    for record in log {
        let place = (record.partition, record.offset);
        let Some((id, row)) = oracle::row(&record.payload, dataset.columns) else {
            expected.malformed.insert(place, record.payload.clone());
            continue;
        };
        match expected.rows.get(&id) {
            None => {
                expected.rows.insert(id, (place, row));
            }
            Some(((partition, _), first)) => {
                assert_eq!(
                    (*partition, first),
                    (record.partition, &row),
                    "copies of {id} differ"
                );
                expected.duplicates += 1;
            }
        }
    }
    expected
}

/// The log holds the file and the disorder that was asked for: otherwise the rest proves little.
fn expect_whole_file(dataset: &Dataset, expected: &Expected) {
    let sent = dataset.records.len();
    for record in &dataset.records {
        let (id, row) = oracle::row(record, dataset.columns).unwrap();
        let found = expected.rows.get(&id).map(|(_, row)| row);
        assert_eq!(
            found,
            Some(&row),
            "{id} is not in the log as it is in the file"
        );
    }
    assert_eq!(
        expected.rows.len(),
        sent,
        "ids in the log that are not in the file"
    );
    let share = |per_million: usize| sent * per_million / 1_000_000;
    let rates = &dataset.rates;
    for (what, found, stated) in [
        ("duplicates", expected.duplicates, share(rates.duplicates)),
        (
            "malformed",
            expected.malformed.len(),
            share(rates.malformed),
        ),
    ] {
        assert!(
            stated > 1 && found >= stated / 2,
            "{found} {what} in the log, about {stated} were asked for"
        );
    }
}

fn check_rows(dataset: &Dataset, reader: &Reader, expected: &Expected) {
    let names: Vec<&str> = reader.columns().iter().map(|column| column.name).collect();
    let columns: Vec<&str> = dataset.columns.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, columns);
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    reader
        .for_each_row(|row| {
            let (partition, id) = (row.source.partition, &row.id);
            let at = format!("{id} from {} offset {}", row.source, row.offset);
            let Some((first, values)) = expected.rows.get(id) else {
                panic!("{at} was made up");
            };
            assert_eq!(row.source.topic, dataset.topic, "{at}");
            assert_eq!(
                (partition, row.offset),
                *first,
                "{at} is not where the log has it first"
            );
            assert_eq!(&row.values, values, "{at} is wrong");
            let before = last.insert(partition, row.offset);
            assert!(
                before < Some(row.offset),
                "{at} comes after offset {before:?}"
            );
            assert!(seen.insert(row.id), "{at} is there twice");
            true
        })
        .unwrap();
    let lost: Vec<_> = expected
        .rows
        .iter()
        .filter(|(id, _)| !seen.contains(*id))
        .map(|(id, ((partition, offset), _))| {
            format!("{id} from {}-{partition} offset {offset}", dataset.topic)
        })
        .collect();
    let shown = lost.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    assert!(lost.is_empty(), "{} rows are lost: {shown}", lost.len());
}

fn check_quarantine(dataset: &Dataset, reader: &Reader, expected: &Expected) {
    let mut left = expected.malformed.clone();
    for kept in reader.quarantined().unwrap() {
        let at = format!("{} offset {}", kept.source, kept.offset);
        assert_eq!(kept.source.topic, dataset.topic, "{at}");
        let Some(payload) = left.remove(&(kept.source.partition, kept.offset)) else {
            panic!(
                "{at} is in quarantine ({}: {}), twice or without need",
                kept.cause, kept.detail
            );
        };
        assert_eq!(kept.payload, Some(payload), "{at} was changed");
    }
    let missing: Vec<&Place> = left.keys().take(10).collect();
    assert!(
        left.is_empty(),
        "{} malformed records are not in quarantine: {missing:?}",
        left.len()
    );
}
