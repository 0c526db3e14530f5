//! Everything a coordinator knows about its groups, and how records rebuild it.

use std::collections::BTreeMap;

use super::classic_group::Group;
use super::offsets::Offsets;
use super::record::GroupRecord;

#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    pub(super) by_id: BTreeMap<String, Group>,
    pub(super) offsets: Offsets,
}

impl Groups {
    /// Applies a record. An offset of an unknown group makes a simple group, which has no record
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
                self.by_id
                    .entry(group.clone())
                    .or_insert_with(|| Group::new(group.clone(), committed.commit_timestamp_ms));
                self.offsets.put(group, topic, partition, committed);
            }
            GroupRecord::OffsetTombstone {
                group,
                topic,
                partition,
            } => self.offsets.remove(&group, &topic, partition),
        }
    }
}
