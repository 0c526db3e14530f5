//! Assigned partitions that do not exist.

use super::core::{ConsumerCore, State};
use super::op_queue::Op;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

impl ConsumerCore {
    /// Tells the application, once each, of assigned partitions that their topics do not have
    /// (`rd_kafka_topic_partition_cnt_update`, rdkafka_topic.c).
    pub(super) fn report_absent_partitions(&self, state: &mut State) {
        for partition in self.absent_partitions(state) {
            let entry = state.partition(&partition);
            if std::mem::replace(&mut entry.absence_reported, true) {
                continue;
            }
            state.queue_of(&partition).push(Op::Error {
                code: RDKafkaErrorCode::UnknownPartition,
                reason: format!("{partition}: desired partition is not available"),
                fatal: false,
            });
        }
    }

    fn absent_partitions(&self, state: &State) -> Vec<TopicPartition> {
        let view = self.client.view();
        let is_absent = |partition: &&TopicPartition| {
            view.topics.get(&partition.topic).is_some_and(|topic| {
                let index = usize::try_from(partition.partition).unwrap_or(usize::MAX);
                topic.exists() && index >= topic.leaders.len()
            })
        };
        let assigned = state.assignment.all.keys();
        assigned.filter(is_absent).cloned().collect()
    }
}
