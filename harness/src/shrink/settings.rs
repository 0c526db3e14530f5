//! Plainer settings: the classic protocol, the pipeline's own defaults, and links that all take the
//! same time.

use std::collections::BTreeMap;

use super::delta_debugging::minimise;
use super::search::{Search, Stopped};
use crate::plan::Plan;
use crate::plan::bound::liveness_ms;
use crate::plan::group_protocol::{GROUP_PROTOCOL, GroupProtocol};

/// Leaves out the protocol if the failure is not one of the consumer protocol, and the settings that
/// don't matter.
///
/// # Errors
/// The judge was stopped.
pub fn plainer(search: &mut Search<'_>) -> Result<(), Stopped> {
    search.take_first(classic(search.best()).into_iter().collect())?;
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

/// A plan of the consumer protocol with the classic one, in which a member says how long it may be
/// silent, and librdkafka wants that to be no longer than `max.poll.interval.ms`: the protocol can't
/// be left out alone. None for a plan that has the classic one.
fn classic(plan: &Plan) -> Option<Plan> {
    let protocol = GroupProtocol::of(&plan.settings);
    if protocol == GroupProtocol::Classic {
        return None;
    }
    let session_ms = protocol.session_timeout_ms(&plan.settings, &plan.cluster);
    let mut settings = plan.settings.clone();
    settings.remove(GROUP_PROTOCOL);
    settings.retain(|name, _| GroupProtocol::Classic.has(name));
    settings.insert("session.timeout.ms".to_owned(), session_ms.to_string());
    let mut classic = with(plan, settings);
    classic.cluster.group_consumer_session_timeout_ms = None;
    classic.cluster.group_consumer_heartbeat_interval_ms = None;
    Some(classic)
}

fn with_only(plan: &Plan, kept: &[(String, String)]) -> Plan {
    with(plan, kept.iter().cloned().collect())
}

fn with(plan: &Plan, settings: BTreeMap<String, String>) -> Plan {
    let mut plainer = plan.clone();
    plainer.settings = settings;
    // The bound was computed from settings: where a default takes the place of a shorter time,
    // what is still right behaviour may take longer.
    let bound = |settings| liveness_ms(settings, &plan.cluster, 0);
    let longer = bound(&plainer.settings).saturating_sub(bound(&plan.settings));
    plainer.liveness_ms = plan.liveness_ms + longer;
    plainer
}

#[cfg(test)]
mod tests {
    use super::super::search::Judge;
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

    /// Fails by a rule, and only with settings that librdkafka takes.
    struct Rule(fn(&Plan) -> bool);

    impl Judge for Rule {
        fn first_failing(&mut self, candidates: &[Plan]) -> Result<Option<usize>, Stopped> {
            let is_taken = |plan: &Plan| {
                let session_ms = plan.settings.get("session.timeout.ms");
                let session_ms =
                    session_ms.map_or(45_000, |ms| ms.parse::<u64>().expect("a number"));
                let poll_ms = plan.settings.get("max.poll.interval.ms");
                let poll_ms = poll_ms.map_or(300_000, |ms| ms.parse::<u64>().expect("a number"));
                match GroupProtocol::of(&plan.settings) {
                    GroupProtocol::Classic => session_ms <= poll_ms,
                    GroupProtocol::Consumer => !plan.settings.contains_key("session.timeout.ms"),
                }
            };
            let fails = |plan: &Plan| is_taken(plan) && (self.0)(plan);
            Ok(candidates.iter().position(fails))
        }
    }

    /// A plan of the consumer protocol, shrunk while the rule says that it fails.
    fn shrunk(fails: fn(&Plan) -> bool) -> Plan {
        let scenario = of_the_repository()
            .into_iter()
            .find(|scenario| scenario.name == "fast/consumer-protocol")
            .expect("a scenario");
        let plan = Plan::draw(&scenario, 1);
        assert_eq!(GroupProtocol::of(&plan.settings), GroupProtocol::Consumer);
        let mut rule = Rule(fails);
        let mut search = Search::new(plan, &mut rule, None, 1_000);
        plainer(&mut search).expect("the judge never stops");
        search.best().clone()
    }

    #[test]
    fn what_fails_in_either_protocol_is_told_in_the_classic_one() {
        let needs_frequent_polls = |plan: &Plan| plan.settings.contains_key("max.poll.interval.ms");
        let small = shrunk(needs_frequent_polls);
        assert_eq!(GroupProtocol::of(&small.settings), GroupProtocol::Classic);
        assert_eq!(small.cluster.group_consumer_session_timeout_ms, None);
        // Which the client wants beside it.
        let kept: Vec<&str> = small.settings.keys().map(String::as_str).collect();
        assert_eq!(kept, ["max.poll.interval.ms", "session.timeout.ms"]);
    }

    #[test]
    fn what_fails_in_the_consumer_protocol_keeps_it_alone() {
        let small = shrunk(|plan| GroupProtocol::of(&plan.settings) == GroupProtocol::Consumer);
        let kept: Vec<&str> = small.settings.keys().map(String::as_str).collect();
        assert_eq!(kept, [GROUP_PROTOCOL]);
    }
}
