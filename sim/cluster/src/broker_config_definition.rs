//! The settings of a broker that the cluster honours, as DescribeConfigs shows and AlterConfigs changes them.

use crate::config::BrokerSettings;
use crate::config_value::ConfigValue;
use crate::config_value::ConfigValue::{Boolean, OneOf};
use crate::timestamp_type::TimestampType;

/// Whether a running broker takes a new value (`DynamicBrokerConfig`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpdateMode {
    ReadOnly,
    ClusterWide,
}

/// A setting of brokers (`KafkaConfig`).
pub(crate) struct BrokerConfigDefinition {
    pub(crate) name: &'static str,
    pub(crate) value: ConfigValue,
    pub(crate) update_mode: UpdateMode,
    /// The setting in hours and its default, which decides where this one, in milliseconds, is null.
    pub(crate) in_hours: Option<(&'static str, &'static str)>,
    get: fn(&BrokerSettings) -> String,
    set: fn(&mut BrokerSettings, &str),
}

impl BrokerConfigDefinition {
    /// The setting of that name.
    pub(crate) fn of(name: &str) -> Option<&'static Self> {
        BROKER_CONFIGS.iter().find(|config| config.name == name)
    }

    /// Its value among these settings.
    pub(crate) fn get(&self, settings: &BrokerSettings) -> String {
        (self.get)(settings)
    }

    /// Sets it to a value that was parsed before.
    pub(crate) fn set(&self, settings: &mut BrokerSettings, value: &str) {
        (self.set)(settings, value);
    }

    /// Kafka's default.
    pub(crate) fn default(&self) -> String {
        self.get(&BrokerSettings::default())
    }
}

macro_rules! broker_configs {
    ($($name:literal, $field:ident, $value:expr, $mode:ident $(, $hours:literal = $default:literal)?;)*) => {
        /// All of them, by name.
        pub(crate) const BROKER_CONFIGS: &[BrokerConfigDefinition] = &[$(BrokerConfigDefinition {
            name: $name,
            value: $value,
            update_mode: UpdateMode::$mode,
            in_hours: broker_configs!(@hours $($hours, $default)?),
            get: |settings| settings.$field.to_string(),
            set: |settings, value| if let Ok(value) = value.parse() {
                settings.$field = value;
            },
        },)*];
    };
    (@hours) => { None };
    (@hours $hours:literal, $default:literal) => { Some(($hours, $default)) };
}

broker_configs! {
    "auto.create.topics.enable", auto_create_topics_enable, Boolean, ReadOnly;
    "delete.topic.enable", delete_topic_enable, Boolean, ReadOnly;
    "fetch.max.bytes", fetch_max_bytes, ConfigValue::int(1024), ReadOnly;
    "group.initial.rebalance.delay.ms", group_initial_rebalance_delay_ms, ConfigValue::int(0), ReadOnly;
    "group.max.session.timeout.ms", group_max_session_timeout_ms, ConfigValue::int(0), ReadOnly;
    "group.max.size", group_max_size, ConfigValue::int(1), ReadOnly;
    "group.min.session.timeout.ms", group_min_session_timeout_ms, ConfigValue::int(0), ReadOnly;
    "log.cleaner.backoff.ms", log_cleaner_backoff_ms, ConfigValue::long(0), ClusterWide;
    "log.initial.task.delay.ms", log_initial_task_delay_ms, ConfigValue::long(0), ReadOnly;
    "log.message.timestamp.after.max.ms", log_message_timestamp_after_max_ms, ConfigValue::long(0), ClusterWide;
    "log.message.timestamp.before.max.ms", log_message_timestamp_before_max_ms, ConfigValue::long(0), ClusterWide;
    "log.message.timestamp.type", log_message_timestamp_type, OneOf(TimestampType::NAMES), ClusterWide;
    "log.retention.bytes", log_retention_bytes, ConfigValue::long(i64::MIN), ClusterWide;
    "log.retention.check.interval.ms", log_retention_check_interval_ms, ConfigValue::long(1), ReadOnly;
    "log.retention.ms", log_retention_ms, ConfigValue::long(-1), ClusterWide, "log.retention.hours" = "168";
    "log.roll.ms", log_roll_ms, ConfigValue::long(1), ClusterWide, "log.roll.hours" = "168";
    "log.segment.bytes", log_segment_bytes, ConfigValue::int(1024 * 1024), ClusterWide;
    "message.max.bytes", message_max_bytes, ConfigValue::int(0), ClusterWide;
    "num.partitions", num_partitions, ConfigValue::int(1), ReadOnly;
    "offset.metadata.max.bytes", offset_metadata_max_bytes, ConfigValue::int(0), ReadOnly;
    "offsets.retention.check.interval.ms", offsets_retention_check_interval_ms, ConfigValue::long(1), ReadOnly;
    "offsets.retention.minutes", offsets_retention_minutes, ConfigValue::int(1), ReadOnly;
    "offsets.topic.num.partitions", offsets_topic_num_partitions, ConfigValue::int(1), ReadOnly;
    "producer.id.expiration.ms", producer_id_expiration_ms, ConfigValue::int(1), ClusterWide;
    "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        transaction_abort_timed_out_transaction_cleanup_interval_ms, ConfigValue::int(1), ReadOnly;
    "transaction.max.timeout.ms", transaction_max_timeout_ms, ConfigValue::int(1), ReadOnly;
    "transaction.partition.verification.enable",
        transaction_partition_verification_enable, Boolean, ClusterWide;
    "transaction.state.log.num.partitions", transaction_state_log_num_partitions, ConfigValue::int(1), ReadOnly;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_may_be_set_and_is_kept() {
        for config in BROKER_CONFIGS {
            let default = config.default();
            assert_eq!(
                config.value.parse(&default),
                Ok(default.clone()),
                "{}",
                config.name
            );
            let mut settings = BrokerSettings::default();
            let other = match config.value {
                Boolean => (default != "true").to_string(),
                OneOf(_) => "LogAppendTime".to_owned(),
                _ => "2000000".to_owned(),
            };
            config.set(&mut settings, &other);
            assert_eq!(config.get(&settings), other, "{}", config.name);
        }
    }
}
