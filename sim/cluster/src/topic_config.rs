//! The configuration of one topic.

use std::collections::BTreeMap;

use crate::config::BrokerSettings;
use crate::record_batch::AppendRules;
use crate::timestamp_type::TimestampType;

/// Keys of Kafka's `TopicConfig` that are accepted and kept, but change nothing here: this
/// cluster keeps every record in memory for ever, and has one replica.
const WITHOUT_EFFECT: &[&str] = &[
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "index.interval.bytes",
    "max.compaction.lag.ms",
    "message.timestamp.before.max.ms",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// The values that keys without effect may only have here.
const ONLY_VALUE: &[(&str, &str)] = &[
    ("cleanup.policy", "delete"),
    ("compression.type", "producer"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
];

/// A topic's own settings; what it does not set, the broker's settings decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicConfig {
    max_message_bytes: Option<i32>,
    timestamp_type: Option<TimestampType>,
    timestamp_after_max_ms: Option<i64>,
    entries: BTreeMap<String, String>,
}

impl TopicConfig {
    /// Sets one key as CreateTopics gives it. The error says what INVALID_CONFIG is about.
    pub fn set(&mut self, key: &str, value: Option<&str>) -> Result<(), String> {
        let Some(value) = value else {
            return Err(format!("null value for topic config {key}"));
        };
        let invalid = || format!("invalid value {value} for topic config {key}");
        match key {
            "max.message.bytes" => {
                let bytes = value.parse().ok().filter(|bytes| *bytes >= 0);
                self.max_message_bytes = Some(bytes.ok_or_else(invalid)?);
            }
            "message.timestamp.type" => {
                self.timestamp_type = Some(match value {
                    "CreateTime" => TimestampType::CreateTime,
                    "LogAppendTime" => TimestampType::LogAppendTime,
                    _ => return Err(invalid()),
                });
            }
            "message.timestamp.after.max.ms" => {
                let ms = value.parse().ok().filter(|ms| *ms >= 0);
                self.timestamp_after_max_ms = Some(ms.ok_or_else(invalid)?);
            }
            _ if WITHOUT_EFFECT.contains(&key) => {
                if let Some((_, only)) = ONLY_VALUE.iter().find(|(limited, _)| *limited == key)
                    && *only != value
                {
                    return Err(format!("this cluster supports only {key}={only}"));
                }
            }
            _ => return Err(format!("unknown topic config name: {key}")),
        }
        self.entries.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// The keys this topic sets itself.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The rules for an append at the broker's wall-clock time.
    pub fn append_rules(&self, settings: &BrokerSettings, wall_ms: i64) -> AppendRules {
        AppendRules {
            max_message_bytes: self.max_message_bytes.unwrap_or(settings.message_max_bytes),
            timestamp_type: self
                .timestamp_type
                .unwrap_or(settings.log_message_timestamp_type),
            timestamp_after_max_ms: self
                .timestamp_after_max_ms
                .unwrap_or(settings.log_message_timestamp_after_max_ms),
            wall_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_overrides_the_broker() {
        let settings = BrokerSettings::default();
        let mut config = TopicConfig::default();
        assert_eq!(
            config.append_rules(&settings, 0).max_message_bytes,
            1_048_588
        );
        config.set("max.message.bytes", Some("100")).unwrap();
        config
            .set("message.timestamp.type", Some("LogAppendTime"))
            .unwrap();
        let rules = config.append_rules(&settings, 0);
        assert_eq!(rules.max_message_bytes, 100);
        assert_eq!(rules.timestamp_type, TimestampType::LogAppendTime);
    }

    #[test]
    fn what_it_cannot_honour_is_refused() {
        let mut config = TopicConfig::default();
        for (key, value) in [
            ("retention.msec", Some("1")),
            ("max.message.bytes", Some("-1")),
            ("max.message.bytes", None),
            ("cleanup.policy", Some("compact")),
            ("message.timestamp.type", Some("Now")),
        ] {
            assert!(config.set(key, value).is_err(), "{key}={value:?}");
        }
        assert_eq!(config.set("retention.ms", Some("1000")), Ok(()));
    }
}
