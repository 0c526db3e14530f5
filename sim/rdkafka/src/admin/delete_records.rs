//! Deleting records: the leader of each partition is asked (`rd_kafka_DeleteRecords`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use crate::TopicPartitionList;
use crate::client::api::topic_name;
use crate::client::broker::until;
use crate::client::core::ClientCore;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// What a partition's offset is where its records could not be deleted.
const NO_LOW_WATERMARK: i64 = -1;

/// Offsets by topic and partition.
type Offsets = BTreeMap<Arc<str>, BTreeMap<i32, i64>>;

/// Deletes the records before these offsets; the list returned has each partition's new low
/// watermark, or its own error.
///
/// # Errors
/// `NoEnt` if a partition has no leader that is known, `OperationTimedOut` when the time is up.
pub(super) async fn delete_records(
    core: &Arc<ClientCore>,
    wanted: Vec<(TopicPartition, i64)>,
    operation_timeout_ms: i32,
    deadline: Option<Duration>,
) -> Result<TopicPartitionList, RDKafkaErrorCode> {
    let topics: BTreeSet<Arc<str>> = wanted.iter().map(|(p, _)| Arc::clone(&p.topic)).collect();
    core.fetch_metadata(Some(&topics), deadline).await?;
    let mut by_leader: BTreeMap<i32, Offsets> = BTreeMap::new();
    for (partition, offset) in wanted {
        let leader = core.view().leader(&partition);
        let offsets = by_leader
            .entry(leader.ok_or(RDKafkaErrorCode::NoEnt)?)
            .or_default();
        let of_topic = offsets.entry(Arc::clone(&partition.topic)).or_default();
        of_topic.insert(partition.partition, offset);
    }
    let mut result = TopicPartitionList::new();
    for (leader, offsets) in by_leader {
        let broker = core.node(leader).ok_or(RDKafkaErrorCode::NoEnt)?;
        let request = request(&offsets, operation_timeout_ms);
        let call = broker.call(request, core.settings().socket_timeout);
        let response = until(deadline, call)
            .await
            .ok_or(RDKafkaErrorCode::OperationTimedOut)??;
        take_in(&mut result, &response);
    }
    Ok(result)
}

fn request(offsets: &Offsets, operation_timeout_ms: i32) -> DeleteRecordsRequest {
    let topics = offsets.iter().map(|(topic, offsets)| {
        let partitions = offsets.iter().map(|(partition, offset)| {
            DeleteRecordsPartition::default()
                .with_partition_index(*partition)
                .with_offset(*offset)
        });
        DeleteRecordsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.collect())
    });
    DeleteRecordsRequest::default()
        .with_topics(topics.collect())
        .with_timeout_ms(operation_timeout_ms)
}

fn take_in(result: &mut TopicPartitionList, response: &DeleteRecordsResponse) {
    for topic in &response.topics {
        for partition in &topic.partitions {
            let error = RDKafkaErrorCode::from(partition.error_code);
            let low_watermark = match error {
                RDKafkaErrorCode::NoError => partition.low_watermark,
                _ => NO_LOW_WATERMARK,
            };
            let mut element = result.add_partition(&topic.name, partition.partition_index);
            element.set_raw_offset(low_watermark);
            element.set_error(error);
        }
    }
}
