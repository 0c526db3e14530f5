//! Plainer settings: the pipeline's own defaults, and links that all take the same time.

use super::delta_debugging::minimise;
use super::search::{Search, Stopped};
use crate::plan::Plan;
use crate::plan::bound::liveness_ms;

/// Leaves out the settings that don't matter.
///
/// # Errors
/// The judge was stopped.
pub fn plainer(search: &mut Search<'_>) -> Result<(), Stopped> {
    let plan = search.best().clone();
    let settings: Vec<(String, String)> = plan.settings.clone().into_iter().collect();
    minimise(settings, |kept| {
        search.take_first(kept.iter().map(|kept| with_only(&plan, kept)).collect())
    })?;
    let mut steady = search.best().clone();
    steady.cluster.latency_us_max = steady.cluster.latency_us_min;
    search.take_first(vec![steady])?;
    Ok(())
}

fn with_only(plan: &Plan, kept: &[(String, String)]) -> Plan {
    let mut plainer = plan.clone();
    plainer.settings = kept.iter().cloned().collect();
    // The bound was computed from settings: where a default takes the place of a shorter time,
    // what is still right behaviour may take longer.
    let bound = |settings| liveness_ms(settings, plan.cluster.group_initial_rebalance_delay_ms, 0);
    let longer = bound(&plainer.settings).saturating_sub(bound(&plan.settings));
    plainer.liveness_ms = plan.liveness_ms + longer;
    plainer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::of_the_repository;

    #[test]
    fn the_bound_grows_with_a_default_and_never_shrinks() {
        let scenario = of_the_repository()
            .into_iter()
            .find(|scenario| scenario.name == "fast/crash-restart")
            .expect("a scenario");
        let plan = Plan::draw(&scenario, 1);
        let plain = with_only(&plan, &[]);
        assert!(plain.settings.is_empty());
        assert!(plain.liveness_ms > plan.liveness_ms);
        let kept: Vec<_> = plan.settings.clone().into_iter().collect();
        assert_eq!(with_only(&plan, &kept), plan);
    }
}
