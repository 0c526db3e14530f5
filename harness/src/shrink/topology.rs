//! Fewer brokers and partitions.

use super::names::drop_faults_of_the_absent;
use super::search::{Search, Stopped};
use crate::plan::Plan;

/// Keeps as few partitions of each topic, and then as few brokers, as still fail.
///
/// # Errors
/// The judge was stopped.
pub fn smaller(search: &mut Search<'_>) -> Result<(), Stopped> {
    for topic in 0..search.best().topics.len() {
        let plan = search.best();
        let partitions = plan.topics[topic].partitions.unsigned_abs();
        let with = |count: u32| {
            let mut smaller = plan.clone();
            smaller.topics[topic].partitions = count.cast_signed();
            smaller
        };
        search.take_first(fewer_than(partitions).map(with).collect())?;
    }
    let plan = search.best();
    let with = |count: u32| with_brokers(plan, count);
    search.take_first(fewer_than(plan.cluster.brokers).map(with).collect())?;
    Ok(())
}

/// From 1 upwards: the smallest that fails is wanted, and there are few.
fn fewer_than(count: u32) -> impl Iterator<Item = u32> {
    1..count
}

fn with_brokers(plan: &Plan, count: u32) -> Plan {
    let mut smaller = plan.clone();
    smaller.cluster.brokers = count;
    drop_faults_of_the_absent(&mut smaller);
    smaller
}
