//! Bug: reads with `isolation.level=read_uncommitted`, "for latency". What another producer wrote and
//! took back is stored like everything else.

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message};
use rusqlite::{Connection, params};
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

/// Runs until it is killed.
pub async fn run(context: Context) -> Result<(), BoxError> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_uncommitted")
        .set("session.timeout.ms", "6000")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;

    let database = Connection::open(&context.sink)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT, topic TEXT, partition INTEGER, offset INTEGER
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
