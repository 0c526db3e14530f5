//! `test`: scenarios and regressions one by one, with libtest's output and filters.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Completion, Failed, Trial};
use whitewater::plan::Plan;
use whitewater::report::failure::Failure;
use whitewater::report::status::{Demands, Status};
use whitewater::report::style::Style;
use whitewater::report::tally::Tally;
use whitewater::scenario::Scenario;
use whitewater::shrink::target::Target;
use whitewater::verdict::{Outcome, Verdict};

use crate::build::simulated_build::Runner;
use crate::cli::TestOptions;
use crate::exit_code::ExitCode;
use crate::failure::{self, replay_command};
use crate::gate::known_failures::KnownFailures;
use crate::gate::regressions::{self, Regression, Standing};
use crate::interrupt;
use crate::outcome;
use crate::project::Project;
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;
use crate::sweep::RunnerPool;

/// Runs every scenario of `fast` and every regression as a test of its own.
pub(crate) fn test(project: &Project, options: &TestOptions) -> Result<ExitCode, SessionError> {
    interrupt::listen()?;
    let scenarios = session::scenarios(project, &options.scenarios, &["fast"])?;
    let regressions = regressions::read(&project.scenarios, &options.scenarios, &scenarios)?;
    let known = KnownFailures::read(&project.scenarios, &session::scenario_names(project)?)?;
    let mut shared = Shared {
        project: project.clone(),
        seeds: options.seeds,
        runner: None,
        idle: Mutex::new(Vec::new()),
        known: Mutex::new(known),
        code: Mutex::new(ExitCode::Passed),
    };
    // A list needs no build.
    if !options.libtest.list {
        let runner = session::build(project)?;
        let pool = shared.start(&runner, 0)?;
        session::check_pipelines(project, &pool, &scenarios)?;
        shared.idle = Mutex::new(vec![pool]);
        shared.runner = Some(runner);
    }
    let shared = Arc::new(shared);
    let mut trials = Vec::new();
    for regression in regressions {
        let (name, shared) = (regression.name.clone(), shared.clone());
        trials.push(Trial::test(name, move || shared.replay(&regression)));
    }
    for scenario in scenarios {
        let (name, shared) = (scenario.name.clone(), shared.clone());
        trials.push(Trial::ignorable_test(name, move || shared.sweep(&scenario)));
    }
    let conclusion = libtest_mimic::run(&options.libtest, trials);
    let code = *shared.code.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(match (interrupt::requested(), conclusion.has_failed()) {
        (true, _) => ExitCode::Interrupted,
        (false, true) => code.worse(ExitCode::Vacuous),
        (false, false) => ExitCode::Passed,
    })
}

/// What the tests have in common.
struct Shared {
    project: Project,
    seeds: u64,
    /// None where the tests are only listed.
    runner: Option<Runner>,
    idle: Mutex<Vec<RunnerPool>>,
    known: Mutex<KnownFailures>,
    code: Mutex<ExitCode>,
}

impl Shared {
    /// Starts the `number`-th runner.
    fn start(&self, runner: &Runner, number: usize) -> Result<RunnerPool, SetupError> {
        let logs = self
            .project
            .own_folder()
            .join("logs")
            .join(format!("test-{number}"));
        session::start_logging_to(&self.project, runner, &logs, 1, false)
    }

    /// Does something with a runner of its own: one that is idle, or a new one.
    fn with_pool<T>(
        &self,
        work: impl FnOnce(&Runner, &mut RunnerPool) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let runner = self.runner.as_ref().ok_or("no runner was built")?;
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut pool = match taken {
            Some(pool) => pool,
            None => self.start(runner, thread_number())?,
        };
        let result = work(runner, &mut pool);
        idle().push(pool);
        result
    }

    fn note(&self, code: ExitCode) {
        let mut worst = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        *worst = worst.worse(code);
    }

