//! The smallest failing plan so far, and the only way to a smaller one: a judge that confirms it.

use std::collections::BTreeSet;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use crate::dataset;
use crate::plan::Plan;

/// Says which plans fail in the way that is looked for.
pub trait Judge {
    /// The first of the candidates, in their order, that fails so; those behind it may or may not
    /// have been executed. A run without an answer does not fail.
    ///
    /// # Errors
    /// The time is over, or someone pressed Ctrl-C.
    fn first_failing(&mut self, candidates: &[Plan]) -> Result<Option<usize>, Stopped>;

    /// A smaller plan was found.
    fn improved(&mut self, _smaller: &Plan) {}
}

/// There will be no more answers; what was found by then stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// The state of shrinking one plan.
pub struct Search<'s> {
    best: Plan,
    judge: &'s mut dyn Judge,
    refuted: BTreeSet<u128>,
    data: Option<&'s Path>,
    runs: u64,
    runs_max: u64,
}

impl<'s> Search<'s> {
    /// Begins with a plan that is known to fail, and stops after `runs_max` runs. `data` is the
    /// folder of real data files.
    pub fn new(
        failing: Plan,
        judge: &'s mut dyn Judge,
        data: Option<&'s Path>,
        runs_max: u64,
    ) -> Self {
        Self {
            best: failing,
            judge,
            refuted: BTreeSet::new(),
            data,
            runs: 0,
            runs_max,
        }
    }

    /// The smallest plan that was confirmed to fail.
    #[must_use]
    pub fn best(&self) -> &Plan {
        &self.best
    }

    /// How many candidates it took to get here: each up to the first failing one of its list. What
    /// the judge executed beyond, as several run at once, does not count.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Indices of the records that the best plan sends; none if its data can't be read.
    #[must_use]
    pub fn sent(&self) -> Vec<u64> {
        dataset::load::records(&self.best.load, self.best.seed, self.data)
            .map(|records| records.iter().map(|record| record.index).collect())
            .unwrap_or_default()
    }

    /// Tries candidates in their order, and goes on with the first that fails. Which one that was.
    ///
    /// # Errors
    /// The judge was stopped, or all runs are used up.
    pub fn take_first(&mut self, candidates: Vec<Plan>) -> Result<Option<usize>, Stopped> {
        let plans = candidates.into_iter().map(Some).collect();
        self.take_first_possible(plans)
    }

    /// The same, where some candidates are no possible plan.
    ///
    /// # Errors
    /// The judge was stopped, or all runs are used up.
    pub fn take_first_possible(
        &mut self,
        candidates: Vec<Option<Plan>>,
    ) -> Result<Option<usize>, Stopped> {
        let mut open: Vec<(usize, Plan, u128)> = Vec::new();
        for (index, plan) in candidates.into_iter().enumerate() {
            let Some(plan) = plan.filter(|plan| *plan != self.best) else {
                continue;
            };
            let hash = xxh3_128(plan.to_json().as_bytes());
            if !self.refuted.contains(&hash) {
                open.push((index, plan, hash));
            }
        }
        if open.is_empty() {
            return Ok(None);
        }
        let wanted = open.len() as u64;
        open.truncate(usize::try_from(self.runs_max - self.runs).unwrap_or(usize::MAX));
        let plans: Vec<Plan> = open.iter().map(|(_, plan, _)| plan.clone()).collect();
        let found = self.judge.first_failing(&plans)?;
        let refuted = &open[..found.unwrap_or(open.len())];
        self.refuted.extend(refuted.iter().map(|(.., hash)| *hash));
        self.runs += (refuted.len() + usize::from(found.is_some())) as u64;
        let Some(position) = found else {
            let all = open.len() as u64 == wanted;
            return if all { Ok(None) } else { Err(Stopped) };
        };
        let (index, plan, _) = open.swap_remove(position);
        self.best = plan;
        self.judge.improved(&self.best);
        Ok(Some(index))
    }
}
