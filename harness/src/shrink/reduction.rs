//! The order in which a plan is made smaller.

use std::path::Path;

use super::search::{Judge, Search, Stopped};
use super::{faults, leap, records, settings, times, topology, workers};
use crate::plan::Plan;

type Pass = fn(&mut Search<'_>) -> Result<(), Stopped>;

/// What a reader has to understand first goes first: fewer faults, workers, partitions, records,
/// shorter times, plainer settings.
const PASSES: [Pass; 6] = [
    faults::fewer,
    workers::fewer,
    topology::smaller,
    records::fewer,
    times::shorter,
    settings::plainer,
];

/// What shrinking came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smallest {
    /// The smallest plan that was confirmed to fail; the one it began with if no smaller one was.
    pub plan: Plan,
    /// How many runs that took. Depends on the plan and the build alone unless the judge stopped.
    pub runs: u64,
}

/// Tries smaller plans until no pass finds one that `judge` confirms to fail, or the judge was
/// stopped, or `runs_max` runs are over. `failing` is known to fail; `data` is the folder of real
/// data files.
pub fn shrink(
    failing: Plan,
    judge: &mut dyn Judge,
    data: Option<&Path>,
    runs_max: Option<u64>,
) -> Smallest {
    let mut search = Search::new(failing, judge, data, runs_max.unwrap_or(u64::MAX));
    // Whoever is stopped keeps what was found by then.
    let _ = until_nothing_gets_smaller(&mut search);
    Smallest {
        plan: search.best().clone(),
        runs: search.runs(),
    }
}

