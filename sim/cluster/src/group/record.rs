//! The records of `__consumer_offsets`, typed.

use bytes::Bytes;

use super::offsets::CommittedOffset;

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
    /// A committed offset was removed.
    OffsetTombstone {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
}

impl GroupRecord {
    /// The group that the record belongs to, which decides its partition.
    pub fn group(&self) -> &str {
        match self {
            Self::GroupMetadata { group, .. }
            | Self::GroupTombstone { group }
            | Self::OffsetCommit { group, .. }
            | Self::OffsetTombstone { group, .. } => group,
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
