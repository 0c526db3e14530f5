//! How long draining may take once everything is healed.
//!
//! After healing, in the worst case that is still right behaviour, one after another:
//!
//! 1. a member that is gone is noticed: `session.timeout.ms`, or in the consumer protocol the
//!    brokers' `group.consumer.session.timeout.ms`;
//! 2. the others join anew, or give up what goes to others: the group waits for them for the
//!    rebalance timeout, which for librdkafka is `max.poll.interval.ms` (a member in a long batch
//!    does either at its next poll), plus the broker's `group.initial.rebalance.delay.ms` for a
//!    group that was empty, or in the consumer protocol a few heartbeats of the members;
//! 3. a client waits out its longest back-off before it finds a broker again
//!    (`reconnect.backoff.max.ms`), and its requests in flight time out (`socket.timeout.ms`);
//! 4. the backlog is worked off, at [`SLOWEST_RECORDS_PER_S`] at least.
//!
//! Where another producer leaves a transaction open, consumers get nothing from behind it until its
//! coordinator aborts it: after its timeout, at the coordinator's next look for those. Where the topic
//! grows, the clients hear of it at their next refresh before all that
//! (`topic.metadata.refresh.interval.ms`).
//!
//! Steps 1 to 3 can happen twice (the first rebalance is overtaken by a second member that comes
//! back), so they count double. Defaults are librdkafka's, from its `CONFIGURATION.md`.

use std::collections::BTreeMap;

use super::ClusterPlan;
use super::group_protocol::GroupProtocol;

/// What a pipeline has to manage, in records a second.
pub const SLOWEST_RECORDS_PER_S: u64 = 100;

/// Defaults of librdkafka, in milliseconds.
const MAX_POLL_INTERVAL_MS: u64 = 300_000;
const RECONNECT_BACKOFF_MAX_MS: u64 = 10_000;
const SOCKET_TIMEOUT_MS: u64 = 60_000;
const REFRESH_MS: u64 = 300_000;

/// The longest time for draining `records`, in milliseconds.
///
/// Settings under Kafka's names (`session.timeout.ms`, ...) replace the defaults.
#[must_use]
pub fn liveness_ms(
    settings: &BTreeMap<String, String>,
    cluster: &ClusterPlan,
    records: u64,
) -> u64 {
    let protocol = GroupProtocol::of(settings);
    let setting = |name: &str, default: u64| setting(settings, name, default);
    let settle_ms = protocol.session_timeout_ms(settings, cluster)
        + setting("max.poll.interval.ms", MAX_POLL_INTERVAL_MS)
        + protocol.formation_ms(cluster)
        + setting("reconnect.backoff.max.ms", RECONNECT_BACKOFF_MAX_MS)
        + setting("socket.timeout.ms", SOCKET_TIMEOUT_MS);
    let backlog_ms = records
        .saturating_mul(1_000)
        .div_ceil(SLOWEST_RECORDS_PER_S);
    2 * settle_ms + backlog_ms
}

/// How long it may take until a client hears of new partitions, in milliseconds.
#[must_use]
pub fn refresh_ms(settings: &BTreeMap<String, String>) -> u64 {
    setting(settings, "topic.metadata.refresh.interval.ms", REFRESH_MS)
}

pub(super) fn setting(settings: &BTreeMap<String, String>, name: &str, default: u64) -> u64 {
    settings
        .get(name)
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> ClusterPlan {
        ClusterPlan {
            brokers: 3,
            group_initial_rebalance_delay_ms: 3_000,
            group_consumer_session_timeout_ms: None,
            group_consumer_heartbeat_interval_ms: None,
            log_dirs: 1,
            log_retention_check_interval_ms: None,
            latency_us_min: 200,
            latency_us_max: 2_000,
        }
    }

    #[test]
    fn the_bound_follows_settings_and_backlog() {
        let mut settings = BTreeMap::new();
        assert_eq!(liveness_ms(&settings, &cluster(), 0), 2 * 418_000);
        settings.insert("session.timeout.ms".to_owned(), "6000".to_owned());
        settings.insert("max.poll.interval.ms".to_owned(), "20000".to_owned());
        assert_eq!(
            liveness_ms(&settings, &cluster(), 1_000),
            2 * 99_000 + 10_000
        );
    }

    #[test]
    fn in_the_consumer_protocol_the_brokers_decide() {
        let mut settings = BTreeMap::from([
            ("group.protocol".to_owned(), "consumer".to_owned()),
            ("max.poll.interval.ms".to_owned(), "20000".to_owned()),
        ]);
        let mut cluster = cluster();
        assert_eq!(
            liveness_ms(&settings, &cluster, 0),
            2 * (45_000 + 20_000 + 16_000 + 70_000)
        );
        // The classic protocol's is not theirs.
        settings.insert("session.timeout.ms".to_owned(), "6000".to_owned());
        cluster.group_consumer_session_timeout_ms = Some(8_000);
        cluster.group_consumer_heartbeat_interval_ms = Some(1_000);
        assert_eq!(
            liveness_ms(&settings, &cluster, 0),
            2 * (8_000 + 20_000 + 4_000 + 70_000)
        );
    }
}
