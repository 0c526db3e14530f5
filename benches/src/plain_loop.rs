//! What the pipeline is compared with: one consumer, one loop, nothing that isn't needed.
//!
//! It parses a trade, writes results, `seen` and offsets in one transaction of 1,000, and nothing
//! else: no claim, no fencing, no quarantine, no audit, no exact decimals, no offset commit.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rusqlite::{Connection, params};
use serde::Deserialize;

use crate::broker::TOPIC;
use crate::commits::{Commit, Run, wall_ms};

const BATCH_RECORDS: usize = 1_000;
/// How long nothing may come before the run has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Trade<'a> {
    id: &'a str,
    symbol: &'a str,
    time: &'a str,
    price: &'a str,
    quantity: u64,
}

/// Consumes `records` records into a new database, with librdkafka's `properties` over its defaults.
///
/// # Panics
/// If a record is not a trade, nothing comes for a minute, or not every record became a row.
#[must_use]
pub fn run(brokers: &str, records: u64, properties: &[(&str, &str)], database: &Path) -> Run {
    let started_ms = wall_ms();
    let mut connection = open(database);
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", brokers)
        .set("group.id", "plain-loop")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false");
    for (key, value) in properties {
        client.set(*key, *value);
    }
    let consumer: BaseConsumer = client.create().expect("the properties are librdkafka's");
    consumer.subscribe(&[TOPIC]).expect("the name is a topic's");
    let mut run = Run {
        started_ms,
        commits: Vec::new(),
    };
    let mut left = records;
    while left > 0 {
        let batch = poll_batch(&consumer, BATCH_RECORDS.min(left as usize));
        run.commits.push(Commit {
            at_ms: wall_ms(),
            records: batch.len() as u64,
        });
        write(&mut connection, &batch).expect("a database in a temporary folder can be written");
        left -= batch.len() as u64;
    }
    let rows: i64 = connection
        .query_row("SELECT count(*) FROM results", [], |row| row.get(0))
        .expect("the table is there");
    assert_eq!(rows.unsigned_abs(), records, "every record is a row");
    run
}

fn open(database: &Path) -> Connection {
    let connection = Connection::open(database).expect("a temporary folder can be written");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA cache_size = -65536;
             CREATE TABLE results (id TEXT, symbol TEXT, price TEXT, quantity INTEGER, event_time TEXT);
             CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID;
             CREATE TABLE offsets (partition INTEGER PRIMARY KEY, next_offset INTEGER);",
        )
        .expect("the statements are SQLite's");
    connection
}

fn poll_batch(consumer: &BaseConsumer, records: usize) -> Vec<BorrowedMessage<'_>> {
    let mut batch = Vec::with_capacity(records);
    let started = Instant::now();
    while batch.len() < records {
        match consumer.poll(Duration::from_millis(100)) {
            Some(message) => batch.push(message.expect("the broker is well")),
            None => assert!(started.elapsed() < PATIENCE, "nothing comes"),
        }
    }
    batch
}

fn write(connection: &mut Connection, batch: &[BorrowedMessage<'_>]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut seen = transaction.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?)")?;
        let mut result =
            transaction.prepare_cached("INSERT INTO results VALUES (?, ?, ?, ?, ?)")?;
        let mut next_offsets = BTreeMap::new();
        for message in batch {
            let payload = message.payload().unwrap_or_default();
            let trade: Trade<'_> =
                serde_json::from_slice(payload).expect("every record is a trade");
            if seen.execute([trade.id])? == 1 {
                result.execute(params![
                    trade.id,
                    trade.symbol,
                    trade.price,
                    trade.quantity as i64,
                    trade.time
                ])?;
            }
            next_offsets.insert(message.partition(), message.offset() + 1);
        }
        let mut offset =
            transaction.prepare_cached("INSERT OR REPLACE INTO offsets VALUES (?, ?)")?;
        for (partition, next_offset) in next_offsets {
            offset.execute(params![partition, next_offset])?;
        }
    }
    transaction.commit()
}
