//! The course of the proof: send in parts, let something fail in the middle of each, let all of
//! it come to rest, judge.

use std::time::{Duration, Instant};

use super::brokers::Brokers;
use super::dataset::Dataset;
use super::patience::{OFTEN, SOMETIMES};
use super::pipeline::{Pipeline, Setup};
use super::sender::Sender;
use super::topic_log;
use super::verdict::{self, Verdict};

/// What has been sent after each part, in percent: nothing runs ahead of the next fault.
const SENT_PERCENT: [usize; 5] = [10, 45, 60, 78, 100];

/// From where on the faults hit, in percent of the rows: each in the middle of a part.
const KILL_PERCENT: usize = 20;
const PAUSE_PERCENT: usize = 48;
const RESTART_PERCENT: usize = 63;

/// Sends a dataset through three worker processes while one is killed and replaced, one is paused
/// past its session timeout and resumed, and the broker is restarted, all between 20 % and 80 % of
/// the rows. Then judges the sink by what the log holds.
pub(crate) fn prove(brokers: &mut dyn Brokers, dataset: &Dataset, setup: &Setup<'_>) {
    let mut pipeline = Pipeline::new(brokers, dataset, setup);
    let part = |index: usize| Part::new(dataset, index);

    part(0).send(&pipeline, Duration::ZERO).finish();
    let started = Instant::now();
    for name in ["worker-1", "worker-2", "worker-3"] {
        pipeline.start_worker(name);
    }
    pipeline.wait_until_shared();
    pipeline.wait_for_rows(part(0).end);

    kill_one(&mut pipeline, &part(1), setup.stream);
    pause_one(&mut pipeline, &part(2), setup.stream);
    restart_broker(&mut pipeline, &part(3), setup.stream, brokers);

    let undisturbed = Instant::now();
    part(4).send(&pipeline, Duration::ZERO).finish();
    pipeline.wait_for_lag_zero();
    let (undisturbed, elapsed) = (undisturbed.elapsed(), started.elapsed());
    pipeline.wait_for_committed_offsets();
    pipeline.stop();

    let log = topic_log::read(
        &brokers.bootstrap_servers(),
        dataset.topic,
        setup.partitions,
    );
    let verdict = verdict::check(dataset, &log, pipeline.sink.path());
    expect_offsets_not_ahead(&pipeline);
    report(dataset, &verdict, elapsed, part(4).len(), undisturbed);
}

/// Kills the busiest worker and starts another.
fn kill_one(pipeline: &mut Pipeline<'_>, part: &Part, stream: Duration) {
    let victim = pipeline.owner_of_hottest_partition();
    let sender = part.send(pipeline, stream);
    pipeline.wait_for_rows(part.rows_at(KILL_PERCENT));
    pipeline.kill(&victim);
    part.expect_in_the_middle(pipeline, &format!("kill -9 of {victim}"));
    pipeline.start_worker("worker-4");
    sender.finish();
    pipeline.group.wait_until_expired(&victim);
    pipeline.wait_until_shared();
    pipeline.wait_for_rows(part.end);
}

/// Pauses the busiest worker until the group has given it up, then lets it go on.
fn pause_one(pipeline: &mut Pipeline<'_>, part: &Part, stream: Duration) {
    let victim = pipeline.owner_of_hottest_partition();
    let sender = part.send(pipeline, stream);
    pipeline.wait_for_rows(part.rows_at(PAUSE_PERCENT));
    pipeline.worker(&victim).pause();
    part.expect_in_the_middle(pipeline, &format!("pause of {victim}"));
    pipeline.group.wait_until_expired(&victim);
    pipeline.worker(&victim).resume();
    sender.finish();
    pipeline.wait_until_shared();
    pipeline.wait_for_rows(part.end);
}

/// Stops the broker until a client has noticed, and starts it again.
fn restart_broker(
    pipeline: &mut Pipeline<'_>,
    part: &Part,
    stream: Duration,
    brokers: &mut dyn Brokers,
) {
    let sender = part.send(pipeline, stream);
    pipeline.wait_for_rows(part.rows_at(RESTART_PERCENT));
    brokers.stop();
    part.expect_in_the_middle(pipeline, "restart of the broker");
    pipeline.until("the broker's silence", OFTEN, |pipeline| {
        match pipeline.group.answers() {
            Err(_) => Ok(()),
            Ok(()) => Err("it answers".to_owned()),
        }
    });
    brokers.start();
    pipeline.until("the broker's return", SOMETIMES, |pipeline| {
        pipeline.group.answers().map_err(|error| error.to_string())
    });
    sender.finish();
    pipeline.wait_for_rows(part.end);
}

/// An offset commit only ever follows the sink commit.
pub(crate) fn expect_offsets_not_ahead(pipeline: &Pipeline<'_>) {
    let committed = pipeline.group.committed();
    for position in pipeline.sink.positions().unwrap() {
        let told = committed[position.partition.partition as usize];
        assert!(
            told <= position.next_offset,
            "{} is committed at {told:?}, the sink is at {:?}",
            position.partition,
            position.next_offset
        );
    }
}

/// Some of the records, one after the other.
struct Part {
    begin: usize,
    end: usize,
    all: usize,
}

impl Part {
    fn new(dataset: &Dataset, index: usize) -> Self {
        let all = dataset.records.len();
        let until = |index: usize| all * SENT_PERCENT[index] / 100;
        Self {
            begin: index.checked_sub(1).map_or(0, until),
            end: until(index),
            all,
        }
    }

    fn len(&self) -> usize {
        self.end - self.begin
    }

    fn rows_at(&self, percent: usize) -> usize {
        let rows = self.all * percent / 100;
        assert!(
            self.begin < rows && rows < self.end,
            "{percent} % is elsewhere"
        );
        rows
    }

    fn send(&self, pipeline: &Pipeline<'_>, stream: Duration) -> Sender {
        pipeline.send(self.begin..self.end, stream)
    }

    /// A fault that hits an idle pipeline proves nothing.
    fn expect_in_the_middle(&self, pipeline: &Pipeline<'_>, fault: &str) {
        let rows = pipeline.sink.rows().unwrap();
        let percent = rows * 100 / self.all;
        assert!((20..80).contains(&percent), "{fault} at {percent} %");
        assert!(rows < self.end, "{fault} with nothing to do");
        println!("{:>11}  {fault} at {percent} %, {} rows", "Fault", rows);
    }
}

fn report(
    dataset: &Dataset,
    verdict: &Verdict,
    elapsed: Duration,
    undisturbed_records: usize,
    undisturbed: Duration,
) {
    let rate = |records: usize, time: Duration| records as f64 / time.as_secs_f64();
    println!(
        "{:>11}  {}: {} records became {} rows, {} duplicates, {} redelivered, {} in quarantine",
        "Proved",
        dataset.topic,
        verdict.records,
        verdict.rows,
        verdict.duplicates,
        verdict.redelivered,
        verdict.quarantined,
    );
    println!(
        "{:>11}  {:.0} records/s with the faults ({:.1} s), {:.0} records/s sent and processed without",
        "Speed",
        rate(verdict.records, elapsed),
        elapsed.as_secs_f64(),
        rate(undisturbed_records, undisturbed),
    );
}
