//! Bug: owns partitions by a fencing token in its database, and never asks the group coordinator
//! whether it is still a member. A worker that was away (paused, cut off) wakes up, claims with
//! a higher token than the true owner's, and fences it; the true owner, told that somebody else
//! owns the partition now, lets go of it. Then the zombie learns of the rebalance and lets go too:
//! nobody reads the partition any more (failure modes 9 and 16).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use whitewater::pipeline_under_test::{BoxError, Context};

use super::trade::Trade;

type Partition = (String, i32);

/// What the callbacks leave for the loop.
#[derive(Default)]
struct Assignments {
    gained: Vec<Partition>,
    gone: Vec<Partition>,
}

struct Ownership(Arc<Mutex<Assignments>>);

impl ClientContext for Ownership {}

impl ConsumerContext for Ownership {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let named = |list: &TopicPartitionList| {
            list.elements()
                .iter()
                .map(|element| (element.topic().to_owned(), element.partition()))
                .collect::<Vec<_>>()
        };
        let mut assignments = self.0.lock().expect("no holder panics");
        match rebalance {
            Rebalance::Assign(list) => assignments.gained.extend(named(list)),
            Rebalance::Revoke(list) => assignments.gone.extend(named(list)),
            Rebalance::Error(error) => eprintln!("rebalance: {error}"),
        }
    }
}

/// Runs until it is killed.
pub async fn run(context: Context) -> Result<(), BoxError> {
    let assignments = Arc::new(Mutex::new(Assignments::default()));
    let consumer: BaseConsumer<Ownership> = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .create_with_context(Ownership(assignments.clone()))?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    let mut database = open(&context)?;
    let mut tokens: BTreeMap<Partition, i64> = BTreeMap::new();

    loop {
        let polled = consumer
            .poll(Duration::from_millis(100))
            .map(|polled| polled.map(|message| message.detach()));
        let Assignments { gained, gone } =
            std::mem::take(&mut *assignments.lock().expect("no holder panics"));
        for partition in gone {
            tokens.remove(&partition);
        }
        for partition in gained {
            let (token, next_offset) = claim(&mut database, &partition)?;
            if let Err(error) = consumer.seek(
                &partition.0,
                partition.1,
                Offset::Offset(next_offset),
                Duration::from_secs(5),
            ) {
                eprintln!("seek {partition:?}: {error}");
            }
            tokens.insert(partition, token);
        }
        let message = match polled {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                eprintln!("poll: {error}");
                continue;
            }
            None => continue,
        };
        let partition = (message.topic().to_owned(), message.partition());
        let Some(&token) = tokens.get(&partition) else {
            continue;
        };
        if !store(
            &mut database,
            &partition,
            token,
            message.offset(),
            message.payload(),
        )? {
            eprintln!("{partition:?}: fenced, another worker owns it now");
            tokens.remove(&partition);
            continue;
        }
        // For the lag that monitoring shows; where to start is the sink's word.
        let mut next = TopicPartitionList::new();
        next.add_partition_offset(
            &partition.0,
            partition.1,
            Offset::Offset(message.offset() + 1),
        )?;
        consumer.commit(&next, CommitMode::Async)?;
    }
}

fn open(context: &Context) -> Result<Connection, BoxError> {
    let database = Connection::open(&context.sink)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS trades (
            id TEXT PRIMARY KEY, symbol TEXT, price TEXT, quantity TEXT, topic TEXT, partition INTEGER, offset INTEGER
        );
        CREATE TABLE IF NOT EXISTS ownership (
            topic TEXT, partition INTEGER, token INTEGER NOT NULL, next_offset INTEGER NOT NULL,
            PRIMARY KEY (topic, partition)
        );",
    )?;
    Ok(database)
}

/// Takes the partition: whoever claims last owns it.
fn claim(database: &mut Connection, partition: &Partition) -> Result<(i64, i64), BoxError> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO ownership VALUES (?1, ?2, 1, 0)
         ON CONFLICT (topic, partition) DO UPDATE SET token = token + 1",
        params![partition.0, partition.1],
    )?;
    let claimed = transaction.query_row(
        "SELECT token, next_offset FROM ownership WHERE topic = ?1 AND partition = ?2",
        params![partition.0, partition.1],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    transaction.commit()?;
    Ok(claimed)
}

/// Stores one record if the token still holds; false where another worker has claimed since.
fn store(
    database: &mut Connection,
    partition: &Partition,
    token: i64,
    offset: i64,
    payload: Option<&[u8]>,
) -> Result<bool, BoxError> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let held: Option<(i64, i64)> = transaction
        .query_row(
            "SELECT token, next_offset FROM ownership WHERE topic = ?1 AND partition = ?2",
            params![partition.0, partition.1],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((current, next_offset)) = held else {
        return Ok(false);
    };
    if current != token {
        return Ok(false);
    }
    if offset >= next_offset {
        if let Some(trade) = payload.and_then(Trade::parse) {
            transaction.execute(
                "INSERT OR IGNORE INTO trades VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    trade.id,
                    trade.symbol,
                    trade.price,
                    trade.quantity,
                    partition.0,
                    partition.1,
                    offset
                ],
            )?;
        }
        transaction.execute(
            "UPDATE ownership SET next_offset = ?3 WHERE topic = ?1 AND partition = ?2",
            params![partition.0, partition.1, offset + 1],
        )?;
    }
    transaction.commit()?;
    Ok(true)
}
