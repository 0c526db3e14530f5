//! What `run`, `replay` and `determinism` have in common: scenarios read, the runner built,
//! its processes started.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use whitewater::plan::Plan;
use whitewater::scenario::Scenario;
use whitewater::scenario::error::ScenarioError;

use crate::build::simulated_build::{self, BuildIdentity, Runner};
use crate::catalogue::{self, Entry};
use crate::console;
use crate::project::Project;
use crate::setup_error::SetupError;
use crate::sweep::RunnerPool;

/// A scenario file or the set-up is wrong.
#[derive(Debug, Diagnostic, Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scenario(#[from] ScenarioError),
}

/// Reads the scenarios that the words mean, or those of the default folders.
pub(crate) fn scenarios(
    project: &Project,
    words: &[String],
    default: &[&str],
) -> Result<Vec<Scenario>, SessionError> {
    let all = catalogue::all(project)?;
    let selected: Vec<Entry> = if words.is_empty() {
        all.into_iter()
            .filter(|entry| default.contains(&entry.folder()))
            .collect()
    } else {
        catalogue::select(&all, words)?
    };
    if selected.is_empty() {
        let message = format!(
            "no scenario in {} of {}",
            default.join(", "),
            project.scenarios.display()
        );
        return Err(SetupError::Other { message }.into());
    }
    Ok(selected
        .iter()
        .map(|entry| Scenario::read(&entry.path))
        .collect::<Result<_, _>>()?)
}

/// The names of all scenarios of the project.
pub(crate) fn scenario_names(project: &Project) -> Result<Vec<String>, SetupError> {
    let all = catalogue::all(project)?;
    Ok(all.into_iter().map(|entry| entry.name).collect())
}

/// Builds the runner, saying so.
pub(crate) fn build(project: &Project) -> Result<Runner, SetupError> {
    simulated_build::build(project, |under_test| {
        console::status("Building", &format!("simulated build of {under_test}"));
    })
}

/// Starts runners, and passes on what they warn of.
pub(crate) fn start(
    project: &Project,
    runner: &Runner,
    jobs: usize,
    randomised_addresses: bool,
) -> Result<RunnerPool, SetupError> {
    let logs: PathBuf = project.own_folder().join("logs");
    start_logging_to(project, runner, &logs, jobs, randomised_addresses)
}

/// The same, for runners whose own output goes to another folder.
pub(crate) fn start_logging_to(
    project: &Project,
    runner: &Runner,
    logs: &Path,
    jobs: usize,
    randomised_addresses: bool,
) -> Result<RunnerPool, SetupError> {
    let pool = RunnerPool::start(
        &runner.path,
        logs,
        project.data.as_deref(),
        jobs,
        randomised_addresses,
    )?;
    for warning in pool.warnings() {
        console::status("Warning", &warning);
    }
    Ok(pool)
}

/// Refuses a scenario whose pipeline the runner does not have.
pub(crate) fn check_pipelines(
    project: &Project,
    pool: &RunnerPool,
    scenarios: &[Scenario],
) -> Result<(), SetupError> {
    let known = pool.pipelines();
    match scenarios
        .iter()
        .find(|scenario| !known.contains(&scenario.pipeline))
    {
        None => Ok(()),
        Some(scenario) => Err(SetupError::UnknownPipeline {
            name: scenario.pipeline.clone(),
            known,
            main: project.scenarios.join("src/main.rs"),
        }),
    }
}

/// The plan of a seed, signed with the build that will run it.
pub(crate) fn plan(scenario: &Scenario, seed: u64, identity: &BuildIdentity) -> Plan {
    let mut plan = Plan::draw(scenario, seed);
    sign(&mut plan, identity);
    plan
}

/// Names the build that runs a plan.
pub(crate) fn sign(plan: &mut Plan, identity: &BuildIdentity) {
    plan.commit.clone_from(&identity.commit);
    plan.lock_hash = Some(identity.lock_hash.clone());
}

/// Where a scenario's data file should be, if it takes one and the file is not there.
pub(crate) fn missing_data(project: &Project, scenario: &Scenario) -> Option<PathBuf> {
    let file = scenario.load.file.as_ref()?;
    let folder = project.data.clone().unwrap_or_default();
    let path = folder.join(file);
    (!path.is_file()).then_some(path)
}

/// Refuses a sweep that would have to skip a scenario for want of its data file.
pub(crate) fn require_data(project: &Project, scenarios: &[Scenario]) -> Result<(), SetupError> {
    match scenarios
        .iter()
        .find_map(|scenario| missing_data(project, scenario))
    {
        Some(path) => Err(SetupError::NoData { path }),
        None => Ok(()),
    }
}

/// As many runners as asked for, else as there are processors.
pub(crate) fn jobs(asked: Option<u16>) -> usize {
    asked.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    )
}
