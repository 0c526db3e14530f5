//! Bug: an offset commit that timed out is taken for one that failed, and "the record was not
//! processed": it is done again, into a table that would take it twice. Right as long as every answer
//! comes (failure modes 25 and 34).

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
        .set("socket.timeout.ms", "3000")
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
            continue;
        };
        for attempt in 1..=ATTEMPTS_MAX {
            store(&database, &trade, &message)?;
            match consumer.commit_message(&message, CommitMode::Sync) {
                Ok(()) => break,
                Err(error) => eprintln!("attempt {attempt}: {error}"),
            }
        }
    }
}

/// Then it goes on: the next record's offset commit covers this one.
const ATTEMPTS_MAX: u32 = 3;

fn open(context: &Context) -> Result<Connection, BoxError> {
    let database = Connection::open(&context.sink)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.busy_timeout(Duration::from_secs(5))?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT, symbol TEXT, price TEXT, quantity TEXT, topic TEXT, partition INTEGER, offset INTEGER
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
        "INSERT INTO trades VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
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
