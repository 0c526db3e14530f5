//! `run`: scenarios over seeds, a line each, a summary at the end.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use whitewater::plan::Plan;
use whitewater::report::status::{Demands, Status};
use whitewater::report::summary::Summary;
use whitewater::report::tally::Tally;
use whitewater::scenario::Scenario;
use whitewater::shrink::target::Target;
use whitewater::verdict::{CheckerName, Verdict};

use crate::build::simulated_build::Runner;
use crate::cli::RunOptions;
use crate::exit_code::ExitCode;
use crate::failure;
use crate::interrupt;
use crate::outcome;
use crate::project::Project;
use crate::reporter::Reporter;
use crate::runner_process::Answer;
use crate::saved_file;
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;
use crate::shrinking;
use crate::sweep::{Finished, RunnerPool};

/// Runs what the options name. The exit code is the worst of the scenarios'.
pub(crate) fn run(project: &Project, options: &RunOptions) -> Result<ExitCode, SessionError> {
    interrupt::listen()?;
    let scenarios = session::scenarios(project, &options.names, &["fast"])?;
    let seeds: Vec<u64> = match options.seed {
        Some(seed) => vec![seed],
        None => (1..=options.seeds).collect(),
    };
    if options.require_data {
        session::require_data(project, &scenarios)?;
    }
    let runner = session::build(project)?;
    let jobs = session::jobs(options.jobs).min(seeds.len());
    let mut pool = session::start(project, &runner, jobs, false)?;
    session::check_pipelines(project, &pool, &scenarios)?;

    let mut reporter = Reporter::new(options.json, &scenarios);
    reporter.begin(scenarios.len(), seeds.len(), jobs);
    let started = Instant::now();
    let mut summary = Summary::default();
    let mut code = ExitCode::Passed;
    for scenario in &scenarios {
        let one = run_one(
            project,
            options,
            &runner,
            &mut pool,
            scenario,
            &seeds,
            &mut reporter,
        )?;
        summary.add(&one.status, &one.tally, scenario.expect.is_some());
        code = code.worse(one.code);
        if interrupt::requested() {
            code = ExitCode::Interrupted;
            break;
        }
    }
    reporter.end(&summary, started.elapsed(), interrupt::requested());
    Ok(code)
}

struct One {
    status: Status,
    tally: Tally,
    code: ExitCode,
}

fn run_one(
    project: &Project,
    options: &RunOptions,
    runner: &Runner,
    pool: &mut RunnerPool,
    scenario: &Scenario,
    seeds: &[u64],
    reporter: &mut Reporter,
) -> Result<One, SessionError> {
    let demands = Demands {
        caught_by: scenario.expect.as_ref().map(|expect| expect.caught_by),
        must_reach: scenario.must_reach.clone(),
    };
    let mut tally = Tally::default();
    let started = Instant::now();
    if session::missing_data(project, scenario).is_some() {
        let status = Status::Skipped {
            why: "no data: --data DIR or WHITEWATER_DATA".to_owned(),
        };
        reporter.scenario(scenario, &demands, &tally, &status, started.elapsed());
        return Ok(One {
            status,
            tally,
            code: ExitCode::Passed,
        });
    }
    let plan = |seed| session::plan(scenario, seed, &runner.identity);
    let failed = sweep(
        pool,
        scenario,
        seeds,
        &plan,
        demands.caught_by,
        &mut tally,
        reporter,
    )?;
    if interrupt::requested() && tally.seeds == 0 {
        let status = Status::Skipped {
            why: "interrupted before a seed had finished".to_owned(),
        };
        return Ok(One {
            status,
            tally,
            code: ExitCode::Interrupted,
        });
    }
    let status = Status::of(&demands, &tally);
    reporter.scenario(scenario, &demands, &tally, &status, started.elapsed());
    let code = match &status {
        Status::Passed | Status::Skipped { .. } => ExitCode::Passed,
        Status::Missed { .. } => ExitCode::CheckerFailed,
        Status::Vacuous { .. } => ExitCode::Vacuous,
        Status::Unknown { .. } | Status::Failed { .. } => {
            failed.as_ref().map_or(ExitCode::Unknown, |(_, verdict)| {
                outcome::exit_code(verdict)
            })
        }
    };
    if let Some(failed) = failed {
        report_failure(project, options, pool, scenario, &status, &failed, reporter)?;
    }
    Ok(One {
        status,
        tally,
        code,
    })
}

