//! Bug: a batch that its database refuses is logged and left behind ("we must not block the
//! partition"), and the offsets go on. Right as long as the disk takes everything; when it is full or
//! fails, whole batches are gone (failure modes 30 and 39).

use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message};
use rusqlite::{Connection, TransactionBehavior, params};
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

type Positioned = (Trade, String, i32, i64);

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
    let mut database = loop {
        match open(&context) {
            Ok(database) => break database,
            Err(error) => {
                eprintln!("open: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    };

    loop {
        let (received, batch) = next_batch(&consumer).await;
        if received == 0 {
            continue;
        }
        if let Err(error) = store(&mut database, &batch) {
            eprintln!("can't store {} trades: {error}", batch.len());
        }
        // Stored first, committed then: at least once, as it should be.
        if let Err(error) = consumer.commit_consumer_state(CommitMode::Sync) {
            eprintln!("offset commit: {error}");
        }
    }
}

fn open(context: &Context) -> rusqlite::Result<Connection> {
    let database = Connection::open(&context.sink)?;
    database.busy_timeout(Duration::from_secs(30))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT,
            topic TEXT, partition INTEGER, offset INTEGER
        )",
    )?;
    Ok(database)
}

fn store(database: &mut Connection, batch: &[Positioned]) -> rusqlite::Result<()> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
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
    transaction.commit()
}

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
            }
        }
    }
    (received, batch)
}
