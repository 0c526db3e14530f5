//! Fewer brokers, partitions and replicas.

use super::names::drop_faults_of_the_absent;
use super::search::{Search, Stopped};
use crate::plan::Plan;

/// Keeps as few partitions and replicas of each topic, and then as few brokers, as still fail.
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
        let plan = search.best();
        let replicas = plan.topics[topic].replication_factor;
        let with = |count: u64| {
            let mut smaller = plan.clone();
            smaller.topics[topic].replication_factor = count;
            smaller
        };
        search.take_first((1..replicas).map(with).collect())?;
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
    for topic in &mut smaller.topics {
        topic.replication_factor = topic.replication_factor.min(u64::from(count));
    }
    drop_faults_of_the_absent(&mut smaller);
    smaller
}
