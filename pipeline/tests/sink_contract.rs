//! One contract, one suite: what every sink must do. A sink is given as something that opens two
//! handles on one place, as two processes would.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::Path;
use std::time::Duration;

use whitewater_pipeline::audit::Accounting;
use whitewater_pipeline::processor::Rows;
use whitewater_pipeline::quarantine::{Cause, Reason};
use whitewater_pipeline::registry::{self, Definition};
use whitewater_pipeline::sink::{
    BatchLine, Claim, LastRecord, Outcome, Progress, Receipt, Sink, SinkBatch, SinkError,
    SinkRecord, StartAt, Token,
};
use whitewater_pipeline::sqlite::{Reader, SqliteSink};
use whitewater_pipeline::topic_partition::TopicPartition;

const DAY_MS: i64 = 24 * 3600 * 1000;
const NOW_MS: i64 = 1_700_000_000_000;

fn definition() -> &'static Definition {
    registry::find("activity@1").unwrap()
}

fn open(path: &Path) -> SqliteSink {
    SqliteSink::open(
        path,
        definition(),
        "activity@1 id=[\"id\"]",
        Duration::from_millis(200),
    )
    .unwrap()
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new("events", partition)
}

fn now<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

fn claim(sink: &mut impl Sink, partition: i32) -> Claim {
    now(sink.claim("tester", &[at(partition)]))
        .unwrap()
        .remove(0)
}

/// Claims a partition and starts it at 0, as a worker does the first time.
fn claim_and_start(sink: &mut impl Sink, partition: i32) -> Token {
    let token = claim(sink, partition).token;
    start(sink, partition, token, 0, None).unwrap();
    token
}

fn start(
    sink: &mut impl Sink,
    partition: i32,
    token: Token,
    offset: i64,
    gap: Option<std::ops::Range<i64>>,
) -> Result<(), SinkError> {
    let partition = at(partition);
    now(sink.start(
        "tester",
        &[StartAt {
            partition,
            token,
            offset,
            gap,
        }],
    ))
}

/// A record in short: id and payload digest; an empty id is a malformed record.
#[derive(Clone, Copy)]
struct Given<'a> {
    offset: i64,
    id: &'a str,
    digest: u64,
    time_ms: i64,
}

fn given(offset: i64, id: &str, digest: u64) -> Given<'_> {
    let time_ms = NOW_MS;
    Given {
        offset,
        id,
        digest,
        time_ms,
    }
}

