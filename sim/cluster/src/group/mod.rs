//! The group coordinator: membership, generations and committed offsets of classic groups here, groups of
//! the `consumer` protocol in [`consumer`].
//!
//! A handler returns responses and the records to append; replaying the records of a
//! `__consumer_offsets` partition rebuilds what they say. The rules are Kafka's
//! (`GroupMetadataManager.java`, `ClassicGroup.java`, `OffsetMetadataManager.java`), read from its
//! group coordinator; each file names what it follows.
//!
//! Nothing here knows about connections: a parked request whose connection has closed is still
//! answered when its time comes, and the answer goes nowhere. So it is in Kafka, where the member
//! stays until its session or the rebalance ends.

mod classic_group;
mod consumer;
mod context;
mod coordinator;
mod describe;
mod expiry;
mod generation;
mod groups;
mod heartbeat;
mod join;
mod leave;
mod member;
mod member_id;
mod observe;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offsets;
mod pending_offsets;
mod rebalance;
mod record;
mod request;
mod subscription;
mod sync;
mod timers;
mod txn_offset_commit;

#[cfg(test)]
mod tests;

pub use consumer::{
    Assignment, ConsumerMember, HeldPartitions, MemberState, ServerAssignor, SubscribedTopics,
};
pub use coordinator::GroupCoordinator;
pub use observe::{GroupDescription, MemberDescription};
pub use offsets::CommittedOffset;
pub use pending_offsets::{PendingOffset, PendingOffsets};
pub use record::{GroupRecord, MemberMetadata};
pub use request::{GroupOutput, GroupRequest};
