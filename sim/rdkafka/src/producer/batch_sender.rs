//! Sends the batches of one partition to its leader, again if need be.
//!
//! Batches are pipelined as librdkafka does without idempotence: one that has to be sent again
//! may end up behind a later one.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use whitewater_sim::{task, time, trace};

use super::core::{ProducerCore, State};
use super::partition_queue::Due;
use super::record::{Acknowledged, PendingRecord};
use crate::client::api::topic_name;
use crate::client::broker::Broker;
use crate::message::Timestamp;
use crate::record_batch;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::OFFSET_INVALID;
use crate::types::RDKafkaErrorCode;

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
            let Some(leader) = self.client.leader(partition) else {
                // Metadata was asked for; its arrival wakes this task.
                return queue.next_expiry();
            };
            let batch = queue.take_batch(self.settings());
            self.send_batch(state, partition, leader, batch);
        }
    }

    fn send_batch(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        leader: Arc<Broker>,
        batch: Vec<PendingRecord>,
    ) {
        let now = time::now();
        let contents: Vec<_> = batch.iter().map(|record| record.content.clone()).collect();
        let request = self.produce_request(partition, record_batch::encode(&contents));
        let socket_timeout = self.client.settings().socket_timeout;
        let timeout = batch
            .iter()
            .filter_map(|record| record.expires)
            .map(|expires| expires.saturating_sub(now))
            .min()
            .map_or(socket_timeout, |left| left.min(socket_timeout));
        let ids: Vec<u64> = batch.iter().map(|record| record.id).collect();
        state
            .in_flight
            .extend(batch.into_iter().map(|record| (record.id, record)));
        let core = Weak::clone(&self.this);
        let partition = partition.clone();
        let acks = self.settings().acks;
        drop(task::spawn(async move {
            let answer = if acks == 0 {
                leader.send(request).await.map(|()| None)
            } else {
                leader.call(request, timeout).await.map(Some)
            };
            if let Some(core) = core.upgrade() {
                core.take_answer(&mut core.lock(), &partition, &ids, answer);
            }
        }));
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
            .with_acks(settings.acks)
            .with_timeout_ms(settings.request_timeout.as_millis() as i32)
            .with_topic_data(vec![topic])
    }

    fn take_answer(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        ids: &[u64],
        answer: Result<Option<ProduceResponse>, RDKafkaErrorCode>,
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
                    self.acknowledge(state, batch, answer.base_offset, append_time);
                }
                error => self.fail(state, partition, batch, error),
            },
            Err(error) => self.fail(state, partition, batch, error),
        }
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
    ) {
        let now = time::now();
        let settings = self.client.settings();
        let passes = may_pass(error);
        if passes {
            self.client.want_metadata(&partition.topic);
        }
        let mut attempts = 0;
        let mut again = 0_u64;
        for mut record in batch {
            let may_retry = passes && record.attempts < self.settings().retries && !state.closed;
            if record.is_expired(now) && passes {
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
