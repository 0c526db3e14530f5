//! Bug: version 2 has another idea of what makes a message one of a kind. Both versions write to one
//! table and cut what is delivered again by its key, as they should; but version 2 puts the symbol
//! before the id, so it does not know again what version 1 has stored. Each version alone is right.

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message};
use rusqlite::{Connection, params};
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

/// Version 1. Runs until it is killed.
pub async fn run_1(context: Context) -> Result<(), BoxError> {
    run(context, |trade| trade.id.clone()).await
}

/// Version 2. Runs until it is killed.
pub async fn run_2(context: Context) -> Result<(), BoxError> {
    run(context, |trade| format!("{}/{}", trade.symbol, trade.id)).await
}

async fn run(context: Context, key: fn(&Trade) -> String) -> Result<(), BoxError> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("enable.auto.offset.store", "false")
        .set("session.timeout.ms", "6000")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;

    let database = Connection::open(&context.sink)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            key TEXT UNIQUE, id TEXT, symbol TEXT, price TEXT, quantity TEXT,
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
        if let Some(trade) = message.payload().and_then(Trade::parse) {
            database.execute(
                "INSERT OR IGNORE INTO trades VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    key(&trade),
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
        // Stored now, committed by the timer: the record is safe before its offset is.
        if let Err(error) = consumer.store_offset_from_message(&message) {
            eprintln!("store offset: {error}");
        }
    }
}
