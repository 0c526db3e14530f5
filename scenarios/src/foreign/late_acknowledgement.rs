//! Bug: acknowledges late. A task writes what the consumer hands it, and commits each offset when
//! its row is written; nobody tells it that a partition was taken meanwhile. Kafka takes the
//! commit, since the worker is still a member of the group, and the new owner's offset falls back
//! (failure modes 4 and 9).

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::OwnedMessage;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use rusqlite::{Connection, params};
use tokio::sync::mpsc;
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

/// Runs until it is killed.
pub async fn run(context: Context) -> Result<(), BoxError> {
    let consumer: Arc<StreamConsumer> = Arc::new(
        ClientConfig::new()
            .set("bootstrap.servers", &context.brokers)
            .set("group.id", &context.group)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("session.timeout.ms", "6000")
            .create()?,
    );
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    let database = open(&context)?;

    let (queue, received) = mpsc::channel(50);
    tokio::spawn(acknowledge(Arc::clone(&consumer), database, received));
    loop {
        match consumer.recv().await {
            Ok(message) => queue.send(message.detach()).await?,
            Err(error) => eprintln!("receive: {error}"),
        }
    }
}

/// Writes and acknowledges one message after the other.
async fn acknowledge(
    consumer: Arc<StreamConsumer>,
    database: Connection,
    mut received: mpsc::Receiver<OwnedMessage>,
) {
    while let Some(message) = received.recv().await {
        // A price check somewhere else.
        tokio::time::sleep(Duration::from_millis(20)).await;
        if let Err(error) = store(&database, &message) {
            eprintln!("store: {error}");
            continue;
        }
        let mut next = TopicPartitionList::new();
        let added = next.add_partition_offset(
            message.topic(),
            message.partition(),
            Offset::Offset(message.offset() + 1),
        );
        if let Err(error) = added.and_then(|()| consumer.commit(&next, CommitMode::Async)) {
            eprintln!("acknowledge: {error}");
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

fn store(database: &Connection, message: &OwnedMessage) -> Result<(), BoxError> {
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
    Ok(())
}
