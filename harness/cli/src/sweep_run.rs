//! One run of regressions and scenarios: seeds executed, judged, told; what failed saved and shrunk.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use whitewater::plan::Plan;
use whitewater::report::status::{Demands, Status};
use whitewater::report::summary::{Purpose, Summary};
use whitewater::report::tally::Tally;
use whitewater::scenario::Scenario;
use whitewater::shrink::target::Target;
use whitewater::verdict::{Outcome, Verdict};

use crate::build::simulated_build::BuildIdentity;
use crate::cli::RunOptions;
use crate::exit_code::ExitCode;
use crate::failure::{self, replay_command};
use crate::gate::known_failures::KnownFailures;
use crate::gate::regressions::{Regression, Standing};
use crate::gate::seeds::Seeds;
use crate::interrupt;
use crate::outcome;
use crate::project::Project;
use crate::reporter::broadcast::Reporter;
use crate::reporter::sink::{FailureEnd, ScenarioEnd, SeedEnd, Sink};
use crate::saved_file;
use crate::session;
use crate::setup_error::SetupError;
use crate::shrinking::{self, Budget};
use crate::sweep::{Finished, RunnerPool};

/// Real time for shrinking a failure, unless the options say otherwise.
const SHRINK_BUDGET_S: u64 = 30;

/// What a run has and what it came to so far.
pub(crate) struct SweepRun<'r> {
    pub(crate) project: &'r Project,
    pub(crate) options: &'r RunOptions,
    pub(crate) identity: &'r BuildIdentity,
    pub(crate) pool: RunnerPool,
    pub(crate) seeds: Seeds,
    pub(crate) known: KnownFailures,
    pub(crate) reporter: Reporter,
    pub(crate) summary: Summary,
    pub(crate) code: ExitCode,
    /// A failure ended it early.
    pub(crate) stopped: bool,
}

/// A seed that the report is about.
struct Told {
    seed: u64,
    plan: Plan,
    verdict: Verdict,
}

