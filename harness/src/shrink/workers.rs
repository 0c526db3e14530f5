//! Fewer workers. A fault of one that is gone goes with it.

use super::delta_debugging::minimise;
use super::names::drop_faults_of_the_absent;
use super::search::{Search, Stopped};
use crate::plan::{Plan, WorkerPlan};

/// Keeps as few workers as still fail, one of them there from the start.
///
/// # Errors
/// The judge was stopped.
pub fn fewer(search: &mut Search<'_>) -> Result<(), Stopped> {
    let plan = search.best().clone();
    minimise(plan.workers.clone(), |kept| {
        search.take_first_possible(kept.iter().map(|kept| with_only(&plan, kept)).collect())
    })?;
    Ok(())
}

fn with_only(plan: &Plan, kept: &[WorkerPlan]) -> Option<Plan> {
    if !kept.iter().any(|worker| worker.at_start) {
        return None;
    }
    let mut smaller = plan.clone();
    smaller.workers = kept.to_vec();
    drop_faults_of_the_absent(&mut smaller);
    Some(smaller)
}
