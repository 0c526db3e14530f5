//! Produce: append record batches to the logs this broker leads.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::TopicProduceData;
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
use crate::partition_log::Appended;
use crate::record_batch::RecordBatchError;
use crate::timestamp_type::TimestampType;
use crate::topic_name;
use crate::topics::TopicPartition;

/// The outcome of a Produce request.
pub(crate) struct Produced {
    /// The response; never sent for `acks=0`.
    pub(crate) response: ProduceResponse,
    /// The partitions that grew: fetches may be waiting for them.
    pub(crate) appended: Vec<TopicPartition>,
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

/// Appends what can be appended; each partition succeeds or fails by itself.
pub(crate) fn handle(
    state: &mut ClusterState,
    now: Now,
    broker: BrokerId,
    version: i16,
    request: ProduceRequest,
) -> Produced {
    let mut produced = Produced {
        response: ProduceResponse::default(),
        appended: Vec::new(),
        first_error: None,
    };
    let refused_whole = refuse_whole(&request);
    for topic in request.topic_data {
        let name = state.topic_name(&topic.name, topic.topic_id, version >= 13);
        let answer = topic_answer(&topic, version);
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in topic.partition_data {
            let outcome = match (&name, refused_whole) {
                (_, Some(error)) => Err(Refusal::from(error)),
                (Err(error), None) => Err(Refusal::from(*error)),
                (Ok(name), None) => append(state, now, broker, name, data.index, data.records)
                    .inspect(|_| {
                        produced.appended.push((name.clone(), data.index));
                    }),
            };
            let name = name.as_ref().ok();
            partitions.push(partition_answer(
                state,
                version,
                name,
                data.index,
                outcome,
                &mut produced,
            ));
        }
        let answer = answer.with_partition_responses(partitions);
        produced.response.responses.push(answer);
    }
    produced
}

/// What is wrong with the request as a whole.
fn refuse_whole(request: &ProduceRequest) -> Option<ResponseError> {
    if !(-1..=1).contains(&request.acks) {
        Some(ResponseError::InvalidRequiredAcks)
    } else if request.transactional_id.is_some() {
        Some(ResponseError::InvalidTxnState)
    } else {
        None
    }
}

/// What an append wrote, and what the response says beside it.
struct Placed {
    appended: Appended,
    log_append_time_ms: i64,
    log_start_offset: i64,
}

fn append(
    state: &mut ClusterState,
    now: Now,
    broker: BrokerId,
    name: &TopicName,
    index: i32,
    records: Option<Bytes>,
) -> Result<Placed, Refusal> {
    if topic_name::is_internal(name) {
        return Err(ResponseError::InvalidTopicException.into());
    }
    state.led_partition(broker, name, index, -1)?;
    let topic = state
        .topics
        .get_mut(name)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let rules = topic
        .config
        .append_rules(&state.config.settings, now.wall_ms);
    let partition = topic
        .partition_mut(index)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let epoch = partition.leader_epoch;
    let appended = partition
        .log
        .append(records.unwrap_or_default(), &rules, epoch)?;
    let log_start_offset = partition.log.log_start_offset();
    state.events.push(Event::RecordsAppended {
        broker,
        topic: name.to_string(),
        partition: index,
        base_offset: appended.base_offset,
        records: appended.records,
        bytes: appended.bytes,
    });
    Ok(Placed {
        appended,
        log_append_time_ms: match rules.timestamp_type {
            TimestampType::CreateTime => -1,
            TimestampType::LogAppendTime => now.wall_ms,
        },
        log_start_offset,
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
                .with_base_offset(placed.appended.base_offset)
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
