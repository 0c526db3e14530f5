//! Bug: "at least once" taken to the letter. A record that it can't read is fetched again until it can:
//! nothing behind it is ever read (failure mode 35).

use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message, Offset};
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
        let Some(trade) = message.payload().and_then(Trade::parse) else {
            eprintln!("not a trade, will try again");
            tokio::time::sleep(Duration::from_millis(500)).await;
            let again = Offset::Offset(message.offset());
            consumer.seek(
                message.topic(),
                message.partition(),
                again,
                Duration::from_secs(5),
            )?;
            continue;
        };
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
