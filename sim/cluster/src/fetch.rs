//! Fetch: read whole record batches from the logs this broker leads.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
    PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::current_leader;
use crate::record_batch;
use crate::topics::{Partition, READ_COMMITTED, TopicPartition};

/// A long poll that is not yet answered (`DelayedFetch`).
#[derive(Debug)]
pub(crate) struct ParkedFetch {
    pub(crate) version: i16,
    pub(crate) request: FetchRequest,
}

/// What one pass over the requested partitions found.
pub(crate) struct FetchRead {
    pub(crate) response: FetchResponse,
    /// Bytes of records in the response.
    pub(crate) bytes: usize,
    /// Some partition has something to say beside records: the response must not wait.
    pub(crate) urgent: bool,
}

/// Reads every requested partition in the order of the request, within `max_bytes` of the whole
/// and `partition_max_bytes` of each; the first batch found is returned whatever its size
/// (`ReplicaManager.readFromLog`, KIP-74).
pub(crate) fn read(
    state: &ClusterState,
    broker: BrokerId,
    version: i16,
    request: &FetchRequest,
) -> FetchRead {
    let mut found = FetchRead {
        response: FetchResponse::default(),
        bytes: 0,
        urgent: false,
    };
    if version >= 7 && request.session_id != 0 {
        // Sessions are never handed out, so none can be continued.
        found.response.error_code = ResponseError::FetchSessionIdNotFound.code();
        found.urgent = true;
        return found;
    }
    let mut budget = max_bytes(state, request);
    for topic in &request.topics {
        let name = state.topic_name(&topic.topic, topic.topic_id, version >= 13);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let outcome = match &name {
                Ok(name) => {
                    let first_whatever_size = found.bytes == 0;
                    read_partition(
                        state,
                        broker,
                        request,
                        name,
                        wanted,
                        budget,
                        first_whatever_size,
                    )
                }
                Err(error) => Err(*error),
            };
            if let Ok(data) = &outcome {
                let size = data.records.as_ref().map_or(0, Bytes::len);
                found.bytes += size;
                budget = budget.saturating_sub(size);
                found.urgent |= data.diverging_epoch.epoch >= 0;
            }
            found.urgent |= outcome.is_err();
            partitions.push(outcome.unwrap_or_else(|error| {
                let name = name.as_ref().ok();
                refusal(state, version, name, wanted, error, &mut found.response)
            }));
        }
        let answer = if version >= 13 {
            FetchableTopicResponse::default().with_topic_id(topic.topic_id)
        } else {
            FetchableTopicResponse::default().with_topic(topic.topic.clone())
        };
        found
            .response
            .responses
            .push(answer.with_partitions(partitions));
    }
    found
}

/// Whether a parked fetch can be answered now: enough bytes are there, or an error is
/// (`DelayedFetch.tryComplete`).
pub(crate) fn is_satisfied(
    state: &ClusterState,
    broker: BrokerId,
    version: i16,
    request: &FetchRequest,
) -> bool {
    let enough = min_bytes(state, request);
    let mut bytes = 0;
    for topic in &request.topics {
        let Ok(name) = state.topic_name(&topic.topic, topic.topic_id, version >= 13) else {
            return true;
        };
        for wanted in &topic.partitions {
            let limit = usize::try_from(wanted.partition_max_bytes).unwrap_or(0);
            let available = state
                .led_partition(broker, &name, wanted.partition, wanted.current_leader_epoch)
                .and_then(|partition| available(partition, request, wanted.fetch_offset, limit));
            match available {
                Ok(available) => bytes += available,
                Err(_) => return true,
            }
        }
    }
    bytes >= enough
}

/// The partitions whose growth can satisfy the fetch.
pub(crate) fn partitions(
    state: &ClusterState,
    version: i16,
    request: &FetchRequest,
) -> Vec<TopicPartition> {
    let mut all = Vec::new();
    for topic in &request.topics {
        if let Ok(name) = state.topic_name(&topic.topic, topic.topic_id, version >= 13) {
            let indexes = topic.partitions.iter().map(|wanted| wanted.partition);
            all.extend(indexes.map(|index| (name.clone(), index)));
        }
    }
    all
}

/// The request's `max_bytes` under the broker's own limit.
fn max_bytes(state: &ClusterState, request: &FetchRequest) -> usize {
    let limit = request.max_bytes.min(state.config.settings.fetch_max_bytes);
    usize::try_from(limit).unwrap_or(0)
}