fn commit(
    sink: &mut impl Sink,
    partition: i32,
    token: Token,
    from_offset: i64,
    records: &[Given<'_>],
) -> Result<Receipt, SinkError> {
    let mut rows = Rows::default();
    let sink_records: Vec<SinkRecord<'_>> = records
        .iter()
        .map(|record| {
            let mark = rows.mark();
            let id = rows.keep(record.id);
            for _ in definition().columns {
                rows.push_text(None);
            }
            SinkRecord {
                line: 0,
                offset: record.offset,
                broker_time_ms: Some(record.time_ms),
                key: Some(b"key"),
                payload: Some(b"payload"),
                digest: record.digest,
                outcome: if record.offset < from_offset {
                    Outcome::Redelivered
                } else if record.id.is_empty() {
                    Outcome::Quarantined(Reason::new(Cause::NotJson, "broken"))
                } else {
                    Outcome::Row {
                        id,
                        values: rows.row_since(&mark),
                    }
                },
            }
        })
        .collect();
    let last = records.last().filter(|record| record.offset >= from_offset);
    let lines = [BatchLine {
        partition: at(partition),
        token,
        from_offset,
        next_offset: last.map_or(from_offset, |record| record.offset + 1),
        last: last.map(|record| LastRecord {
            offset: record.offset,
            digest: record.digest,
        }),
        last_broker_time_ms: last.map(|record| record.time_ms),
    }];
    now(sink.commit(&SinkBatch {
        worker: "tester",
        ingest_time_ms: NOW_MS + 100 * DAY_MS,
        seen_horizon: Duration::from_millis(7 * DAY_MS as u64),
        lines: &lines,
        records: &sink_records,
        rows: &rows,
    }))
}

fn ids(path: &Path) -> Vec<String> {
    let rows = Reader::open(path, "activity@1").unwrap().rows().unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sink.db");
    (directory, path)
}

#[test]
fn a_batch_moves_the_position_and_the_next_claim_finds_it() {
    let (_directory, path) = place();
    let (mut one, mut two) = (open(&path), open(&path));
    let token = claim_and_start(&mut one, 0);
    commit(&mut one, 0, token, 0, &[given(0, "a", 1), given(2, "b", 2)]).unwrap();
    let claim = claim(&mut two, 0);
    assert_eq!(claim.token, token + 1);
    let last = Some(LastRecord {
        offset: 2,
        digest: 2,
    });
    assert_eq!(
        claim.progress,
        Some(Progress {
            first_offset: 0,
            next_offset: 3,
            last
        })
    );
    assert_eq!(ids(&path), ["a", "b"]);
}

#[test]
fn an_old_token_writes_nothing() {
    let (_directory, path) = place();
    let (mut one, mut two) = (open(&path), open(&path));
    let old = claim_and_start(&mut one, 0);
    let new = claim(&mut two, 0).token;
    for attempt in 0..2 {
        let error = commit(&mut one, 0, old, 0, &[given(0, "zombie", 1)]).unwrap_err();
        assert!(
            matches!(&error, SinkError::Fenced(all) if *all == [at(0)]),
            "{attempt}: {error}"
        );
    }
    assert!(matches!(
        start(&mut one, 0, old, 5, None),
        Err(SinkError::Fenced(_))
    ));
    commit(&mut two, 0, new, 0, &[given(0, "owner", 1)]).unwrap();
    assert!(matches!(
        commit(&mut one, 0, old, 1, &[given(1, "zombie", 1)]),
        Err(SinkError::Fenced(_))
    ));
    assert_eq!(ids(&path), ["owner"]);
}

#[test]
fn a_release_by_an_old_token_leaves_the_owner_alone() {
    let (_directory, path) = place();
    let (mut one, mut two) = (open(&path), open(&path));
    let old = claim_and_start(&mut one, 0);
    let new = claim(&mut two, 0).token;
    now(one.release("one", &[(at(0), old)], "late")).unwrap();
    let owner = |path: &Path| {
        Reader::open(path, "activity@1")
            .unwrap()
            .positions()
            .unwrap()[0]
            .owner
            .clone()
    };
    assert_eq!(owner(&path).as_deref(), Some("tester"));
    now(two.release("two", &[(at(0), new)], "leaving")).unwrap();
    assert_eq!(owner(&path), None);
    // A release is not a claim: the token still writes, and nobody was fenced.
    commit(&mut two, 0, new, 0, &[given(0, "a", 1)]).unwrap();
}

#[test]
fn a_partition_that_is_fenced_takes_nothing_else_of_the_batch_with_it() {
    let (_directory, path) = place();
    let (mut one, mut two) = (open(&path), open(&path));
    let kept = claim_and_start(&mut one, 0);
    let lost = claim_and_start(&mut one, 1);
    claim(&mut two, 1);
    let rows = Rows::default();
    let line = |partition: i32, token: Token| BatchLine {
        partition: at(partition),
        token,
        from_offset: 0,
        next_offset: 1,
        last: None,
        last_broker_time_ms: None,
    };
    let lines = [line(0, kept), line(1, lost)];
    let batch = SinkBatch {
        worker: "tester",
        ingest_time_ms: NOW_MS,
        seen_horizon: Duration::from_secs(3600),
        lines: &lines,
        records: &[],
        rows: &rows,
    };
    let error = now(one.commit(&batch)).unwrap_err();
    assert!(
        matches!(&error, SinkError::Fenced(all) if *all == [at(1)]),
        "{error}"
    );
    // Rolled back whole: the kept partition stands where it stood, and goes on.
    commit(&mut one, 0, kept, 0, &[given(0, "a", 1)]).unwrap();
}

#[test]
fn a_batch_that_does_not_follow_the_position_is_refused() {
    let (_directory, path) = place();
    let mut sink = open(&path);
    let token = claim_and_start(&mut sink, 0);
    commit(&mut sink, 0, token, 0, &[given(0, "a", 1)]).unwrap();
    for wrong in [0, 2] {
        let error = commit(&mut sink, 0, token, wrong, &[given(wrong, "b", 2)]).unwrap_err();
        assert!(
            matches!(error, SinkError::Inconsistent { found: 1, .. }),
            "{error}"
        );
    }
    assert_eq!(ids(&path), ["a"]);
}

#[test]
fn every_record_is_accounted_for() {
    let (_directory, path) = place();
    let mut sink = open(&path);
    let token = claim_and_start(&mut sink, 0);
    commit(
        &mut sink,
        0,
        token,
        0,
        &[given(0, "a", 1), given(1, "b", 1)],
    )
    .unwrap();
    let records = [
        given(0, "a", 1), // redelivered
        given(2, "a", 1), // duplicate
        given(3, "b", 9), // conflict
        given(4, "", 0),  // malformed
        given(5, "c", 1),
        given(6, "c", 1), // duplicate within the batch
    ];
    let receipt = commit(&mut sink, 0, token, 2, &records).unwrap();
    let expected = Accounting {
        records_in: 6,
        results: 1,
        filtered: 0,
        duplicates: 2,
        redelivered: 1,
        quarantined: 2,
    };
    assert_eq!(receipt.accounting, expected);
    assert_eq!(
        (receipt.duplicates, receipt.conflicts),
        (vec![1, 5], vec![2])
    );
    assert_eq!(ids(&path), ["a", "b", "c"]);

    let reader = Reader::open(&path, "activity@1").unwrap();
    let mut sum = expected;
    sum += Accounting {
        records_in: 2,
        results: 2,
        ..Accounting::default()
    };
    assert_eq!(reader.accounting().unwrap(), sum);
    let quarantined = reader.quarantined().unwrap();
    let short: Vec<_> = quarantined
        .iter()
        .map(|record| (record.offset, record.cause.as_str()))
        .collect();
    assert_eq!(short, [(3, "conflict"), (4, "not_json")]);
    assert_eq!(quarantined[0].payload.as_deref(), Some(&b"payload"[..]));
}

#[test]
fn a_duplicate_is_found_in_any_partition_and_by_any_handle() {
    let (_directory, path) = place();
    let (mut one, mut two) = (open(&path), open(&path));
    let (first, second) = (claim_and_start(&mut one, 0), claim_and_start(&mut two, 1));
    commit(&mut one, 0, first, 0, &[given(0, "a", 1)]).unwrap();
    let receipt = commit(&mut two, 1, second, 0, &[given(0, "a", 1)]).unwrap();
    assert_eq!(receipt.accounting.duplicates, 1);
    assert_eq!(ids(&path), ["a"]);
}

#[test]
fn seen_is_forgotten_after_the_horizon_of_the_slowest_partition_and_not_before() {
    let (_directory, path) = place();
    let mut sink = open(&path);
    let (fast, slow) = (claim_and_start(&mut sink, 0), claim_and_start(&mut sink, 1));
    let at_day = |offset: i64, id: &'static str, day: i64| Given {
        time_ms: NOW_MS + day * DAY_MS,
        ..given(offset, id, 1)
    };
    commit(
        &mut sink,
        0,
        fast,
        0,
        &[at_day(0, "a", 0), at_day(1, "kept alive", 0)],
    )
    .unwrap();
    commit(&mut sink, 1, slow, 0, &[at_day(0, "b", 1)]).unwrap();
    // The fast partition is far ahead; the slow one still stands at day 1.
    commit(&mut sink, 0, fast, 2, &[at_day(2, "c", 30)]).unwrap();
    let receipt = commit(
        &mut sink,
        1,
        slow,
        1,
        &[at_day(1, "a", 2), at_day(2, "kept alive", 6)],
    )
    .unwrap();
    assert_eq!(receipt.accounting.duplicates, 2);
    // Now the slow one is at day 10: "a" was last seen on day 2, "kept alive" on day 6.
    commit(&mut sink, 1, slow, 3, &[at_day(3, "d", 10)]).unwrap();
    let receipt = commit(
        &mut sink,
        1,
        slow,
        4,
        &[at_day(4, "kept alive", 10), at_day(5, "a", 10)],
    )
    .unwrap();
    assert_eq!(
        (receipt.accounting.duplicates, receipt.accounting.results),
        (1, 1)
    );
}

