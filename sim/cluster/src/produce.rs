//! Produce: append record batches to the logs this broker leads.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::current_leader;
use crate::event::Event;
use crate::now::Now;
use crate::parked_produce::Uncommitted;
use crate::producer_state::{Admission, ProducerError};
use crate::record_batch::{self, BatchProducer, RecordBatchError, ValidBatch};
use crate::timestamp_type::TimestampType;
use crate::topic_name;
use crate::topics::TopicPartition;

/// The outcome of a Produce request.
pub(crate) struct Produced {
    /// The response; never sent for `acks=0`.
    pub(crate) response: ProduceResponse,
    /// The partitions that grew: fetches may be waiting for them.
    pub(crate) appended: Vec<TopicPartition>,
    /// What `acks=all` waits for.
    pub(crate) uncommitted: Vec<Uncommitted>,
    /// Why at least one partition was refused.
    pub(crate) first_error: Option<String>,
}

/// Why one partition's records were refused.
struct Refusal {
    error: ResponseError,
    message: Option<String>,
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Self {
            error,
            message: None,
        }
    }
}

impl From<RecordBatchError> for Refusal {
    fn from(error: RecordBatchError) -> Self {
        Self {
            error: error.response_error(),
            message: Some(error.to_string()),
        }
    }
}

impl From<ProducerError> for Refusal {
    fn from(error: ProducerError) -> Self {
        Self {
            error: error.response_error(),
            message: Some(error.to_string()),
        }
    }
}

/// Asks whether a producer id and epoch may begin the transaction of a transactional id in a
/// partition.
pub(crate) type Verify<'a> =
    dyn Fn(&ClusterState, &str, (i64, i16), &TopicPartition) -> Result<(), ResponseError> + 'a;

/// Appends what can be appended; each partition succeeds or fails by itself.
pub(crate) fn handle(
    state: &mut ClusterState,
    now: Now,
    broker: BrokerId,
    version: i16,
    request: ProduceRequest,
    verify: &Verify<'_>,
) -> Produced {
    let mut produced = Produced {
        response: ProduceResponse::default(),
        appended: Vec::new(),
        uncommitted: Vec::new(),
        first_error: None,
    };
    let acks = request.acks;
    let refused_whole = refuse_whole(&request);
    let transactional_id = request.transactional_id.as_deref().map(|id| id.to_string());
    let transaction = TransactionOf {
        id: transactional_id.as_deref(),
        version,
        verify,
    };
    for topic in request.topic_data {
        let name = state.topic_name(&topic.name, topic.topic_id, version >= 13);
        let answer = topic_answer(&topic, version);
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in topic.partition_data {
            let index = data.index;
            let outcome = match (&name, refused_whole) {
                (_, Some(error)) => Err(Refusal::from(error)),
                (Err(error), None) => Err(Refusal::from(*error)),
                (Ok(name), None) => append(state, now, broker, name, data, acks, &transaction)
                    .inspect(|placed| {
                        let partition = (name.clone(), index);
                        let answer = (produced.response.responses.len(), partitions.len());
                        let waits = uncommitted(state, &partition, placed, answer);
                        produced
                            .uncommitted
                            .extend(waits.filter(|_| acks == ACKS_ALL));
                        if !placed.duplicate {
                            produced.appended.push(partition);
                        }
                    }),
            };
            let name = name.as_ref().ok();
            partitions.push(partition_answer(
                state,
                version,
                name,
                index,
                outcome,
                &mut produced,
            ));
        }
        let answer = answer.with_partition_responses(partitions);
        produced.response.responses.push(answer);
    }
    produced
}

/// `acks=all`.
const ACKS_ALL: i16 = -1;

/// Records that some replica in sync does not have yet. Of a duplicate it is not known where its
/// records ended, so it waits for all that is there.
fn uncommitted(
    state: &ClusterState,
    partition: &TopicPartition,
    placed: &Placed,
    answer: (usize, usize),
) -> Option<Uncommitted> {
    let found = state.topics.partition(partition)?;
    (found.high_watermark() < placed.end_offset).then(|| Uncommitted {
        partition: partition.clone(),
        end_offset: placed.end_offset,
        leader_epoch: found.leader_epoch,
        answer,
    })
}

/// What is wrong with the request as a whole.
fn refuse_whole(request: &ProduceRequest) -> Option<ResponseError> {
    if !(-1..=1).contains(&request.acks) {
        Some(ResponseError::InvalidRequiredAcks)
    } else if request.transactional_id.is_none() && has_transactional_records(request) {
        // `KafkaApis.handleProduceRequest`: nobody may write for a transactional id unnamed.
        Some(ResponseError::TransactionalIdAuthorizationFailed)
    } else {
        None
    }
}

fn has_transactional_records(request: &ProduceRequest) -> bool {
    let partitions = request.topic_data.iter().flat_map(|t| &t.partition_data);
    let mut batches = partitions.filter_map(|data| data.records.as_ref());
    batches.any(|batch| record_batch::is_transactional(batch))
}

/// The transaction that a request's batches belong to.
struct TransactionOf<'a> {
    id: Option<&'a str>,
    /// The request's version.
    version: i16,
    verify: &'a Verify<'a>,
}

