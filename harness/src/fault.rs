//! Faults, one kind a file: how a scenario states it, how a seed draws one, what a plan then
//! holds, and what a runner does about it. A new kind is a new file and a line in [`registry`].
//!
//! A fault acts from outside the cluster and the pipeline (process, network, disk, clock, admin).

use std::fmt::Debug;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

pub mod action;
pub mod broker_disk_full;
pub mod broker_kill;
pub mod broker_pause;
pub mod broker_slow;
pub mod clock_drift;
pub mod clock_jump;
pub mod clock_skew;
pub mod delay;
pub mod disk_error;
pub mod disk_full;
#[cfg(madsim)]
mod failing_operation;
pub mod force_rebalance;
pub mod fsync_error;
pub mod fsync_slow;
pub mod hanging_transaction;
#[cfg(madsim)]
pub(crate) mod inject;
pub mod kill;
pub mod load_burst;
pub mod loss;
pub mod lost_reply;
pub mod member_churn;
pub mod network_cut;
pub mod partition_growth;
pub mod pause;
pub mod power_loss;
pub mod registry;
pub mod restart_loop;
pub mod rewind_committed;
pub mod site;
pub mod slow_cpu;
pub mod target;
pub mod timing;
pub mod upgrade;

use action::FaultAction;
use site::Site;

/// What a scenario states about one kind of fault.
pub trait Fault: Debug + Send + Sync {
    /// Draws one fault that begins at `at`: what to do, and for how long (`None`: it is over at
    /// once). `None` if the site has nothing to hit just then.
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn>;
}

/// One fault as drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// What to do.
    pub action: FaultAction,
    /// For how long; `None` for what is over at once.
    pub lasts: Option<Duration>,
}

#[cfg(test)]
mod tests;
