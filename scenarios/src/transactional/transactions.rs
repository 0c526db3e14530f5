//! The producer's side: one open transaction at most, with the results and the offsets of the records
//! they were made from.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::time::Instant;
use tracing::Level;

use super::notional;

/// How long a call may take before it is made again.
const CALL: Duration = Duration::from_secs(10);

/// A transactional producer, and what is in its transaction.
pub struct Transactions {
    producer: ThreadedProducer<DefaultProducerContext>,
    output: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// Records of an aborted transaction are behind the consumer's position.
    must_rewind: bool,
}

struct Open {
    since: Instant,
    records: usize,
    /// The offset to go on at, by topic and partition.
    offsets: BTreeMap<(String, i32), i64>,
}

impl Transactions {
    /// Fences whoever had the transactional id before, and ends what they left open.
    pub fn start(config: &ClientConfig, output: &str) -> KafkaResult<Self> {
        let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
        patiently(|| producer.init_transactions(CALL))?;
        Ok(Self {
            producer,
            output: output.to_owned(),
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so many records are in the transaction, or it is as old as that.
    pub fn is_due(&self, records_max: usize, age_max: Duration) -> bool {
        let state = self.state();
        let is_due = |open: &Open| open.records >= records_max || open.since.elapsed() >= age_max;
        state.open.as_ref().is_some_and(is_due)
    }

    /// Whether a transaction was aborted since this was asked last.
    pub fn take_must_rewind(&self) -> bool {
        std::mem::take(&mut self.state().must_rewind)
    }

    /// Takes a record into the transaction, which begins with the first.
    ///
    /// # Errors
    /// The producer is of no further use.
    pub fn take_in(&self, message: &BorrowedMessage<'_>) -> KafkaResult<()> {
        let mut state = self.state();
        let taken = self.produce(&mut state, message);
        drop(state);
        taken.or_else(|error| self.abort(error))
    }

    fn produce(&self, state: &mut State, message: &BorrowedMessage<'_>) -> KafkaResult<()> {
        if state.open.is_none() {
            self.producer.begin_transaction()?;
        }
        let open = state.open.get_or_insert_with(|| Open {
            since: Instant::now(),
            records: 0,
            offsets: BTreeMap::new(),
        });
        let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
        open.records += 1;
        open.offsets
            .insert((topic.to_owned(), partition), offset + 1);
        let Some(result) = message.payload().and_then(notional::of) else {
            tracing::warn!("{topic}-{partition}@{offset} is no trade");
            return Ok(());
        };
        let source = format!("{topic}-{partition}@{offset}");
        let headers = OwnedHeaders::new().insert(Header {
            key: "source",
            value: Some(&source),
        });
        let record = BaseRecord::to(&self.output)
            .key(&result.symbol)
            .payload(&result.payload)
            .headers(headers);
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// Commits the transaction, if one is open, in the name of the group's member: a coordinator takes
    /// the offsets only of one that is still in the group (KIP-447).
    ///
    /// # Errors
    /// The producer is of no further use.
    pub fn commit<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>) -> KafkaResult<()> {
        let offsets = match &self.state().open {
            Some(open) => list(&open.offsets)?,
            None => return Ok(()),
        };
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.in_transaction");
        match self.try_commit(consumer, &offsets) {
            Ok(()) => {
                self.state().open = None;
                Ok(())
            }
            Err(error) => self.abort(error),
        }
    }

    fn try_commit<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        offsets: &TopicPartitionList,
    ) -> KafkaResult<()> {
        let member = consumer.group_metadata().ok_or(KafkaError::Canceled)?;
        patiently(|| {
            self.producer
                .send_offsets_to_transaction(offsets, &member, CALL)
        })?;
        patiently(|| self.producer.commit_transaction(CALL))
    }

    /// Gives the transaction up. Its records are to be read again.
    ///
    /// # Errors
    /// The producer is of no further use.
    fn abort(&self, error: KafkaError) -> KafkaResult<()> {
        self.state().open = None;
        if self.producer.client().fatal_error().is_some() {
            tracing::event!(target: "probe", Level::DEBUG, name = "worker.producer_fenced");
            return Err(error);
        }
        tracing::warn!("the transaction is aborted: {error}");
        patiently(|| self.producer.abort_transaction(CALL))?;
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.transaction_aborted");
        self.state().must_rewind = true;
        Ok(())
    }
}

fn list(offsets: &BTreeMap<(String, i32), i64>) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

/// Makes a call again as long as it says that it goes on in the background.
fn patiently(mut call: impl FnMut() -> KafkaResult<()>) -> KafkaResult<()> {
    loop {
        match call() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() => {}
            Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) => {}
            result => return result,
        }
    }
}
