//! Fetching: one task a broker, one long-poll request at a time, as librdkafka's broker threads.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use whitewater_sim::{task, time, trace};

use super::core::{ConsumerCore, State};
use super::op_queue::Op;
use super::partition::{FetchState, Watermarks};
use super::trace_position::fields_at;
use crate::client::api::topic_name;
use crate::record_batch::{self, FetchedRecord};
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// The task that fetches from one broker.
#[derive(Default)]
pub(super) struct Fetcher {
    task: Option<Waker>,
}

impl Fetcher {
    pub(super) fn wake(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }
}

/// The partitions of one request, each with its version and offset at that time.
type Asked = BTreeMap<TopicPartition, (u64, i64)>;

impl ConsumerCore {
    /// Starts to fetch a partition at an offset.
    pub(super) fn start_fetching(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        offset: i64,
    ) {
        let entry = state.partition(partition);
        entry.fetch = FetchState::Active;
        entry.was_started = true;
        entry.shown_end = None;
        entry.fetch_start = Some(offset);
        entry.fetch_offset = offset;
        entry.backoff_until = Duration::ZERO;
        entry.end_reported = None;
        trace::event_owned("fetch_start", fields_at(state, partition, offset));
        self.kick_fetcher(state, partition);
    }

    /// Has the leader's fetcher look at a partition.
    pub(super) fn kick_fetcher(&self, state: &mut State, partition: &TopicPartition) {
        let leader = self.client.leader(partition).map(|broker| broker.node_id());
        if let Some(node) = leader {
            self.kick_node(state, node);
        }
    }

    /// Has all fetchers look again.
    pub(super) fn kick_fetchers(&self, state: &mut State) {
        let active: Vec<_> = state
            .partitions
            .iter()
            .filter(|(_, entry)| entry.is_fetchable())
            .map(|(partition, _)| partition.clone())
            .collect();
        for partition in active {
            self.kick_fetcher(state, &partition);
        }
    }

    fn kick_node(&self, state: &mut State, node: i32) {
        if state.closed {
            return;
        }
        match state.fetchers.get_mut(&node) {
            Some(fetcher) => fetcher.wake(),
            None => {
                state.fetchers.insert(node, Fetcher::default());
                drop(task::spawn(run(Weak::clone(&self.this), node)));
            }
        }
    }

    /// What to ask a broker for now; else when to look again.
    fn next_fetch(&self, state: &mut State, node: i32) -> Result<Asked, Option<Duration>> {
        let now = time::now();
        let mut asked = Asked::new();
        let mut look_again: Option<Duration> = None;
        let settings = self.settings();
        let view = self.client.view();
        let queued_bytes: usize = state
            .partitions
            .values()
            .map(|entry| entry.queued_bytes)
            .sum();
        for (partition, entry) in &mut state.partitions {
            if !entry.is_fetchable() || view.leader(partition) != Some(node) {
                continue;
            }
            if entry.backoff_until <= now
                && (entry.queued_messages >= settings.queued_min_messages
                    || queued_bytes >= settings.queued_max_bytes)
            {
                entry.backoff_until = now + settings.fetch_queue_backoff;
            }
            if entry.backoff_until > now {
                let until = entry.backoff_until;
                look_again = Some(look_again.map_or(until, |first| first.min(until)));
                continue;
            }
            entry.fetching = true;
            asked.insert(partition.clone(), (entry.version, entry.fetch_offset));
        }
        if asked.is_empty() {
            Err(look_again)
        } else {
            Ok(asked)
        }
    }

