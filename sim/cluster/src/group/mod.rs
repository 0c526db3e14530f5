//! The classic group coordinator: membership, generations and committed offsets.
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
mod offset_fetch;
mod offsets;
mod rebalance;
mod record;
mod request;
mod subscription;
mod sync;
mod timers;

#[cfg(test)]
mod tests;

pub use coordinator::GroupCoordinator;
pub use observe::{GroupDescription, MemberDescription};
pub use offsets::CommittedOffset;
pub use record::{GroupRecord, MemberMetadata};
pub use request::{GroupOutput, GroupRequest};