impl TransactionOf<'_> {
    /// Checks a batch that begins a transaction in its partition
    /// (`ReplicaManager.handleProduceAppend`, `AddPartitionsToTxnManager`).
    fn verify(
        &self,
        state: &ClusterState,
        producer: &BatchProducer,
        partition: &TopicPartition,
    ) -> Result<(), ResponseError> {
        let id = self.id.unwrap_or_default();
        let verified = (self.verify)(state, id, (producer.id, producer.epoch), partition);
        verified.map_err(|error| match error {
            ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
            ResponseError::TransactionAbortable if self.version < TRANSACTION_ABORTABLE_SINCE => {
                ResponseError::InvalidTxnState
            }
            ResponseError::ConcurrentTransactions
            | ResponseError::CoordinatorNotAvailable
            | ResponseError::NotCoordinator => ResponseError::NotEnoughReplicas,
            other => other,
        })
    }
}

/// From this version on a client knows TRANSACTION_ABORTABLE (KIP-890).
const TRANSACTION_ABORTABLE_SINCE: i16 = 11;

/// Where a batch stands in the log.
struct Placed {
    base_offset: i64,
    /// The log's end after it.
    end_offset: i64,
    log_append_time_ms: i64,
    log_start_offset: i64,
    /// It stood there before.
    duplicate: bool,
}

fn append(
    state: &mut ClusterState,
    now: Now,
    broker: BrokerId,
    name: &TopicName,
    data: PartitionProduceData,
    acks: i16,
    transaction: &TransactionOf<'_>,
) -> Result<Placed, Refusal> {
    let index = data.index;
    if topic_name::is_internal(name) {
        return Err(ResponseError::InvalidTopicException.into());
    }
    let partition = state.led_partition(broker, name, index, -1)?;
    let topic = state.topics.get(name);
    let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
    let rules = topic
        .config
        .append_rules(state.settings_of(broker), now.wall_ms);
    if acks == ACKS_ALL && partition.is_under_min_in_sync(state.min_insync_replicas(name)) {
        return Err(ResponseError::NotEnoughReplicas.into());
    }
    let batch = ValidBatch::check(data.records.unwrap_or_default(), &rules)?;
    if let Some(producer) = batch.producer()
        && producer.transactional
        && !partition.producers.continues_transaction(&producer)
    {
        transaction.verify(state, &producer, &(name.clone(), index))?;
    }
    let settings = state
        .dynamic_configs
        .settings(broker, &state.config.settings);
    let at = (name.clone(), index);
    let partition = state
        .topics
        .partition_mut(&at)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let log_start_offset = partition.log.log_start_offset();
    partition.producers.expire(now, settings);
    if let Some(producer) = batch.producer()
        && let Admission::Duplicate(earlier) = partition.producers.admit(&producer)?
    {
        return Ok(Placed {
            base_offset: earlier.base_offset,
            end_offset: partition.log.log_end_offset(),
            log_append_time_ms: earlier.timestamp_ms,
            log_start_offset,
            duplicate: true,
        });
    }
    let log_dir = (partition.replica, partition.log_dir);
    state.write_to_log_dir(now, log_dir, batch.size_bytes())?;
    let partition = state
        .topics
        .partition_mut(&at)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let epoch = partition.leader_epoch;
    let end_before = partition.log.log_end_offset();
    let appended = partition.log.append_valid(batch, &rules, epoch);
    if let Some(batch) = partition.log.batches().next_back() {
        partition.producers.record(batch);
    }
    let end_offset = partition.log.log_end_offset();
    let committed = !partition.is_replicated();
    state.events.push(Event::RecordsAppended {
        broker,
        topic: name.to_string(),
        partition: index,
        base_offset: appended.base_offset,
        records: appended.records,
        bytes: appended.bytes,
        committed,
    });
    state.appended(now, &at, end_before);
    Ok(Placed {
        base_offset: appended.base_offset,
        end_offset,
        log_append_time_ms: match rules.timestamp_type {
            TimestampType::CreateTime => -1,
            TimestampType::LogAppendTime => now.wall_ms,
        },
        log_start_offset,
        duplicate: false,
    })
}

fn topic_answer(topic: &TopicProduceData, version: i16) -> TopicProduceResponse {
    if version >= 13 {
        TopicProduceResponse::default().with_topic_id(topic.topic_id)
    } else {
        TopicProduceResponse::default().with_name(topic.name.clone())
    }
}

fn partition_answer(
    state: &ClusterState,
    version: i16,
    name: Option<&TopicName>,
    index: i32,
    outcome: Result<Placed, Refusal>,
    produced: &mut Produced,
) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index);
    let refusal = match outcome {
        Ok(placed) => {
            return answer
                .with_base_offset(placed.base_offset)
                .with_log_append_time_ms(placed.log_append_time_ms)
                .with_log_start_offset(if version >= 5 {
                    placed.log_start_offset
                } else {
                    -1
                });
        }
        Err(refusal) => refusal,
    };
    let told = refusal.message.unwrap_or_else(|| refusal.error.to_string());
    let mut answer = answer
        .with_error_code(refusal.error.code())
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1);
    if version >= 8 {
        answer.error_message = Some(StrBytes::from_string(told.clone()));
    }
    produced.first_error.get_or_insert(told);
    if version >= 10
        && refusal.error == ResponseError::NotLeaderOrFollower
        && let Some(leader) = name.and_then(|name| current_leader::find(state, name, index))
    {
        answer.current_leader = LeaderIdAndEpoch::default()
            .with_leader_id(leader.id.into())
            .with_leader_epoch(leader.epoch);
        let endpoints = &mut produced.response.node_endpoints;
        if let Some(endpoint) = leader.endpoint
            && !endpoints.iter().any(|known| known.node_id == leader.id)
        {
            endpoints.push(
                NodeEndpoint::default()
                    .with_node_id(leader.id.into())
                    .with_host(endpoint.host)
                    .with_port(endpoint.port),
            );
        }
    }
    answer
}
