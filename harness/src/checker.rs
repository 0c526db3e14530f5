//! Checkers: each judges one thing about a finished run, from what was observed. One family a
//! file. None of them knows the fault plan.

pub mod clock;
pub mod completeness;
pub mod conservation;
mod consumer_groups;
mod findings;
pub mod group;
pub mod lag;
pub mod liveness;
pub mod log;
pub mod observation;
pub mod offsets;
pub mod order;
pub mod panic;
mod partitions;
#[cfg(test)]
mod planted;
pub mod resources;
pub mod scan;
pub mod version;
pub mod violation;

use observation::Observation;
use violation::Violation;

/// A family of checks.
pub type Checker = fn(&Observation) -> Vec<Violation>;

/// All families, in the order in which their findings are reported.
pub const ALL: &[Checker] = &[
    completeness::check,
    conservation::check,
    order::check,
    // Offsets, group, log and lag in one pass.
    scan::check,
    resources::check,
    clock::check,
    version::check,
    liveness::check,
    panic::check,
];

/// What all checkers find.
#[must_use]
pub fn check_all(observation: &Observation) -> Vec<Violation> {
    ALL.iter().flat_map(|check| check(observation)).collect()
}
