//! The whole pipeline against a plain single loop, over TCP, on the same records in the same run.
//!
//! Not criterion's: one measurement takes seconds, and what is wanted is the ratio. The contestants
//! take turns, so that what else the machine does hits them alike.

use std::path::Path;

use whitewater_benches::broker;
use whitewater_benches::commits::Run;
use whitewater_benches::mode::is_measuring;
use whitewater_benches::records::{TRADES, read, real_trades_file};
use whitewater_benches::{pipeline_run, plain_loop};

const PARTITIONS: i32 = 8;
/// As many as there are real trades.
const GENERATED_RECORDS: u64 = 388_417;
const ROUNDS: usize = 5;

/// Who takes part: given brokers, number of records and database.
type Contestant = fn(&str, u64, &Path) -> Run;

/// The first is what the others are compared with.
const CONTESTANTS: [(&str, Contestant); 5] = [
    (
        "loop, fetch.queue.backoff.ms=5",
        |brokers, records, path| {
            plain_loop::run(brokers, records, &[("fetch.queue.backoff.ms", "5")], path)
        },
    ),
    ("loop, librdkafka's defaults", |brokers, records, path| {
        plain_loop::run(brokers, records, &[], path)
    }),
    ("pipeline, its defaults", |brokers, records, path| {
        pipeline_run::run(brokers, records, |_| {}, path)
    }),
    ("pipeline, batches of 1,000", |brokers, records, path| {
        pipeline_run::run(
            brokers,
            records,
            |config| config.batch.records_max = 1_000,
            path,
        )
    }),
    ("pipeline, backoff 1,000 ms", |brokers, records, path| {
        let backoff = |config: &mut whitewater_pipeline::config::Config| {
            let property = ("fetch.queue.backoff.ms".to_owned(), "1000".to_owned());
            config.kafka.extend([property]);
        };
        pipeline_run::run(brokers, records, backoff, path)
    }),
];

fn main() {
    let (name, records, rounds) = input();
    println!(
        "{} records ({name}), {PARTITIONS} partitions, {rounds} rounds",
        records.len()
    );
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); CONTESTANTS.len()];
    for _ in 0..rounds {
        for ((_, contestant), runs) in CONTESTANTS.iter().zip(&mut runs) {
            runs.push(measure(&records, *contestant));
        }
    }
    print(&runs);
}

fn input() -> (&'static str, Vec<Vec<u8>>, usize) {
    if !is_measuring() {
        return (
            "generated, once: `cargo bench` measures",
            TRADES.payloads(2_500),
            1,
        );
    }
    match real_trades_file() {
        Some(path) => ("real trades", read(&path), ROUNDS),
        None => (
            "generated: WHITEWATER_DATA names no folder of real data",
            TRADES.payloads(GENERATED_RECORDS),
            ROUNDS,
        ),
    }
}

/// One contestant on a broker and a folder of its own.
fn measure(records: &[Vec<u8>], contestant: Contestant) -> Run {
    let server = broker::serve(PARTITIONS, records);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let database = folder.path().join("results.db");
    let run = contestant(&server.bootstrap_servers(), records.len() as u64, &database);
    assert_eq!(
        run.records(),
        records.len() as u64,
        "nothing lost, nothing twice"
    );
    run
}

fn print(runs: &[Vec<Run>]) {
    println!(
        "{:<32} {:>10} {:>10} {:>10} {:>7} {:>9}",
        "records/s", "median", "lowest", "highest", "ratio", "start ms"
    );
    let mut baseline = None;
    for ((name, _), runs) in CONTESTANTS.iter().zip(runs) {
        let mut rates: Vec<f64> = runs.iter().map(Run::records_per_second).collect();
        rates.sort_by(f64::total_cmp);
        let mut starts: Vec<i64> = runs.iter().map(Run::start_ms).collect();
        starts.sort_unstable();
        let median = rates[rates.len() / 2];
        let baseline = *baseline.get_or_insert(median);
        println!(
            "{name:<32} {median:>10.0} {:>10.0} {:>10.0} {:>7.2} {:>9}",
            rates[0],
            rates[rates.len() - 1],
            median / baseline,
            starts[starts.len() / 2]
        );
    }
}
