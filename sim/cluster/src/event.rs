//! What happened inside the cluster, for traces, checkers and tools.

use bytes::Bytes;
use kafka_protocol::ResponseError;

use crate::config::BrokerId;
use crate::group::MemberState;
use crate::group_state::GroupState;
use crate::requester::ConnectionId;
use crate::transaction::TransactionState;

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
    /// A topic was given more partitions.
    PartitionsCreated {
        /// The topic.
        topic: String,
        /// How many it has now.
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
        /// Consumers can read it already: there is no other replica that must have it. Otherwise
        /// [`Event::HighWatermarkMoved`] tells when.
        committed: bool,
    },
    /// A log's start moved forward: what is before it can no longer be read.
    LogStartOffsetMoved {
        /// The partition's leader.
        broker: BrokerId,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The start before.
        from: i64,
        /// The start after.
        to: i64,
        /// Why, in words for people: a setting or a request.
        reason: &'static str,
    },
    /// Segments of a log were deleted; what they held is gone for good.
    SegmentsDeleted {
        /// The partition's leader.
        broker: BrokerId,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Their record batches, in offset order.
        batches: Vec<Bytes>,
    },
    /// A log was compacted: of some batches nothing is left, or not every record.
    LogCompacted {
        /// The partition's leader.
        broker: BrokerId,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Those batches as they were before, in offset order.
        batches: Vec<Bytes>,
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
    /// A member of a group of the consumer protocol took a step towards its target assignment
    /// (KIP-848): another epoch, or other partitions.
    MemberReconciled {
        /// The group.
        group: String,
        /// The member.
        member_id: String,
        /// `client.id` of its last heartbeat.
        client_id: String,
        /// Its epoch after the step; -2 for a static member that will be back.
        member_epoch: i32,
        /// Where it stands after the step.
        state: MemberState,
        /// What it has after the step, by topic and partition.
        assigned: Vec<(String, i32)>,
        /// What it was told to give up, and has not said that it did.
        pending_revocation: Vec<(String, i32)>,
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
    /// A transactional id changed state, or got a producer of another epoch.
    TransactionStateChanged {
        /// The transactional id.
        transactional_id: String,
        /// The state before.
        from: TransactionState,
        /// The state after.
        to: TransactionState,
        /// Its producer id.
        producer_id: i64,
        /// Its producer's epoch after the change.
        producer_epoch: i16,
        /// Why, in words for people.
        reason: String,
    },
    /// A marker that ends a transaction was appended to one of its partitions.
    TransactionMarkerAppended {
        /// The partition's leader.
        broker: BrokerId,
        /// The transactional id.
        transactional_id: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Offset of the marker.
        offset: i64,
        /// The transaction's producer.
        producer_id: i64,
        /// Whether the transaction commits.
        committed: bool,
    },
    /// A partition with several replicas has another leader, or the same one in another epoch.
    LeaderElected {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The leader; -1 if there is none.
        leader: BrokerId,
        /// Its epoch.
        leader_epoch: i32,
        /// It was not in sync: what it lacks is lost.
        unclean: bool,
    },
    /// More of a partition with several replicas is committed.
    HighWatermarkMoved {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Consumers can read up to here.
        high_watermark: i64,
    },
    /// The in-sync replicas of a partition changed.
    InSyncReplicasChanged {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// They are these.
        in_sync: Vec<BrokerId>,
    },
    /// A broker went down; its partitions have no leader, those with other replicas for a while.
    BrokerStopped {
        /// The broker.
        broker: BrokerId,
    },
    /// A log dir of a broker failed: its partitions have no leader until the broker starts again.
    LogDirFailed {
        /// The broker.
        broker: BrokerId,
        /// The directory's index in `log.dirs`.
        log_dir: usize,
    },
    /// A broker ended itself: its last log dir, or the one with the metadata log, has failed.
    BrokerHalted {
        /// The broker.
        broker: BrokerId,
    },
    /// A broker came up. It leads at a higher epoch what no other broker leads.
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
