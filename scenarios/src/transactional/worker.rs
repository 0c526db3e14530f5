//! The consumer's side: takes records into transactions, commits them, and reads again what an aborted
//! one held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientConfig, ClientContext, Offset};

use super::transactions::Transactions;

/// How long a poll waits for a record.
const POLL: Duration = Duration::from_millis(50);

/// How long brokers may take to say and to set positions.
const REWIND: Duration = Duration::from_secs(10);

/// From a producer that is of no further use to the next.
const PAUSE: Duration = Duration::from_millis(500);

/// What a worker is told.
pub struct Config {
    /// Topics to read.
    pub topics: Vec<String>,
    /// The topic to write.
    pub output: String,
    /// Of the consumer.
    pub consumer: ClientConfig,
    /// Of the producer; its transactional id is this worker's own.
    pub producer: ClientConfig,
    /// As many records go into one transaction,
    pub records_max: usize,
    /// or as many as came within this time.
    pub age_max: Duration,
}

/// Works until `stop` is set. Blocks.
///
/// # Errors
/// The configuration is wrong.
pub fn run(config: &Config, stop: &AtomicBool) -> KafkaResult<()> {
    loop {
        match work(config, stop) {
            Ok(()) => return Ok(()),
            Err(error @ (KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_))) => {
                return Err(error);
            }
            // Fenced, for one: the clients are of no further use. New ones go on where the last
            // committed transaction ended.
            Err(error) => tracing::warn!("starting over: {error}"),
        }
        if stop.load(Ordering::SeqCst) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
}

fn work(config: &Config, stop: &AtomicBool) -> KafkaResult<()> {
    let transactions = Arc::new(Transactions::start(&config.producer, &config.output)?);
    let member = Member(transactions.clone());
    let consumer: BaseConsumer<Member> = config.consumer.create_with_context(member)?;
    let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    while !stop.load(Ordering::SeqCst) {
        let polled = consumer.poll(POLL);
        if transactions.take_must_rewind() {
            // What was polled comes again as well.
            rewind(&consumer)?;
            continue;
        }
        match polled {
            Some(Ok(message)) => transactions.take_in(&message)?,
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
            Some(Err(error)) => tracing::warn!("polling: {error}"),
            None => {}
        }
        if transactions.is_due(config.records_max, config.age_max) {
            transactions.commit(&consumer)?;
        }
    }
    transactions.commit(&consumer)
}

/// Sets every partition back to its committed offset.
fn rewind(consumer: &BaseConsumer<Member>) -> KafkaResult<()> {
    let positions = consumer.committed(REWIND)?;
    if positions.count() == 0 {
        return Ok(());
    }
    for mut position in positions.elements() {
        if position.offset() == Offset::Invalid {
            position.set_offset(Offset::Beginning)?;
        }
    }
    let set = consumer.seek_partitions(positions, REWIND)?;
    set.elements()
        .iter()
        .try_for_each(|partition| partition.error())
}

/// What becomes of the open transaction when partitions go.
struct Member(Arc<Transactions>);

impl ClientContext for Member {}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(_) = rebalance
            // Of a member that was expelled no offsets are taken: then it is aborted.
            && let Err(error) = self.0.commit(consumer)
        {
            // The producer's next call says so again, and is heard.
            tracing::warn!("committing before a rebalance: {error}");
        }
    }
}
