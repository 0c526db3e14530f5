//! What a drawn fault is: [`FaultAction`], one of the registry's kinds with everything drawn.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::registry::FaultAction;

/// What every kind's action says of itself. Processes and hosts go by their names in the plan.
pub trait ActsOn: fmt::Debug {
    /// What is hit, for the trace's `target` field and for reports.
    fn target(&self) -> String;
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

impl fmt::Display for BrokerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "broker-{id}"),
            Self::LeaderOf { topic, partition } => write!(f, "leader of {topic}-{partition}"),
        }
    }
}
