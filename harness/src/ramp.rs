//! A ramp: the same history at several times its load, and what breaks first at each step.
//!
//! The faults of the scenario are left out, so that what breaks is the load's doing, and work costs
//! time ([`Costs`]). A step is measured from its trace and judged by
//! bounds; each names its time and the numbers that passed it.

use serde::Serialize;

use crate::plan::Plan;
use crate::plan::costs::Costs;

mod backlog;
mod batches;
pub mod measure;
pub mod report;
pub mod scale;
mod seen;

/// A ramp, as `--json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ramp {
    /// The scenario.
    pub scenario: String,
    /// The seed of its history.
    pub seed: u64,
    /// Worker processes at the start.
    pub workers: u64,
    /// Partitions of the topic that the load is sent to.
    pub partitions: u64,
    /// What work costs.
    pub costs: Costs,
    /// Where each of these numbers comes from.
    pub costs_from: String,
    /// What could not be watched, and why.
    pub left_out: Vec<&'static str>,
    /// The steps, in the order asked for.
    pub steps: Vec<Step>,
}

impl Ramp {
    /// A ramp that has not begun.
    #[must_use]
    pub fn new(plan: &Plan, costs: Costs, costs_from: String) -> Self {
        let partitions = plan.partitions(&plan.load.topic).unwrap_or(0);
        Self {
            scenario: plan.scenario.clone(),
            seed: plan.seed,
            workers: plan.workers.iter().filter(|worker| worker.at_start).count() as u64,
            partitions: u64::try_from(partitions).unwrap_or(0),
            costs,
            costs_from,
            left_out: measure::left_out(plan, costs.spent_at),
            steps: Vec::new(),
        }
    }
}

/// One step of a ramp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// How many times the scenario's load.
    pub factor: u64,
    /// Records that arrived in the logs.
    pub records: u64,
    /// Records that arrived a second, in the second half of the load.
    pub arrived_per_s: u64,
    /// Records that were taken in a second, in the same time.
    pub taken_in_per_s: u64,
    /// The greatest lag, in records over all partitions.
    pub lag_max: u64,
    /// How long after the load's end the last record was taken in, in milliseconds; none if it never
    /// was.
    pub drained_after_ms: Option<u64>,
    /// The longest a worker was busy with a batch, in milliseconds; none where that can't be seen.
    pub batch_ms_max: Option<u64>,
    /// The largest share of the load that one partition got, in percent.
    pub hottest_percent: u64,
    /// The largest share of the load's time that one worker waited for the sink's lock, in percent;
    /// none without a SQLite sink.
    pub sink_wait_percent: Option<u64>,
    /// What broke, the first first.
    pub breaks: Vec<Break>,
}

/// Something that broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// Which bound.
    pub bound: Bound,
    /// The numbers, for a person.
    pub why: String,
}

/// What must hold under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Lag comes down again while the load lasts.
    LagDrains,
    /// A batch takes less than `max.poll.interval.ms`.
    MaxPollInterval,
    /// Records are read before retention deletes them.
    Retention,
    /// No partition falls behind for its share of the load alone.
    HotPartition,
    /// Workers wait for the sink's lock a tenth of their time at most.
    SinkLock,
    /// A repeated record comes within the horizon of `seen`.
    SeenHorizon,
    /// The checkers of every run.
    Checkers,
}

impl Bound {
    /// What is said of it where it breaks.
    #[must_use]
    pub fn broken(self) -> &'static str {
        match self {
            Self::LagDrains => "lag never drains",
            Self::MaxPollInterval => "a batch outlasts max.poll.interval.ms",
            Self::Retention => "retention overtakes",
            Self::HotPartition => "a hot partition",
            Self::SinkLock => "sink lock",
            Self::SeenHorizon => "`seen` past its horizon",
            Self::Checkers => "a checker",
        }
    }
}
