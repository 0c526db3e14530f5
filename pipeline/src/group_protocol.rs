//! The protocol by which a worker is a member of its group: librdkafka's `group.protocol`.

use std::collections::BTreeMap;

/// librdkafka's property that names the protocol.
pub const GROUP_PROTOCOL: &str = "group.protocol";

/// Properties that librdkafka refuses beside `group.protocol=consumer` (`rd_kafka_conf_finalize` in
/// rdkafka_conf.c), and what counts instead.
const CLASSIC_ONLY: &[(&str, &str)] = &[
    (
        "session.timeout.ms",
        "the brokers say so: `group.consumer.session.timeout.ms`",
    ),
    (
        "heartbeat.interval.ms",
        "the brokers say so: `group.consumer.heartbeat.interval.ms`",
    ),
    (
        "partition.assignment.strategy",
        "the brokers assign: use `group.remote.assignor`",
    ),
    ("group.protocol.type", "there is one type only"),
];

/// How members and coordinator agree on who has what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// JoinGroup and SyncGroup; a member assigns.
    #[default]
    Classic,
    /// ConsumerGroupHeartbeat; the coordinator assigns (KIP-848).
    Consumer,
}

impl GroupProtocol {
    /// All of them, by librdkafka's names.
    pub const NAMED: &[(&str, Self)] = &[("classic", Self::Classic), ("consumer", Self::Consumer)];

    /// The protocol of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut named = Self::NAMED.iter();
        named.find(|(known, _)| *known == name).map(|(_, it)| *it)
    }

    /// What these properties name; librdkafka's default if they name none.
    #[must_use]
    pub fn of(properties: &BTreeMap<String, String>) -> Self {
        let name = properties.get(GROUP_PROTOCOL);
        name.and_then(|name| Self::from_name(name))
            .unwrap_or_default()
    }

    /// What counts instead of a property that can't be set with this protocol; none for one that can.
    #[must_use]
    pub fn instead_of(self, property: &str) -> Option<&'static str> {
        let mut refused = CLASSIC_ONLY.iter().filter(|_| self == Self::Consumer);
        refused
            .find(|(name, _)| *name == property)
            .map(|(_, instead)| *instead)
    }

    /// Whether partitions come and go one by one, so that what a member keeps it goes on reading.
    /// In the classic protocol the assignor says so.
    #[must_use]
    pub fn is_cooperative(properties: &BTreeMap<String, String>) -> bool {
        match Self::of(properties) {
            Self::Consumer => true,
            Self::Classic => properties
                .get("partition.assignment.strategy")
                .is_some_and(|strategy| strategy.contains("cooperative")),
        }
    }
}