#[test]
fn a_gap_is_written_down_and_stepped_over() {
    let (_directory, path) = place();
    let mut sink = open(&path);
    let token = claim_and_start(&mut sink, 0);
    commit(&mut sink, 0, token, 0, &[given(0, "a", 1)]).unwrap();
    start(&mut sink, 0, token, 10, Some(1..10)).unwrap();
    commit(&mut sink, 0, token, 10, &[given(10, "b", 1)]).unwrap();
    let gaps = Reader::open(&path, "activity@1").unwrap().gaps().unwrap();
    assert_eq!((gaps[0].from_offset, gaps[0].to_offset), (1, 10));
    let progress = claim(&mut sink, 0).progress.unwrap();
    assert_eq!((progress.first_offset, progress.next_offset), (0, 11));
}

#[test]
fn a_locked_sink_is_busy_and_then_works() {
    let (_directory, path) = place();
    let mut sink = open(&path);
    let token = claim_and_start(&mut sink, 0);
    sink.wait_at_most(Duration::from_millis(20)).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(
        commit(&mut sink, 0, token, 0, &[given(0, "a", 1)]),
        Err(SinkError::Busy { .. })
    ));
    other.execute_batch("COMMIT").unwrap();
    commit(&mut sink, 0, token, 0, &[given(0, "a", 1)]).unwrap();
    assert_eq!(ids(&path), ["a"]);
}

