//! Bug: commits the offsets of a batch first, "so that nothing is processed twice", then
//! processes it. A crash in between loses the batch (failure mode 10).

use std::time::Duration;

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
        .set("session.timeout.ms", "6000")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    let mut database = open(&context)?;

    loop {
        let (received, batch) = next_batch(&consumer).await;
        if received == 0 {
            continue;
        }
        // A rebalance may refuse it; the next batch's commit covers these offsets too.
        if let Err(error) = consumer.commit_consumer_state(CommitMode::Sync) {
            eprintln!("offset commit refused: {error}");
        }
        // Look up what the trade's book says before it is stored.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let transaction = database.transaction()?;
        for (trade, topic, partition, offset) in batch {
            transaction.execute(
                "INSERT OR IGNORE INTO trades VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    trade.id,
                    trade.symbol,
                    trade.price,
                    trade.quantity,
                    topic,
                    partition,
                    offset
                ],
            )?;
        }
        transaction.commit()?;
    }
}

type Positioned = (Trade, String, i32, i64);

/// How many messages came, and those of them that are trades.
async fn next_batch(consumer: &StreamConsumer) -> (usize, Vec<Positioned>) {
    let mut received = 0;
    let mut batch = Vec::new();
    let enough = tokio::time::sleep(Duration::from_millis(200));
    tokio::pin!(enough);
    while batch.len() < 100 {
        tokio::select! {
            () = &mut enough => break,
            message = consumer.recv() => match message {
                Ok(message) => {
                    received += 1;
                    if let Some(trade) = message.payload().and_then(Trade::parse) {
                        batch.push((trade, message.topic().to_owned(), message.partition(), message.offset()));
                    }
                }
                Err(error) => eprintln!("receive: {error}"),
            },
        }
    }
    (received, batch)
}

fn open(context: &Context) -> Result<Connection, BoxError> {
    let database = Connection::open(&context.sink)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT, topic TEXT, partition INTEGER, offset INTEGER
        )",
    )?;
    Ok(database)
}
