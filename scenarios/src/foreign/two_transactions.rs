//! Bug: keeps its offsets in its own database, "exactly once", but in a transaction of their own.
//! The position is saved for every message as it comes; the rows are written when a hundred have
//! gathered. A crash in between loses them: the position has gone past (failure mode 10, by the
//! sink's own offsets).

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::OwnedMessage;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use rusqlite::{Connection, OptionalExtension, params};
use whitewater::pipeline_under_test::{BoxError, Context, RecordPosition};

use super::trade::Trade;

/// How many rows are written together.
const ROWS: usize = 100;

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
    let mut rows: Vec<OwnedMessage> = Vec::new();
    let mut written = tokio::time::interval(Duration::from_millis(500));

    loop {
        tokio::select! {
            message = consumer.recv() => match message {
                Ok(message) => {
                    let message = message.detach();
                    if is_new(&database, &message)? {
                        save_position(&database, &message)?;
                        rows.push(message);
                    }
                }
                Err(error) => eprintln!("receive: {error}"),
            },
            _ = written.tick() => {
                let next = write(&mut database, &mut rows)?;
                commit(&consumer, &next)?;
            }
        }
        if rows.len() >= ROWS {
            let next = write(&mut database, &mut rows)?;
            commit(&consumer, &next)?;
        }
    }
}

fn open(context: &Context) -> Result<Connection, BoxError> {
    let database = Connection::open(&context.sink)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT, topic TEXT, partition INTEGER, offset INTEGER
        );
        CREATE TABLE IF NOT EXISTS positions (
            topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)
        );",
    )?;
    Ok(database)
}

/// What is behind the saved position was taken in before.
fn is_new(database: &Connection, message: &OwnedMessage) -> Result<bool, BoxError> {
    let next: Option<i64> = database
        .query_row(
            "SELECT next_offset FROM positions WHERE topic = ?1 AND partition = ?2",
            params![message.topic(), message.partition()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(next.is_none_or(|next| message.offset() >= next))
}

fn save_position(database: &Connection, message: &OwnedMessage) -> Result<(), BoxError> {
    database.execute(
        "INSERT INTO positions VALUES (?1, ?2, ?3)
         ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset",
        params![message.topic(), message.partition(), message.offset() + 1],
    )?;
    Ok(())
}

/// Writes the rows in one transaction; the offset after the last one of each partition.
fn write(
    database: &mut Connection,
    rows: &mut Vec<OwnedMessage>,
) -> Result<BTreeMap<(String, i32), i64>, BoxError> {
    let mut next = BTreeMap::new();
    let transaction = database.transaction()?;
    for message in rows.drain(..) {
        if let Some(trade) = message.payload().and_then(Trade::parse) {
            transaction.execute(
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
        next.insert(
            (message.topic().to_owned(), message.partition()),
            message.offset() + 1,
        );
    }
    transaction.commit()?;
    Ok(next)
}

/// Tells Kafka how far it is, for the lag that monitoring shows.
fn commit(consumer: &StreamConsumer, next: &BTreeMap<(String, i32), i64>) -> Result<(), BoxError> {
    if next.is_empty() {
        return Ok(());
    }
    let mut offsets = TopicPartitionList::new();
    for ((topic, partition), offset) in next {
        offsets.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    if let Err(error) = consumer.commit(&offsets, CommitMode::Async) {
        eprintln!("offset commit: {error}");
    }
    Ok(())
}

/// Where the database says to go on.
pub fn next_offsets(context: &Context) -> Result<Vec<RecordPosition>, BoxError> {
    let database = Connection::open(&context.sink)?;
    let mut statement = database.prepare("SELECT topic, partition, next_offset FROM positions")?;
    let positions = statement.query_map([], |row| {
        Ok(RecordPosition {
            topic: row.get(0)?,
            partition: row.get(1)?,
            offset: row.get(2)?,
        })
    })?;
    Ok(positions.collect::<Result<_, _>>()?)
}
