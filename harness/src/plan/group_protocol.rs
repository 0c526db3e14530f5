//! The protocol by which the workers' group works, as `group.protocol` among the settings says.
//!
//! Settings are drawn one by one, but those of one protocol mean nothing in the other, and
//! librdkafka refuses some of them.

use std::collections::BTreeMap;

use super::ClusterPlan;

/// librdkafka's setting that names the protocol.
pub const GROUP_PROTOCOL: &str = "group.protocol";

/// Settings that librdkafka refuses beside `group.protocol=consumer` (`rd_kafka_conf_finalize` in
/// rdkafka_conf.c).
const CLASSIC_ONLY: [&str; 4] = [
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "partition.assignment.strategy",
    "group.protocol.type",
];

/// Settings without effect but in the consumer protocol.
const CONSUMER_ONLY: [&str; 1] = ["group.remote.assignor"];

/// librdkafka's default for `session.timeout.ms`, in milliseconds.
const SESSION_TIMEOUT_MS: u64 = 45_000;
/// Kafka's defaults for what the brokers decide in the consumer protocol, in milliseconds
/// (`GroupCoordinatorConfig`).
pub(crate) const CONSUMER_SESSION_TIMEOUT_MS: u64 = 45_000;
pub(crate) const CONSUMER_HEARTBEAT_INTERVAL_MS: u64 = 5_000;
const CONSUMER_ASSIGNMENT_INTERVAL_MS: u64 = 1_000;

/// How members and coordinator agree on who has what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    /// JoinGroup and SyncGroup; a member assigns.
    Classic,
    /// ConsumerGroupHeartbeat; the coordinator assigns (KIP-848).
    Consumer,
}

impl GroupProtocol {
    /// The protocol that the settings name; librdkafka's default if they name none.
    #[must_use]
    pub fn of(settings: &BTreeMap<String, String>) -> Self {
        match settings.get(GROUP_PROTOCOL).map(String::as_str) {
            Some("consumer") => Self::Consumer,
            _ => Self::Classic,
        }
    }

    /// Whether a setting belongs to this protocol, or to both.
    #[must_use]
    pub fn has(self, setting: &str) -> bool {
        match self {
            Self::Classic => !CONSUMER_ONLY.contains(&setting),
            Self::Consumer => !CLASSIC_ONLY.contains(&setting),
        }
    }

    /// Whether the setting is one that came with the consumer protocol.
    pub(super) fn chooses(setting: &str) -> bool {
        setting == GROUP_PROTOCOL || CONSUMER_ONLY.contains(&setting)
    }

    /// After how many milliseconds of silence the coordinator gives a member up.
    #[must_use]
    pub fn session_timeout_ms(
        self,
        settings: &BTreeMap<String, String>,
        cluster: &ClusterPlan,
    ) -> u64 {
        match self {
            Self::Classic => {
                super::bound::setting(settings, "session.timeout.ms", SESSION_TIMEOUT_MS)
            }
            Self::Consumer => cluster
                .group_consumer_session_timeout_ms
                .unwrap_or(CONSUMER_SESSION_TIMEOUT_MS),
        }
    }

    /// How many milliseconds pass, at most, until members that come together own something, if nobody
    /// has to give anything up: the classic protocol waits for more of them; in the consumer protocol
    /// the next assignment waits for its interval, whoever has to make way hears of it by its next
    /// heartbeat, and who waits by the one after that.
    #[must_use]
    pub fn formation_ms(self, cluster: &ClusterPlan) -> u64 {
        match self {
            Self::Classic => cluster.group_initial_rebalance_delay_ms,
            Self::Consumer => {
                let heartbeat_ms = cluster
                    .group_consumer_heartbeat_interval_ms
                    .unwrap_or(CONSUMER_HEARTBEAT_INTERVAL_MS);
                CONSUMER_ASSIGNMENT_INTERVAL_MS + 3 * heartbeat_ms
            }
        }
    }
}
