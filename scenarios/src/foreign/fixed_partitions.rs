//! Bug: a table with one place for each partition, made when the consumer starts. What comes from a
//! partition that was not there then has no place and is passed over (failure mode 22).

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
        .set("topic.metadata.refresh.interval.ms", "5000")
        .create()?;
    let topic = context.topics.first().ok_or("no topic to read")?;
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10))?;
    let partitions = metadata
        .topics()
        .first()
        .map_or(0, |topic| topic.partitions().len());
    let mut counts = vec![0_u64; partitions];
    consumer.subscribe(&[topic.as_str()])?;
    let database = open(&context)?;
    loop {
        let message = match consumer.recv().await {
            Ok(message) => message,
            Err(error) => {
                eprintln!("receive: {error}");
                continue;
            }
        };
        let place = usize::try_from(message.partition())
            .ok()
            .and_then(|partition| counts.get_mut(partition));
        match (place, message.payload().and_then(Trade::parse)) {
            (Some(count), Some(trade)) => {
                store(&database, &trade, &message)?;
                *count += 1;
            }
            _ => eprintln!("{}@{} is not for us", message.partition(), message.offset()),
        }
        if let Err(error) = consumer.commit_message(&message, CommitMode::Async) {
            eprintln!("offset commit: {error}");
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

fn store(
    database: &Connection,
    trade: &Trade,
    message: &BorrowedMessage<'_>,
) -> rusqlite::Result<()> {
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
    Ok(())
}
