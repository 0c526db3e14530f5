//! The committed offsets of every group.

use std::collections::BTreeMap;

/// What a group committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to be read.
    pub offset: i64,
    /// Leader epoch of the last record read; -1 if unknown.
    pub leader_epoch: i32,
    /// Free text of the committer.
    pub metadata: String,
    /// Wall-clock time of the commit.
    pub commit_timestamp_ms: i64,
    /// When it expires, if the request said so (OffsetCommit v2-4); otherwise retention decides.
    pub expire_timestamp_ms: Option<i64>,
}

/// The offsets of one group, by topic and partition.
pub(super) type GroupOffsets = BTreeMap<String, BTreeMap<i32, CommittedOffset>>;

/// Committed offsets by group, topic and partition; holds no empty maps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offsets {
    by_group: BTreeMap<String, GroupOffsets>,
}

impl Offsets {
    pub(super) fn group(&self, group: &str) -> Option<&GroupOffsets> {
        self.by_group.get(group)
    }

    pub(super) fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.by_group.get(group)?.get(topic)?.get(&partition)
    }

    pub(super) fn put(
        &mut self,
        group: String,
        topic: String,
        partition: i32,
        committed: CommittedOffset,
    ) {
        self.by_group
            .entry(group)
            .or_default()
            .entry(topic)
            .or_default()
            .insert(partition, committed);
    }

    pub(super) fn remove(&mut self, group: &str, topic: &str, partition: i32) {
        let Some(topics) = self.by_group.get_mut(group) else {
            return;
        };
        if let Some(partitions) = topics.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                topics.remove(topic);
            }
        }
        if topics.is_empty() {
            self.by_group.remove(group);
        }
    }

    /// Every (group, partition) with an offset of the topic.
    pub(super) fn of_topic(&self, topic: &str) -> Vec<(String, i32)> {
        self.by_group
            .iter()
            .filter_map(|(group, topics)| Some((group, topics.get(topic)?)))
            .flat_map(|(group, partitions)| {
                partitions
                    .keys()
                    .map(|partition| (group.clone(), *partition))
            })
            .collect()
    }

    /// Every (topic, partition) of the group.
    pub(super) fn of_group(&self, group: &str) -> Vec<(String, i32)> {
        self.by_group
            .get(group)
            .into_iter()
            .flatten()
            .flat_map(|(topic, partitions)| {
                partitions
                    .keys()
                    .map(|partition| (topic.clone(), *partition))
            })
            .collect()
    }
}
