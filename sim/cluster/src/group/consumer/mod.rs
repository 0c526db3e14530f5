//! Groups of the `consumer` protocol (KIP-848): the coordinator assigns, members only heartbeat.
//!
//! Every change is a record that is replayed at once, so a coordinator that loads stands where the
//! other one stood. `docs/kip-848.md` has the protocol in short; the rules are those of Kafka 4.4's
//! `GroupMetadataManager`, as it was seen to answer.

mod assignment;
mod committer;
mod consumer_group;
mod consumer_member;
mod describe;
mod heartbeat;
mod join;
mod range;
mod reconcile;
mod remove;
mod server_assignor;
mod switch;
mod target;
mod uniform;
mod uniform_mixed;

pub use assignment::{Assignment, HeldPartitions};
pub(super) use committer::MemberEpoch;
pub(super) use consumer_group::ConsumerGroup;
pub use consumer_group::SubscribedTopics;
pub use consumer_member::{ConsumerMember, MemberState};
pub(super) use describe::GROUP_TYPE;
pub use server_assignor::ServerAssignor;
