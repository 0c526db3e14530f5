//! What a runner does to bring a fault about.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One fault with everything drawn. Processes and hosts go by their names in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultAction {
    /// SIGKILL; the host keeps its files. At the end the process starts again.
    Kill {
        /// The worker.
        worker: String,
    },
    /// SIGSTOP; at the end SIGCONT.
    Pause {
        /// The worker.
        worker: String,
    },
    /// The host loses power: its processes end, unsynced writes are lost or torn. At the end it
    /// boots and its workers start again.
    PowerLoss {
        /// The host.
        host: String,
    },
    /// A worker leaves the group in good order (SIGTERM) and is back at the end, or one that was
    /// not there joins, and leaves at the end.
    MemberChurn {
        /// The worker.
        worker: String,
        /// Which of the two.
        change: MemberChange,
    },
    /// An administrator removes a member from the group (KIP-345's `RemoveMembersFromConsumerGroup`,
    /// a LeaveGroup request in its name); the member finds out at its next heartbeat.
    ForceRebalance {
        /// Which: the n-th of the group's members by member id, modulo their number.
        member: u32,
    },
    /// The broker's process ends; its log stays. At the end it starts again.
    BrokerKill {
        /// The broker.
        broker: BrokerChoice,
    },
    /// Nothing passes between two processes; what was sent waits and arrives after healing.
    NetworkCut {
        /// One process.
        from: String,
        /// The other.
        to: String,
        /// Whether the way back is cut too.
        both_ways: bool,
    },
    /// Every message between two processes, both ways, takes this long.
    Delay {
        /// One process.
        from: String,
        /// The other.
        to: String,
        /// Shortest one-way latency, in microseconds.
        latency_us_min: u64,
        /// Longest one-way latency, in microseconds.
        latency_us_max: u64,
    },
    /// An administrator sets the group's committed offsets back while its members are away
    /// (Kafka refuses that for a live group): the workers are told to end, the group empties, every
    /// committed offset falls by up to `records`, the workers start again and fetch from there.
    RewindCommitted {
        /// How far, at most to offset 0.
        records: u64,
    },
}

/// What a member does at the begin of [`FaultAction::MemberChurn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberChange {
    /// It joins, and leaves at the end.
    Join,
    /// It leaves, and is back at the end.
    Leave,
}

/// A broker, named when the plan is drawn or found when the fault begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerChoice {
    /// The broker with this id, from 1.
    Id(i32),
    /// The one that leads this partition when the fault begins.
    LeaderOf {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
}

impl FaultAction {
    /// The name of the kind, as a scenario writes it and a trace records it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Pause { .. } => "pause",
            Self::PowerLoss { .. } => "power-loss",
            Self::MemberChurn { .. } => "member-churn",
            Self::ForceRebalance { .. } => "force-rebalance",
            Self::BrokerKill { .. } => "broker-kill",
            Self::NetworkCut { .. } => "network-cut",
            Self::Delay { .. } => "delay",
            Self::RewindCommitted { .. } => "rewind-committed",
        }
    }

    /// What is hit, for the trace's `target` field and for reports.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Kill { worker } | Self::Pause { worker } | Self::MemberChurn { worker, .. } => {
                worker.clone()
            }
            Self::PowerLoss { host } => host.clone(),
            Self::ForceRebalance { member } => format!("member {member}"),
            Self::BrokerKill { broker } => broker.to_string(),
            Self::NetworkCut {
                from,
                to,
                both_ways: true,
            }
            | Self::Delay { from, to, .. } => format!("{from} <-> {to}"),
            Self::NetworkCut {
                from,
                to,
                both_ways: false,
            } => format!("{from} -> {to}"),
            Self::RewindCommitted { .. } => "group".to_owned(),
        }
    }
}

impl fmt::Display for BrokerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "broker-{id}"),
            Self::LeaderOf { topic, partition } => write!(f, "leader of {topic}-{partition}"),
        }
    }
}
