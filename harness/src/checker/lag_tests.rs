use super::*;
use crate::checker::planted;
use crate::trace::Value;
use crate::trace::history::{assigned, at_offset, event};

/// Records appended one a second until the history ends; alarms above ten seconds, a look every
/// second.
fn run(trace: Vec<Event>) -> Observation {
    let script = (0..100).map(|n| (0, Some(format!("IBM-{n}")))).collect();
    let mut run = planted::run(&script);
    run.settings
        .insert("lag_ms_max".to_owned(), "10000".to_owned());
    run.settings
        .insert("lag_interval_ms".to_owned(), "1000".to_owned());
    let end_ns = trace.iter().map(|event| event.at_ns).max().unwrap_or(0);
    run.trace = (0..=(end_ns / 1_000_000_000) as i64)
        .map(|second| {
            let fields = [
                ("topic", "trades".into()),
                ("partition", 0.into()),
                ("base_offset", second.into()),
                ("records", 1.into()),
            ];
            event(second as f64 * 1e3, "broker-1", "append", &fields)
        })
        .chain(trace)
        .collect();
    run.trace.sort_by_key(|event| event.at_ns);
    run
}

fn said(at_s: f64, message: &str, fields: &[(&str, Value)]) -> Event {
    let mut all: Vec<(&str, Value)> = vec![
        ("level", "DEBUG".into()),
        ("target", "lag".into()),
        ("message", message.into()),
        ("partition", "trades-0".into()),
    ];
    all.extend_from_slice(fields);
    event(at_s * 1e3, "worker-1", "log", &all)
}

/// A look after `at_s` seconds from a sink at `next`; the rest is true.
fn look(at_s: f64, next: i64) -> Event {
    let end = at_s.floor() as i64 + 1;
    let lag_ms = if next < end {
        ((at_s - next as f64) * 1e3) as i64
    } else {
        0
    };
    said(
        at_s,
        "lag",
        &[
            ("next_offset", next.into()),
            ("end_offset", end.into()),
            ("lag_offsets", (end - next).into()),
            ("lag_ms", lag_ms.into()),
            ("lag_ms_min", lag_ms.into()),
            ("basis", "record_timestamp".into()),
        ],
    )
}

fn set(mut event: Event, field: &'static str, value: Value) -> Event {
    event.fields.set(field, value);
    event
}

fn alert(at_s: f64, phase: &str) -> Event {
    let fields = [("phase", phase.into()), ("reason", "behind".into())];
    said(at_s, "lag alert", &fields)
}

fn deliver(at_s: f64, offset: i64) -> Event {
    at_offset(at_s * 1e3, "worker-1", "deliver", 0, offset)
}

fn told(trace: Vec<Event>) -> String {
    let violations = check(&run(trace));
    let messages: Vec<String> = violations.into_iter().map(|found| found.message).collect();
    messages.join("\n")
}

#[test]
fn true_reports_are_silent() {
    let mut trace = Vec::new();
    for second in 0..90 {
        trace.push(deliver(second as f64 + 0.3, second));
        trace.push(look(second as f64 + 0.5, second + 1));
    }
    assert_eq!(told(trace), "");
}

#[test]
fn a_lag_that_is_reported_and_raised_in_time_is_silent() {
    let mut trace: Vec<Event> = (0..60).map(|second| look(second as f64 + 0.5, 0)).collect();
    trace.push(alert(12.5, "raised"));
    assert_eq!(told(trace), "");
}

#[test]
fn no_lag_while_records_wait_is_named() {
    let trace = vec![look(4.5, 2), set(look(5.5, 2), "lag_offsets", 0.into())];
    insta::assert_snapshot!(told(trace), @"worker-1 reports of trades-0 no lag, and trades-0@2 was there at its last look");
    // What came since the last look may not be known yet.
    let trace = vec![look(4.5, 5), set(look(5.5, 5), "lag_ms", 0.into())];
    assert_eq!(told(trace), "");
}

#[test]
fn an_end_that_is_not_there_is_named() {
    let trace = vec![set(look(4.5, 2), "end_offset", 9.into())];
    insta::assert_snapshot!(told(trace), @"worker-1 reports of trades-0 the end 9, the log ends at 5");
}

#[test]
fn a_number_for_what_is_unknown_is_named() {
    let trace = vec![set(look(4.5, 2), "basis", "unknown".into())];
    insta::assert_snapshot!(told(trace), @"worker-1 reports of trades-0 a lag of 2500 ms, and that it is unknown");
}

#[test]
fn an_age_above_the_true_one_is_named() {
    let trace = vec![set(look(4.5, 2), "lag_ms_min", 3_600_000.into())];
    insta::assert_snapshot!(told(trace), @"worker-1 reports of trades-0 a lag of at least 3600000 ms, it is 2500 ms");
}

#[test]
fn a_missed_alarm_is_named_once() {
    // Three looks and half a minute past the limit, it is late.
    let until = |seconds: i64| {
        (0..seconds)
            .map(|second| look(second as f64 + 0.5, 0))
            .collect()
    };
    assert_eq!(told(until(43)), "");
    insta::assert_snapshot!(told(until(60)), @"worker-1 raised no alarm for trades-0, which lags 44000 ms, the limit is 10000 ms");
}

#[test]
fn nobody_lags_behind_what_is_deleted() {
    let looks = (0..60).map(|second| look(second as f64 + 0.5, 0));
    let deletions = (0..60).map(|second| {
        let fields = [
            ("topic", "trades".into()),
            ("partition", 0.into()),
            ("to", second.into()),
        ];
        event(
            second as f64 * 1e3 + 600.0,
            "broker-1",
            "log_start_moved",
            &fields,
        )
    });
    assert_eq!(told(looks.chain(deletions).collect()), "");
}

#[test]
fn only_a_running_owner_must_raise_an_alarm() {
    let looks = || -> Vec<Event> { (0..20).map(|second| look(second as f64 + 0.5, 0)).collect() };
    let mut revoked = looks();
    revoked.push(assigned(20e3, "worker-1", "revoked", "trades-0", 1));
    assert_eq!(told(revoked), "");
    for phase in ["killed", "paused"] {
        let mut gone = looks();
        gone.push(event(
            20e3,
            "worker-1",
            "process",
            &[("phase", phase.into())],
        ));
        assert_eq!(told(gone), "");
    }
    // Without its end it is missed, even if it does not look any more.
    let mut silent = looks();
    silent.push(event(
        60e3,
        "worker-2",
        "process",
        &[("phase", "started".into())],
    ));
    assert!(told(silent).contains("raised no alarm"));
}

#[test]
fn a_false_alarm_is_named() {
    let trace = vec![look(4.5, 4), look(5.5, 5), alert(5.5, "raised")];
    insta::assert_snapshot!(told(trace), @"worker-1 raised an alarm at a lag of at most 1500 ms, the limit is 10000 ms");
}

#[test]
fn a_marker_makes_the_log_longer() {
    let look = || set(look(3.5, 4), "end_offset", 5.into());
    let fields = [
        ("topic", "trades".into()),
        ("partition", 0.into()),
        ("offset", 4.into()),
    ];
    let marker = event(3.2e3, "broker-1", "transaction_marker", &fields);
    assert_eq!(told(vec![marker, look()]), "");
    assert_ne!(told(vec![look()]), "");
}
