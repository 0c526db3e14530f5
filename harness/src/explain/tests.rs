//! Hand-planted histories, each with one wrong step.

use super::*;
use crate::checker::violation::RecordRef;
use crate::pipeline_under_test::RecordPosition;
use crate::trace::history::{
    assigned, at_offset, event, fault, loaded, offset_commit, sink_commit,
};

fn told(kind: ViolationKind, id: &str, partition: i32, offset: i64, trace: &[Event]) -> String {
    let violation = Violation::new(kind, "").about(RecordRef {
        position: Some(RecordPosition {
            topic: "trades".to_owned(),
            partition,
            offset,
        }),
        id: Some(id.to_owned()),
        acknowledged_at_ns: None,
    });
    tell(&violation, trace)
}

fn tell(violation: &Violation, trace: &[Event]) -> String {
    let explanation = explain(violation, trace).expect("the trace tells");
    let mut lines: Vec<String> = explanation
        .because
        .iter()
        .map(|step| {
            let at_s = step.at_ns as f64 / 1e9;
            format!("{at_s:.3} s  {:<9}  {}", step.who, step.what)
        })
        .collect();
    lines.push(explanation.wrong_step.unwrap_or("?".to_owned()));
    lines.join("\n")
}

fn deliveries(
    at_ms: f64,
    process: &str,
    offsets: std::ops::RangeInclusive<i64>,
) -> impl Iterator<Item = Event> {
    offsets.map(move |offset| at_offset(at_ms, process, "deliver", 3, offset))
}

fn down(at_ms: f64, process: &str, phase: &str) -> Event {
    event(at_ms, process, "process", &[("phase", phase.into())])
}

/// worker-2 owns trades-3 and has taken in 400 records.
fn settled() -> Vec<Event> {
    let mut trace = vec![
        assigned(3_000.0, "worker-2", "assigned", "trades-3", 6),
        assigned(3_000.0, "worker-1", "assigned", "trades-0", 6),
        at_offset(3_001.0, "worker-2", "fetch_start", 3, 0),
    ];
    trace.extend(deliveries(4_000.0, "worker-2", 350..=399));
    trace.extend([
        sink_commit(4_100.0, "worker-2", 50),
        offset_commit(4_101.0, "worker-2", 3, 400, 6),
        loaded(12_204.0, "IBM-000412", 3, 412, "IBM"),
    ]);
    trace
}

#[test]
fn lost_by_an_offset_commit_before_processing() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    trace.extend([
        offset_commit(12_921.0, "worker-2", 3, 450, 6),
        fault(12_934.0, "kill", "begun", "worker-2"),
        down(12_934.0, "worker-2", "killed"),
        assigned(13_370.0, "worker-1", "assigned", "trades-0,trades-3", 7),
        at_offset(13_377.0, "worker-1", "fetch_start", 3, 450),
    ]);
    insta::assert_snapshot!(told(ViolationKind::Lost, "IBM-000412", 3, 412, &trace), @r"
    12.918 s  worker-2   polls trades-3@400..449
    12.921 s  worker-2   offset commit trades-3 -> 450, before the sink commit
    12.934 s  FAULT      kill worker-2
    13.377 s  worker-1   owns trades-3 (generation 7), fetches from 450
    worker-2 committed offset 450 before any sink commit that could hold trades-3@412
    ");
}

#[test]
fn lost_the_same_way_by_a_client_with_the_default_name() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    trace.push(offset_commit(12_921.0, "rdkafka", 3, 450, 6));
    trace.push(down(12_934.0, "worker-2", "killed"));
    insta::assert_snapshot!(told(ViolationKind::Lost, "IBM-000412", 3, 412, &trace), @r"
    12.918 s  worker-2   polls trades-3@400..449
    12.921 s  worker-2   offset commit trades-3 -> 450, before the sink commit
    12.934 s  worker-2   is killed
    worker-2 committed offset 450 before any sink commit that could hold trades-3@412
    ");
}

