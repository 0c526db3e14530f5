//! DeleteRecords: an administrator moves the start of logs forward.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::event::Event;
use crate::topic_name;

/// Answers DeleteRecords (`ReplicaManager.deleteRecords`). With one replica it is done at once.
pub(crate) fn handle(
    state: &mut ClusterState,
    broker: BrokerId,
    request: &DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let index = wanted.partition_index;
            let answer = DeleteRecordsPartitionResult::default().with_partition_index(index);
            match delete(state, broker, &topic.name, index, wanted.offset) {
                Ok(low_watermark) => answer.with_low_watermark(low_watermark),
                Err(error) => answer.with_low_watermark(-1).with_error_code(error.code()),
            }
        });
        DeleteRecordsTopicResult::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn delete(
    state: &mut ClusterState,
    broker: BrokerId,
    name: &TopicName,
    index: i32,
    offset: i64,
) -> Result<i64, ResponseError> {
    if state.topics.get(name).is_some() && topic_name::is_internal(name) {
        return Err(ResponseError::InvalidTopicException);
    }
    state.led_partition(broker, name, index, -1)?;
    let partition = state.topics.partition_mut(&(name.clone(), index));
    let partition = partition.ok_or(ResponseError::UnknownTopicOrPartition)?;
    let high_watermark = partition.high_watermark();
    let log = &mut partition.log;
    let from = log.log_start_offset();
    let to = log.delete_records_before(offset, high_watermark)?;
    if to > from {
        state.events.push(Event::LogStartOffsetMoved {
            broker,
            topic: name.to_string(),
            partition: index,
            from,
            to,
            reason: "DeleteRecords",
        });
    }
    Ok(to)
}
