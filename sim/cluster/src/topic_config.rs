//! The configuration of one topic.

use std::collections::BTreeMap;

use crate::config::BrokerSettings;
use crate::config_value::list;
use crate::log_compaction::CompactionRules;
use crate::record_batch::AppendRules;
use crate::retention::RetentionRules;
use crate::timestamp_type::TimestampType;
use crate::topic_config_definition::TopicConfigDefinition;

/// A topic's own settings; what it does not set, the broker's settings decide.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopicConfig {
    max_message_bytes: Option<i32>,
    timestamp_type: Option<TimestampType>,
    timestamp_before_max_ms: Option<i64>,
    timestamp_after_max_ms: Option<i64>,
    segment_bytes: Option<i32>,
    segment_ms: Option<i64>,
    retention_ms: Option<i64>,
    retention_bytes: Option<i64>,
    /// Whether `cleanup.policy` is without `delete`.
    keeps_all: bool,
    /// Whether `cleanup.policy` has `compact`.
    is_compacted: bool,
    min_cleanable_dirty_ratio: Option<f64>,
    min_compaction_lag_ms: Option<i64>,
    max_compaction_lag_ms: Option<i64>,
    delete_retention_ms: Option<i64>,
    min_insync_replicas: Option<usize>,
    unclean_leader_election_enable: bool,
    entries: BTreeMap<String, String>,
}

impl TopicConfig {
    /// These settings. The error says what INVALID_CONFIG is about.
    pub(crate) fn of(entries: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut config = Self::default();
        for (key, value) in entries {
            config.set(key, Some(value))?;
        }
        Ok(config)
    }

    /// Sets one key as CreateTopics gives it. The error says what INVALID_CONFIG is about.
    pub fn set(&mut self, key: &str, value: Option<&str>) -> Result<(), String> {
        let Some(value) = value else {
            return Err(format!("null value for topic config {key}"));
        };
        let Some(definition) = TopicConfigDefinition::of(key) else {
            return Err(format!("unknown topic config name: {key}"));
        };
        let value = definition
            .parse(value)
            .map_err(|text| format!("topic config {key}: {text}"))?;
        match key {
            "max.message.bytes" => self.max_message_bytes = value.parse().ok(),
            "message.timestamp.type" => self.timestamp_type = value.parse().ok(),
            "message.timestamp.before.max.ms" => self.timestamp_before_max_ms = value.parse().ok(),
            "message.timestamp.after.max.ms" => self.timestamp_after_max_ms = value.parse().ok(),
            "segment.bytes" => self.segment_bytes = value.parse().ok(),
            "segment.ms" => self.segment_ms = value.parse().ok(),
            "retention.ms" => self.retention_ms = value.parse().ok(),
            "cleanup.policy" => {
                self.keeps_all = !list(&value).any(|policy| policy == "delete");
                self.is_compacted = list(&value).any(|policy| policy == "compact");
            }
            "min.cleanable.dirty.ratio" => self.min_cleanable_dirty_ratio = value.parse().ok(),
            "min.compaction.lag.ms" => self.min_compaction_lag_ms = value.parse().ok(),
            "max.compaction.lag.ms" => self.max_compaction_lag_ms = value.parse().ok(),
            "delete.retention.ms" => self.delete_retention_ms = value.parse().ok(),
            "retention.bytes" => self.retention_bytes = value.parse().ok(),
            "min.insync.replicas" => self.min_insync_replicas = value.parse().ok(),
            "unclean.leader.election.enable" => {
                self.unclean_leader_election_enable = value == "true";
            }
            // Accepted and kept, but they change nothing here: logs lie in memory.
            _ => {}
        }
        self.entries.insert(key.to_owned(), value);
        Ok(())
    }

    /// The value that this topic gives a key itself.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
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
            timestamp_before_max_ms: self
                .timestamp_before_max_ms
                .unwrap_or(settings.log_message_timestamp_before_max_ms),
            timestamp_after_max_ms: self
                .timestamp_after_max_ms
                .unwrap_or(settings.log_message_timestamp_after_max_ms),
            segment_bytes: self.segment_bytes.unwrap_or(settings.log_segment_bytes),
            segment_ms: self.segment_ms_max(settings),
            keys_required: self.is_compacted,
            wall_ms,
        }
    }

    /// How long a segment may grow (`LogConfig.maxSegmentMs`): of a compacted topic no longer than its
    /// records may wait for compaction, which leaves the active segment alone.
    fn segment_ms_max(&self, settings: &BrokerSettings) -> i64 {
        let segment_ms = self.segment_ms.unwrap_or(settings.log_roll_ms);
        match self.max_compaction_lag_ms.filter(|_| self.is_compacted) {
            Some(lag_ms) => segment_ms.min(lag_ms),
            None => segment_ms,
        }
    }

    /// How the logs are compacted, if they are. What the topic does not set has Kafka's defaults.
    pub fn compaction_rules(&self, settings: &BrokerSettings) -> Option<CompactionRules> {
        self.is_compacted.then(|| CompactionRules {
            dirty_ratio_min: self.min_cleanable_dirty_ratio.unwrap_or(0.5),
            lag_ms_min: self.min_compaction_lag_ms.unwrap_or(0),
            lag_ms_max: self.max_compaction_lag_ms.unwrap_or(i64::MAX),
            delete_retention_ms: self.delete_retention_ms.unwrap_or(24 * 3_600_000),
            segment_bytes: self.segment_bytes.unwrap_or(settings.log_segment_bytes),
        })
    }

    /// Whether `cleanup.policy` has `compact`.
    pub fn is_compacted(&self) -> bool {
        self.is_compacted
    }

    /// How many replicas must have what `acks=all` acknowledges.
    pub fn min_insync_replicas(&self, settings: &BrokerSettings) -> usize {
        self.min_insync_replicas
            .unwrap_or(settings.min_insync_replicas)
    }

    /// Whether a replica may lead that is not in sync, if no other is left.
    pub fn unclean_leader_election_enable(&self) -> bool {
        self.unclean_leader_election_enable
    }

    /// How long the records are kept.
    pub fn retention_rules(&self, settings: &BrokerSettings) -> RetentionRules {
        if self.keeps_all {
            return RetentionRules {
                retention_ms: -1,
                retention_bytes: -1,
            };
        }
        RetentionRules {
            retention_ms: self.retention_ms.unwrap_or(settings.log_retention_ms),
            retention_bytes: self.retention_bytes.unwrap_or(settings.log_retention_bytes),
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
            ("cleanup.policy", Some("compacted")),
            ("min.cleanable.dirty.ratio", Some("1.1")),
            ("segment.bytes", Some("1048575")),
            ("segment.ms", Some("0")),
            ("retention.ms", Some("-2")),
            ("message.timestamp.type", Some("Now")),
        ] {
            assert!(config.set(key, value).is_err(), "{key}={value:?}");
        }
        assert_eq!(config.set("retention.ms", Some("1000")), Ok(()));
    }
}
