//! The records of `__consumer_offsets`: typed, on the disk of the partition's leader.

use std::collections::{BTreeMap, BTreeSet};

use crate::group::GroupRecord;

/// Fewer superseded records than this are not worth a pass.
const SUPERSEDED_MIN: usize = 1024;

/// Every partition's records, oldest first.
#[derive(Debug, Default)]
pub(crate) struct OffsetsTopic {
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Debug, Default)]
struct Partition {
    records: Vec<GroupRecord>,
    /// Number of records when the log was last compacted.
    compacted_len: usize,
}

/// What a later record supersedes: the key of Kafka's record.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum RecordKey<'a> {
    Group(&'a str),
    Offset(&'a str, &'a str, i32),
    Pending(i64, &'a str),
    ConsumerGroup(&'a str),
    Member(&'a str, &'a str),
    Target(&'a str),
    MemberTarget(&'a str, &'a str),
}

impl OffsetsTopic {
    /// Appends a record, and compacts the log once most of it is superseded.
    pub(crate) fn append(&mut self, partition: i32, record: GroupRecord) {
        let partition = self.partitions.entry(partition).or_default();
        partition.records.push(record);
        if partition.records.len() > 2 * partition.compacted_len + SUPERSEDED_MIN {
            partition.compact();
        }
    }

    /// A partition's records, oldest first.
    pub(crate) fn records(&self, partition: i32) -> impl Iterator<Item = &GroupRecord> {
        let partition = self.partitions.get(&partition).into_iter();
        partition.flat_map(|partition| &partition.records)
    }
}

impl Partition {
    /// Keeps the last record of each key, in order. Tombstones stay, as they do in Kafka for
    /// `delete.retention.ms`; here until their key is written anew.
    fn compact(&mut self) {
        let mut seen = BTreeSet::new();
        let newest_first = self.records.iter().rev();
        let mut keep: Vec<bool> = newest_first.map(|r| seen.insert(key(r))).collect();
        self.records.retain(|_| keep.pop().unwrap_or(true));
        self.compacted_len = self.records.len();
    }
}

fn key(record: &GroupRecord) -> RecordKey<'_> {
    match record {
        GroupRecord::GroupMetadata { group, .. } | GroupRecord::GroupTombstone { group } => {
            RecordKey::Group(group)
        }
        GroupRecord::PendingOffsets {
            producer_id, group, ..
        }
        | GroupRecord::PendingOffsetsEnded { producer_id, group } => {
            RecordKey::Pending(*producer_id, group)
        }
        GroupRecord::OffsetCommit {
            group,
            topic,
            partition,
            ..
        }
        | GroupRecord::OffsetTombstone {
            group,
            topic,
            partition,
        } => RecordKey::Offset(group, topic, *partition),
        GroupRecord::ConsumerGroupMetadata { group, .. }
        | GroupRecord::ConsumerGroupTombstone { group } => RecordKey::ConsumerGroup(group),
        GroupRecord::ConsumerGroupMember { group, member } => {
            RecordKey::Member(group, &member.member_id)
        }
        GroupRecord::ConsumerGroupMemberTombstone { group, member_id } => {
            RecordKey::Member(group, member_id)
        }
        GroupRecord::ConsumerGroupTarget { group, .. } => RecordKey::Target(group),
        GroupRecord::ConsumerGroupMemberTarget {
            group, member_id, ..
        } => RecordKey::MemberTarget(group, member_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tombstone(partition: i32) -> GroupRecord {
        GroupRecord::OffsetTombstone {
            group: "g".to_owned(),
            topic: "t".to_owned(),
            partition,
        }
    }

    #[test]
    fn compaction_keeps_the_last_record_of_each_key_in_order() {
        let mut topic = OffsetsTopic::default();
        for turn in 0..10_000 {
            topic.append(7, tombstone(turn % 3));
        }
        let kept: Vec<_> = topic.records(7).cloned().collect();
        assert!(kept.len() <= SUPERSEDED_MIN + 6, "{}", kept.len());
        let last = &kept[kept.len() - 3..];
        assert_eq!(last, [tombstone(1), tombstone(2), tombstone(0)]);
        assert_eq!(topic.records(8).count(), 0);
    }
}