    fn fetch_request(&self, asked: &Asked) -> FetchRequest {
        let settings = self.settings();
        let mut topics: BTreeMap<&Arc<str>, Vec<FetchPartition>> = BTreeMap::new();
        for (partition, (_, offset)) in asked {
            topics.entry(&partition.topic).or_default().push(
                FetchPartition::default()
                    .with_partition(partition.partition)
                    .with_current_leader_epoch(-1)
                    .with_fetch_offset(*offset)
                    .with_partition_max_bytes(settings.fetch_message_max_bytes),
            );
        }
        FetchRequest::default()
            .with_max_wait_ms(settings.fetch_wait_max.as_millis() as i32)
            .with_min_bytes(settings.fetch_min_bytes)
            .with_max_bytes(settings.fetch_max_bytes)
            .with_isolation_level(settings.isolation_level as i8)
            .with_topics(
                topics
                    .into_iter()
                    .map(|(topic, partitions)| {
                        FetchTopic::default()
                            .with_topic(topic_name(topic))
                            .with_partitions(partitions)
                    })
                    .collect(),
            )
    }

    fn take_fetched(&self, state: &mut State, asked: &Asked, response: FetchResponse) {
        let general = RDKafkaErrorCode::from(response.error_code);
        if general != RDKafkaErrorCode::NoError {
            return self.back_off(state, asked);
        }
        for topic in response.responses {
            let name: Arc<str> = Arc::from(&**topic.topic);
            for data in topic.partitions {
                let partition = TopicPartition::new(Arc::clone(&name), data.partition_index);
                if let Some((version, _)) = asked.get(&partition) {
                    self.take_partition(state, &partition, *version, data);
                }
            }
        }
        // What the broker did not answer for may be asked for again.
        for (partition, (version, _)) in asked {
            let entry = state.partition(partition);
            if entry.version == *version {
                entry.fetching = false;
            }
        }
    }

    fn take_partition(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        version: u64,
        data: PartitionData,
    ) {
        let entry = state.partition(partition);
        entry.watermarks = Watermarks {
            low: data.log_start_offset,
            high: data.high_watermark,
            last_stable: data.last_stable_offset,
        };
        if entry.version != version || entry.fetch != FetchState::Active {
            return;
        }
        entry.fetching = false;
        match RDKafkaErrorCode::from(data.error_code) {
            RDKafkaErrorCode::NoError => {
                self.report_end(state, partition);
                if let Some(records) = data.records.filter(|records| !records.is_empty()) {
                    let aborted = data.aborted_transactions.into_iter().flatten();
                    let aborted = record_batch::AbortedTransactions::new(
                        aborted.map(|one| (one.producer_id.0, one.first_offset)),
                    );
                    match record_batch::decode(records, aborted) {
                        Ok(fetched) => self.enqueue(state, partition, version, fetched),
                        Err(_) => {
                            state.partition(partition).backoff_until =
                                time::now() + self.settings().fetch_error_backoff;
                            let reason = format!("{partition}: a record batch cannot be read");
                            state.push_error(RDKafkaErrorCode::BadMessage, reason);
                        }
                    }
                }
            }
            RDKafkaErrorCode::OffsetOutOfRange => {
                let offset = entry.fetch_offset;
                let reason = format!(
                    "fetch failed due to requested offset not available on the broker: {offset}"
                );
                self.reset_offset(
                    state,
                    partition,
                    RDKafkaErrorCode::OffsetOutOfRange,
                    &reason,
                );
            }
            error => self.fetch_failed(state, partition, error),
        }
    }

    fn fetch_failed(&self, state: &mut State, partition: &TopicPartition, error: RDKafkaErrorCode) {
        state.partition(partition).backoff_until =
            time::now() + self.settings().fetch_error_backoff;
        self.client.want_metadata(&partition.topic);
        match error {
            RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::ReplicaNotAvailable
            | RDKafkaErrorCode::BrokerNotAvailable
            | RDKafkaErrorCode::KafkaStorageError
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::FencedLeaderEpoch
            | RDKafkaErrorCode::UnknownLeaderEpoch
            | RDKafkaErrorCode::OffsetNotAvailable => {}
            error => {
                let reason = format!("Fetch from broker failed: {partition}: {}", error.text());
                state.push_error(error, reason);
            }
        }
    }

