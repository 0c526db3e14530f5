//! The records of `__consumer_offsets`, typed.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::consumer::{Assignment, ConsumerMember, ServerAssignor, SubscribedTopics};
use super::offsets::CommittedOffset;
use super::pending_offsets::PendingOffsets;

/// One record of a group (`GroupMetadataKey`/`Value`, `OffsetCommitKey`/`Value`), or its tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupRecord {
    /// A generation: written when the leader has assigned it, when a group is created or becomes
    /// empty, and when a static member is replaced.
    GroupMetadata {
        /// The group.
        group: String,
        /// The generation.
        generation: i32,
        /// The members' protocol type (`consumer`); empty for a group that never had members.
        protocol_type: String,
        /// The selected protocol; `None` for an empty group.
        protocol: Option<String>,
        /// The leader's member id.
        leader: Option<String>,
        /// Wall-clock time at which the group came to the state it was in at the write.
        state_timestamp_ms: i64,
        /// The members with their assignments; an empty group has none.
        members: Vec<MemberMetadata>,
    },
    /// The group was removed.
    GroupTombstone {
        /// The group.
        group: String,
    },
    /// An offset was committed.
    OffsetCommit {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What was committed.
        committed: CommittedOffset,
    },
    /// What a transaction is going to commit in the group, so far.
    PendingOffsets {
        /// The transaction's producer.
        producer_id: i64,
        /// The group.
        group: String,
        /// Wall-clock time of the commit.
        wall_ms: i64,
        /// All its offsets.
        offsets: PendingOffsets,
    },
    /// The transaction has ended; what it committed stands in records of its own.
    PendingOffsetsEnded {
        /// The transaction's producer.
        producer_id: i64,
        /// The group.
        group: String,
    },
    /// A committed offset was removed.
    OffsetTombstone {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A consumer group came to another epoch (`ConsumerGroupMetadataValue`).
    ConsumerGroupMetadata {
        /// The group.
        group: String,
        /// Its epoch.
        epoch: i32,
        /// The subscribed topics as they were then.
        topics: SubscribedTopics,
    },
    /// The consumer group was removed.
    ConsumerGroupTombstone {
        /// The group.
        group: String,
    },
    /// A member as it stands (`ConsumerGroupMemberMetadataValue` and
    /// `ConsumerGroupCurrentMemberAssignmentValue`).
    ConsumerGroupMember {
        /// The group.
        group: String,
        /// The member.
        member: ConsumerMember,
    },
    /// A member is gone, with its target.
    ConsumerGroupMemberTombstone {
        /// The group.
        group: String,
        /// The member.
        member_id: String,
    },
    /// The target of every member (`ConsumerGroupTargetAssignmentMetadataValue` and
    /// `ConsumerGroupTargetAssignmentMemberValue`).
    ConsumerGroupTarget {
        /// The group.
        group: String,
        /// The group epoch that it was made for.
        epoch: i32,
        /// What made it.
        assignor: ServerAssignor,
        /// By member id.
        target: BTreeMap<String, Assignment>,
    },
    /// A static member that is back has the target it had under its old id.
    ConsumerGroupMemberTarget {
        /// The group.
        group: String,
        /// The new id.
        member_id: String,
        /// Its target.
        target: Assignment,
    },
}

impl GroupRecord {
    /// The group that the record belongs to, which decides its partition.
    pub fn group(&self) -> &str {
        match self {
            Self::GroupMetadata { group, .. }
            | Self::GroupTombstone { group }
            | Self::OffsetCommit { group, .. }
            | Self::PendingOffsets { group, .. }
            | Self::PendingOffsetsEnded { group, .. }
            | Self::OffsetTombstone { group, .. }
            | Self::ConsumerGroupMetadata { group, .. }
            | Self::ConsumerGroupTombstone { group }
            | Self::ConsumerGroupMember { group, .. }
            | Self::ConsumerGroupMemberTombstone { group, .. }
            | Self::ConsumerGroupTarget { group, .. }
            | Self::ConsumerGroupMemberTarget { group, .. } => group,
        }
    }
}

/// A member as its group's record keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberMetadata {
    /// The member id.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// How long a rebalance waits for it.
    pub rebalance_timeout_ms: i32,
    /// How long it may stay silent.
    pub session_timeout_ms: i32,
    /// Its metadata for the selected protocol.
    pub subscription: Bytes,
    /// Its assignment, as the leader wrote it.
    pub assignment: Bytes,
}
