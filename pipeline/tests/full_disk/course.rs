//! The course of the proof: records stream in, a disk is full until the alarm has gone off, has room
//! again, all is worked off; first the sink's disk, then the broker's.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::alerts::Logs;
use super::small_disk::SmallDisk;
use crate::proof::brokers::Brokers;
use crate::proof::dataset::Dataset;
use crate::proof::patience::{OFTEN, SOMETIMES};
use crate::proof::pipeline::{Pipeline, Setup};
use crate::proof::run::expect_offsets_not_ahead;
use crate::proof::{topic_log, verdict};

/// `lag_ms_max` of the workers.
const LAG_MS_MAX: i64 = 5_000;

/// An alarm's bound: the limit, the 30 seconds that a lag must hold whose clocks nobody could check
/// yet, and the looks in between.
const ALARM_WITHIN: Duration = Duration::from_secs(50);

/// A look at the lag every other second: one has no longer for its answers, which may queue behind a
/// fetch that waits for records. No worker gives up on its sink.
const SETUP: Setup<'_> = Setup {
    partitions: 8,
    session_timeout_ms: 30_000,
    heartbeat_interval_ms: 1_000,
    stream: Duration::from_secs(6),
    limits: &[
        ("lag_ms_max", LAG_MS_MAX),
        ("lag_interval_ms", 2_000),
        ("sink_wait_ms_max", 300_000),
    ],
    sink_folder: None,
};

/// Sends a dataset through two worker processes while the disk of the sink is full for a while, then
/// the broker's. Then judges the sink by what the log holds.
pub(crate) fn prove_full_disks(
    brokers: &mut dyn Brokers,
    broker_disk: &SmallDisk,
    sink_disk: &SmallDisk,
    dataset: &Dataset,
) {
    let setup = Setup {
        sink_folder: Some(sink_disk.path()),
        ..SETUP
    };
    let mut pipeline = Pipeline::new(brokers, dataset, &setup);
    let logs = Logs::beside(&pipeline.config);
    let all = dataset.records.len();
    let (first, second) = (all / 10, all * 55 / 100);

    pipeline.send(0..first, Duration::ZERO).finish();
    for name in ["worker-1", "worker-2"] {
        pipeline.start_worker(name);
    }
    pipeline.wait_until_shared();
    pipeline.wait_for_rows(first);

    fill_sink_disk(&mut pipeline, &logs, first..second, sink_disk);
    fill_broker_disk(&mut pipeline, &logs, second..all, brokers, broker_disk);

    pipeline.wait_for_lag_zero();
    wait_for_quiet(&mut pipeline, &logs);
    pipeline.wait_for_committed_offsets();
    pipeline.stop();
    let servers = brokers.bootstrap_servers();
    let log = topic_log::read(&servers, dataset.topic, setup.partitions);
    let verdict = verdict::check(dataset, &log, pipeline.sink.path());
    expect_offsets_not_ahead(&pipeline);
    println!(
        "{:>11}  {}: {} records became {} rows with two full disks, {} duplicates, {} redelivered, {} in quarantine",
        "Proved",
        dataset.topic,
        verdict.records,
        verdict.rows,
        verdict.duplicates,
        verdict.redelivered,
        verdict.quarantined,
    );
}

fn fill_sink_disk(
    pipeline: &mut Pipeline<'_>,
    logs: &Logs,
    records: Range<usize>,
    disk: &SmallDisk,
) {
    wait_for_quiet(pipeline, logs);
    let (alerts, end) = (logs.alerts(), records.end);
    let sender = pipeline.send(records.clone(), SETUP.stream);
    pipeline.wait_for_rows(records.start + records.len() / 10);
    disk.fill();
    let full = Instant::now();
    pipeline.until("a sink that can't be written", OFTEN, |_| {
        match logs.sink_troubles() {
            0 => Err("all is well".to_owned()),
            _ => Ok(()),
        }
    });
    wait_for_alarm(pipeline, logs, alerts.raised, full, "the sink's disk");
    let rows = pipeline.sink.rows().unwrap();
    assert!(rows < end, "the disk was full with nothing to do");
    disk.free();
    sender.finish();
    pipeline.wait_for_rows(end);
    println!(
        "{:>11}  the sink after {:.1} s",
        "Drained",
        full.elapsed().as_secs_f64()
    );
}

/// A broker whose only log dir fails ends (Kafka's `LogManager`); it is started after there is room.
fn fill_broker_disk(
    pipeline: &mut Pipeline<'_>,
    logs: &Logs,
    records: Range<usize>,
    brokers: &mut dyn Brokers,
    disk: &SmallDisk,
) {
    wait_for_quiet(pipeline, logs);
    let (alerts, end) = (logs.alerts(), records.end);
    let sender = pipeline.send(records.clone(), SETUP.stream);
    pipeline.wait_for_rows(records.start + records.len() / 10);
    disk.fill();
    let full = Instant::now();
    pipeline.until("the broker's end", OFTEN, |pipeline| {
        match pipeline.group.answers() {
            Err(_) => Ok(()),
            Ok(()) => Err("it answers".to_owned()),
        }
    });
    wait_for_alarm(pipeline, logs, alerts.raised, full, "the broker's disk");
    disk.free();
    brokers.start();
    pipeline.until("the broker's return", SOMETIMES, |pipeline| {
        pipeline.group.answers().map_err(|error| error.to_string())
    });
    sender.finish();
    pipeline.wait_for_rows(end);
    println!(
        "{:>11}  the broker after {:.1} s",
        "Drained",
        full.elapsed().as_secs_f64()
    );
}

/// Waits until no alert is on: the next one is of the next fault.
fn wait_for_quiet(pipeline: &mut Pipeline<'_>, logs: &Logs) {
    pipeline.until("the end of all alerts", SOMETIMES, |_| {
        let alerts = logs.alerts();
        if alerts.raised <= alerts.over {
            Ok(())
        } else {
            Err(format!("there are {alerts:?}"))
        }
    });
}

fn wait_for_alarm(
    pipeline: &mut Pipeline<'_>,
    logs: &Logs,
    before: usize,
    full: Instant,
    what: &str,
) {
    pipeline.until("an alert", OFTEN, |_| match logs.alerts() {
        alerts if alerts.raised > before => Ok(()),
        alerts => Err(format!("there are {alerts:?}")),
    });
    let after = full.elapsed();
    assert!(after <= ALARM_WITHIN, "{what}: alert after {after:?}");
    println!(
        "{:>11}  {what} full, alert after {:.1} s",
        "Fault",
        after.as_secs_f64()
    );
}
