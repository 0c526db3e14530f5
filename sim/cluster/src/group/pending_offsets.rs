//! Offsets that wait for the end of their transactions.

use std::collections::BTreeMap;

use super::offsets::CommittedOffset;

/// An offset that counts once its transaction commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingOffset {
    /// What will be committed.
    pub committed: CommittedOffset,
    /// The partition's offset was committed outside the transaction meanwhile.
    pub superseded: bool,
}

/// One transaction's offsets in one group, by topic and partition.
pub type PendingOffsets = BTreeMap<(String, i32), PendingOffset>;

/// Pending offsets by producer id and group; holds no empty maps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PendingTransactions {
    by_producer: BTreeMap<(i64, String), PendingOffsets>,
}

impl PendingTransactions {
    pub(super) fn get(&self, producer_id: i64, group: &str) -> Option<&PendingOffsets> {
        self.by_producer.get(&(producer_id, group.to_owned()))
    }

    pub(super) fn put(&mut self, producer_id: i64, group: String, offsets: PendingOffsets) {
        self.by_producer.insert((producer_id, group), offsets);
    }

    pub(super) fn remove(&mut self, producer_id: i64, group: &str) {
        self.by_producer.remove(&(producer_id, group.to_owned()));
    }

    /// The groups in which a producer has offsets pending.
    pub(super) fn groups_of(&self, producer_id: i64) -> Vec<String> {
        let keys = self.by_producer.keys();
        let of_producer = keys.filter(|(id, _)| *id == producer_id);
        of_producer.map(|(_, group)| group.clone()).collect()
    }

    /// The producers that have offsets pending in a group.
    pub(super) fn producers_of(&self, group: &str) -> Vec<i64> {
        let keys = self.by_producer.keys();
        let in_group = keys.filter(|(_, other)| other == group);
        in_group.map(|(id, _)| *id).collect()
    }

    /// Whether a transaction has an offset of the partition pending.
    pub(super) fn is_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        if self.by_producer.is_empty() {
            return false;
        }
        let key = (topic.to_owned(), partition);
        let mut in_group = self.by_producer.iter().filter(|((_, of), _)| of == group);
        in_group.any(|(_, offsets)| offsets.contains_key(&key))
    }

    /// An offset was committed outside transactions.
    pub(super) fn supersede(&mut self, group: &str, topic: &str, partition: i32) {
        if self.by_producer.is_empty() {
            return;
        }
        let key = (topic.to_owned(), partition);
        let all = self.by_producer.iter_mut();
        for (_, offsets) in all.filter(|((_, of), _)| of == group) {
            if let Some(pending) = offsets.get_mut(&key) {
                pending.superseded = true;
            }
        }
    }
}
