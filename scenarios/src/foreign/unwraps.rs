//! Bug: "our producers send trades". The first record that is none ends the process, and meets it again
//! after every restart (failure mode 35).

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
        let payload = message.payload().expect("a message has a payload");
        let trade = Trade::parse(payload).expect("our producers send trades");
        store(&database, &trade, &message)?;
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
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT, topic TEXT, partition INTEGER, offset INTEGER
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
