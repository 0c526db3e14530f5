//! Asking the log what the [`crate::lag::monitor`] wants to know. Blocks, within bounds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::clock;
use crate::config::Config;
use crate::lag::estimate::Head;
use crate::lag::monitor::{Answer, Question, Read};
use crate::topic_partition::TopicPartition;

/// How long one question may take.
const QUESTION_MAX: Duration = Duration::from_secs(1);
const POLL_WAIT: Duration = Duration::from_millis(100);

/// Asks all `questions`, for `bound` at most, and stops early when `stop` says so. What is not
/// answered in time is left out. `consumer` may be anyone's; `reader` is made when records are to
/// be read.
pub(crate) fn look<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
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
        let TopicPartition { topic, partition } = &question.partition;
        let asked = clock::monotonic();
        let ends = consumer.fetch_watermarks(topic, *partition, left.min(QUESTION_MAX));
        let answered = clock::monotonic();
        let end_offset = match ends {
            Ok((_, end_offset)) => end_offset,
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
    let found = match reader {
        Some(reader) => reader.first(partition, from, stop),
        None => {
            Reader::new(config).and_then(|made| reader.insert(made).first(partition, from, stop))
        }
    };
    match found {
        Ok(found) => Some(Read { from, found }),
        Err(error) => {
            tracing::debug!(%partition, from, %error, "record could not be read");
            None
        }
    }
}

/// Reads single records outside the group: it never subscribes, so it never joins.
pub(crate) struct Reader {
    consumer: BaseConsumer,
}

impl Reader {
    pub(crate) fn new(config: &Config) -> KafkaResult<Self> {
        let mut client = ClientConfig::new();
        client.extend(config.client_properties());
        // librdkafka assigns nothing without a group's name (`rd_kafka_assign`); nothing is ever
        // committed under it. A record that retention deleted is not the oldest one any more.
        for (key, value) in [
            ("group.id", config.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "earliest"),
            ("queued.min.messages", "1"),
        ] {
            client.set(key, value);
        }
        Ok(Self {
            consumer: client.create()?,
        })
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
