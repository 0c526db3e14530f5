//! Bug: knows an id for ten minutes only, by the database's own wall clock ("an upstream repeats
//! itself within seconds, and the table must not grow"). Right as long as the clock runs straight:
//! when it jumps forward, everything is forgotten at once, and what comes again is counted again
//! (failure mode 36).

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message};
use rusqlite::{Connection, TransactionBehavior, params};
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

const WINDOW_S: i64 = 600;

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

    let mut database = Connection::open(&context.sink)?;
    database.busy_timeout(std::time::Duration::from_secs(5))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT, symbol TEXT, price TEXT, quantity TEXT, topic TEXT, partition INTEGER, offset INTEGER
        );
        CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at_s INTEGER NOT NULL);",
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
            // Both tables in one transaction: a crash can't part them.
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(
                "DELETE FROM seen WHERE at_s < unixepoch('now') - ?1",
                [WINDOW_S],
            )?;
            let is_new = transaction.execute(
                "INSERT INTO seen VALUES (?1, unixepoch('now')) ON CONFLICT DO NOTHING",
                [&trade.id],
            )? == 1;
            if is_new {
                transaction.execute(
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
            }
            transaction.commit()?;
        }
        if let Err(error) = consumer.commit_message(&message, CommitMode::Async) {
            eprintln!("offset commit: {error}");
        }
    }
}