/// The request's `min_bytes`, never more than could be returned.
pub(crate) fn min_bytes(state: &ClusterState, request: &FetchRequest) -> usize {
    let wanted = usize::try_from(request.min_bytes).unwrap_or(0);
    wanted.min(max_bytes(state, request))
}

/// How many bytes, up to `limit`, a fetch from `offset` could return.
fn available(
    partition: &Partition,
    request: &FetchRequest,
    offset: i64,
    limit: usize,
) -> Result<usize, ResponseError> {
    let log = &partition.log;
    let end = partition.end_offset_for(request.isolation_level);
    if end == log.log_end_offset() {
        return log.bytes_available(offset, limit);
    }
    let from_offset = log.bytes_available(offset, usize::MAX)?;
    let from_end = log.bytes_available(end, usize::MAX)?;
    Ok(from_offset.saturating_sub(from_end).min(limit))
}

fn read_partition(
    state: &ClusterState,
    broker: BrokerId,
    request: &FetchRequest,
    name: &TopicName,
    wanted: &FetchPartition,
    budget: usize,
    first_whatever_size: bool,
) -> Result<PartitionData, ResponseError> {
    let partition =
        state.led_partition(broker, name, wanted.partition, wanted.current_leader_epoch)?;
    let mut data = PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_high_watermark(partition.high_watermark())
        .with_last_stable_offset(partition.last_stable_offset())
        .with_aborted_transactions(None)
        .with_log_start_offset(partition.log.log_start_offset())
        .with_preferred_read_replica((-1).into());
    if let Some(diverging) = diverging_epoch(partition, wanted)? {
        return Ok(data
            .with_diverging_epoch(diverging)
            .with_records(Some(Bytes::new())));
    }
    let limit = usize::try_from(wanted.partition_max_bytes).unwrap_or(0);
    let records =
        partition
            .log
            .read(wanted.fetch_offset, limit.min(budget), first_whatever_size)?;
    data.records = Some(
        match partition.high_watermark() < partition.log.log_end_offset() {
            true => record_batch::batches_below(&records, partition.high_watermark()),
            false => records,
        },
    );
    if request.isolation_level == READ_COMMITTED {
        keep_committed(partition, wanted.fetch_offset, &mut data);
    }
    Ok(data)
}

/// Cuts the records at the last stable offset, and names the aborted transactions among them.
fn keep_committed(partition: &Partition, offset: i64, data: &mut PartitionData) {
    data.aborted_transactions = Some(Vec::new());
    let transactions = partition.producers.transactions();
    if transactions.is_empty() {
        return;
    }
    let Some(records) = &mut data.records else {
        return;
    };
    *records = record_batch::batches_below(records, partition.last_stable_offset());
    let Some(end) = record_batch::end_offset(records) else {
        return;
    };
    let aborted = transactions.aborted_between(offset, end).map(|aborted| {
        AbortedTransaction::default()
            .with_producer_id(aborted.producer_id.into())
            .with_first_offset(aborted.first_offset)
    });
    data.aborted_transactions = Some(aborted.collect());
}

/// Where the client's log and this one part ways, if the epoch it last fetched says so (KIP-595).
fn diverging_epoch(
    partition: &Partition,
    wanted: &FetchPartition,
) -> Result<Option<EpochEndOffset>, ResponseError> {
    if wanted.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let end = partition
        .log
        .end_offset_for_epoch(wanted.last_fetched_epoch);
    if end.epoch < 0 || end.offset < 0 {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let diverges = end.epoch < wanted.last_fetched_epoch || end.offset < wanted.fetch_offset;
    Ok(diverges.then(|| {
        EpochEndOffset::default()
            .with_epoch(end.epoch)
            .with_end_offset(end.offset)
    }))
}

fn refusal(
    state: &ClusterState,
    version: i16,
    name: Option<&TopicName>,
    wanted: &FetchPartition,
    error: ResponseError,
    response: &mut FetchResponse,
) -> PartitionData {
    let mut data = PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_preferred_read_replica((-1).into())
        .with_records(Some(Bytes::new()));
    let moved = matches!(
        error,
        ResponseError::NotLeaderOrFollower | ResponseError::FencedLeaderEpoch
    );
    if version >= 16
        && moved
        && let Some(leader) = name.and_then(|n| current_leader::find(state, n, wanted.partition))
    {
        data.current_leader = LeaderIdAndEpoch::default()
            .with_leader_id(leader.id.into())
            .with_leader_epoch(leader.epoch);
        let endpoints = &mut response.node_endpoints;
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
    data
}
