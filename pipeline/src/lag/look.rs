//! Asking the log what the [`crate::lag::monitor`] wants to know. Blocks, within bounds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::clock;
use crate::config::Config;
use crate::lag::estimate::Head;
use crate::lag::monitor::{Answer, Question, Read};
use crate::side_reader;
use crate::topic_partition::TopicPartition;

/// How long one question may take.
const QUESTION_MAX: Duration = Duration::from_secs(1);
const POLL_WAIT: Duration = Duration::from_millis(100);
/// What is read is there already, or nothing is.
const FETCH_WAIT_MS: &str = "10";

/// Asks all `questions`, for `bound` at most, and stops early when `stop` says so. What is not
/// answered in time is left out. `reader` is made where there is none yet.
pub(crate) fn look(
    reader: &mut Option<Reader>,
    config: &Config,
    questions: &[Question],
    bound: Duration,
    stop: &AtomicBool,
) -> Vec<Answer> {
    let started = clock::monotonic();
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let left = bound.saturating_sub(started.elapsed());
        if left.is_zero() || stop.load(Ordering::Relaxed) {
            break;
        }
        let asked = clock::monotonic();
        let ends = made(reader, config)
            .and_then(|reader| reader.end_offset(&question.partition, left.min(QUESTION_MAX)));
        let answered = clock::monotonic();
        let end_offset = match ends {
            Ok(end_offset) => end_offset,
            Err(error) => {
                tracing::debug!(partition = %question.partition, %error, "log could not be looked at");
                continue;
            }
        };
        let read = question
            .read_at
            .and_then(|from| read(reader, config, &question.partition, from, stop));
        answers.push(Answer {
            partition: question.partition.clone(),
            asked,
            answered,
            end_offset,
            read,
        });
    }
    answers
}

/// What stands at `from` or after; `None` if it could not be read.
pub(crate) fn read(
    reader: &mut Option<Reader>,
    config: &Config,
    partition: &TopicPartition,
    from: i64,
    stop: &AtomicBool,
) -> Option<Read> {
    let found = made(reader, config).and_then(|reader| reader.first(partition, from, stop));
    match found {
        Ok(found) => Some(Read { from, found }),
        Err(error) => {
            tracing::debug!(%partition, from, %error, "record could not be read");
            None
        }
    }
}

fn made<'r>(reader: &'r mut Option<Reader>, config: &Config) -> KafkaResult<&'r Reader> {
    match reader {
        Some(reader) => Ok(reader),
        None => Ok(reader.insert(Reader::new(config)?)),
    }
}

/// Reads ends and single records of logs outside the group: it never subscribes, so it never joins.
/// It is no member's client because a broker answers a connection's requests in order: a question on
/// the connection that fetches waits up to `fetch.wait.max.ms` for each fetch before it.
pub(crate) struct Reader {
    consumer: BaseConsumer,
}

impl Reader {
    pub(crate) fn new(config: &Config) -> KafkaResult<Self> {
        let mut client = side_reader::client_config(config);
        // One record answers the question, and the next question waits for no fetch of the last one.
        client.set("queued.min.messages", "1");
        client.set("fetch.wait.max.ms", FETCH_WAIT_MS);
        Ok(Self {
            consumer: client.create()?,
        })
    }

    /// The offset after the newest record.
    fn end_offset(&self, partition: &TopicPartition, wait: Duration) -> KafkaResult<i64> {
        let TopicPartition { topic, partition } = partition;
        let (_, end_offset) = self.consumer.fetch_watermarks(topic, *partition, wait)?;
        Ok(end_offset)
    }

    /// The first record from `offset` on; `None` if nothing can be read up to the end.
    pub(crate) fn first(
        &self,
        partition: &TopicPartition,
        offset: i64,
        stop: &AtomicBool,
    ) -> KafkaResult<Option<Head>> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(
            &partition.topic,
            partition.partition,
            Offset::Offset(offset),
        )?;
        self.consumer.assign(&list)?;
        let found = self.wait_for(partition, stop);
        self.consumer.unassign()?;
        found
    }

    fn wait_for(&self, partition: &TopicPartition, stop: &AtomicBool) -> KafkaResult<Option<Head>> {
        let started: Instant = clock::monotonic();
        let mut last = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
        while started.elapsed() < QUESTION_MAX && !stop.load(Ordering::Relaxed) {
            match self.consumer.poll(POLL_WAIT) {
                None => {}
                Some(Ok(message))
                    if message.topic() == partition.topic
                        && message.partition() == partition.partition =>
                {
                    return Ok(Some(Head {
                        offset: message.offset(),
                        timestamp_ms: message.timestamp().to_millis(),
                    }));
                }
                Some(Ok(_)) => {}
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                Some(Err(error)) => last = error,
            }
        }
        Err(last)
    }
}