impl SweepRun<'_> {
    /// Whether nothing more is to be begun.
    pub(crate) fn is_over(&self) -> bool {
        self.stopped || interrupt::requested()
    }

    /// Replays what failed once.
    pub(crate) fn regressions(&mut self, regressions: &[Regression]) -> Result<(), SetupError> {
        let plan_at = |index: usize| {
            let mut plan = regressions.get(index)?.saved.plan.clone();
            session::sign(&mut plan, self.identity);
            Some(plan)
        };
        let mut answers: Vec<Option<Finished>> = regressions.iter().map(|_| None).collect();
        self.pool
            .each(&plan_at, &interrupt::requested, |index, finished| {
                answers[index] = Some(finished);
                ControlFlow::Continue(())
            });
        for (regression, answer) in regressions.iter().zip(answers) {
            let Some(Finished { plan, answer, wall }) = answer else {
                continue;
            };
            self.regression(regression, plan, answer.into_verdict()?, wall)?;
        }
        Ok(())
    }

    fn regression(
        &mut self,
        regression: &Regression,
        plan: Plan,
        verdict: Verdict,
        wall: Duration,
    ) -> Result<(), SetupError> {
        let seed = plan.seed;
        let mut tally = Tally::default();
        tally.add(seed, &verdict);
        self.reporter.seed(&SeedEnd {
            scenario: &regression.name,
            seed,
            verdict: &verdict,
            known: None,
            wall,
        });
        let status = match regression.judge(&verdict) {
            Standing::Passed => Status::Passed,
            Standing::Failed => Status::Failed { seed },
            Standing::Stale(gone) => Status::Stale { gone },
            Standing::Unknown(why) => Status::Unknown { seed, why },
        };
        let end = ScenarioEnd {
            name: &regression.name,
            demands: &Demands::default(),
            tally: &tally,
            status: &status,
            wall,
            mended: &[],
        };
        self.end_scenario(&end, Purpose::Recall);
        if matches!(status, Status::Failed { .. } | Status::Unknown { .. }) {
            let told = Told {
                seed,
                plan,
                verdict,
            };
            self.tell_failure(&regression.name, &told, None)?;
        }
        Ok(())
    }

    /// Runs a scenario over the seeds; begins none after `deadline`.
    pub(crate) fn scenario(
        &mut self,
        scenario: &Scenario,
        deadline: Option<Instant>,
    ) -> Result<(), SetupError> {
        let demands = Demands::of(scenario, self.seeds.count != Some(1));
        let begun = Instant::now();
        let mut tally = Tally::default();
        let has_data = session::missing_data(self.project, scenario).is_none();
        let told = match has_data {
            true => self.sweep(scenario, &demands, deadline, &mut tally)?,
            false => None,
        };
        let skipped = |why: &str| Status::Skipped {
            why: why.to_owned(),
        };
        let is_part = self.seeds.shard.is_part();
        let status = match (has_data, tally.seeds, interrupt::requested()) {
            (false, ..) => skipped("no data: --data DIR or WHITEWATER_DATA"),
            (true, 0, true) => skipped("interrupted before a seed had finished"),
            (true, 0, false) => skipped("no time left for a seed"),
            (true, ..) if is_part => Status::of(&demands, &tally).of_a_part(),
            (true, ..) => Status::of(&demands, &tally),
        };
        let mended = match is_part || self.is_over() || tally.seeds == 0 {
            true => Vec::new(),
            false => self.mended(scenario),
        };
        let end = ScenarioEnd {
            name: &scenario.name,
            demands: &demands,
            tally: &tally,
            status: &status,
            wall: begun.elapsed(),
            mended: &mended,
        };
        self.end_scenario(&end, purpose(&demands));
        match told {
            Some(told) => self.tell_failure(&scenario.name, &told, Some((&demands, &status))),
            None => Ok(()),
        }
    }

    /// The seed that the report is about: of a negative the first that is caught, else the first
    /// that did not pass.
    fn sweep(
        &mut self,
        scenario: &Scenario,
        demands: &Demands,
        deadline: Option<Instant>,
        tally: &mut Tally,
    ) -> Result<Option<Told>, SetupError> {
        let (seeds, identity) = (self.seeds.clone(), self.identity);
        let plan_at = |index: usize| {
            let seed = seeds.at(index)?;
            Some(session::plan(scenario, seed, identity))
        };
        let over = || interrupt::requested() || deadline.is_some_and(|time| Instant::now() >= time);
        let bar = self.reporter.bar(&scenario.name, seeds.len());
        let (known, reporter) = (&mut self.known, &mut self.reporter);
        let fail_fast = self.options.fail_fast;
        let mut stopped = false;
        let mut told: Option<Told> = None;
        let mut refused = None;
        self.pool.each(&plan_at, &over, |_, finished| {
            let Finished { plan, answer, wall } = finished;
            let seed = plan.seed;
            let verdict = match answer.into_verdict() {
                Ok(verdict) => verdict,
                Err(error) => {
                    refused = Some(error);
                    return ControlFlow::Break(());
                }
            };
            bar.inc(1);
            let is_negative = demands.caught_by.is_some();
            let excuse = match is_negative {
                true => None,
                false => known.excuse(&scenario.name, seed, &verdict),
            };
            match &excuse {
                Some(_) => tally.add_known(seed, &verdict),
                None => tally.add(seed, &verdict),
            }
            reporter.seed(&SeedEnd {
                scenario: &scenario.name,
                seed,
                verdict: &verdict,
                known: excuse.as_deref(),
                wall,
            });
            let counts = match demands.caught_by {
                Some(checker) => verdict.outcome.caught_by(checker),
                None => verdict.outcome != Outcome::Passed && excuse.is_none(),
            };
            if counts && told.as_ref().is_none_or(|known| seed < known.seed) {
                told = Some(Told {
                    seed,
                    plan,
                    verdict,
                });
            }
            // A lower seed may still be on its way; those that have begun are waited for.
            if counts && fail_fast && !is_negative {
                stopped = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        bar.finish_and_clear();
        self.stopped |= stopped;
        match refused {
            Some(error) => Err(error),
            None => Ok(told),
        }
    }

    /// What known-failures.toml lists of a scenario and no seed did.
    fn mended(&self, scenario: &Scenario) -> Vec<String> {
        let count = self.seeds.count.unwrap_or(0);
        let ran = |seed: u64| seed >= self.seeds.first && seed - self.seeds.first < count;
        let mended = self.known.mended(&scenario.name, &ran);
        mended
            .into_iter()
            .map(|known| known.told_mended())
            .collect()
    }

    fn end_scenario(&mut self, end: &ScenarioEnd<'_>, purpose: Purpose) {
        self.reporter.scenario(end);
        self.summary.add(end.status, end.tally, purpose);
        self.code = self.code.worse(outcome::code_of(end.status, end.tally));
    }

    /// Saves what failed, shrinks it where that is asked for, and tells it.
    fn tell_failure(
        &mut self,
        name: &str,
        told: &Told,
        of: Option<(&Demands, &Status)>,
    ) -> Result<(), SetupError> {
        let checker = of.and_then(|(demands, _)| demands.caught_by);
        let caught = checker.is_some() && of.is_some_and(|(_, status)| !status.is_failure());
        let target = Target::of(&told.verdict, checker);
        let folder = failure::folder(self.project, name, told.seed);
        let verdict = Some(&told.verdict);
        failure::save(
            &folder,
            &mut self.pool,
            &told.plan,
            verdict,
            target.as_ref(),
        )?;
        let default_s = if caught { 0 } else { SHRINK_BUDGET_S };
        let budget_s = self.options.shrink_budget.unwrap_or(default_s);
        let mut shrunk = None;
        if let Some(target) = target.filter(|_| budget_s > 0 && !interrupt::requested()) {
            let whole = saved_file::read(&folder.join(saved_file::PLAN))?;
            let budget = Budget {
                time: Some(Duration::from_secs(budget_s)),
                runs: None,
            };
            shrunk = shrinking::shrink(&mut self.pool, &whole, &target, budget)?;
        }
        if let Some(shrunk) = &shrunk {
            saved_file::write(&folder.join(saved_file::SHRUNK), &shrunk.saved)?;
        }
        // The story of the small plan is the one that the replay tells.
        let verdict = shrunk
            .as_ref()
            .map_or(&told.verdict, |shrunk| &shrunk.verdict);
        let shown: PathBuf = failure::shown(&folder);
        self.reporter.failure(&FailureEnd {
            scenario: name,
            seed: told.seed,
            violations: verdict.outcome.violations(),
            folder: &shown,
            shrunk: shrunk.as_ref().map(|shrunk| shrunk.sentence.as_str()),
            replay: &replay_command(&shown),
            caught,
        });
        Ok(())
    }
}

/// Whether seeds look for failures, or bring back a negative's.
pub(crate) fn purpose(demands: &Demands) -> Purpose {
    match demands.caught_by {
        Some(_) => Purpose::Recall,
        None => Purpose::Search,
    }
}
