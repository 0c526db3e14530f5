//! `run`: what failed once, then scenarios over seeds; a line each, a summary at the end.

use std::time::Instant;

use whitewater::report::summary::Summary;

use crate::build::simulated_build::Runner;
use crate::cli::RunOptions;
use crate::command::real;
use crate::exit_code::ExitCode;
use crate::gate::known_failures::KnownFailures;
use crate::gate::regressions::{self, Regression};
use crate::gate::seeds::Seeds;
use crate::gate::time_budget;
use crate::interrupt;
use crate::project::Project;
use crate::reporter::broadcast::Reporter;
use crate::reporter::sink::{Begin, End, Sink};
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;
use crate::sweep_run::SweepRun;

/// Runs what the options name. The exit code is the worst of what ended.
pub(crate) fn run(project: &Project, options: &RunOptions) -> Result<ExitCode, SessionError> {
    if options.real {
        return real::run(project, options);
    }
    interrupt::listen()?;
    run_with(project, options, || session::build(project))
}

/// What is wrong with the project is said before it is built.
fn run_with(
    project: &Project,
    options: &RunOptions,
    build: impl FnOnce() -> Result<Runner, SetupError>,
) -> Result<ExitCode, SessionError> {
    let (names, only_regressions) = scenario_words(&options.names);
    let scenarios = if only_regressions {
        Vec::new()
    } else {
        session::scenarios(project, &names, &["fast"])?
    };
    let regressions = regressions_of(project, options, &scenarios)?;
    let known = KnownFailures::read(&project.scenarios, &session::scenario_names(project)?)?;
    if options.require_data {
        session::require_data(project, &scenarios)?;
    }
    let mut reporter = Reporter::new(&options.report)?;
    let runner = build()?;
    let commit = runner.identity.commit.as_deref();
    let variable = |name: &str| std::env::var(name).ok();
    let seeds = Seeds::choose(options, commit, &variable)?;
    let asked = options
        .jobs
        .or_else(|| variable("MADSIM_TEST_JOBS")?.parse().ok());
    let jobs = jobs_for(session::jobs(asked), &seeds, regressions.len());
    let pool = session::start(project, &runner, jobs, false)?;
    session::check_pipelines(project, &pool, &scenarios)?;

    let name_of_regressions = regressions.iter().map(|regression| &regression.name);
    let names = scenarios.iter().map(|scenario| &scenario.name);
    reporter.begin(&Begin {
        scenarios: scenarios.len(),
        regressions: regressions.len(),
        seeds: &seeds.told(),
        jobs,
        shard: seeds.shard,
        commit,
        name_width: names
            .chain(name_of_regressions)
            .map(String::len)
            .max()
            .unwrap_or(0),
    });
    let mut sweep = SweepRun {
        project,
        options,
        identity: &runner.identity,
        pool,
        seeds,
        known,
        reporter,
        summary: Summary::default(),
        code: ExitCode::Passed,
        stopped: false,
    };
    // Building takes as long as it takes; the budget is for seeds.
    let started = Instant::now();
    let end = options.time_budget.map(|budget| started + budget);
    sweep.regressions(&regressions)?;
    for (index, scenario) in scenarios.iter().enumerate() {
        if sweep.is_over() {
            break;
        }
        let left = scenarios.len() - index;
        sweep.scenario(scenario, time_budget::deadline(Instant::now(), end, left))?;
    }
    sweep.reporter.end(&End {
        summary: &sweep.summary,
        wall: started.elapsed(),
        interrupted: interrupt::requested(),
    });
    Ok(if interrupt::requested() {
        ExitCode::Interrupted
    } else {
        sweep.code
    })
}

/// The words without the one that means the regressions, and whether that was the only one.
fn scenario_words(words: &[String]) -> (Vec<String>, bool) {
    let names: Vec<String> = words
        .iter()
        .filter(|word| !regressions::is_folder(word))
        .cloned()
        .collect();
    let only_regressions = names.is_empty() && !words.is_empty();
    (names, only_regressions)
}

/// One seed that is asked for by its number is the history that someone wants to see.
fn regressions_of(
    project: &Project,
    options: &RunOptions,
    scenarios: &[whitewater::scenario::Scenario],
) -> Result<Vec<Regression>, SessionError> {
    if options.seed.is_some() {
        return Ok(Vec::new());
    }
    let all = regressions::read(&project.scenarios, &options.names, scenarios)?;
    let shard = options.shard.unwrap_or_default();
    let mine = |index: usize| index as u64 % shard.of == shard.number - 1;
    Ok(all
        .into_iter()
        .enumerate()
        .filter(|(index, _)| mine(*index))
        .map(|(_, regression)| regression)
        .collect())
}

/// No more runners than there is work for.
fn jobs_for(jobs: usize, seeds: &Seeds, regressions: usize) -> usize {
    let seeds = seeds.len().map_or(usize::MAX, |seeds| {
        usize::try_from(seeds).unwrap_or(usize::MAX)
    });
    jobs.min(seeds.max(regressions)).max(1)
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