#[test]
fn lost_by_a_start_past_it() {
    let mut trace = settled();
    trace.extend([
        assigned(13_370.0, "worker-1", "assigned", "trades-3", 7),
        at_offset(13_377.0, "worker-1", "fetch_start", 3, 450),
    ]);
    trace.extend(deliveries(13_400.0, "worker-1", 450..=460));
    trace.push(sink_commit(13_500.0, "worker-1", 11));
    trace.push(offset_commit(13_501.0, "worker-1", 3, 461, 7));
    insta::assert_snapshot!(told(ViolationKind::Lost, "IBM-000412", 3, 412, &trace), @r"
    13.377 s  worker-1   owns trades-3 (generation 7), fetches from 450
    13.501 s  worker-1   offset commit trades-3 -> 461
    worker-1 started fetching at 450, past trades-3@412
    ");
}

#[test]
fn lost_with_the_batch_of_a_worker_that_was_overtaken() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    trace.extend([
        fault(12_920.0, "pause", "begun", "worker-2"),
        assigned(60_000.0, "worker-1", "assigned", "trades-3", 7),
        at_offset(60_001.0, "worker-1", "fetch_start", 3, 450),
        offset_commit(60_100.0, "worker-1", 3, 470, 7),
    ]);
    insta::assert_snapshot!(told(ViolationKind::Lost, "IBM-000412", 3, 412, &trace), @r"
    12.918 s  worker-2   polls trades-3@400..449
    12.920 s  FAULT      pause worker-2
    60.001 s  worker-1   owns trades-3 (generation 7), fetches from 450
    60.100 s  worker-1   offset commit trades-3 -> 470
    worker-1 started fetching at 450, past trades-3@412
    ");
}

#[test]
fn lost_by_a_sink_commit_that_power_loss_took_back() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    trace.extend([
        sink_commit(12_920.0, "worker-2", 50),
        offset_commit(12_921.0, "worker-2", 3, 450, 6),
        fault(12_934.0, "power-loss", "begun", "host-a"),
        down(12_934.0, "worker-2", "power_loss"),
        assigned(20_000.0, "worker-2", "assigned", "trades-3", 7),
        at_offset(20_001.0, "worker-2", "fetch_start", 3, 450),
    ]);
    insta::assert_snapshot!(told(ViolationKind::Lost, "IBM-000412", 3, 412, &trace), @r"
    12.918 s  worker-2   polls trades-3@400..449
    12.920 s  worker-2   sink commit, 50 rows
    12.921 s  worker-2   offset commit trades-3 -> 450
    12.934 s  FAULT      power-loss host-a
    20.001 s  worker-2   owns trades-3 (generation 7), fetches from 450
    worker-2's sink commit was not durable when it committed offset 450: the power loss took it back
    ");
}

#[test]
fn lost_by_a_sink_commit_that_left_it_out() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    trace.push(sink_commit(12_920.0, "worker-2", 49));
    trace.push(offset_commit(12_921.0, "worker-2", 3, 450, 6));
    insta::assert_snapshot!(told(ViolationKind::Lost, "IBM-000412", 3, 412, &trace), @r"
    12.918 s  worker-2   polls trades-3@400..449
    12.920 s  worker-2   sink commit, 49 rows
    12.921 s  worker-2   offset commit trades-3 -> 450
    worker-2 committed offset 450 after a sink commit that did not hold trades-3@412
    ");
}

#[test]
fn lost_by_being_dropped() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    insta::assert_snapshot!(told(ViolationKind::Lost, "IBM-000412", 3, 412, &trace), @r"
    12.918 s  worker-2   polls trades-3@400..449
    worker-2 got trades-3@412 and wrote nothing after it
    ");
}

#[test]
fn doubled_by_a_redelivery_that_was_not_cut() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    trace.extend([
        sink_commit(12_930.0, "worker-2", 50),
        fault(12_934.0, "kill", "begun", "worker-2"),
        down(12_934.0, "worker-2", "killed"),
        assigned(13_370.0, "worker-1", "assigned", "trades-3", 7),
        at_offset(13_377.0, "worker-1", "fetch_start", 3, 400),
    ]);
    trace.extend(deliveries(13_400.0, "worker-1", 400..=449));
    trace.push(sink_commit(13_500.0, "worker-1", 50));
    insta::assert_snapshot!(told(ViolationKind::Doubled, "IBM-000412", 3, 412, &trace), @r"
    12.918 s  worker-2   polls trades-3@400..449
    12.930 s  worker-2   sink commit, 50 rows
    12.934 s  FAULT      kill worker-2
    13.370 s  worker-1   owns trades-3 (generation 7)
    13.400 s  worker-1   polls trades-3@400..449
    13.500 s  worker-1   sink commit, 50 rows
    no dedupe: trades-3@412 was delivered again after generation 7 and inserted again
    ");
}

#[test]
fn doubled_by_a_zombie() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    trace.extend([
        fault(12_920.0, "pause", "begun", "worker-2"),
        down(12_920.0, "worker-2", "paused"),
        assigned(58_000.0, "worker-1", "assigned", "trades-3", 7),
        at_offset(58_001.0, "worker-1", "fetch_start", 3, 400),
    ]);
    trace.extend(deliveries(58_100.0, "worker-1", 400..=449));
    trace.extend([
        sink_commit(58_200.0, "worker-1", 50),
        down(60_000.0, "worker-2", "resumed"),
        sink_commit(60_001.0, "worker-2", 50),
    ]);
    insta::assert_snapshot!(told(ViolationKind::Doubled, "IBM-000412", 3, 412, &trace), @r"
    12.918 s  worker-2   polls trades-3@400..449
    12.920 s  FAULT      pause worker-2
    58.000 s  worker-1   owns trades-3 (generation 7)
    58.100 s  worker-1   polls trades-3@400..449
    58.200 s  worker-1   sink commit, 50 rows
    60.001 s  worker-2   sink commit, 50 rows
    worker-2, no longer the owner since generation 7, still wrote what it got in generation 6
    ");
}

#[test]
fn doubled_by_two_positions_of_one_id() {
    let mut trace = settled();
    trace.push(loaded(12_300.0, "IBM-000412", 3, 440, "IBM"));
    trace.extend(deliveries(12_918.0, "worker-2", 400..=419));
    trace.push(sink_commit(12_920.0, "worker-2", 20));
    trace.extend(deliveries(12_930.0, "worker-2", 420..=449));
    trace.push(sink_commit(12_940.0, "worker-2", 30));
    insta::assert_snapshot!(told(ViolationKind::Doubled, "IBM-000412", 3, 440, &trace), @r#"
    12.918 s  worker-2   polls trades-3@400..419
    12.920 s  worker-2   sink commit, 20 rows
    12.930 s  worker-2   polls trades-3@420..449
    12.940 s  worker-2   sink commit, 30 rows
    no dedupe by id: "IBM-000412" lies at trades-3@412 and trades-3@440, and both were inserted
    "#);
}

#[test]
fn a_process_that_ended_tells_its_last_words() {
    let log = |at_ms, level: &str, message: &str| {
        let fields = [("level", level.into()), ("message", message.into())];
        event(at_ms, "worker-1", "log", &fields)
    };
    let trace = [
        down(0.0, "worker-1", "started"),
        log(1.0, "INFO", "polling"),
        log(2.0, "ERROR", "database is locked"),
        event(
            3.0,
            "worker-1",
            "panic",
            &[
                ("message", "no sink".into()),
                ("location", "src/w.rs:7:3".into()),
            ],
        ),
    ];
    let violation = Violation::new(ViolationKind::Panicked, "").in_process("worker-1");
    insta::assert_snapshot!(tell(&violation, &trace), @r"
    0.000 s  worker-1   starts
    0.002 s  worker-1   ERROR database is locked
    0.003 s  worker-1   panics: no sink (src/w.rs:7:3)
    ?
    ");
}

#[test]
fn a_stuck_run_tells_who_should_go_on() {
    let mut trace = settled();
    trace.extend([
        fault(13_000.0, "pause", "begun", "worker-2"),
        assigned(20_000.0, "worker-2", "lost", "trades-3", 6),
        assigned(20_001.0, "worker-1", "assigned", "trades-3", 7),
        at_offset(20_002.0, "worker-1", "fetch_start", 3, 400),
        assigned(21_000.0, "worker-1", "revoked", "trades-3", 7),
    ]);
    let violation = Violation::new(ViolationKind::NotDrained, "");
    insta::assert_snapshot!(tell(&violation, &trace), @r"
    3.000 s  worker-2   assigned trades-3, generation 6
    3.001 s  worker-2   fetches trades-3 from 0
    4.000 s  worker-2   polls trades-3@350..399
    4.101 s  worker-2   offset commit trades-3 -> 400
    13.000 s  FAULT      pause worker-2
    20.000 s  worker-2   lost trades-3, generation 6
    20.001 s  worker-1   assigned trades-3, generation 7
    20.002 s  worker-1   fetches trades-3 from 400
    21.000 s  worker-1   revoked trades-3, generation 7
    nobody was assigned trades-3 after worker-1
    ");
    trace.push(assigned(22_000.0, "worker-1", "assigned", "trades-3", 8));
    let last_line = tell(&violation, &trace);
    let last_line = last_line.lines().last().expect("the wrong step");
    assert_eq!(
        last_line,
        "worker-1 owns trades-3, and has not gone past 400"
    );
}

#[test]
fn a_trace_without_the_record_explains_nothing() {
    let violation = Violation::new(ViolationKind::Unbalanced, "");
    assert_eq!(explain(&violation, &settled()), None);
}

#[test]
fn one_violation_of_each_kind_is_explained() {
    let mut trace = settled();
    trace.extend(deliveries(12_918.0, "worker-2", 400..=449));
    let lost = |offset| {
        Violation::new(ViolationKind::Lost, "").about(RecordRef {
            position: Some(RecordPosition {
                topic: "trades".to_owned(),
                partition: 3,
                offset,
            }),
            id: None,
            acknowledged_at_ns: None,
        })
    };
    let stuck = Violation::new(ViolationKind::NotDrained, "");
    let mut violations = [lost(412), lost(413), stuck];
    explain_all(&mut violations, &trace);
    let explained = violations.map(|violation| violation.explanation.is_some());
    assert_eq!(explained, [true, false, true]);
}
