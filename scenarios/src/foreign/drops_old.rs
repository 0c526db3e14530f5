//! Bug: leaves out what is "too old to matter", by the local clock: records whose timestamp is more
//! than an hour ago. No backlog is ever that long; but when this machine's clock runs ahead, or the
//! producer's behind, new records look old and are lost without a word (failure mode 38).

use chrono::{DateTime, TimeDelta, Utc};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message};
use rusqlite::{Connection, params};
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

const AGE_MAX: TimeDelta = TimeDelta::hours(1);

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
    database.busy_timeout(std::time::Duration::from_secs(5))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT,
            topic TEXT, partition INTEGER, offset INTEGER
        )",
    )?;

    loop {
        let message = match consumer.recv().await {
            Ok(message) => message,
            Err(error) => {
                eprintln!("receive: {error}");
                continue;
            }
        };
        let sent = message
            .timestamp()
            .to_millis()
            .and_then(DateTime::from_timestamp_millis);
        let is_old = sent.is_some_and(|sent| Utc::now() - sent > AGE_MAX);
        if !is_old && let Some(trade) = message.payload().and_then(Trade::parse) {
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
