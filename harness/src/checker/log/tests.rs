use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::checker::observation::Acknowledged;
use crate::checker::planted;
use crate::checker::violation::ViolationKind;
use crate::dataset::record::What;
use crate::pipeline_under_test::InputRecord;
use crate::trace::Event;
use crate::trace::history::{assigned, at_offset, event, loaded, offset_commit};

/// A log of so many records in each of two partitions, sent in turn, in batches of two.
fn loaded_run(records: i64) -> Observation {
    let mut run = Observation {
        drained_at_ns: Some(1),
        ..Observation::default()
    };
    for offset in 0..records {
        for partition in 0..2 {
            let id = format!("IBM-{partition}-{offset}");
            let at_ms = offset as f64 / 100.0;
            if offset % 2 == 0 {
                run.trace.push(append(at_ms, partition, offset, 2));
            }
            run.trace
                .push(loaded(at_ms, &id, i64::from(partition), offset, "IBM"));
            let position = planted::position(partition, offset);
            let acknowledged = Acknowledged {
                index: (offset * 2) as u64 + partition as u64,
                what: What::Fresh,
                at_ns: 0,
            };
            run.acknowledged.insert(position, acknowledged);
            run.log.push(record(&id, partition, offset));
        }
    }
    run.log.sort_by_key(InputRecord::position);
    run
}

fn record(id: &str, partition: i32, offset: i64) -> InputRecord {
    InputRecord {
        id: Some(id.to_owned()),
        topic: "trades".to_owned(),
        partition,
        offset,
        key: None,
        payload: Vec::new(),
    }
}

fn append(at_ms: f64, partition: i32, base_offset: i64, records: i64) -> Event {
    event(
        at_ms,
        "broker-1",
        "append",
        &[
            ("topic", "trades".into()),
            ("partition", i64::from(partition).into()),
            ("base_offset", base_offset.into()),
            ("records", records.into()),
        ],
    )
}

/// Fetches from an offset and gets these records.
fn fetch(run: &mut Observation, process: &str, partition: i64, start: i64, offsets: &[i64]) {
    run.trace
        .push(at_offset(100.0, process, "fetch_start", partition, start));
    for offset in offsets {
        run.trace
            .push(at_offset(100.0, process, "deliver", partition, *offset));
    }
}

fn own(run: &mut Observation, process: &str, kind: &str, partitions: &str, generation: i64) {
    run.trace
        .push(assigned(100.0, process, kind, partitions, generation));
}

fn commit(run: &mut Observation, process: &str, partition: i64, offset: i64) {
    run.trace
        .push(offset_commit(100.0, process, partition, offset, 1));
}

/// Two workers read six records of each partition; worker 2 is revoked after four, with three
/// committed, and worker 1 starts there.
fn rebalanced_run() -> Observation {
    let mut run = loaded_run(6);
    own(&mut run, "worker-1", "assigned", "trades-0", 1);
    own(&mut run, "worker-2", "assigned", "trades-1", 1);
    fetch(&mut run, "worker-1", 0, 0, &[0, 1, 2, 3]);
    fetch(&mut run, "worker-2", 1, 0, &[0, 1, 2, 3]);
    commit(&mut run, "worker-2", 1, 3);
    own(&mut run, "worker-1", "revoked", "trades-0", 1);
    own(&mut run, "worker-2", "revoked", "trades-1", 1);
    own(&mut run, "worker-1", "assigned", "trades-0,trades-1", 2);
    // Nothing was committed here: everything comes again.
    fetch(&mut run, "worker-1", 0, 0, &[0, 1, 2, 3, 4, 5]);
    fetch(&mut run, "worker-1", 1, 3, &[3, 4, 5]);
    run
}