/// The seed that the report is about: of a negative the first that is caught, else the first that
/// did not pass.
fn sweep(
    pool: &mut RunnerPool,
    scenario: &Scenario,
    seeds: &[u64],
    plan: &(dyn Fn(u64) -> Plan + Sync),
    caught_by: Option<CheckerName>,
    tally: &mut Tally,
    reporter: &mut Reporter,
) -> Result<Option<(Plan, Verdict)>, SetupError> {
    let mut worst: Option<(u64, Plan, Verdict)> = None;
    let mut refused = None;
    let bar = reporter.bar(&scenario.name, seeds.len());
    pool.sweep(seeds, plan, |Finished { seed, plan, answer }| {
        let verdict = match answer {
            Answer::Verdict(verdict) => *verdict,
            Answer::Died(why) => Verdict::unknown(why),
            Answer::Refused(why) => {
                refused = Some(why);
                return ControlFlow::Break(());
            }
        };
        bar.inc(1);
        tally.add(seed, &verdict);
        reporter.seed(scenario, seed, &verdict);
        let counts = match caught_by {
            Some(checker) => verdict.outcome.caught_by(checker),
            None => verdict.outcome != whitewater::verdict::Outcome::Passed,
        };
        if counts && worst.as_ref().is_none_or(|(known, ..)| seed < *known) {
            worst = Some((seed, plan, verdict));
        }
        // A negative that is caught needs no more seeds; a lower one may still be on its way.
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    match refused {
        Some(message) => Err(SetupError::Other { message }),
        None => Ok(worst.map(|(_, plan, verdict)| (plan, verdict))),
    }
}

/// Real time for shrinking a failure, unless the options say otherwise.
const SHRINK_BUDGET_S: u64 = 30;

/// Saves what failed, shrinks it where that is asked for, and tells it.
fn report_failure(
    project: &Project,
    options: &RunOptions,
    pool: &mut RunnerPool,
    scenario: &Scenario,
    status: &Status,
    (plan, verdict): &(Plan, Verdict),
    reporter: &mut Reporter,
) -> Result<(), SetupError> {
    let caught = *status == Status::Passed;
    let checker = scenario.expect.as_ref().map(|expect| expect.caught_by);
    let target = Target::of(verdict, checker.filter(|_| caught));
    let folder = failure::save(project, pool, plan, Some(verdict), target.as_ref())?;
    let budget_s = options
        .shrink_budget
        .unwrap_or(if caught { 0 } else { SHRINK_BUDGET_S });
    let mut shrunk = None;
    if let Some(target) = target.filter(|_| budget_s > 0 && !interrupt::requested()) {
        let whole = saved_file::read(&folder.join(saved_file::PLAN))?;
        let budget = Some(Duration::from_secs(budget_s));
        shrunk = shrinking::shrink(pool, &whole, &target, budget)?;
    }
    if let Some(shrunk) = &shrunk {
        saved_file::write(&folder.join(saved_file::SHRUNK), &shrunk.saved)?;
    }
    // The story of the small plan is the one that the replay tells.
    let told = shrunk.as_ref().map_or(verdict, |shrunk| &shrunk.verdict);
    let sentence = shrunk.as_ref().map(|shrunk| shrunk.sentence.as_str());
    reporter.failure(scenario, plan.seed, told, &folder, sentence, caught);
    Ok(())
}
