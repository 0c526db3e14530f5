//! Not a bug in what it stores: it logs where in memory a message lies, as people do with `{:p}`
//! when they hunt a copy. Its history differs from run to run, and `determinism` must say where.

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
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;

    let database = Connection::open(&context.sink)?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT,
            topic TEXT, partition INTEGER, offset INTEGER
        )",
    )?;

    loop {
        let message = consumer.recv().await?;
        if let Some((payload, trade)) = message
            .payload()
            .and_then(|payload| Some((payload, Trade::parse(payload)?)))
        {
            tracing::info!(payload = ?payload.as_ptr(), "stores a trade");
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
        consumer.commit_message(&message, CommitMode::Async)?;
    }
}
