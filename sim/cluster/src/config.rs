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
    /// `message.max.bytes`: largest record batch of a topic without its own `max.message.bytes`.
    pub message_max_bytes: i32,
    /// `fetch.max.bytes`: upper bound on the records of one fetch response.
    pub fetch_max_bytes: i32,
    /// `log.message.timestamp.type` of a topic without its own `message.timestamp.type`.
    pub log_message_timestamp_type: TimestampType,
    /// `log.message.timestamp.after.max.ms`: how far ahead a CreateTime may be at append
    /// (one hour since KIP-1030).
    pub log_message_timestamp_after_max_ms: i64,
    /// `offsets.topic.num.partitions`: partitions of `__consumer_offsets`.
    pub offsets_topic_num_partitions: i32,
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
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            auto_create_topics_enable: true,
            delete_topic_enable: true,
            num_partitions: 1,
            message_max_bytes: 1_048_588,
            fetch_max_bytes: 55 * 1024 * 1024,
            log_message_timestamp_type: TimestampType::CreateTime,
            log_message_timestamp_after_max_ms: 3_600_000,
            offsets_topic_num_partitions: 50,
            offset_metadata_max_bytes: 4096,
            offsets_retention_minutes: 7 * 24 * 60,
            offsets_retention_check_interval_ms: 600_000,
            group_initial_rebalance_delay_ms: 3000,
            group_min_session_timeout_ms: 6000,
            group_max_session_timeout_ms: 1_800_000,
            group_max_size: i32::MAX,
        }
    }
}
