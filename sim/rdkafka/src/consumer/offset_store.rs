//! Stored offsets: what the next commit of the consumer's state will commit.

use super::core::{ConsumerCore, State};
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::types::RDKafkaErrorCode;

impl ConsumerCore {
    /// Stores an offset, the next one to read.
    ///
    /// # Errors
    /// `State` if the partition is not assigned, `UnknownPartition` if its topic is not known.
    pub(super) fn store(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        next: i64,
        metadata: &str,
    ) -> Result<(), RDKafkaErrorCode> {
        self.check_known(state, partition)?;
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
                Offset::Offset(next) => self.store(state, &partition, next, element.metadata()),
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
