//! A leap: one fault of the plan, a short load, and a look at many times for the fault.
//!
//! Where a failure hangs on a moment (a kill between an offset commit and a sink commit), any change to
//! the plan moves the moment, and step by step little can be left out. But a small plan has few
//! moments, and runs in no time: looking at all of them is cheaper.

use std::collections::BTreeSet;

use super::records::{taken, with_length};
use super::search::{Search, Stopped};
use crate::plan::{Disorder, Plan, PlannedFault};

/// Records of the short load, at most.
const RECORDS: u64 = 40;
/// When it is sent: the group's members have settled, so that it is taken in as it comes.
const SETTLED_MS: u64 = 1_000;
/// One fault of so many kinds is tried.
const KINDS_MAX: usize = 4;
/// How many times, and how far apart, in milliseconds.
const TIMES: u64 = 64;
const STEP_MS: u64 = 25;

/// Goes on with a short plan of one fault, if one fails at some time.
///
/// # Errors
/// The judge was stopped.
pub fn far(search: &mut Search<'_>) -> Result<(), Stopped> {
    let plan = search.best();
    let mut kinds = BTreeSet::new();
    let mut tried: Vec<&PlannedFault> = Vec::new();
    for fault in &plan.faults {
        if kinds.insert(fault.action.name()) && tried.len() < KINDS_MAX {
            tried.push(fault);
        }
    }
    if taken(plan) <= RECORDS && plan.faults.len() <= 1 {
        return Ok(());
    }
    let begin_ms = plan.cluster.group_initial_rebalance_delay_ms + SETTLED_MS;
    let times = || (0..TIMES).map(|step| begin_ms + step * STEP_MS);
    let candidates = tried
        .iter()
        .flat_map(|fault| times().map(|at_ms| with_one(plan, fault, begin_ms, at_ms)))
        .collect();
    search.take_first(candidates)?;
    Ok(())
}

fn with_one(plan: &Plan, fault: &PlannedFault, begin_ms: u64, at_ms: u64) -> Plan {
    let mut short = plan.clone();
    short.load.disorder = Disorder::default();
    let last = taken(plan).saturating_sub(1);
    let first = (begin_ms * plan.load.rate_per_s / 1_000).min(last.saturating_sub(RECORDS));
    short.load.removed = (0..first).collect();
    let mut short = with_length(&short, (first + RECORDS).min(last + 1));
    short.faults = vec![PlannedFault {
        at_ms,
        ..fault.clone()
    }];
    short
}
