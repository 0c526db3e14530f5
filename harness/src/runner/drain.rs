//! Liveness: after healing, the group must work off what is in the logs, within the plan's bound.

use std::time::Duration;

use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::time;

use super::administrator;
use super::fleet::Fleet;
use super::loader::Loaded;
use super::observe;
use crate::plan::Plan;

/// How often it is looked at; shorter than any time a bound is made of.
const INTERVAL: Duration = Duration::from_millis(100);

/// Waits until every record is acknowledged and every committed offset is at its log's end, or the
/// bound is over. When that was, in simulated nanoseconds.
///
/// What the pipeline produced counts once consumers can see it: no transaction stands open before it.
///
/// Where several versions ran, another one may have committed those offsets: then the sink is asked
/// how far the current one is.
pub(super) async fn wait(
    plan: &Plan,
    cluster: &ClusterHandle,
    fleet: &Fleet,
    loaded: &Loaded,
) -> Option<u64> {
    let bound = time::now() + Duration::from_millis(plan.liveness_ms);
    loop {
        if loaded.is_finished()
            && is_drained(plan, cluster)
            && administrator::outputs_are_stable(cluster, plan)
            && (fleet.superseded().is_empty() || is_in_sink(plan, cluster, fleet).await)
        {
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

/// Whether the sinks go on at the logs' ends, as far as they say where.
async fn is_in_sink(plan: &Plan, cluster: &ClusterHandle, fleet: &Fleet) -> bool {
    let (_, pipeline) = fleet.current();
    let Some(next_offsets) = observe::next_offsets(fleet, pipeline).await else {
        return true;
    };
    let ends = administrator::log_ends(cluster, plan);
    ends.iter().all(|((topic, partition), end)| {
        let mut of = next_offsets
            .iter()
            .filter(|next| next.topic == *topic && next.partition == *partition);
        *end == 0 || of.any(|next| next.offset >= *end)
    })
}