#[test]
fn a_full_sink_takes_nothing_and_goes_on_when_there_is_room() {
    let (_directory, path) = place();
    let mut sink = open(&path);
    let token = claim_and_start(&mut sink, 0);
    let names: Vec<String> = (0..2_000).map(|number| format!("{number:0>200}")).collect();
    let records: Vec<Given<'_>> = names
        .iter()
        .enumerate()
        .map(|(offset, id)| given(offset as i64, id, 1))
        .collect();
    // SQLite's own limit: the error is the one of a full disk.
    sink.limit_pages(40).unwrap();
    let error = commit(&mut sink, 0, token, 0, &records).unwrap_err();
    assert!(matches!(error, SinkError::Full { .. }), "{error}");
    assert_eq!(ids(&path), Vec::<String>::new());
    sink.limit_pages(1_000_000).unwrap();
    commit(&mut sink, 0, token, 0, &records).unwrap();
    assert_eq!(ids(&path), names);
}

#[test]
fn another_definition_and_a_foreign_file_are_refused() {
    let (directory, path) = place();
    drop(open(&path));
    let wait = Duration::from_millis(100);
    let error = SqliteSink::open(&path, definition(), "another", wait).unwrap_err();
    assert!(
        matches!(error, SinkError::OtherDefinition { .. }),
        "{error}"
    );
    let foreign = directory.path().join("notes.txt");
    std::fs::write(
        &foreign,
        "this is not a database, but it is long enough to look like one",
    )
    .unwrap();
    let error = SqliteSink::open(&foreign, definition(), "x", wait).unwrap_err();
    assert!(matches!(error, SinkError::Unwritable { .. }), "{error}");
    let error = SqliteSink::open(
        &directory.path().join("no/such/dir.db"),
        definition(),
        "x",
        wait,
    )
    .unwrap_err();
    assert!(matches!(error, SinkError::Unwritable { .. }), "{error}");
}

#[test]
fn a_reset_forgets_the_results_fences_and_starts_where_they_began() {
    let (_directory, path) = place();
    let mut sink = open(&path);
    let token = claim(&mut sink, 0).token;
    start(&mut sink, 0, token, 5, None).unwrap();
    commit(&mut sink, 0, token, 5, &[given(5, "a", 1), given(6, "", 1)]).unwrap();
    let text = "activity@1 id=[\"id\"]";
    whitewater_pipeline::sqlite::reset(&path, definition(), text, Duration::from_secs(1)).unwrap();
    let reader = Reader::open(&path, "activity@1").unwrap();
    assert_eq!(reader.rows().unwrap(), []);
    assert_eq!(reader.quarantined().unwrap(), []);
    assert_eq!(reader.accounting().unwrap(), Accounting::default());
    assert!(matches!(
        commit(&mut sink, 0, token, 7, &[given(7, "b", 1)]),
        Err(SinkError::Fenced(_))
    ));
    let again = claim(&mut sink, 0);
    assert_eq!(
        again.progress,
        Some(Progress {
            first_offset: 5,
            next_offset: 5,
            last: None
        })
    );
    let receipt = commit(
        &mut sink,
        0,
        again.token,
        5,
        &[given(5, "a", 1), given(6, "", 1)],
    )
    .unwrap();
    assert_eq!(
        (receipt.accounting.results, receipt.accounting.quarantined),
        (1, 1)
    );
}
