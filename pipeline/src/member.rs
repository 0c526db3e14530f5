//! This worker as a member of its consumer group.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};
use tracing::Level;

use crate::config::Config;
use crate::group_protocol::GroupProtocol;
use crate::rebalance::{RebalanceEvent, RebalanceLog};
use crate::topic_partition::TopicPartition;

/// What the group coordinator says to a synchronous offset commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Membership {
    /// This member belongs to the group's current generation.
    Confirmed,
    /// The group rebalances; the next poll will say more.
    Rebalancing(RDKafkaErrorCode),
    /// The coordinator could not be asked.
    Unreachable(RDKafkaErrorCode),
    /// This member does not belong to the group.
    Refused(RDKafkaErrorCode),
}

/// A partition and the offset to read or commit.
pub(crate) type At = (TopicPartition, i64);

/// The group's consumer. It fetches only what was attached, from where the sink says.
pub(crate) struct Member {
    consumer: BaseConsumer<RebalanceLog>,
    cooperative: bool,
    leaves: bool,
}

impl Member {
    /// Creates the consumer; nothing is sent yet.
    pub(crate) fn new(config: &Config) -> KafkaResult<Self> {
        let properties = config.consumer_properties();
        let cooperative = GroupProtocol::is_cooperative(&properties);
        // A static member keeps its partitions until it is back.
        let leaves = !properties.contains_key("group.instance.id");
        let mut client = ClientConfig::new();
        client.extend(properties);
        Ok(Self {
            consumer: client.create_with_context(RebalanceLog::new(cooperative))?,
            cooperative,
            leaves,
        })
    }

    pub(crate) fn subscribe(&self, topics: &[String]) -> KafkaResult<()> {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        self.consumer.subscribe(&topics)
    }

    /// Starts to leave the group, if it is to be left; the revocation comes as an event.
    pub(crate) fn unsubscribe(&self) -> bool {
        if self.leaves {
            self.consumer.unsubscribe();
        }
        self.leaves
    }

    pub(crate) fn poll(&self, wait: Duration) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        self.consumer.poll(wait)
    }

    pub(crate) fn next_event(&self) -> Option<RebalanceEvent> {
        self.consumer.context().next()
    }

    /// Fetches `added` from the given offsets. `all` is everything attached, `added` included.
    pub(crate) fn attach(&self, added: &[At], all: &[At]) -> KafkaResult<()> {
        if self.cooperative {
            self.consumer.incremental_assign(&list(added)?)
        } else {
            // Eager members can only replace their whole assignment.
            self.consumer.assign(&list(all)?)
        }
    }

    /// Stops fetching `removed`; `kept` is everything that stays attached.
    pub(crate) fn detach(&self, removed: &[At], kept: &[At]) -> KafkaResult<()> {
        if self.cooperative {
            self.consumer.incremental_unassign(&list(removed)?)
        } else {
            self.consumer.assign(&list(kept)?)
        }
    }

    /// Whether the group has given all of this member's partitions to others; the revocation may still
    /// be on its way.
    pub(crate) fn assignment_lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    /// Lets the revoked partitions go, of which `attached` are being fetched.
    pub(crate) fn answer_revocation(&self, attached: &[At]) -> KafkaResult<()> {
        if self.cooperative {
            self.consumer.incremental_unassign(&list(attached)?)
        } else {
            self.consumer.unassign()
        }
    }

    /// Lets everything go, whatever the group may be waiting for, so that the client can be closed.
    pub(crate) fn abandon(&self) {
        if let Err(error) = self.consumer.unassign() {
            tracing::warn!(%error, "kafka client refused to let go");
        }
    }

    /// Asks the coordinator, by a synchronous offset commit, whether this member belongs to the
    /// group's current generation, or is in its own present epoch. (The coordinator checks member
    /// and generation of every commit: `validateOffsetCommit` of `ClassicGroup` and `ConsumerGroup`.)
    pub(crate) fn check_membership(&self, offsets: &[At]) -> KafkaResult<Membership> {
        match self.consumer.commit(&list(offsets)?, CommitMode::Sync) {
            Ok(()) => Ok(Membership::Confirmed),
            Err(KafkaError::ConsumerCommit(code)) => Ok(membership(code)),
            Err(error) => Err(error),
        }
    }

    /// Tells Kafka how far the sink is, for who watches lag. Nothing depends on it.
    pub(crate) fn commit_offsets(&self, offsets: &[At]) {
        let commit = list(offsets).and_then(|list| self.consumer.commit(&list, CommitMode::Async));
        match commit {
            // Asked for, not answered yet.
            Ok(()) => {
                tracing::event!(target: "probe", Level::DEBUG, name = "worker.in_offset_commit");
            }
            Err(error) => tracing::warn!(%error, "offset commit failed"),
        }
    }

    /// The oldest offset and the one after the newest.
    pub(crate) fn watermarks(
        &self,
        partition: &TopicPartition,
        wait: Duration,
    ) -> KafkaResult<(i64, i64)> {
        self.consumer
            .fetch_watermarks(&partition.topic, partition.partition, wait)
    }

    /// Whether the topic is there.
    pub(crate) fn topic_exists(&self, topic: &str, wait: Duration) -> KafkaResult<bool> {
        let metadata = self.consumer.fetch_metadata(Some(topic), wait)?;
        Ok(metadata
            .topics()
            .iter()
            .any(|found| found.name() == topic && !found.partitions().is_empty()))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.consumer.context().close();
    }
}

fn list(offsets: &[At]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        list.add_partition_offset(
            &partition.topic,
            partition.partition,
            Offset::Offset(*offset),
        )?;
    }
    Ok(list)
}

fn membership(code: RDKafkaErrorCode) -> Membership {
    match code {
        // The second one also comes when a member's own JoinGroup is on its way: requests of one
        // connection are answered in order, and the join has ended the generation by then. The third
        // is its like in the consumer protocol: the answer to a heartbeat, which names another epoch,
        // is on its way.
        RDKafkaErrorCode::RebalanceInProgress
        | RDKafkaErrorCode::IllegalGeneration
        | RDKafkaErrorCode::StaleMemberEpoch => Membership::Rebalancing(code),
        RDKafkaErrorCode::NotCoordinator
        | RDKafkaErrorCode::CoordinatorNotAvailable
        | RDKafkaErrorCode::CoordinatorLoadInProgress
        | RDKafkaErrorCode::WaitingForCoordinator
        | RDKafkaErrorCode::RequestTimedOut
        | RDKafkaErrorCode::OperationTimedOut
        | RDKafkaErrorCode::MessageTimedOut
        | RDKafkaErrorCode::NetworkException
        | RDKafkaErrorCode::BrokerTransportFailure
        | RDKafkaErrorCode::AllBrokersDown
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::NotEnoughReplicas
        | RDKafkaErrorCode::NotEnoughReplicasAfterAppend
        | RDKafkaErrorCode::KafkaStorageError => Membership::Unreachable(code),
        _ => Membership::Refused(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_behind_its_group_asks_again() {
        for code in [
            RDKafkaErrorCode::RebalanceInProgress,
            RDKafkaErrorCode::IllegalGeneration,
            RDKafkaErrorCode::StaleMemberEpoch,
        ] {
            assert_eq!(membership(code), Membership::Rebalancing(code));
        }
        let gone = RDKafkaErrorCode::UnknownMemberId;
        assert_eq!(membership(gone), Membership::Refused(gone));
    }
}
