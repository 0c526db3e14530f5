//! Every setting that a topic can have: its type, its default, and the broker's setting of the same meaning.

use crate::config_value::ConfigValue;
use crate::config_value::ConfigValue::{Boolean, Double, Int, ListOf, OneOf, ThrottledReplicas};
use crate::timestamp_type::TimestampType;

/// Since KIP-1030.
const SEGMENT_BYTES_MIN: i32 = 1024 * 1024;

const COMPRESSION_TYPES: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];

/// A setting of topics (`TopicConfig`, `LogConfig` and `ServerTopicConfigSynonyms` in Kafka).
#[derive(Debug)]
pub(crate) struct TopicConfigDefinition {
    pub(crate) name: &'static str,
    pub(crate) value: ConfigValue,
    /// The broker's setting that decides where the topic has none.
    pub(crate) broker_name: Option<&'static str>,
    /// What it is where nobody has set it.
    pub(crate) default: &'static str,
    /// The only value that this cluster honours, where Kafka has more.
    only: Option<&'static str>,
}

impl TopicConfigDefinition {
    /// The setting of that name.
    pub(crate) fn of(name: &str) -> Option<&'static Self> {
        TOPIC_CONFIGS.iter().find(|config| config.name == name)
    }

    /// The value as Kafka keeps it. The error says what it must be.
    pub(crate) fn parse(&self, text: &str) -> Result<String, String> {
        let value = self.value.parse(text)?;
        match self.only {
            Some(only) if only != value => {
                Err(format!("this cluster supports only {}={only}", self.name))
            }
            _ => Ok(value),
        }
    }
}

const fn topic(
    name: &'static str,
    value: ConfigValue,
    broker_name: &'static str,
    default: &'static str,
) -> TopicConfigDefinition {
    TopicConfigDefinition {
        name,
        value,
        broker_name: if broker_name.is_empty() {
            None
        } else {
            Some(broker_name)
        },
        default,
        only: None,
    }
}

const fn only_default(config: TopicConfigDefinition) -> TopicConfigDefinition {
    TopicConfigDefinition {
        only: Some(config.default),
        ..config
    }
}

/// All of them as of Apache Kafka 4.4, by name.
pub(crate) const TOPIC_CONFIGS: &[TopicConfigDefinition] = &[
    topic(
        "cleanup.policy",
        ListOf(&["compact", "delete"]),
        "log.cleanup.policy",
        "delete",
    ),
    topic(
        "compression.gzip.level",
        Int(-1, 9),
        "compression.gzip.level",
        "-1",
    ),
    topic(
        "compression.lz4.level",
        Int(1, 17),
        "compression.lz4.level",
        "9",
    ),
    only_default(topic(
        "compression.type",
        OneOf(COMPRESSION_TYPES),
        "compression.type",
        "producer",
    )),
    topic(
        "compression.zstd.level",
        Int(-131_072, 22),
        "compression.zstd.level",
        "3",
    ),
    topic(
        "delete.retention.ms",
        ConfigValue::long(0),
        "log.cleaner.delete.retention.ms",
        "86400000",
    ),
    only_default(topic(
        "errors.deadletterqueue.group.enable",
        Boolean,
        "",
        "false",
    )),
    topic(
        "file.delete.delay.ms",
        ConfigValue::long(0),
        "log.segment.delete.delay.ms",
        "60000",
    ),
    topic(
        "flush.messages",
        ConfigValue::long(1),
        "log.flush.interval.messages",
        "9223372036854775807",
    ),
    topic("flush.ms", ConfigValue::long(0), "", "9223372036854775807"),
    topic(
        "follower.replication.throttled.replicas",
        ThrottledReplicas,
        "",
        "",
    ),
    topic(
        "index.interval.bytes",
        ConfigValue::int(0),
        "log.index.interval.bytes",
        "4096",
    ),
    topic(
        "leader.replication.throttled.replicas",
        ThrottledReplicas,
        "",
        "",
    ),
    topic(
        "local.retention.bytes",
        ConfigValue::long(-2),
        "log.local.retention.bytes",
        "-2",
    ),
    topic(
        "local.retention.ms",
        ConfigValue::long(-2),
        "log.local.retention.ms",
        "-2",
    ),
    topic(
        "max.compaction.lag.ms",
        ConfigValue::long(1),
        "log.cleaner.max.compaction.lag.ms",
        "9223372036854775807",
    ),
    topic(
        "max.decompressed.message.bytes",
        ConfigValue::int(1),
        "max.decompressed.message.bytes",
        "2147483639",
    ),
    topic(
        "max.message.bytes",
        ConfigValue::int(0),
        "message.max.bytes",
        "1048588",
    ),
    topic(
        "message.timestamp.after.max.ms",
        ConfigValue::long(0),
        "log.message.timestamp.after.max.ms",
        "3600000",
    ),
    topic(
        "message.timestamp.before.max.ms",
        ConfigValue::long(0),
        "log.message.timestamp.before.max.ms",
        "9223372036854775807",
    ),
    topic(
        "message.timestamp.type",
        OneOf(TimestampType::NAMES),
        "log.message.timestamp.type",
        "CreateTime",
    ),
    topic(
        "min.cleanable.dirty.ratio",
        Double(0.0, 1.0),
        "log.cleaner.min.cleanable.ratio",
        "0.5",
    ),
    topic(
        "min.compaction.lag.ms",
        ConfigValue::long(0),
        "log.cleaner.min.compaction.lag.ms",
        "0",
    ),
    topic(
        "min.insync.replicas",
        ConfigValue::int(1),
        "min.insync.replicas",
        "1",
    ),
    topic("preallocate", Boolean, "log.preallocate", "false"),
    topic(
        "remote.copy.lag.bytes",
        ConfigValue::long(-1),
        "log.remote.copy.lag.bytes",
        "-1",
    ),
    topic(
        "remote.copy.lag.ms",
        ConfigValue::long(-1),
        "log.remote.copy.lag.ms",
        "0",
    ),
    topic("remote.log.copy.disable", Boolean, "", "false"),
    topic("remote.log.delete.on.disable", Boolean, "", "false"),
    only_default(topic("remote.storage.enable", Boolean, "", "false")),
    topic(
        "retention.bytes",
        ConfigValue::long(i64::MIN),
        "log.retention.bytes",
        "-1",
    ),
    topic(
        "retention.ms",
        ConfigValue::long(-1),
        "log.retention.ms",
        "604800000",
    ),
    topic(
        "segment.bytes",
        ConfigValue::int(SEGMENT_BYTES_MIN),
        "log.segment.bytes",
        "1073741824",
    ),
    topic(
        "segment.index.bytes",
        ConfigValue::int(4),
        "log.index.size.max.bytes",
        "10485760",
    ),
    topic("segment.jitter.ms", ConfigValue::long(0), "", "0"),
    topic(
        "segment.ms",
        ConfigValue::long(1),
        "log.roll.ms",
        "604800000",
    ),
    topic(
        "unclean.leader.election.enable",
        Boolean,
        "unclean.leader.election.enable",
        "false",
    ),
];