fn until_nothing_gets_smaller(search: &mut Search<'_>) -> Result<(), Stopped> {
    leap::far(search)?;
    loop {
        let before = search.best().clone();
        for pass in PASSES {
            pass(search)?;
        }
        if *search.best() == before {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset;
    use crate::scenario::tests::of_the_repository;

    /// Fails by rule, and remembers what it confirmed.
    struct Rule<F> {
        fails: F,
        confirmed: Vec<Plan>,
        asked: usize,
        stop_after: usize,
        /// How many candidates are looked at beyond the first failing one, as by other runners.
        ahead: usize,
    }

    impl<F: Fn(&Plan) -> bool> Judge for Rule<F> {
        fn first_failing(&mut self, candidates: &[Plan]) -> Result<Option<usize>, Stopped> {
            let mut found = None;
            let mut ahead = 0;
            for (index, plan) in candidates.iter().enumerate() {
                if self.asked == self.stop_after {
                    return Err(Stopped);
                }
                self.asked += 1;
                if found.is_none() && (self.fails)(plan) {
                    found = Some(index);
                }
                ahead += usize::from(found.is_some());
                if ahead > self.ahead {
                    break;
                }
            }
            self.confirmed
                .extend(found.map(|index| candidates[index].clone()));
            Ok(found)
        }
    }

    fn shrunk(
        plan: &Plan,
        fails: impl Fn(&Plan) -> bool,
        ahead: usize,
        stop_after: usize,
    ) -> (Plan, Vec<Plan>) {
        let mut rule = Rule {
            fails,
            confirmed: vec![plan.clone()],
            asked: 0,
            stop_after,
            ahead,
        };
        let smallest = shrink(plan.clone(), &mut rule, None, None);
        (smallest.plan, rule.confirmed)
    }

    fn plan(name: &str, seed: u64) -> Plan {
        let scenario = of_the_repository()
            .into_iter()
            .find(|scenario| scenario.name == name)
            .expect("a scenario of the repository");
        Plan::draw(&scenario, seed)
    }

    fn sent(plan: &Plan) -> Vec<Option<String>> {
        dataset::load::records(&plan.load, plan.seed, None)
            .expect("no file")
            .into_iter()
            .map(|record| record.id)
            .collect()
    }

    /// A bug that needs a kill in one of 50 ms, whatever else is in the plan.
    #[test]
    fn a_moment_is_found_in_a_small_plan() {
        // In a big plan the moment moves with every change.
        let size = |plan: &Plan| plan.faults.len() as u64 + sent(plan).len() as u64 / 10;
        let moment = |size: u64| 8_100 + 50 * (size - 5);
        let fails = |plan: &Plan| {
            let size = size(plan);
            let hit = |at_ms| (moment(size)..moment(size) + 50).contains(&at_ms);
            size >= 5 && plan.faults.iter().any(|fault| hit(fault.at_ms))
        };
        let mut big = plan("negative/commit-before-processing", 2);
        big.faults[0].at_ms = moment(size(&big));
        assert!(fails(&big));
        let (small, _) = shrunk(&big, fails, 0, usize::MAX);
        assert_eq!(small.faults.len(), 1);
        assert!(sent(&small).len() <= 50);
    }

    #[test]
    fn the_number_of_runs_is_a_bound_that_no_judge_changes() {
        let big = plan("negative/commit-before-processing", 2);
        let record = sent(&big)[500].clone();
        let fails = |plan: &Plan| sent(plan).contains(&record);
        let within = |runs_max, ahead| {
            let mut rule = Rule {
                fails,
                confirmed: Vec::new(),
                asked: 0,
                stop_after: usize::MAX,
                ahead,
            };
            shrink(big.clone(), &mut rule, None, runs_max)
        };
        let whole = within(None, 0);
        assert_eq!(sent(&whole.plan), std::slice::from_ref(&record));
        assert_eq!(within(Some(0), 0).plan, big);
        for runs in [1, whole.runs / 2, whole.runs - 1] {
            let some = within(Some(runs), 0);
            assert_eq!(some.runs, runs);
            assert_eq!(within(Some(runs), 5), some);
        }
        assert_eq!(within(Some(whole.runs), 3), whole);
    }

    /// A bug that needs one kill of a worker of two, and one record.
    fn needs_a_kill(record: Option<String>) -> impl Fn(&Plan) -> bool {
        move |plan| {
            let kill = plan.faults.iter().any(|fault| {
                fault.action.name() == "kill"
                    && fault.at_ms + fault.for_ms.unwrap_or_default() < plan.safety_ms
            });
            kill && plan.workers.len() >= 2 && sent(plan).contains(&record)
        }
    }

    #[test]
    fn what_matters_is_what_is_left() {
        let big = (1..100)
            .map(|seed| plan("fast/crash-restart", seed))
            .find(|plan| plan.workers.len() > 2 && needs_a_kill(sent(plan)[500].clone())(plan))
            .expect("a seed with a kill");
        let record = sent(&big)[500].clone();
        let (small, _) = shrunk(&big, needs_a_kill(record.clone()), 0, usize::MAX);
        assert_eq!(small.faults.len(), 1);
        assert_eq!(small.faults[0].action.name(), "kill");
        assert!(small.faults[0].at_ms <= 100);
        assert_eq!(small.workers.len(), 2);
        assert_eq!(small.partitions("trades"), Some(1));
        assert_eq!(small.cluster.brokers, 1);
        assert_eq!(sent(&small), std::slice::from_ref(&record));
        assert!(small.safety_ms <= 1_000);
        assert!(small.settings.is_empty());
        assert!(super::super::faults::shares(&small.load.disorder).is_empty());
        assert_eq!(Plan::from_json(&small.to_json()).expect("a plan"), small);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Whether a run fails can be as good as random; what is handed back failed, and how many
        /// candidates ran at once makes no difference.
        #[test]
        fn only_confirmed_plans_come_out_whatever_runs_at_once(
            seed in 1_u64..50,
            salt: u64,
            ahead in 0_usize..8,
            stop_after in 0_usize..400,
        ) {
            let big = plan("negative/no-seen", seed);
            let fails = |plan: &Plan| {
                xxhash_rust::xxh3::xxh3_64_with_seed(plan.to_json().as_bytes(), salt).is_multiple_of(3)
            };
            let (small, confirmed) = shrunk(&big, fails, 0, stop_after);
            prop_assert_eq!(Some(&small), confirmed.last());
            let (whole, _) = shrunk(&big, fails, 0, usize::MAX);
            let (parallel, _) = shrunk(&big, fails, ahead, usize::MAX);
            prop_assert_eq!(parallel, whole);
        }
    }
}
