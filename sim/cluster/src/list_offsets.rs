//! ListOffsets: the offset at a log's start, end, or a point in time.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::partition_log::PartitionLog;
use crate::record_batch::TimestampAndOffset;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// Answers ListOffsets. For readers of committed records the log ends at the last stable offset.
pub(crate) fn handle(
    state: &ClusterState,
    broker: BrokerId,
    version: i16,
    request: &ListOffsetsRequest,
) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let answer = ListOffsetsPartitionResponse::default()
                .with_partition_index(wanted.partition_index);
            let isolation_level = request.isolation_level;
            match find(state, broker, version, isolation_level, &topic.name, wanted) {
                Ok((found, leader_epoch)) => answer
                    .with_timestamp(found.timestamp_ms)
                    .with_offset(found.offset)
                    .with_leader_epoch(if version >= 4 { leader_epoch } else { -1 }),
                Err(error) => answer
                    .with_error_code(error.code())
                    .with_timestamp(-1)
                    .with_offset(-1),
            }
        });
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn find(
    state: &ClusterState,
    broker: BrokerId,
    version: i16,
    isolation_level: i8,
    topic: &TopicName,
    wanted: &ListOffsetsPartition,
) -> Result<(TimestampAndOffset, i32), ResponseError> {
    let partition = state.led_partition(
        broker,
        topic,
        wanted.partition_index,
        wanted.current_leader_epoch,
    )?;
    let log = &partition.log;
    let end = partition.end_offset_for(isolation_level);
    let visible = |found: &TimestampAndOffset| found.offset < end;
    let since = match wanted.timestamp {
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        ..LATEST_TIERED => i16::MAX,
        _ => 0,
    };
    if version < since {
        return Err(ResponseError::UnsupportedVersion);
    }
    Ok(match wanted.timestamp {
        LATEST => (without_timestamp(end), partition.leader_epoch),
        EARLIEST | EARLIEST_LOCAL => {
            let start = log.log_start_offset();
            (without_timestamp(start), epoch_of(log, start))
        }
        LATEST_TIERED => (without_timestamp(-1), -1),
        MAX_TIMESTAMP => with_epoch(log, log.offset_for_max_timestamp()?.filter(visible)),
        timestamp_ms => with_epoch(log, log.offset_for_timestamp(timestamp_ms)?.filter(visible)),
    })
}

fn without_timestamp(offset: i64) -> TimestampAndOffset {
    TimestampAndOffset {
        timestamp_ms: -1,
        offset,
    }
}

fn with_epoch(log: &PartitionLog, found: Option<TimestampAndOffset>) -> (TimestampAndOffset, i32) {
    match found {
        Some(found) => (found, epoch_of(log, found.offset)),
        None => (without_timestamp(-1), -1),
    }
}

fn epoch_of(log: &PartitionLog, offset: i64) -> i32 {
    log.epoch_for_offset(offset).unwrap_or(-1)
}
