//! Stored offsets: what the next commit of the consumer's state will commit.

use std::sync::Arc;

use super::core::{ConsumerCore, State};
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::types::RDKafkaErrorCode;

impl ConsumerCore {
    /// Stores an offset, the next one to read.
    ///
    /// # Errors
    /// `State` if the partition is not assigned, `UnknownPartition` if it is not known.
    pub(super) fn store_one(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        next: i64,
    ) -> Result<(), RDKafkaErrorCode> {
        state.named_topics.insert(Arc::clone(&partition.topic));
        self.check_known(state, partition)?;
        self.store(state, partition, next, "")
    }

    fn store(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        next: i64,
        metadata: &str,
    ) -> Result<(), RDKafkaErrorCode> {
        let entry = state.partition(partition);
        if !entry.assigned {
            return Err(RDKafkaErrorCode::State);
        }
        entry.stored = Some(next);
        metadata.clone_into(&mut entry.stored_metadata);
        Ok(())
    }

    /// Stores the offsets of a list.
    ///
    /// # Errors
    /// `InvalidArgument` while the consumer stores offsets by itself; the last partition's error
    /// if none could be stored.
    pub(super) fn store_list(
        &self,
        state: &mut State,
        list: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        if self.settings().enable_auto_offset_store {
            return Err(RDKafkaErrorCode::InvalidArgument);
        }
        let mut last_error = None;
        let mut stored = 0;
        for mut element in list.elements() {
            let partition = TopicPartition::new(element.topic(), element.partition());
            let result = match element.offset() {
                Offset::Offset(next) => self
                    .check_topic_known(state, &partition)
                    .and_then(|()| self.store(state, &partition, next, element.metadata())),
                _ => Ok(()),
            };
            match result {
                Ok(()) => stored += 1,
                Err(error) => {
                    element.set_error(error);
                    last_error = Some(error);
                }
            }
        }
        match last_error {
            Some(error) if stored == 0 => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the client knows the partition's topic by name. Calls that take a list add any
    /// partition of such a topic as one to be desired (`rd_kafka_toppar_get2`).
    pub(super) fn check_topic_known(
        &self,
        state: &State,
        partition: &TopicPartition,
    ) -> Result<(), RDKafkaErrorCode> {
        let topic = &partition.topic;
        let known = state.named_topics.contains(topic)
            || self.client.view().topics.contains_key(topic)
            || state.partitions.keys().any(|known| known.topic == *topic);
        known
            .then_some(())
            .ok_or(RDKafkaErrorCode::UnknownPartition)
    }

    /// Whether a partition is known to the client.
    ///
    /// # Errors
    /// `UnknownPartition` if not.
    pub(super) fn check_known(
        &self,
        state: &State,
        partition: &TopicPartition,
    ) -> Result<(), RDKafkaErrorCode> {
        let view = self.client.view();
        let exists = view.topics.get(&partition.topic).is_some_and(|topic| {
            usize::try_from(partition.partition).is_ok_and(|index| index < topic.leaders.len())
        });
        if exists || state.partitions.contains_key(partition) {
            Ok(())
        } else {
            Err(RDKafkaErrorCode::UnknownPartition)
        }
    }
}
