//! What happened inside the cluster, for traces, checkers and tools.

use kafka_protocol::ResponseError;

use crate::config::BrokerId;
use crate::group_state::GroupState;
use crate::requester::ConnectionId;

/// Something the cluster did. Events come in the order in which they happened and influence
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A topic was created, by request or automatically.
    TopicCreated {
        /// The topic.
        topic: String,
        /// Its number of partitions.
        partitions: i32,
    },
    /// A topic and its records were deleted.
    TopicDeleted {
        /// The topic.
        topic: String,
    },
    /// One record batch was appended to a log.
    RecordsAppended {
        /// The partition's leader.
        broker: BrokerId,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Offset of the batch's first record.
        base_offset: i64,
        /// Number of records.
        records: i32,
        /// Size of the batch on the wire and on disk.
        bytes: usize,
    },
    /// A group changed state.
    GroupStateChanged {
        /// The group.
        group: String,
        /// The state before.
        from: GroupState,
        /// The state after.
        to: GroupState,
        /// The generation after the change.
        generation: i32,
        /// Why, in words for people.
        reason: String,
    },
    /// A member was added to a group.
    MemberJoined {
        /// The group.
        group: String,
        /// The id the coordinator gave it.
        member_id: String,
        /// `client.id` of its JoinGroup.
        client_id: String,
        /// The group's generation when it was added.
        generation: i32,
    },
    /// A member left by LeaveGroup.
    MemberLeft {
        /// The group.
        group: String,
        /// The member.
        member_id: String,
        /// `client.id` of its JoinGroup.
        client_id: String,
        /// The group's generation when it left.
        generation: i32,
        /// The reason the member gave, if any (KIP-800).
        reason: String,
    },
    /// The coordinator removed a member: its session expired, it did not rejoin or sync in time,
    /// or a static member took its place.
    MemberExpired {
        /// The group.
        group: String,
        /// The member.
        member_id: String,
        /// `client.id` of its JoinGroup.
        client_id: String,
        /// The group's generation when it was removed.
        generation: i32,
        /// Why, in words for people.
        reason: String,
    },
    /// An offset was committed.
    OffsetCommitted {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The committed offset: the next to be read.
        offset: i64,
        /// The committing member; empty for a simple consumer.
        member_id: String,
        /// `client.id` of the request.
        client_id: String,
        /// The generation the request named; -1 for a simple consumer.
        generation: i32,
    },
    /// An offset commit was refused.
    CommitRefused {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset that was not committed.
        offset: i64,
        /// The member id the request named.
        member_id: String,
        /// `client.id` of the request.
        client_id: String,
        /// The generation the request named.
        generation: i32,
        /// The answer.
        error: ResponseError,
    },
    /// A broker went down; its partitions have no leader.
    BrokerStopped {
        /// The broker.
        broker: BrokerId,
    },
    /// A broker came up and leads its partitions again, at a higher leader epoch.
    BrokerStarted {
        /// The broker.
        broker: BrokerId,
    },
    /// A broker closed a client's connection, as Kafka does for what it can't answer.
    ConnectionRefused {
        /// The broker.
        broker: BrokerId,
        /// The connection.
        connection: ConnectionId,
        /// Why, in words for people.
        reason: String,
    },
}