    fn replay(&self, regression: &Regression) -> Result<(), Failed> {
        self.with_pool(|runner, pool| {
            let mut plan = regression.saved.plan.clone();
            session::sign(&mut plan, &runner.identity);
            let verdict = pool.run_kept(&plan, None, None).into_verdict()?;
            match regression.judge(&verdict) {
                Standing::Passed => Ok(()),
                Standing::Stale(gone) => {
                    self.note(ExitCode::Vacuous);
                    Err(Status::Stale { gone }.sentence().into())
                }
                Standing::Failed | Standing::Unknown(_) => {
                    self.note(outcome::exit_code(&verdict));
                    Err(self.told(pool, &regression.name, &plan, &verdict)?)
                }
            }
        })
    }

    fn sweep(&self, scenario: &Scenario) -> Result<Completion, Failed> {
        if session::missing_data(&self.project, scenario).is_some() {
            return Ok(Completion::ignored_with(
                "no data: --data DIR or WHITEWATER_DATA",
            ));
        }
        self.with_pool(|runner, pool| {
            let demands = Demands::of(scenario, self.seeds > 1);
            let mut tally = Tally::default();
            let first = self.run_seeds(scenario, &demands, runner, pool, &mut tally)?;
            let status = Status::of(&demands, &tally);
            self.note(outcome::code_of(&status, &tally));
            match (&status, first) {
                (Status::Passed, _) => Ok(Completion::Completed),
                (Status::Failed { .. } | Status::Unknown { .. }, Some((plan, verdict))) => {
                    Err(self.told(pool, &scenario.name, &plan, &verdict)?)
                }
                _ => Err(status.sentence().into()),
            }
        })
    }

    /// The first seed that did not pass.
    fn run_seeds(
        &self,
        scenario: &Scenario,
        demands: &Demands,
        runner: &Runner,
        pool: &mut RunnerPool,
        tally: &mut Tally,
    ) -> Result<Option<(Plan, Verdict)>, Failed> {
        let plan_at = |index: usize| {
            let seed = index as u64 + 1;
            (seed <= self.seeds).then(|| session::plan(scenario, seed, &runner.identity))
        };
        let (mut first, mut refused) = (None, None);
        pool.each(&plan_at, &interrupt::requested, |_, finished| {
            let (plan, verdict) = (finished.plan, finished.answer.into_verdict());
            let verdict = match verdict {
                Ok(verdict) => verdict,
                Err(error) => {
                    refused = Some(error);
                    return ControlFlow::Break(());
                }
            };
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let is_known = demands.caught_by.is_none()
                && known.excuse(&scenario.name, plan.seed, &verdict).is_some();
            match is_known {
                true => tally.add_known(plan.seed, &verdict),
                false => tally.add(plan.seed, &verdict),
            }
            if verdict.outcome != Outcome::Passed && !is_known && first.is_none() {
                first = Some((plan, verdict));
            }
            ControlFlow::Continue(())
        });
        match refused {
            Some(error) => Err(error.into()),
            None => Ok(first),
        }
    }

    /// Saves a failure; what the test prints of it.
    fn told(
        &self,
        pool: &mut RunnerPool,
        name: &str,
        plan: &Plan,
        verdict: &Verdict,
    ) -> Result<Failed, SetupError> {
        let folder = failure::folder(&self.project, name, plan.seed);
        let target = Target::of(verdict, None);
        failure::save(&folder, pool, plan, Some(verdict), target.as_ref())?;
        let shown = failure::shown(&folder);
        let (saved, replay) = (
            shown.display().to_string(),
            replay_command(Path::new(&shown)),
        );
        let block = Failure {
            scenario: name,
            seed: plan.seed,
            violations: verdict.outcome.violations(),
            shrunk: None,
            saved: Some(&saved),
            replay: &replay,
        };
        Ok(match &verdict.outcome {
            Outcome::Unknown { why } => {
                format!("{why}\n{}", block.render_saved(Style::Plain)).into()
            }
            Outcome::Passed | Outcome::Failed { .. } => block.render(Style::Plain).into(),
        })
    }
}

/// A number for the log of a test thread's runner.
fn thread_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
