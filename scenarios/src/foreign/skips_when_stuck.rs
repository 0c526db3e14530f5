//! Bug: takes silence for a broken partition. A watchdog, meant for a record that no client can
//! decode, jumps to the end of a partition that was silent for ten seconds. Traffic here never
//! pauses for so long, until a broker's disk is full: when the partition is back, what its producers
//! could not write before is there, and the watchdog jumps over it (failure modes 25 and 39).

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message, Offset};
use rusqlite::{Connection, params};
use tokio::time::{Instant, timeout};
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

const SILENT_MAX: Duration = Duration::from_secs(10);

/// Runs until it is killed.
pub async fn run(context: Context) -> Result<(), BoxError> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;

    let database = Connection::open(&context.sink)?;
    database.busy_timeout(Duration::from_secs(5))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT,
            topic TEXT, partition INTEGER, offset INTEGER
        )",
    )?;

    let mut heard: BTreeMap<(String, i32), Instant> = BTreeMap::new();
    loop {
        skip_silent(&consumer, &mut heard);
        let message = match timeout(Duration::from_secs(1), consumer.recv()).await {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => {
                eprintln!("receive: {error}");
                continue;
            }
            Err(_) => continue,
        };
        heard.insert(
            (message.topic().to_owned(), message.partition()),
            Instant::now(),
        );
        if let Some(trade) = message.payload().and_then(Trade::parse) {
            database.execute(
                "INSERT OR IGNORE INTO trades VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    trade.id,
                    trade.symbol,
                    trade.price,
                    trade.quantity,
                    message.topic(),
                    message.partition(),
                    message.offset()
                ],
            )?;
        }
        if let Err(error) = consumer.commit_message(&message, CommitMode::Async) {
            eprintln!("offset commit: {error}");
        }
    }
}

/// Jumps to the end of every partition that was heard of, and then not for too long.
fn skip_silent(consumer: &StreamConsumer, heard: &mut BTreeMap<(String, i32), Instant>) {
    for ((topic, partition), last) in heard.iter_mut() {
        if last.elapsed() < SILENT_MAX {
            continue;
        }
        *last = Instant::now();
        eprintln!("{topic}-{partition} is stuck, skipping to its end");
        if let Err(error) =
            consumer.seek(topic, *partition, Offset::End, Duration::from_millis(100))
        {
            eprintln!("seek: {error}");
        }
    }
}