    fn enqueue(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        version: u64,
        fetched: record_batch::FetchedRecords,
    ) {
        let wanted_from = state.partition(partition).fetch_offset;
        // The first batch may start before the offset asked for.
        let records = fetched
            .records
            .into_iter()
            .filter(|record| record.offset >= wanted_from);
        for record in records {
            let entry = state.partition(partition);
            entry.fetch_offset = record.offset + 1;
            entry.queued_messages += 1;
            entry.queued_bytes += size_of(&record);
            entry.received_messages += 1;
            entry.received_bytes += size_of(&record) as u64;
            state.queue_of(partition).push(Op::Message {
                partition: partition.clone(),
                version,
                record,
            });
        }
        if let Some(next) = fetched.next_offset {
            let entry = state.partition(partition);
            if next > entry.fetch_offset {
                // Markers and aborted records: the position moves past them as they are polled.
                entry.fetch_offset = next;
                state.queue_of(partition).push(Op::Skipped {
                    partition: partition.clone(),
                    version,
                    next,
                });
            }
        }
    }

    /// Notes the end, and tells the application of it if it wants to know: where a fetch that
    /// asked from the end comes back, once for each time that the end is reached
    /// (`rd_kafka_fetch_reply_handle_partition`). What is fetched together with the last record is
    /// not told of before the next fetch.
    fn report_end(&self, state: &mut State, partition: &TopicPartition) {
        let wanted = self.settings().enable_partition_eof;
        let entry = state.partition(partition);
        let end = entry.watermarks.end(self.settings().isolation_level);
        if end != Some(entry.fetch_offset) || entry.end_reported == end {
            return;
        }
        entry.end_reported = end;
        entry.shown_end = end;
        let version = entry.version;
        if wanted {
            state.queue_of(partition).push(Op::EndOfPartition {
                partition: partition.clone(),
                version,
            });
        }
    }

    fn back_off(&self, state: &mut State, asked: &Asked) {
        let until = time::now() + self.settings().fetch_error_backoff;
        for (partition, (version, _)) in asked {
            let entry = state.partition(partition);
            if entry.version == *version {
                entry.fetching = false;
                entry.backoff_until = until;
            }
            self.client.want_metadata(&partition.topic);
        }
    }
}

/// What a queued message counts.
pub(super) fn size_of(record: &FetchedRecord) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    length(&record.key) + length(&record.value)
}

async fn run(core: Weak<ConsumerCore>, node: i32) {
    while let Some(asked) = wait_for_work(&core, node).await {
        let Some(core) = core.upgrade() else { return };
        let request = core.fetch_request(&asked);
        let timeout = core.settings().fetch_wait_max + core.client.settings().socket_timeout;
        let response = match core.client.node(node) {
            Some(broker) => broker.call(request, timeout).await,
            None => Err(RDKafkaErrorCode::BrokerTransportFailure),
        };
        let mut state = core.lock();
        if state.closed {
            return;
        }
        match response {
            Ok(response) => core.take_fetched(&mut state, &asked, response),
            Err(_) => core.back_off(&mut state, &asked),
        }
    }
}

/// Waits until a broker has something to be asked for; none once the consumer is closed.
async fn wait_for_work(core: &Weak<ConsumerCore>, node: i32) -> Option<Asked> {
    let mut sleep = pin!(time::sleep(Duration::MAX));
    poll_fn(|context| {
        let Some(core) = core.upgrade() else {
            return Poll::Ready(None);
        };
        loop {
            let mut state = core.lock();
            if state.closed {
                return Poll::Ready(None);
            }
            let look_again = match core.next_fetch(&mut state, node) {
                Ok(asked) => return Poll::Ready(Some(asked)),
                Err(look_again) => look_again,
            };
            if let Some(fetcher) = state.fetchers.get_mut(&node) {
                fetcher.task = Some(context.waker().clone());
            }
            drop(state);
            sleep.as_mut().reset(look_again.unwrap_or(Duration::MAX));
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}
