//! OffsetForLeaderEpoch: where a leader epoch ended, so that clients notice truncation (KIP-320).

use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;

/// Answers OffsetForLeaderEpoch.
pub(crate) fn handle(
    state: &ClusterState,
    broker: BrokerId,
    request: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let answer = EpochEndOffset::default().with_partition(wanted.partition);
            let led = state.led_partition(
                broker,
                &topic.topic,
                wanted.partition,
                wanted.current_leader_epoch,
            );
            match led {
                Ok(partition) => {
                    let end = partition.log.end_offset_for_epoch(wanted.leader_epoch);
                    answer
                        .with_leader_epoch(end.epoch)
                        .with_end_offset(end.offset)
                }
                Err(error) => answer.with_error_code(error.code()),
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}