fn told(run: &Observation) -> String {
    let violations = check(run);
    let lines = violations.iter().map(|violation| {
        let wrong = violation
            .explanation
            .as_ref()
            .and_then(|explanation| explanation.wrong_step.as_deref());
        let kind = serde_json::to_value(violation.kind).expect("a name");
        let kind = kind.as_str().expect("a name").to_owned();
        format!("{kind}: {}\n  {}", violation.message, wrong.unwrap_or("-"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn kinds(run: &Observation) -> Vec<ViolationKind> {
    let mut kinds: Vec<_> = check(run).iter().map(|violation| violation.kind).collect();
    kinds.dedup();
    kinds
}

/// Removes the deliveries of an offset.
fn never_delivered(run: &mut Observation, partition: i64, offset: i64) {
    run.trace.retain(|event| {
        event.kind != "deliver"
            || event.int("partition") != Some(partition)
            || event.int("offset") != Some(offset)
    });
}

#[test]
fn rebalances_with_redelivery_are_silent() {
    assert_eq!(told(&rebalanced_run()), "");
}

/// Marks what consumers fetch as fetched by those who assign partitions themselves.
fn by_hand(run: &mut Observation) {
    for event in &mut run.trace {
        if matches!(&*event.kind, "deliver" | "fetch_start") {
            event.fields.set("by_hand", true.into());
        }
    }
}

#[test]
fn a_pipeline_without_a_group_is_judged_by_what_it_assigns_itself() {
    let mut run = loaded_run(3);
    fetch(&mut run, "worker-1", 0, 0, &[0, 1, 2]);
    fetch(&mut run, "worker-2", 1, 0, &[0, 1, 2]);
    by_hand(&mut run);
    assert_eq!(told(&run), "");
    never_delivered(&mut run, 1, 2);
    assert_eq!(kinds(&run), [ViolationKind::Unseen]);
}

#[test]
fn a_look_on_the_side_of_a_group_is_no_delivery() {
    let mut run = loaded_run(3);
    fetch(&mut run, "worker-1", 0, 0, &[0, 1, 2]);
    fetch(&mut run, "worker-1", 1, 0, &[0, 1, 2]);
    by_hand(&mut run);
    own(&mut run, "worker-1", "assigned", "trades-0,trades-1", 1);
    assert_eq!(kinds(&run), [ViolationKind::Unseen]);
}

#[test]
fn lost_write() {
    let mut run = rebalanced_run();
    never_delivered(&mut run, 1, 2);
    let found = told(&run);
    // The fetch that skipped it is named as well.
    assert!(found.starts_with("int-poll-skip: "), "{found}");
    let found = found.split_once("lost-write").expect("named").1;
    insta::assert_snapshot!(found, @r"
    : trades-1@2 was acknowledged and never delivered, trades-1@5 was
      no consumer ever got trades-1@2
    ");
}

#[test]
fn unseen() {
    let mut run = rebalanced_run();
    never_delivered(&mut run, 1, 5);
    insta::assert_snapshot!(told(&run), @r"
    unseen: trades-1@5 was acknowledged and never delivered
      no consumer ever got trades-1@5
    ");
    run.drained_at_ns = None;
    assert_eq!(told(&run), "");
}

#[test]
fn duplicate() {
    let mut run = rebalanced_run();
    let again = record("IBM-1-3", 1, 6);
    run.log.push(again);
    fetch(&mut run, "worker-1", 1, 6, &[6]);
    insta::assert_snapshot!(told(&run), @r#"
    duplicate: trades-1@6 repeats id "IBM-1-3", which was sent once
      trades-1@6 was appended without having been sent, or sent again
    "#);
    // The producer could not know better.
    let retry = [("topic", "trades".into()), ("partition", 1.into())];
    run.trace
        .insert(0, event(0.0, "loader", "produce_retry", &retry));
    assert_eq!(told(&run), "");
}

#[test]
fn inconsistent_offsets() {
    let mut run = rebalanced_run();
    run.trace.insert(20, loaded(0.5, "SPY-0", 1, 3, "SPY"));
    insta::assert_snapshot!(told(&run), @r#"
    inconsistent-offsets: trades-1@3 was given to id "SPY-0" and to id "IBM-1-3"
      the log gave trades-1@3 twice
    "#);

    let mut run = rebalanced_run();
    run.trace.push(append(200.0, 0, 4, 3));
    insta::assert_snapshot!(told(&run), @r"
    inconsistent-offsets: broker-1 appended to trades-0 at 4, where its log had come to 6
      the log gave trades-0@4 twice
    ");
}

#[test]
fn a_new_leader_gives_only_offsets_again_that_were_not_committed() {
    let high_watermark = |at_ms, offset: i64| {
        let mut event = append(at_ms, 0, offset, 0);
        event.kind = "high_watermark".into();
        event.fields.set("offset", offset.into());
        event
    };
    let mut run = rebalanced_run();
    let uncommitted = |at_ms, offset| {
        let mut event = append(at_ms, 0, offset, 1);
        event.fields.set("committed", false.into());
        event
    };
    run.trace.push(high_watermark(200.0, 6));
    run.trace.push(uncommitted(201.0, 6));
    run.trace.push(uncommitted(202.0, 6));
    let lost_retries: Vec<_> = told(&run).lines().map(str::to_owned).collect();
    assert!(
        lost_retries
            .iter()
            .all(|line| !line.contains("inconsistent")),
        "{lost_retries:?}"
    );
    run.trace.push(uncommitted(203.0, 5));
    assert!(told(&run).contains("appended to trades-0 at 5, where its log had come to 7"));
}

#[test]
fn poll_skip() {
    let mut run = rebalanced_run();
    own(&mut run, "worker-1", "revoked", "trades-1", 2);
    run.trace.retain(|event| {
        event.kind != "deliver"
            || event.int("partition") != Some(1)
            || event.int("offset") < Some(3)
    });
    own(&mut run, "worker-2", "assigned", "trades-1", 3);
    // `auto.offset.reset=latest`, say.
    fetch(&mut run, "worker-2", 1, 5, &[5]);
    run.drained_at_ns = None;
    assert!(told(&run).starts_with("poll-skip: worker-2 starts trades-1 at 5, past trades-1@3\n"));
    // Somebody had committed it.
    let start = run.trace.len() - 2;
    run.trace
        .insert(start, offset_commit(100.0, "worker-1", 1, 5, 3));
    assert!(!kinds(&run).contains(&ViolationKind::PollSkip));
}

#[test]
fn poll_skip_from_its_own_start() {
    let mut run = rebalanced_run();
    own(&mut run, "worker-2", "assigned", "trades-1", 3);
    fetch(&mut run, "worker-2", 1, 2, &[4]);
    insta::assert_snapshot!(told(&run), @r"
    poll-skip: worker-2 got trades-1@4 next, past 2 records from trades-1@2
      worker-2 was to get trades-1@2, and got trades-1@4
    ");
}

#[test]
fn int_poll_skip() {
    let mut run = rebalanced_run();
    fetch(&mut run, "worker-2", 1, 0, &[0, 1, 4, 5]);
    insta::assert_snapshot!(told(&run), @r"
    int-poll-skip: worker-2 got trades-1@4 next, past 2 records from trades-1@2
      worker-2 was to get trades-1@2, and got trades-1@4
    ");
}

#[test]
fn nonmonotonic_poll() {
    let mut run = rebalanced_run();
    fetch(&mut run, "worker-2", 1, 3, &[1, 2]);
    insta::assert_snapshot!(told(&run), @r"
    nonmonotonic-poll: worker-2 got trades-1@1 where 3 was next
      worker-2 went back from 3 to 1 within trades-1
    ");
}

#[test]
fn int_nonmonotonic_poll() {
    let mut run = rebalanced_run();
    fetch(&mut run, "worker-2", 1, 3, &[3, 4, 4, 5]);
    insta::assert_snapshot!(told(&run), @r"
    int-nonmonotonic-poll: worker-2 got trades-1@4 where 5 was next
      worker-2 went back from 5 to 4 within trades-1
    ");
}

#[test]
fn nonmonotonic_send() {
    let mut run = rebalanced_run();
    swap_sendings(&mut run, 2, 4);
    insta::assert_snapshot!(told(&run), @r"
    int-nonmonotonic-send: trades-0@3 was sent before trades-0@2
      trades-0@3 was appended after trades-0@2, and sent before it
    nonmonotonic-send: trades-0@4 was sent before trades-0@2
      trades-0@4 was appended after trades-0@2, and sent before it
    ");
    let retry = [("topic", "trades".into()), ("partition", 0.into())];
    run.trace
        .push(event(0.0, "loader", "produce_retry", &retry));
    assert_eq!(told(&run), "");
}

#[test]
fn int_nonmonotonic_send() {
    let mut run = rebalanced_run();
    swap_sendings(&mut run, 2, 3);
    insta::assert_snapshot!(told(&run), @r"
    int-nonmonotonic-send: trades-0@3 was sent before trades-0@2
      trades-0@3 was appended after trades-0@2, and sent before it
    ");
}

fn swap_sendings(run: &mut Observation, first: i64, second: i64) {
    let sending = |run: &Observation, offset| run.acknowledged[&planted::position(0, offset)].index;
    let (a, b) = (sending(run, first), sending(run, second));
    for (offset, index) in [(first, b), (second, a)] {
        let acknowledged = run.acknowledged.get_mut(&planted::position(0, offset));
        acknowledged.expect("loaded").index = index;
    }
}

#[test]
fn offsets_that_hold_no_record_are_no_skip() {
    let mut run = loaded_run(6);
    // A transaction's marker, or what retention has deleted.
    run.log
        .retain(|record| record.partition != 1 || record.offset != 3);
    run.acknowledged.remove(&planted::position(1, 3));
    fetch(&mut run, "worker-1", 0, 0, &[0, 1, 2, 3, 4, 5]);
    fetch(&mut run, "worker-1", 1, 0, &[0, 1, 2, 4, 5]);
    assert_eq!(told(&run), "");
}

/// A consumer's life: how many records it gets before the next rebalance, and how many of what was
/// got is committed then.
fn clean_history(script: &[(usize, usize, u8)]) -> Observation {
    const RECORDS: i64 = 40;
    let mut run = loaded_run(RECORDS);
    let mut committed = [0_i64; 2];
    for (generation, (gets, commits, owner)) in (1_i64..).zip(script) {
        let worker = format!("worker-{owner}");
        own(
            &mut run,
            &worker,
            "assigned",
            "trades-0,trades-1",
            generation,
        );
        for (partition, committed) in (0..).zip(&mut committed) {
            let start = *committed;
            let end = (start + *gets as i64).min(RECORDS);
            let offsets: Vec<i64> = (start..end).collect();
            fetch(&mut run, &worker, partition, start, &offsets);
            *committed = start + (*commits as i64).min(end - start);
            commit(&mut run, &worker, partition, *committed);
        }
        own(
            &mut run,
            &worker,
            "revoked",
            "trades-0,trades-1",
            generation,
        );
    }
    own(&mut run, "worker-9", "assigned", "trades-0,trades-1", 99);
    for (partition, start) in committed.into_iter().enumerate() {
        let rest: Vec<i64> = (start..RECORDS).collect();
        fetch(&mut run, "worker-9", partition as i64, start, &rest);
    }
    run
}

fn script() -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    prop::collection::vec((0..12_usize, 0..12_usize, 0..3_u8), 0..10)
}

proptest! {
    #[test]
    fn clean_histories_are_silent(script in script()) {
        prop_assert_eq!(told(&clean_history(&script)), "");
    }

    #[test]
    fn a_delivery_left_out_repeated_or_swapped_is_found(
        script in script(),
        which in any::<prop::sample::Index>(),
        how in 0..3_u8,
    ) {
        let mut run = clean_history(&script);
        let deliveries: Vec<usize> = (0..run.trace.len() - 1)
            .filter(|index| run.trace[*index].kind == "deliver" && run.trace[*index + 1].kind == "deliver")
            .collect();
        prop_assume!(!deliveries.is_empty());
        let index = deliveries[which.index(deliveries.len())];
        match how {
            0 => {
                run.trace.remove(index);
            }
            1 => run.trace.insert(index, run.trace[index].clone()),
            _ => run.trace.swap(index, index + 1),
        }
        let found: BTreeSet<_> = kinds(&run).into_iter().collect();
        let expected = match how {
            0 => [ViolationKind::PollSkip, ViolationKind::IntPollSkip],
            1 => [ViolationKind::IntNonmonotonicPoll; 2],
            _ => [ViolationKind::IntNonmonotonicPoll; 2],
        };
        prop_assert!(expected.iter().any(|kind| found.contains(kind)), "{found:?}");
    }
}
