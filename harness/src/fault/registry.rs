//! All kinds of faults that a `[[fault]]` entry can name.

#[cfg(madsim)]
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::de::ValueDeserializer;

use super::Fault;
use super::action::ActsOn as _;
#[cfg(madsim)]
use super::inject::{Begun, Inject as _};
#[cfg(madsim)]
use crate::runner::injector::Injector;

/// A kind of fault: its name, and how its table is read.
#[derive(Debug)]
pub struct Kind {
    /// What a scenario writes after `kind =`.
    pub name: &'static str,
    /// Reads the rest of the entry.
    pub parse: fn(ValueDeserializer<'_>) -> Result<Box<dyn Fault>, toml::de::Error>,
}

impl Kind {
    const fn new<F: Fault + DeserializeOwned + 'static>(name: &'static str) -> Self {
        Self {
            name,
            parse: parse::<F>,
        }
    }
}

fn parse<F: Fault + DeserializeOwned + 'static>(
    table: ValueDeserializer<'_>,
) -> Result<Box<dyn Fault>, toml::de::Error> {
    Ok(Box::new(F::deserialize(table)?))
}

/// The kind of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// From the list of kinds: what a scenario can name, what a plan can hold, what a runner can do.
macro_rules! kinds {
    ($($name:literal => $file:ident::$Kind:ident,)*) => {
        /// Every kind.
        pub const KINDS: &[Kind] = &[$(Kind::new::<super::$file::$Kind>($name)),*];

        /// One fault with everything drawn.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum FaultAction {
            $(
                #[doc = concat!("`", $name, "`")]
                #[serde(rename = $name)]
                $Kind(super::$file::Action),
            )*
        }

        impl FaultAction {
            /// The name of the kind, as a scenario writes it and a trace records it.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$Kind(_) => $name,)*
                }
            }

            /// What is hit, for the trace's `target` field and for reports.
            #[must_use]
            pub fn target(&self) -> String {
                match self {
                    $(Self::$Kind(action) => action.target(),)*
                }
            }

            /// Brings it about; what it does ends at `ends_at` at the latest.
            #[cfg(madsim)]
            pub(crate) async fn begin(&self, on: &Injector, ends_at: Duration) -> Begun {
                match self {
                    $(Self::$Kind(action) => action.begin(on, ends_at).await,)*
                }
            }
        }
    };
}

kinds! {
    "kill" => kill::Kill,
    "pause" => pause::Pause,
    "power-loss" => power_loss::PowerLoss,
    "restart-loop" => restart_loop::RestartLoop,
    "slow-cpu" => slow_cpu::SlowCpu,
    "member-churn" => member_churn::MemberChurn,
    "force-rebalance" => force_rebalance::ForceRebalance,
    "partition-growth" => partition_growth::PartitionGrowth,
    "broker-kill" => broker_kill::BrokerKill,
    "broker-pause" => broker_pause::BrokerPause,
    "broker-slow" => broker_slow::BrokerSlow,
    "network-cut" => network_cut::NetworkCut,
    "delay" => delay::Delay,
    "loss" => loss::Loss,
    "lost-reply" => lost_reply::LostReply,
    "load-burst" => load_burst::LoadBurst,
    "clock-skew" => clock_skew::ClockSkew,
    "clock-drift" => clock_drift::ClockDrift,
    "clock-jump" => clock_jump::ClockJump,
    "disk-full" => disk_full::DiskFull,
    "disk-error" => disk_error::DiskError,
    "fsync-error" => fsync_error::FsyncError,
    "fsync-slow" => fsync_slow::FsyncSlow,
    "rewind-committed" => rewind_committed::RewindCommitted,
    "broker-disk-full" => broker_disk_full::BrokerDiskFull,
    "upgrade" => upgrade::Upgrade,
    "hanging-transaction" => hanging_transaction::HangingTransaction,
}
