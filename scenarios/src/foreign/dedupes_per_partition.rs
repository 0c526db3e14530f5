//! Bug: remembers what it has seen by partition and id, since "a message stays in its partition". One that
//! its producer sends again with another key, or after the topic has grown, does not (failure mode 36).

use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::BorrowedMessage;
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
        .set("session.timeout.ms", "6000")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    let database = open(&context)?;
    loop {
        let message = match consumer.recv().await {
            Ok(message) => message,
            Err(error) => {
                eprintln!("receive: {error}");
                continue;
            }
        };
        if let Some(trade) = message.payload().and_then(Trade::parse) {
            store(&database, &trade, &message)?;
        }
        if let Err(error) = consumer.commit_message(&message, CommitMode::Async) {
            eprintln!("offset commit: {error}");
        }
    }
}

fn open(context: &Context) -> Result<Connection, BoxError> {
    let database = Connection::open(&context.sink)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.busy_timeout(Duration::from_secs(5))?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT, symbol TEXT, price TEXT, quantity TEXT, topic TEXT, partition INTEGER, offset INTEGER,
            PRIMARY KEY (partition, id)
        )",
    )?;
    Ok(database)
}

fn store(
    database: &Connection,
    trade: &Trade,
    message: &BorrowedMessage<'_>,
) -> rusqlite::Result<()> {
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
    Ok(())
}
