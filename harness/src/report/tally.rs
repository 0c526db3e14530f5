//! The verdicts of one scenario, added up.

use std::collections::BTreeMap;

use crate::checker::violation::Violation;
use crate::verdict::{CheckerName, Outcome, Verdict};

/// What the seeds of one scenario came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Seeds that have a verdict.
    pub seeds: u64,
    /// Seeds that failed, with what was found, in the order in which they were added.
    pub failed: Vec<(u64, Vec<Violation>)>,
    /// How many seeds failed as they are known to, which is no failure of the sweep.
    pub known: u64,
    /// Seeds without an answer, and why.
    pub unknown: Vec<(u64, String)>,
    /// Simulated time of all seeds.
    pub simulated_ns: u64,
    /// For each kind of fault, in how many seeds it took effect.
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
            Outcome::Failed { violations } => self.failed.push((seed, violations.clone())),
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

    /// The first seed that failed, by its number, with what was found.
    #[must_use]
    pub fn first_failure(&self) -> Option<(u64, &[Violation])> {
        self.failed
            .iter()
            .min_by_key(|(seed, _)| *seed)
            .map(|(seed, violations)| (*seed, violations.as_slice()))
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
