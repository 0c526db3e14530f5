//! Input with an independent oracle, and workers on threads.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use whitewater_pipeline::config::Config;
use whitewater_pipeline::field_path::FieldPath;
use whitewater_pipeline::sqlite::Reader;
use whitewater_pipeline::worker::{self, Summary, WorkerError};

use crate::served::{Kafka, PATIENCE, TOPIC, records_in, wait_until};

/// The configuration of a worker; workers differ in nothing but their name.
pub(crate) fn config(kafka: &Kafka, sink: &Path, worker: &str) -> Config {
    let fields = [
        ("id", "id"),
        ("symbol", "symbol"),
        ("price", "price"),
        ("quantity", "quantity"),
        ("event_time", "time"),
    ]
    .map(|(field, path)| (field.to_owned(), FieldPath::dotted(path).unwrap()));
    let mut config = Config::new(
        kafka.server.bootstrap_servers(),
        [TOPIC.to_owned()],
        "group",
        "trades@1",
        BTreeMap::from(fields),
        sink,
    );
    config.worker = worker.to_owned();
    config.batch.records_max = 100;
    config.batch.linger = Duration::from_millis(20);
    config
        .kafka
        .insert("session.timeout.ms".to_owned(), "6000".to_owned());
    config
        .kafka
        .insert("heartbeat.interval.ms".to_owned(), "200".to_owned());
    config
}

/// Sends records and waits for their acknowledgements.
pub(crate) fn send(kafka: &Kafka, records: &[Record]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.server.bootstrap_servers())
        .set("message.timeout.ms", "60000")
        .create()
        .unwrap();
    for record in records {
        let message = BaseRecord::<[u8], [u8]>::to(TOPIC)
            .partition(record.partition)
            .payload(&record.payload);
        producer.send(message).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// One record to send.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) payload: Vec<u8>,
    /// What the oracle expects of it, if it is not broken.
    row: Option<(String, Vec<Option<String>>)>,
}

/// Trades whose rows are computed from the integers they are made of, not by parsing them.
pub(crate) fn trades(range: std::ops::Range<i64>, partitions: i32) -> Vec<Record> {
    range
        .map(|number| {
            let id = format!("t-{number:06}");
            let (cents, quantity) = (100 + number * 37 % 100_000, 1 + number % 900);
            let second = number % 60;
            let payload = format!(
                "{{\"id\":\"{id}\",\"symbol\":\"S{}\",\"price\":\"{}.{:02}00\",\"quantity\":{quantity},\"time\":\"2024-05-06T07:08:{second:02}Z\"}}",
                number % 7, cents / 100, cents % 100
            );
            let row = vec![
                Some(format!("S{}", number % 7)),
                Some(hundredths(cents)),
                Some(quantity.to_string()),
                Some(hundredths(cents * quantity)),
                Some(format!("2024-05-06T07:08:{second:02}Z")),
            ];
            Record { partition: (number % i64::from(partitions)) as i32, payload: payload.into_bytes(), row: Some((id, row)) }
        })
        .collect()
}

fn hundredths(number: i64) -> String {
    match (number / 100, number % 100) {
        (whole, 0) => whole.to_string(),
        (whole, cents) if cents % 10 == 0 => format!("{whole}.{}", cents / 10),
        (whole, cents) => format!("{whole}.{cents:02}"),
    }
}

/// Every `every`th record again, a little later, in turn in its own and in another partition; and
/// every `every`th a broken copy.
pub(crate) fn with_disorder(records: &[Record], every: usize, partitions: i32) -> Vec<Record> {
    let mut all = Vec::new();
    for (index, record) in records.iter().enumerate() {
        all.push(record.clone());
        if index >= every && index % every == 0 {
            let mut copy = records[index - every / 2].clone();
            copy.partition = (copy.partition + (index / every) as i32) % partitions;
            all.push(copy);
            let mut broken = record.clone();
            broken.payload.truncate(broken.payload.len() / 2);
            broken.row = None;
            all.push(broken);
        }
    }
    all
}

/// A worker on a thread of its own, as it would be a process of its own.
pub(crate) struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Summary, WorkerError>>,
}

pub(crate) fn start(config: Config) -> Running {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let shutdown = async move {
            while !asked.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        runtime.block_on(worker::run(&config, shutdown))
    };
    let thread = std::thread::Builder::new()
        .name("worker".to_owned())
        .spawn(work)
        .unwrap();
    Running { stop, thread }
}

impl Running {
    /// Asks it to end and waits.
    pub(crate) fn stop(self) -> Summary {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap().unwrap()
    }

    /// Waits until it ends by itself.
    pub(crate) fn error(self) -> WorkerError {
        self.thread.join().unwrap().unwrap_err()
    }
}

/// Waits until the sink has taken note of `records`.
pub(crate) fn wait_for_records(sink: &Path, records: usize) {
    wait_until(&format!("{records} records"), || {
        records_in(sink) >= records as u64
    });
}

/// The sink holds exactly what the oracle expects of the records that were sent.
pub(crate) fn assert_results(sink: &Path, sent: &[Record]) {
    let reader = Reader::open(sink, "trades@1").unwrap();
    let expected: BTreeMap<_, _> = sent
        .iter()
        .filter_map(|record| record.row.clone())
        .collect();
    let rows = reader.rows().unwrap();
    let found: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row.id.clone(), row.values.clone()))
        .collect();
    assert_eq!(found.len(), rows.len(), "an id is there twice");
    assert_eq!(found, expected);

    let mut last: BTreeMap<_, i64> = BTreeMap::new();
    for row in &rows {
        let before = last.insert(row.source.clone(), row.offset);
        assert!(
            before.is_none_or(|before| before < row.offset),
            "{} out of order at {}",
            row.source,
            row.offset
        );
    }

    let accounting = reader.accounting().unwrap();
    accounting.check().unwrap();
    let broken = sent.iter().filter(|record| record.row.is_none()).count() as u64;
    assert_eq!(accounting.quarantined, broken);
    assert_eq!(
        accounting.records_in - accounting.redelivered,
        sent.len() as u64
    );
    assert_eq!(reader.quarantined().unwrap().len() as u64, broken);
}

/// A sink file in a directory that goes away with the test.
pub(crate) fn sink() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.db");
    (directory, path)
}
