use proptest::prelude::*;

use super::super::planted;
use super::*;
use crate::pipeline_under_test::RecordPosition;
use crate::trace::history::{at_offset, event, sink_commit};

fn told(run: &Observation) -> String {
    let lines = check(run).into_iter().flat_map(|violation| {
        let explanation = violation.explanation;
        let because = explanation
            .iter()
            .flat_map(|explanation| &explanation.because);
        let steps: Vec<String> = because
            .map(|step| format!("  {} ms {} {}", step.at_ns / 1_000_000, step.who, step.what))
            .collect();
        let wrong = explanation.and_then(|explanation| explanation.wrong_step);
        std::iter::once(violation.message)
            .chain(steps)
            .chain(wrong.map(|wrong| format!("  wrong: {wrong}")))
            .collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn offset_commit(at_ms: f64, client: &str, partition: i64, offset: i64, generation: i64) -> Event {
    let mut commit =
        crate::trace::history::offset_commit(at_ms, "rdkafka", partition, offset, generation);
    commit.fields.set("client", client.into());
    commit
}

/// So many records of one partition, each with its row, and no history yet.
fn records(count: i64) -> Observation {
    let script = (0..count).map(|n| (0, Some(format!("IBM-{n}")))).collect();
    let mut run = planted::run(&script);
    run.trace.clear();
    run
}

fn deliver(run: &mut Observation, at_ms: f64, process: &str, offsets: std::ops::Range<i64>) {
    for offset in offsets {
        run.trace
            .push(at_offset(at_ms, process, "deliver", 0, offset));
    }
}

/// Batches of four, each written, then committed.
fn right() -> Observation {
    let mut run = records(12);
    for batch in 0..3 {
        let (at_ms, from) = (batch as f64 * 10.0, batch * 4);
        deliver(&mut run, at_ms, "worker-1", from..from + 4);
        run.trace.push(sink_commit(at_ms + 2.0, "worker-1", 4));
        run.trace
            .push(offset_commit(at_ms + 4.0, "worker-1", 0, from + 4, 1));
    }
    run.next_offsets = Some(vec![planted::position(0, 12)]);
    run
}

#[test]
fn written_then_committed_is_silent() {
    assert_eq!(told(&right()), "");
    assert_eq!(told(&planted::right_run()), "");
}

#[test]
fn a_transaction_that_met_a_broken_disk_may_be_in_the_file() {
    let mut run = right();
    let sink = run.trace.iter().position(|e| e.kind == "sink_commit");
    let sink = sink.expect("three of them");
    run.trace.swap(sink, sink + 1);
    assert_ne!(told(&run), "");
    let fields = [
        ("path", "/data/results.db-wal".into()),
        ("operation", "sync".into()),
    ];
    run.trace
        .insert(sink, event(1.0, "worker-1", "disk_error", &fields));
    assert_eq!(told(&run), "");
}

#[test]
fn committed_then_written_is_named() {
    let mut run = right();
    let sink = run.trace.iter().position(|e| e.kind == "sink_commit");
    let sink = sink.expect("three of them");
    run.trace.swap(sink, sink + 1);
    insta::assert_snapshot!(told(&run), @r"
    worker-1 committed offset 4 of trades-0, the sink did not hold yet trades-0@0 and 3 more
      0 ms worker-1 polls trades-0@0
      2 ms worker-1 sink commit, 4 rows
      4 ms worker-1 offset commit trades-0 -> 4
      wrong: worker-1 committed offset 4 before the sink could hold trades-0@0
    ");
}

#[test]
fn what_a_process_had_not_written_died_with_it() {
    let mut run = right();
    let killed = event(1.0, "worker-1", "process", &[("phase", "killed".into())]);
    run.trace.insert(4, killed);
    assert!(told(&run).starts_with(
        "worker-1 committed offset 4 of trades-0, the sink did not hold yet trades-0@0 and 3 more"
    ));
}

#[test]
fn a_row_that_is_missing_was_gone_past() {
    let mut run = right();
    run.results.remove(5);
    insta::assert_snapshot!(told(&run), @r"
    worker-1 committed offset 8 of trades-0, the sink does not hold trades-0@5
      10 ms worker-1 polls trades-0@5
      14 ms worker-1 offset commit trades-0 -> 8
      wrong: worker-1 committed offset 8 past trades-0@5, which the sink does not hold
    the sink goes on at trades-0@12, and does not hold trades-0@5
      10 ms worker-1 polls trades-0@5
      wrong: the sink's next offset of trades-0 went past trades-0@5 without its row
    ");
}

/// Handed out quickly, written one by one, committed by a timer.
fn background(written_before_commit: usize) -> Observation {
    let mut run = records(8);
    deliver(&mut run, 1.0, "worker-1", 0..8);
    for n in 0..written_before_commit {
        run.trace.push(sink_commit(2.0 + n as f64, "worker-1", 1));
    }
    run.trace.push(offset_commit(50.0, "worker-1", 0, 8, 1));
    for n in written_before_commit..8 {
        run.trace.push(sink_commit(51.0 + n as f64, "worker-1", 1));
    }
    run
}

#[test]
fn fewer_changes_than_rows_show_that_some_were_missing() {
    assert_eq!(told(&background(8)), "");
    insta::assert_snapshot!(told(&background(5)), @r"
    worker-1 committed offset 8 of trades-0, the sink did not hold yet trades-0@5 and 2 more
      1 ms worker-1 polls trades-0@5
      50 ms worker-1 offset commit trades-0 -> 8
      56 ms worker-1 sink commit, 1 row
      wrong: worker-1 committed offset 8 before the sink could hold trades-0@5
    ");
}

#[test]
fn a_row_that_may_have_been_written_anew_proves_nothing() {
    let mut run = background(5);
    deliver(&mut run, 60.0, "worker-2", 4..8);
    assert_eq!(told(&run), "");
}

#[test]
fn the_changes_of_another_host_do_not_count() {
    let mut run = background(8);
    run.sink_rows = vec![("host-b".to_owned(), 8)];
    assert!(told(&run).starts_with("worker-1 committed offset 8"));
    run.sink_rows = vec![("host-a".to_owned(), 8), ("host-b".to_owned(), 0)];
    assert_eq!(told(&run), "");
}

#[test]
fn another_database_is_not_the_sink() {
    let mut run = background(8);
    run.sink = "/data/results.db".to_owned();
    assert_eq!(told(&run), "");
    // Then nothing is known of the sink's transactions, and nothing is claimed.
    let mut run = background(3);
    run.sink = "/data/other.db".to_owned();
    assert_eq!(told(&run), "");
}

#[test]
fn rows_without_a_source_are_placed_by_their_id() {
    let mut run = background(5);
    for row in &mut run.results {
        row.source = None;
    }
    assert!(told(&run).contains("before the sink could hold trades-0@5"));
}

#[test]
fn the_sinks_own_offset_past_a_missing_row_is_named() {
    let mut run = right();
    run.trace.retain(|event| event.kind != "offset_commit");
    run.results.remove(5);
    insta::assert_snapshot!(told(&run), @r"
    the sink goes on at trades-0@12, and does not hold trades-0@5
      10 ms worker-1 polls trades-0@5
      wrong: the sink's next offset of trades-0 went past trades-0@5 without its row
    ");
    run.next_offsets = Some(vec![planted::position(0, 5)]);
    assert_eq!(told(&run), "");
}

#[test]
fn a_committed_offset_past_the_sinks_own_is_named() {
    let mut run = right();
    run.next_offsets = Some(vec![planted::position(0, 11)]);
    insta::assert_snapshot!(told(&run), @r"
    offset 12 of trades-0 is committed, the sink goes on at 11
      24 ms worker-1 offset commit trades-0 -> 12
      wrong: offset 12 was committed past the sink's own, 11
    ");
}

#[test]
fn a_record_in_quarantine_needs_no_row() {
    let mut run = right();
    run.results.remove(5);
    run.quarantined = Some(vec![planted::position(0, 5)]);
    assert_eq!(told(&run), "");
}

/// One step of a worker that writes before it commits, on one partition.
#[derive(Debug, Clone, Copy)]
enum Does {
    Gets(i64),
    Writes,
    Commits,
    Dies,
}

fn does() -> impl Strategy<Value = Vec<Does>> {
    let one = prop_oneof![
        4 => (1..6_i64).prop_map(Does::Gets),
        3 => Just(Does::Writes),
        3 => Just(Does::Commits),
        1 => Just(Does::Dies),
    ];
    prop::collection::vec(one, 1..60)
}

const RECORDS: i64 = 60;

/// The history of a worker that commits `ahead` records more than it has written.
fn history(script: &[Does], ahead: i64) -> Observation {
    let mut run = records(RECORDS);
    let (mut got, mut written, mut committed) = (0, 0, 0);
    for (step, does) in script.iter().enumerate() {
        let at_ms = step as f64;
        match does {
            Does::Gets(count) => {
                let until = (got + count).min(RECORDS);
                deliver(&mut run, at_ms, "worker-1", got..until);
                got = until;
            }
            Does::Writes if got > written => {
                run.trace
                    .push(sink_commit(at_ms, "worker-1", got - written));
                written = got;
            }
            Does::Commits => {
                committed = (written + ahead).min(got).max(committed);
                run.trace
                    .push(offset_commit(at_ms, "worker-1", 0, committed, 1));
            }
            Does::Dies => {
                let phase = [("phase", "killed".into())];
                run.trace.push(event(at_ms, "worker-1", "process", &phase));
                got = written;
            }
            Does::Writes => {}
        }
    }
    run.results.truncate(written as usize);
    run.expected.truncate(written as usize);
    run
}

fn positions_ahead(run: &Observation) -> Vec<RecordPosition> {
    let records = check(run)
        .into_iter()
        .filter_map(|violation| violation.record);
    records.filter_map(|record| record.position).collect()
}

proptest! {
    #[test]
    fn who_writes_first_is_never_named(script in does()) {
        prop_assert_eq!(told(&history(&script, 0)), "");
    }

    #[test]
    fn who_commits_ahead_is_named(script in does(), ahead in 1..10_i64) {
        let run = history(&script, ahead);
        // What was committed ahead, and written later; the rest is the end's matter.
        let mut written = 0;
        let mut past = false;
        for event in &run.trace {
            if event.kind == "sink_commit" {
                written += event.int("rows").expect("it has");
            } else if event.kind == "offset_commit" {
                let until = event.int("offset").expect("it has");
                past |= until > written && (written as usize) < run.results.len();
            }
        }
        prop_assert_eq!(past, !positions_ahead(&run).is_empty());
    }
}
