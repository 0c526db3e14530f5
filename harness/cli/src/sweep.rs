//! Many plans over a few runners, results as they come.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use whitewater::plan::Plan;
use whitewater::runner_protocol::RunRequest;

use crate::runner_process::{Answer, RunnerProcess};
use crate::setup_error::SetupError;

/// Real time one seed may take before its runner gives it up as "unknown".
pub(crate) const WALL_LIMIT_MS: u64 = 120_000;

/// Runners that stay up between scenarios.
#[derive(Debug)]
pub(crate) struct RunnerPool {
    executable: PathBuf,
    logs: PathBuf,
    data: Option<PathBuf>,
    randomised_addresses: bool,
    runners: Vec<Option<RunnerProcess>>,
}

/// What came of one plan.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) plan: Plan,
    pub(crate) answer: Answer,
    /// Real time that it took.
    pub(crate) wall: Duration,
}

impl RunnerPool {
    /// Starts `jobs` runners.
    pub(crate) fn start(
        executable: &Path,
        logs: &Path,
        data: Option<&Path>,
        jobs: usize,
        randomised_addresses: bool,
    ) -> Result<Self, SetupError> {
        let mut pool = Self {
            executable: executable.into(),
            logs: logs.into(),
            data: data.map(Into::into),
            randomised_addresses,
            runners: Vec::new(),
        };
        for index in 0..jobs {
            let runner = pool.start_one(index)?;
            pool.runners.push(Some(runner));
        }
        Ok(pool)
    }

    fn start_one(&self, index: usize) -> Result<RunnerProcess, SetupError> {
        RunnerProcess::start(
            &self.executable,
            &log_of(&self.logs, self.randomised_addresses, index),
            self.randomised_addresses,
        )
    }

    /// The folder of real data files.
    pub(crate) fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// The names of the pipelines that the runners hold.
    pub(crate) fn pipelines(&self) -> Vec<String> {
        self.first_hello()
            .map(|hello| hello.pipelines.clone())
            .unwrap_or_default()
    }

    /// What this machine does not permit.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.first_hello()
            .map(|hello| hello.warnings.clone())
            .unwrap_or_default()
    }

    fn first_hello(&self) -> Option<&whitewater::runner_protocol::Hello> {
        self.runners
            .iter()
            .flatten()
            .next()
            .map(RunnerProcess::hello)
    }

    /// Executes the plans at 0, 1, ... until there is none, begun in this order, and hands on each
    /// result as it comes. Begins no more of them once `on_finished` or `stopped` says so; what has
    /// begun is waited for.
    pub(crate) fn each(
        &mut self,
        plan_at: &(dyn Fn(usize) -> Option<Plan> + Sync),
        stopped: &(dyn Fn() -> bool + Sync),
        mut on_finished: impl FnMut(usize, Finished) -> ControlFlow<()>,
    ) {
        let next = AtomicUsize::new(0);
        let enough = AtomicBool::new(false);
        let executable = self.executable.clone();
        let logs = self.logs.clone();
        let data = self.data.clone();
        let randomised = self.randomised_addresses;
        std::thread::scope(|scope| {
            let (results, received) = mpsc::channel();
            for (number, slot) in self.runners.iter_mut().enumerate() {
                let (results, next, enough) = (results.clone(), &next, &enough);
                let (executable, logs, data) = (&executable, &logs, &data);
                scope.spawn(move || {
                    while !enough.load(Ordering::SeqCst) && !stopped() {
                        let index = next.fetch_add(1, Ordering::SeqCst);
                        let Some(plan) = plan_at(index) else {
                            break;
                        };
                        let log = log_of(logs, randomised, number);
                        let request = RunRequest {
                            plan: Box::new(plan.clone()),
                            trace: None,
                            output: None,
                            data: data.clone(),
                            wall_limit_ms: WALL_LIMIT_MS,
                        };
                        let begun = Instant::now();
                        let answer = answer_of(slot, executable, &log, randomised, request);
                        let wall = begun.elapsed();
                        let finished = Finished { plan, answer, wall };
                        if results.send((index, finished)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(results);
            for (index, finished) in received {
                if on_finished(index, finished).is_break() {
                    enough.store(true, Ordering::SeqCst);
                }
            }
        });
    }

    /// Executes one plan, keeping its trace and output.
    pub(crate) fn run_kept(
        &mut self,
        plan: &Plan,
        trace: Option<PathBuf>,
        output: Option<PathBuf>,
    ) -> Answer {
        let request = RunRequest {
            plan: Box::new(plan.clone()),
            trace,
            output,
            data: self.data.clone(),
            wall_limit_ms: WALL_LIMIT_MS,
        };
        let log = log_of(&self.logs, self.randomised_addresses, 0);
        let (executable, randomised) = (self.executable.clone(), self.randomised_addresses);
        match self.runners.first_mut() {
            Some(slot) => answer_of(slot, &executable, &log, randomised, request),
            None => Answer::Died("no runner was started".into()),
        }
    }
}

/// Where the runner of this number writes; the twins of `determinism` apart.
fn log_of(logs: &Path, randomised_addresses: bool, index: usize) -> PathBuf {
    let twin = if randomised_addresses {
        "randomised"
    } else {
        "runner"
    };
    logs.join(format!("{twin}-{index}.log"))
}

/// A runner that died is replaced for the next plan.
fn answer_of(
    slot: &mut Option<RunnerProcess>,
    executable: &Path,
    log: &Path,
    randomised: bool,
    request: RunRequest,
) -> Answer {
    if slot.is_none() {
        match RunnerProcess::start(executable, log, randomised) {
            Ok(runner) => *slot = Some(runner),
            Err(error) => return Answer::Died(error.to_string()),
        }
    }
    let Some(runner) = slot else {
        return Answer::Died("the runner did not start".into());
    };
    let answer = runner.run(request);
    if matches!(answer, Answer::Died(_)) {
        *slot = None;
    }
    answer
}
