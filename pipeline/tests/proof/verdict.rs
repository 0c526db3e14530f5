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
            assert!(seen.insert(id.clone()), "{at} is there twice");
            let before = last.insert(partition, row.offset);
            assert!(
                before < Some(row.offset),
                "{at} comes after offset {before:?}"
            );
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use rusqlite::Connection;
    use whitewater_pipeline::registry;
    use whitewater_pipeline::sqlite::SqliteSink;

    use super::*;
    use crate::proof::{Column, Rates};

    const RECORDS: usize = 10;

    fn dataset() -> Dataset {
        let record = |number| format!(r#"{{"id":"a{number}","value":"{number}.50"}}"#).into_bytes();
        Dataset {
            topic: "acts",
            key: "id",
            example: "none",
            result_set: "activity@1",
            columns: &[
                ("user", Column::Null),
                ("type", Column::Null),
                ("event_time", Column::Null),
                ("value", Column::Decimal("value")),
                ("about", Column::Null),
            ],
            rates: Rates {
                duplicates: 300_000,
                malformed: 200_000,
            },
            records: (0..RECORDS).map(record).collect(),
        }
    }

    /// Offsets 0 to 9 are the records, then come three duplicates and two broken ones.
    fn log(dataset: &Dataset) -> Vec<LogRecord> {
        let mut payloads = dataset.records.clone();
        payloads.extend_from_slice(&dataset.records[2..5]);
        payloads.extend([b"{".to_vec(), b"{\"id\"".to_vec()]);
        let record = |(offset, payload)| LogRecord {
            partition: 0,
            offset,
            payload,
        };
        (0..).zip(payloads).map(record).collect()
    }

    /// A sink that holds what it should, then changed by `sql`.
    fn sink(path: &Path, log: &[LogRecord], sql: &str) {
        let definition = registry::find("activity@1").unwrap();
        SqliteSink::open(path, definition, "", Duration::from_secs(5)).unwrap();
        let connection = Connection::open(path).unwrap();
        for number in 0..RECORDS {
            let row =
                "INSERT INTO \"activity@1\" (id, value, topic, partition, offset, ingest_time_ms)
                 VALUES (?1, ?2, 'acts', 0, ?3, 0)";
            let (id, value) = (format!("a{number}"), format!("{number}.5"));
            connection.execute(row, (id, value, number as i64)).unwrap();
        }
        for record in &log[RECORDS + 3..] {
            let kept = "INSERT INTO quarantine (result_set, topic, partition, offset, cause, detail, payload, ingest_time_ms)
                 VALUES ('activity@1', 'acts', 0, ?1, 'not_json', '', ?2, 0)";
            connection
                .execute(kept, (record.offset, &record.payload))
                .unwrap();
        }
        connection
            .execute_batch(
                "INSERT INTO batch_audit (result_set, build, worker, committed_at_ms, records_in, results, filtered,
                   duplicates, redelivered, quarantined, offsets)
                 SELECT name, build, 'w', 0, 19, 10, 0, 3, 4, 2, '' FROM result_set",
            )
            .unwrap();
        connection.execute_batch(sql).unwrap();
    }

    fn complaint(log: &[LogRecord], sql: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sink.db");
        sink(&path, log, sql);
        let checked = catch_unwind(AssertUnwindSafe(|| check(&dataset(), log, &path)));
        let panic = checked.err()?;
        Some(panic.downcast_ref::<String>().unwrap().clone())
    }

    #[test]
    fn a_right_sink_passes() {
        assert_eq!(complaint(&log(&dataset()), ""), None);
    }

    #[test]
    fn everything_wrong_with_a_sink_is_caught() {
        let log = log(&dataset());
        for (sql, expected) in [
            (
                "DELETE FROM \"activity@1\" WHERE id = 'a4'",
                "1 rows are lost: a4 from acts-0 offset 4",
            ),
            (
                "INSERT INTO \"activity@1\" (id, value, topic, partition, offset, ingest_time_ms)
                 SELECT id, value, topic, partition, offset, 0 FROM \"activity@1\" WHERE id = 'a4'",
                "a4 from acts-0 offset 4 is there twice",
            ),
            (
                "UPDATE \"activity@1\" SET id = 'b4' WHERE id = 'a4'",
                "b4 from acts-0 offset 4 was made up",
            ),
            (
                "UPDATE \"activity@1\" SET value = '4.50' WHERE id = 'a4'",
                "a4 from acts-0 offset 4 is wrong",
            ),
            (
                "UPDATE \"activity@1\" SET offset = 12 WHERE id = 'a4'",
                "a4 from acts-0 offset 12 is not where the log has it first",
            ),
            (
                "UPDATE \"activity@1\" SET seq = 100 WHERE id = 'a4'",
                "a4 from acts-0 offset 4 comes after offset Some(9)",
            ),
            (
                "DELETE FROM quarantine WHERE offset = 14",
                "1 malformed records are not in quarantine: [(0, 14)]",
            ),
            (
                "UPDATE quarantine SET offset = 4 WHERE offset = 14",
                "acts-0 offset 4 is in quarantine",
            ),
            (
                "UPDATE quarantine SET payload = x'00' WHERE offset = 14",
                "acts-0 offset 14 was changed",
            ),
            ("UPDATE batch_audit SET results = 9", "conservation"),
            (
                "UPDATE batch_audit SET results = 9, duplicates = 4",
                "the audit counts otherwise",
            ),
            (
                "INSERT INTO gap (result_set, build, topic, partition, from_offset, to_offset, worker, detected_at_ms)
                 SELECT name, build, 'acts', 0, 1, 2, 'w', 0 FROM result_set",
                "there are gaps",
            ),
        ] {
            let complaint = complaint(&log, sql).unwrap_or_else(|| panic!("passed: {sql}"));
            assert!(complaint.contains(expected), "{sql}: {complaint}");
        }
    }

    #[test]
    fn a_log_that_is_not_the_file_is_caught() {
        let mut changed = log(&dataset());
        changed[7].payload = b"{\"id\":\"a7\",\"value\":\"8\"}".to_vec();
        let complaint = complaint(&changed, "").unwrap();
        assert!(
            complaint.contains("a7 is not in the log as it is in the file"),
            "{complaint}"
        );
    }
}
