//! Stores trades from a Kafka topic in SQLite, a few at a time.

use std::path::Path;
use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message};
use rusqlite::{Connection, params};
use serde::Deserialize;
use tokio::time::Instant;

pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A message of the topic.
#[derive(Debug, Deserialize)]
pub struct Trade {
    pub id: String,
    pub symbol: String,
    pub price: String,
    pub quantity: u64,
}

/// As many trades go into one transaction,
const BATCH: usize = 50;
/// or as many as came within this time.
const LINGER: Duration = Duration::from_secs(1);

/// Consumes until it is told to end.
pub async fn run(brokers: &str, topics: &[String], group: &str, database: &Path) -> Result<(), Error> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .create()?;
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;

    let mut database = open(database)?;
    let mut batch = Vec::new();
    let mut end = std::pin::pin!(tokio::signal::ctrl_c());
    let mut due = Instant::now();
    loop {
        tokio::select! {
            _ = &mut end => return store(&mut database, &mut batch),
            _ = tokio::time::sleep_until(due), if !batch.is_empty() => store(&mut database, &mut batch)?,
            message = consumer.recv() => {
                if let Some(payload) = message?.payload() {
                    if batch.is_empty() {
                        due = Instant::now() + LINGER;
                    }
                    batch.push(serde_json::from_slice(payload)?);
                }
                if batch.len() >= BATCH {
                    store(&mut database, &mut batch)?;
                }
            }
        }
    }
}

/// Opens the database, creating the table as needed.
pub fn open(path: &Path) -> Result<Connection, Error> {
    let database = Connection::open(path)?;
    database.busy_timeout(Duration::from_secs(5))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trade (id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT)",
    )?;
    Ok(database)
}

/// A trade that is delivered again is stored once: its id is the key.
fn store(database: &mut Connection, batch: &mut Vec<Trade>) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    let transaction = database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for trade in batch.iter() {
        transaction.execute(
            "INSERT OR IGNORE INTO trade VALUES (?1, ?2, ?3, ?4)",
            params![trade.id, trade.symbol, trade.price, trade.quantity.to_string()],
        )?;
    }
    transaction.commit()?;
    batch.clear();
    Ok(())
}
