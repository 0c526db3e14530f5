//! The verdicts of one scenario, added up.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::violation::Violation;
use crate::scenario::FAULT_PROBE;
use crate::verdict::{CheckerName, Outcome, Verdict};

/// What the seeds of one scenario came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Seeds that have a verdict.
    pub seeds: u64,
    /// Seeds that failed, with what was found, in the order in which they were added.
    pub failed: Vec<(u64, Vec<Violation>)>,
    /// For each seed that failed, the kinds of faults that took effect in it.
    pub failed_with: BTreeMap<u64, BTreeSet<String>>,
    /// How many seeds failed as they are known to, which is no failure of the sweep.
    pub known: u64,
    /// Seeds without an answer, and why.
    pub unknown: Vec<(u64, String)>,
    /// Simulated time of all seeds.
    pub simulated_ns: u64,
    /// For each kind of fault that began, in how many seeds it took effect.
    pub hit_seeds: BTreeMap<String, u64>,
    /// For each probe, in how many seeds it was reached.
    pub probe_seeds: BTreeMap<String, u64>,
    /// Counters, summed up.
    pub counters: BTreeMap<String, u64>,
}

impl Tally {
    /// Adds the verdict of a seed.
    pub fn add(&mut self, seed: u64, verdict: &Verdict) {
        self.seeds += 1;
        self.simulated_ns += verdict.simulated_ns;
        match &verdict.outcome {
            Outcome::Passed => {}
            Outcome::Failed { violations } => {
                self.failed.push((seed, violations.clone()));
                let hits = verdict.fault_hits.iter();
                let kinds = hits
                    .filter(|(_, hits)| **hits > 0)
                    .map(|(kind, _)| kind.clone());
                self.failed_with.insert(seed, kinds.collect());
            }
            Outcome::Unknown { why } => self.unknown.push((seed, why.clone())),
        }
        add_one_for_each(&mut self.hit_seeds, &verdict.fault_hits);
        add_one_for_each(&mut self.probe_seeds, &verdict.probes);
        for (name, count) in &verdict.counters {
            *self.counters.entry(name.clone()).or_default() += count;
        }
    }

    /// Adds the verdict of a seed that failed as it is known to.
    pub fn add_known(&mut self, seed: u64, verdict: &Verdict) {
        let excused = Verdict {
            outcome: Outcome::Passed,
            ..verdict.clone()
        };
        self.add(seed, &excused);
        self.known += 1;
    }

    /// In how many seeds a probe was reached; `fault.KIND` is reached when such a fault takes
    /// effect.
    #[must_use]
    pub fn seeds_that_reached(&self, probe: &str) -> u64 {
        let seeds = match probe.strip_prefix(FAULT_PROBE) {
            Some(kind) => self.hit_seeds.get(kind),
            None => self.probe_seeds.get(probe),
        };
        seeds.copied().unwrap_or(0)
    }

    /// The first seed that failed, by its number, with what was found.
    #[must_use]
    pub fn first_failure(&self) -> Option<(u64, &[Violation])> {
        self.failed
            .iter()
            .min_by_key(|(seed, _)| *seed)
            .map(|(seed, violations)| (*seed, violations.as_slice()))
    }

    /// The first seed, by its number, that failed although none of these kinds of faults took
    /// effect in it.
    #[must_use]
    pub fn first_failure_without(&self, kinds: &[String]) -> Option<u64> {
        self.failed_with
            .iter()
            .find(|(_, hit)| !kinds.iter().any(|kind| hit.contains(kind)))
            .map(|(seed, _)| *seed)
    }

    /// The first seed, by its number, in which this checker found something, with all that was
    /// found.
    #[must_use]
    pub fn first_caught(&self, checker: CheckerName) -> Option<(u64, &[Violation])> {
        self.failed
            .iter()
            .filter(|(_, found)| found.iter().any(|v| v.kind.checker() == checker))
            .min_by_key(|(seed, _)| *seed)
            .map(|(seed, violations)| (*seed, violations.as_slice()))
    }
}

fn add_one_for_each(seeds: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        *seeds.entry(name.clone()).or_default() += u64::from(*count > 0);
    }
}
