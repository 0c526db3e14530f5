//! What a cluster is made of, and the broker settings it honours.

use crate::timestamp_type::TimestampType;

/// A broker's `node.id`; brokers are numbered from 1.
pub type BrokerId = i32;

/// A whole cluster's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The cluster id that Metadata and DescribeCluster show.
    pub cluster_id: String,
    /// The brokers; ids must differ.
    pub brokers: Vec<BrokerConfig>,
    /// Settings shared by all brokers.
    pub settings: BrokerSettings,
}

/// One broker and the address it advertises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerConfig {
    /// `node.id`.
    pub id: BrokerId,
    /// The host of `advertised.listeners`.
    pub host: String,
    /// The port of `advertised.listeners`.
    pub port: u16,
}

/// Broker settings under Kafka's names (dots as underscores), with Kafka's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSettings {
    /// `auto.create.topics.enable`: a Metadata request that allows it creates missing topics.
    pub auto_create_topics_enable: bool,
    /// `delete.topic.enable`: otherwise DeleteTopics answers TOPIC_DELETION_DISABLED.
    pub delete_topic_enable: bool,
    /// `num.partitions`: partitions of a topic that names no count.
    pub num_partitions: i32,
    /// `default.replication.factor`: replicas of a topic that names no count. Internal topics have
    /// one.
    pub default_replication_factor: usize,
    /// `min.insync.replicas` of a topic without its own.
    pub min_insync_replicas: usize,
    /// `replica.lag.time.max.ms`: how long a follower may lag and be in sync.
    pub replica_lag_time_max_ms: u64,
    /// How long a follower takes to fetch what was appended, in microseconds: the network's time and
    /// the disk's, which Kafka has no setting for.
    pub replica_fetch_us: u64,
    /// `broker.session.timeout.ms`: how long the controller waits for a broker that is gone.
    pub broker_session_timeout_ms: u64,
    /// `message.max.bytes`: largest record batch of a topic without its own `max.message.bytes`.
    pub message_max_bytes: i32,
    /// `fetch.max.bytes`: upper bound on the records of one fetch response.
    pub fetch_max_bytes: i32,
    /// `log.message.timestamp.type` of a topic without its own `message.timestamp.type`.
    pub log_message_timestamp_type: TimestampType,
    /// `log.message.timestamp.before.max.ms`: how far behind a CreateTime may be at append.
    pub log_message_timestamp_before_max_ms: i64,
    /// `log.message.timestamp.after.max.ms`: how far ahead a CreateTime may be at append
    /// (one hour since KIP-1030).
    pub log_message_timestamp_after_max_ms: i64,
    /// How many directories `log.dirs` names, each on a disk of its own. The first holds the
    /// metadata log and the internal topics.
    pub log_dirs: usize,
    /// `log.segment.bytes`: how large a segment of a log grows.
    pub log_segment_bytes: i32,
    /// `log.roll.ms` (`log.roll.hours`): how long a segment grows, by its records' timestamps.
    pub log_roll_ms: i64,
    /// `log.retention.ms` (`log.retention.hours`): how long records are kept; -1 for ever.
    pub log_retention_ms: i64,
    /// `log.retention.bytes`: how much of a partition is kept; -1 without limit.
    pub log_retention_bytes: i64,
    /// `log.retention.check.interval.ms`: how often a broker looks for segments to delete.
    pub log_retention_check_interval_ms: u64,
    /// `log.initial.task.delay.ms`: from a broker's start to its first such look.
    pub log_initial_task_delay_ms: u64,
    /// `log.cleaner.backoff.ms`: how often a broker looks for logs to compact.
    pub log_cleaner_backoff_ms: u64,
    /// `producer.id.expiration.ms`: how long a partition remembers a producer that sends nothing.
    pub producer_id_expiration_ms: i64,
    /// `producer.id.expiration.check.interval.ms` (internal in Kafka): how often that is checked.
    pub producer_id_expiration_check_interval_ms: i64,
    /// `offsets.topic.num.partitions`: partitions of `__consumer_offsets`.
    pub offsets_topic_num_partitions: i32,
    /// `transaction.state.log.num.partitions`: partitions of `__transaction_state`.
    pub transaction_state_log_num_partitions: i32,
    /// `transaction.max.timeout.ms`: longest `transaction.timeout.ms` of a producer.
    pub transaction_max_timeout_ms: i32,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`: how often transactions that
    /// have timed out are looked for.
    pub transaction_abort_timed_out_transaction_cleanup_interval_ms: i32,
    /// `transaction.partition.verification.enable`: a partition's leader asks the coordinator
    /// before it begins a transaction (KIP-890). Without it a late write makes a transaction that
    /// hangs.
    pub transaction_partition_verification_enable: bool,
    /// `offset.metadata.max.bytes`: longest metadata string of an offset commit.
    pub offset_metadata_max_bytes: i32,
    /// `offsets.retention.minutes`: how long an empty group keeps its offsets.
    pub offsets_retention_minutes: i32,
    /// `offsets.retention.check.interval.ms`: how often expired offsets and dead groups go.
    pub offsets_retention_check_interval_ms: i64,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members.
    pub group_initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms`.
    pub group_min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub group_max_session_timeout_ms: i32,
    /// `group.max.size`: most members of one group.
    pub group_max_size: i32,
    /// `group.consumer.session.timeout.ms`.
    pub group_consumer_session_timeout_ms: i32,
    /// `group.consumer.heartbeat.interval.ms`, which the coordinator tells its members.
    pub group_consumer_heartbeat_interval_ms: i32,
    /// `group.consumer.max.size`: most members of one consumer group.
    pub group_consumer_max_size: i32,
    /// `group.consumer.assignment.interval.ms`: the least time between two assignments of a
    /// consumer group (KIP-1263).
    pub group_consumer_assignment_interval_ms: u64,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            auto_create_topics_enable: true,
            delete_topic_enable: true,
            num_partitions: 1,
            default_replication_factor: 1,
            min_insync_replicas: 1,
            replica_lag_time_max_ms: 30_000,
            replica_fetch_us: 1_000,
            broker_session_timeout_ms: 9_000,
            message_max_bytes: 1_048_588,
            fetch_max_bytes: 55 * 1024 * 1024,
            log_message_timestamp_type: TimestampType::CreateTime,
            log_message_timestamp_before_max_ms: i64::MAX,
            log_message_timestamp_after_max_ms: 3_600_000,
            log_dirs: 1,
            log_segment_bytes: 1024 * 1024 * 1024,
            log_roll_ms: 7 * 24 * 3_600_000,
            log_retention_ms: 7 * 24 * 3_600_000,
            log_retention_bytes: -1,
            log_retention_check_interval_ms: 300_000,
            log_initial_task_delay_ms: 30_000,
            log_cleaner_backoff_ms: 15_000,
            producer_id_expiration_ms: 86_400_000,
            producer_id_expiration_check_interval_ms: 600_000,
            offsets_topic_num_partitions: 50,
            transaction_state_log_num_partitions: 50,
            transaction_max_timeout_ms: 900_000,
            transaction_abort_timed_out_transaction_cleanup_interval_ms: 10_000,
            transaction_partition_verification_enable: true,
            offset_metadata_max_bytes: 4096,
            offsets_retention_minutes: 7 * 24 * 60,
            offsets_retention_check_interval_ms: 600_000,
            group_initial_rebalance_delay_ms: 3000,
            group_min_session_timeout_ms: 6000,
            group_max_session_timeout_ms: 1_800_000,
            group_max_size: i32::MAX,
            group_consumer_session_timeout_ms: 45_000,
            group_consumer_heartbeat_interval_ms: 5000,
            group_consumer_max_size: i32::MAX,
            group_consumer_assignment_interval_ms: 1000,
        }
    }
}
