//! Bug: the client's defaults, and a background task that does the work. The client stores the
//! offset of each message as it hands it out, and commits what is stored every few seconds: by
//! then the task may not have come to it. A crash loses what waits in the queue (failure modes 1
//! and 10).

use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::OwnedMessage;
use rdkafka::{ClientConfig, Message};
use rusqlite::{Connection, params};
use tokio::sync::mpsc;
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

/// Runs until it is killed.
pub async fn run(context: Context) -> Result<(), BoxError> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("auto.offset.reset", "earliest")
        .set("auto.commit.interval.ms", "1000")
        .set("session.timeout.ms", "6000")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    let database = open(&context)?;

    // So that a slow write does not keep the consumer from polling.
    let (queue, received) = mpsc::unbounded_channel();
    tokio::spawn(work(database, received));
    loop {
        match consumer.recv().await {
            Ok(message) => queue.send(message.detach())?,
            Err(error) => eprintln!("receive: {error}"),
        }
    }
}

async fn work(database: Connection, mut received: mpsc::UnboundedReceiver<OwnedMessage>) {
    while let Some(message) = received.recv().await {
        // What one row costs, with a look-up of its symbol.
        tokio::time::sleep(Duration::from_millis(10)).await;
        if let Err(error) = store(&database, &message) {
            eprintln!("store: {error}");
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
