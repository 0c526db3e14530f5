//! Everything a coordinator knows about its groups, and how records rebuild it.

use std::collections::BTreeMap;

use super::classic_group::Group;
use super::consumer::ConsumerGroup;
use super::context::Context;
use super::offsets::Offsets;
use super::pending_offsets::PendingTransactions;
use super::record::GroupRecord;

#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    /// The classic groups.
    pub(super) by_id: BTreeMap<String, Group>,
    /// The groups of the consumer protocol; no id is in both.
    pub(super) consumer: BTreeMap<String, ConsumerGroup>,
    pub(super) offsets: Offsets,
    pub(super) pending: PendingTransactions,
}

impl Groups {
    /// Applies a record. An offset of an unknown group, pending or not, makes a simple group, which has no record
    /// of its own.
    pub(super) fn replay(&mut self, record: GroupRecord) {
        match record {
            GroupRecord::GroupMetadata {
                group,
                generation,
                protocol_type,
                protocol,
                leader,
                state_timestamp_ms,
                members,
            } => {
                let loaded = Group::of_record(
                    group.clone(),
                    generation,
                    protocol_type,
                    protocol,
                    leader,
                    state_timestamp_ms,
                    members,
                );
                self.consumer.remove(&group);
                self.by_id.insert(group, loaded);
            }
            GroupRecord::GroupTombstone { group } => {
                self.by_id.remove(&group);
            }
            GroupRecord::OffsetCommit {
                group,
                topic,
                partition,
                committed,
            } => {
                self.ensure_group(&group, committed.commit_timestamp_ms);
                self.pending.supersede(&group, &topic, partition);
                self.offsets.put(group, topic, partition, committed);
            }
            GroupRecord::PendingOffsets {
                producer_id,
                group,
                wall_ms,
                offsets,
            } => {
                self.ensure_group(&group, wall_ms);
                self.pending.put(producer_id, group, offsets);
            }
            GroupRecord::PendingOffsetsEnded { producer_id, group } => {
                self.pending.remove(producer_id, &group);
            }
            GroupRecord::OffsetTombstone {
                group,
                topic,
                partition,
            } => self.offsets.remove(&group, &topic, partition),
            consumer_record => self.replay_consumer(consumer_record),
        }
    }

    /// Replays a record of a group of the consumer protocol. Once the log is compacted, offsets may
    /// come before the group that they belong to, which then is no simple one.
    fn replay_consumer(&mut self, record: GroupRecord) {
        let id = record.group().to_owned();
        match record {
            GroupRecord::ConsumerGroupMetadata { epoch, topics, .. } => {
                let group = self.consumer_entry(id);
                group.epoch = epoch;
                group.topics = topics;
            }
            GroupRecord::ConsumerGroupMember { member, .. } => {
                self.consumer_entry(id).put_member(member);
            }
            GroupRecord::ConsumerGroupTarget {
                epoch,
                assignor,
                target,
                ..
            } => {
                let group = self.consumer_entry(id);
                group.assignment_epoch = epoch;
                group.assignor = assignor;
                group.target = target;
            }
            GroupRecord::ConsumerGroupMemberTarget {
                member_id, target, ..
            } => {
                self.consumer_entry(id).target.insert(member_id, target);
            }
            GroupRecord::ConsumerGroupMemberTombstone { member_id, .. } => {
                if let Some(group) = self.consumer.get_mut(&id) {
                    group.remove_member(&member_id);
                    group.target.remove(&member_id);
                }
            }
            // What is left is the tombstone of the group.
            _ => {
                self.consumer.remove(&id);
            }
        }
    }

    fn consumer_entry(&mut self, id: String) -> &mut ConsumerGroup {
        self.by_id.remove(&id);
        let group = || ConsumerGroup::new(id.clone());
        self.consumer.entry(id.clone()).or_insert_with(group)
    }

    fn ensure_group(&mut self, id: &str, wall_ms: i64) {
        if !self.consumer.contains_key(id) {
            let group = || Group::new(id.to_owned(), wall_ms);
            self.by_id.entry(id.to_owned()).or_insert_with(group);
        }
    }

    /// Replays a record that is to be appended.
    pub(super) fn record(&mut self, cx: &mut Context<'_>, record: GroupRecord) {
        self.replay(record.clone());
        cx.append(record);
    }
}
