//! Sends the batches of one partition to its leader, again if need be.
//!
//! Batches are pipelined as librdkafka does: without idempotence, one that has to be sent again
//! may end up behind a later one. With it the broker refuses the later one until its turn.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use whitewater_sim::{task, time, trace};

use super::core::{ProducerCore, State};
use super::idempotence::{Idempotence, Refused};
use super::partition_queue::Due;
use super::producer_statistics::size_of;
use super::record::{Acknowledged, PendingRecord};
use crate::client::api::topic_name;
use crate::client::broker::Broker;
use crate::message::Timestamp;
use crate::record_batch;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::OFFSET_INVALID;
use crate::types::RDKafkaErrorCode;

/// What came of a request; no response if none was asked for.
type Answer = Result<Option<ProduceResponse>, RDKafkaErrorCode>;

/// Serves a partition's queue until the producer is closed.
pub(super) async fn run(core: Weak<ProducerCore>, partition: TopicPartition) {
    let mut sleep = pin!(time::sleep(Duration::MAX));
    poll_fn(|context| {
        loop {
            let Some(core) = core.upgrade() else {
                return Poll::Ready(());
            };
            let mut state = core.lock();
            if state.closed {
                return Poll::Ready(());
            }
            let wake_at = core.serve_queue(&mut state, &partition);
            state
                .senders
                .insert(partition.clone(), Some(context.waker().clone()));
            drop(state);
            sleep.as_mut().reset(wake_at.unwrap_or(Duration::MAX));
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

impl ProducerCore {
    /// Sends what is due; says when to look again.
    fn serve_queue(&self, state: &mut State, partition: &TopicPartition) -> Option<Duration> {
        let now = time::now();
        loop {
            let queue = state.queues.get_mut(partition)?;
            let expired = queue.take_expired(now);
            if !expired.is_empty() {
                self.numbers_lost(state, &expired);
                self.bump_if_drained(state);
                for record in expired {
                    self.report(state, record, Err(RDKafkaErrorCode::MessageTimedOut));
                }
                continue;
            }
            match queue.due(now, self.settings()) {
                Due::Idle => return None,
                Due::At(at) => return Some(at),
                Due::Batch => {}
            }
            let next_expiry = queue.next_expiry();
            if !self.may_send(state, partition) {
                // What it waits for wakes this task.
                return next_expiry;
            }
            let Some(leader) = self.client.leader(partition) else {
                // Metadata was asked for; its arrival wakes this task.
                return next_expiry;
            };
            let idempotence = state.idempotence.as_ref();
            let generation = idempotence.map_or(0, Idempotence::generation);
            let queue = state.queues.get_mut(partition)?;
            let batch = queue.take_batch(self.settings(), generation);
            self.send_batch(state, partition, leader, batch);
        }
    }

    fn send_batch(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        leader: Arc<Broker>,
        mut batch: Vec<PendingRecord>,
    ) {
        let now = time::now();
        let contents: Vec<_> = batch.iter().map(|record| record.content.clone()).collect();
        let writer = self.write_as(state, partition, &mut batch);
        let request = self.produce_request(partition, record_batch::encode(&contents, &writer));
        let socket_timeout = self.client.settings().socket_timeout;
        let timeout = batch
            .iter()
            .filter_map(|record| record.expires)
            .map(|expires| expires.saturating_sub(now))
            .min()
            .map_or(socket_timeout, |left| left.min(socket_timeout));
        let counts = state.count(partition);
        counts.sent += batch.len() as u64;
        counts.sent_bytes += contents.iter().map(size_of).sum::<u64>();
        let ids: Vec<u64> = batch.iter().map(|record| record.id).collect();
        state
            .in_flight
            .extend(batch.into_iter().map(|record| (record.id, record)));
        let core = Weak::clone(&self.this);
        let partition = partition.clone();
        let acks = self.settings().acks;
        // Sent here, not in the task: tasks run in any order, and batches go out in theirs.
        let answer: Pin<Box<dyn Future<Output = Answer> + Send>> = if acks == 0 {
            let sent = leader.send(request);
            Box::pin(async move { sent.await.map(|()| None) })
        } else {
            let answer = leader.call(request, timeout);
            Box::pin(async move { answer.await.map(Some) })
        };
        drop(task::spawn(async move {
            let answer = answer.await;
            if let Some(core) = core.upgrade() {
                core.take_answer(&mut core.lock(), &partition, &ids, answer);
            }
        }));
    }

    /// Whether a partition's messages may be sent: an idempotent producer has its id, and the
    /// coordinator of a transaction knows of the partition.
    fn may_send(&self, state: &mut State, partition: &TopicPartition) -> bool {
        self.register_partition(state, partition);
        let numbered = state.idempotence.as_ref();
        numbered.is_none_or(Idempotence::may_send) && self.is_registered(state, partition)
    }

    fn produce_request(&self, partition: &TopicPartition, batch: bytes::Bytes) -> ProduceRequest {
        let settings = self.settings();
        let data = PartitionProduceData::default()
            .with_index(partition.partition)
            .with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(topic_name(&partition.topic))
            .with_partition_data(vec![data]);
        ProduceRequest::default()
            .with_transactional_id(
                settings
                    .transactional_id
                    .as_ref()
                    .map(|_| self.transactional_id()),
            )
            .with_acks(settings.acks)
            .with_timeout_ms(settings.request_timeout.as_millis() as i32)
            .with_topic_data(vec![topic])
    }

    fn take_answer(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        ids: &[u64],
        answer: Answer,
    ) {
        // What was purged meanwhile is reported already.
        let batch: Vec<_> = ids
            .iter()
            .filter_map(|id| state.in_flight.remove(id))
            .collect();
        let answer = answer.and_then(|answer| match answer {
            None => Ok(None),
            Some(response) => response
                .responses
                .into_iter()
                .flat_map(|topic| topic.partition_responses)
                .next()
                .map(Some)
                .ok_or(RDKafkaErrorCode::BadMessage),
        });
        match answer {
            Ok(None) => self.acknowledge(state, batch, OFFSET_INVALID, None),
            Ok(Some(answer)) => match RDKafkaErrorCode::from(answer.error_code) {
                RDKafkaErrorCode::NoError => {
                    let append_time = append_time(&answer);
                    self.batch_acknowledged(state, partition, &batch);
                    self.acknowledge(state, batch, answer.base_offset, append_time);
                }
                error => match self.batch_refused(state, partition, &batch, error) {
                    Refused::Duplicate => {
                        self.batch_acknowledged(state, partition, &batch);
                        self.acknowledge(state, batch, OFFSET_INVALID, None);
                    }
                    Refused::Again => self.fail(state, partition, batch, error, true),
                    Refused::Failed => self.fail(state, partition, batch, error, may_pass(error)),
                },
            },
            Err(error) => self.fail(state, partition, batch, error, may_pass(error)),
        }
        self.bump_if_drained(state);
    }

    fn acknowledge(
        &self,
        state: &mut State,
        batch: Vec<PendingRecord>,
        base_offset: i64,
        append_time: Option<Timestamp>,
    ) {
        for (offset, record) in (base_offset..).zip(batch) {
            trace::event(
                "produced",
                &[
                    ("topic", (*record.topic).into()),
                    ("partition", record.partition.into()),
                    ("offset", offset.into()),
                ],
            );
            let acknowledged = Acknowledged {
                offset,
                append_time,
            };
            self.report(state, record, Ok(acknowledged));
        }
    }

    /// Queues a batch again if its error may pass and there is time, else reports it.
    fn fail(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        batch: Vec<PendingRecord>,
        error: RDKafkaErrorCode,
        passes: bool,
    ) {
        let now = time::now();
        let settings = self.client.settings();
        if passes {
            self.client.want_metadata(&partition.topic);
        }
        let mut attempts = 0;
        let mut again = 0_u64;
        for mut record in batch {
            let may_retry = passes && record.attempts < self.settings().retries && !state.closed;
            if record.is_expired(now) && passes {
                self.numbers_lost(state, std::slice::from_ref(&record));
                self.report(state, record, Err(RDKafkaErrorCode::MessageTimedOut));
            } else if may_retry {
                record.attempts += 1;
                attempts = record.attempts.max(attempts);
                again += 1;
                state
                    .queues
                    .entry(partition.clone())
                    .or_default()
                    .insert(record);
            } else {
                self.report(state, record, Err(error));
            }
        }
        if attempts > 0 {
            trace::event(
                "produce_retry",
                &[
                    ("topic", (*partition.topic).into()),
                    ("partition", partition.partition.into()),
                    ("records", again.into()),
                    ("error", format!("{error:?}").into()),
                ],
            );
            let doubled = settings.retry_backoff * 2_u32.saturating_pow((attempts - 1).min(16));
            let pause = doubled.min(settings.retry_backoff_max);
            if let Some(queue) = state.queues.get_mut(partition) {
                queue.backoff_until = now + pause;
            }
            self.kick_sender(state, partition);
        }
    }
}

fn append_time(answer: &PartitionProduceResponse) -> Option<Timestamp> {
    (answer.log_append_time_ms != -1).then_some(Timestamp::LogAppendTime(answer.log_append_time_ms))
}

/// Whether a batch with this error is sent again (rdkafka_request.c).
fn may_pass(error: RDKafkaErrorCode) -> bool {
    matches!(
        error,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::BrokerDestroy
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::NetworkException
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::BrokerNotAvailable
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::NotEnoughReplicas
            | RDKafkaErrorCode::NotEnoughReplicasAfterAppend
            | RDKafkaErrorCode::KafkaStorageError
            | RDKafkaErrorCode::CoordinatorLoadInProgress
    )
}
