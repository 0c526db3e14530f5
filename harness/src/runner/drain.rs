//! Liveness: after healing, the group must work off what is in the logs, within the plan's bound.

use std::time::Duration;

use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::time;

use super::administrator;
use super::loader::Loaded;
use crate::plan::Plan;

/// How often it is looked at; shorter than any time a bound is made of.
const INTERVAL: Duration = Duration::from_millis(100);

/// Waits until every record is acknowledged and every committed offset is at its log's end, or the
/// bound is over. When that was, in simulated nanoseconds.
pub(super) async fn wait(plan: &Plan, cluster: &ClusterHandle, loaded: &Loaded) -> Option<u64> {
    let bound = time::now() + Duration::from_millis(plan.liveness_ms);
    loop {
        if loaded.is_finished() && is_drained(plan, cluster) {
            return Some(u64::try_from(time::now().as_nanos()).unwrap_or(u64::MAX));
        }
        if time::now() >= bound {
            return None;
        }
        time::sleep(INTERVAL).await;
    }
}

fn is_drained(plan: &Plan, cluster: &ClusterHandle) -> bool {
    let committed = administrator::committed_offsets(cluster, &plan.group);
    let ends = administrator::log_ends(cluster, plan);
    ends.iter().all(|(partition, end)| {
        *end == 0 || committed.get(partition).is_some_and(|offset| offset >= end)
    })
}
