//! Shrinks a failing plan on the runners of a pool.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use whitewater::dataset;
use whitewater::plan::Plan;
use whitewater::plan::saved::{Found, SavedPlan, Whole};
use whitewater::report::number::counted;
use whitewater::report::shrunk;
use whitewater::shrink::reduction;
use whitewater::shrink::search::{Judge, Stopped};
use whitewater::shrink::target::Target;
use whitewater::verdict::Verdict;

use crate::console;
use crate::interrupt;
use crate::setup_error::SetupError;
use crate::sweep::RunnerPool;

/// What shrinking came to.
#[derive(Debug)]
pub(crate) struct Shrunk {
    /// The smallest plan that fails in the same way, with what it was shrunk from.
    pub(crate) saved: SavedPlan,
    /// What its run found.
    pub(crate) verdict: Verdict,
    /// What it came to, in a sentence.
    pub(crate) sentence: String,
}

/// Within which bounds to shrink.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Budget {
    /// Real time. Without it the outcome depends on the plan and the build alone.
    pub(crate) time: Option<Duration>,
    /// Runs.
    pub(crate) runs: Option<u64>,
}

/// Makes a plan that was found failing as small as it gets within `budget`; none if no smaller one
/// was found.
pub(crate) fn shrink(
    pool: &mut RunnerPool,
    whole: &SavedPlan,
    target: &Target,
    budget: Budget,
) -> Result<Option<Shrunk>, SetupError> {
    let data = pool.data().map(std::path::Path::to_path_buf);
    let begun = Instant::now();
    let mut judge = PoolJudge {
        pool,
        target,
        deadline: budget.time.map(|time| begun + time),
        bar: console::spinner("Shrinking"),
        confirmed: None,
        refused: None,
    };
    judge.tell(&whole.plan);
    let reduction::Smallest { plan: small, runs } =
        reduction::shrink(whole.plan.clone(), &mut judge, data.as_deref(), budget.runs);
    judge.bar.finish_and_clear();
    if let Some(error) = judge.refused {
        return Err(error);
    }
    Ok(judge.confirmed.map(|verdict| {
        let records = |plan: &Plan| {
            dataset::load::records(&plan.load, plan.seed, data.as_deref())
                .map_or(0, |records| records.len())
        };
        let sentence = shrunk::line(
            (&small, records(&small)),
            (&whole.plan, records(&whole.plan)),
            runs,
            begun.elapsed(),
        );
        let original = whole.shrunk_from.clone().unwrap_or_else(|| {
            Box::new(Whole {
                found: whole.found.clone(),
                plan: whole.plan.clone(),
            })
        });
        Shrunk {
            saved: SavedPlan {
                found: Some(Found::of(&verdict, Some(target))),
                shrunk_from: Some(original),
                ..SavedPlan::new(small)
            },
            verdict,
            sentence,
        }
    }))
}

/// Executes candidates on all runners at once.
struct PoolJudge<'p> {
    pool: &'p mut RunnerPool,
    target: &'p Target,
    deadline: Option<Instant>,
    bar: ProgressBar,
    /// What the smallest plan so far found.
    confirmed: Option<Verdict>,
    refused: Option<SetupError>,
}

impl Judge for PoolJudge<'_> {
    fn first_failing(&mut self, candidates: &[Plan]) -> Result<Option<usize>, Stopped> {
        let deadline = self.deadline;
        let stopped =
            || interrupt::requested() || deadline.is_some_and(|time| Instant::now() >= time);
        let plan_at = |index: usize| candidates.get(index).cloned();
        let (bar, target) = (&self.bar, self.target);
        let (mut finished, mut refused) = (0_usize, None);
        let mut failing: Option<(usize, Verdict)> = None;
        self.pool.each(&plan_at, &stopped, |index, finished_run| {
            finished += 1;
            bar.inc(1);
            // A candidate that ends its runner is another failure than the one looked for.
            let verdict = match finished_run.answer.into_verdict() {
                Ok(verdict) => verdict,
                Err(error) => {
                    refused = Some(error);
                    return ControlFlow::Break(());
                }
            };
            let is_first = failing.as_ref().is_none_or(|(known, _)| index < *known);
            if is_first && target.is_met_by(&verdict) {
                failing = Some((index, verdict));
            }
            if failing.is_some() {
                // Those before it have begun, and are waited for.
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if refused.is_some() {
            self.refused = refused;
            return Err(Stopped);
        }
        match failing {
            Some((index, verdict)) => {
                self.confirmed = Some(verdict);
                Ok(Some(index))
            }
            None if finished < candidates.len() => Err(Stopped),
            None => Ok(None),
        }
    }

    fn improved(&mut self, smaller: &Plan) {
        self.tell(smaller);
    }
}

impl PoolJudge<'_> {
    fn tell(&self, plan: &Plan) {
        let data = self.pool.data();
        let records = dataset::load::records(&plan.load, plan.seed, data);
        let records = records.map_or(0, |records| records.len());
        let faults = counted(plan.faults.len() as u64, "fault");
        let records = counted(records as u64, "record");
        self.bar.set_message(format!("{faults}, {records}"));
    }
}
