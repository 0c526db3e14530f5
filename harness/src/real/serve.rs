//! The runner's main in a normal build: one worker process, or whoever executes plans.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::protocol::{FromRealRunner, RealRunRequest, WORKER_VARIABLE};
use super::{execution, worker};
use crate::dataset;
use crate::pipeline_under_test::{self, PipelineEntry};
use crate::runner_protocol::{DESCRIPTOR_VARIABLE, Hello, PROTOCOL_FORMAT};

/// The whole life of a runner in a normal build, or of a worker process that it starts. Call it first
/// thing in `main`: `whitewater::runner!` does.
pub fn serve(pipelines: &'static [PipelineEntry]) -> ExitCode {
    if let Ok(order) = std::env::var(WORKER_VARIABLE) {
        return worker::main(pipelines, &order);
    }
    if std::env::var_os(DESCRIPTOR_VARIABLE).is_none() {
        eprintln!(
            "error: this program executes plans for `cargo whitewater run`; start that instead"
        );
        return ExitCode::FAILURE;
    }
    match try_serve(pipelines) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Error = Box<dyn std::error::Error>;

fn try_serve(pipelines: &'static [PipelineEntry]) -> Result<(), Error> {
    // The command's socket is this process's stdin.
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let answers = Answers(Mutex::new(socket.try_clone()?));
    answers.say(&FromRealRunner::Hello(Hello {
        format: PROTOCOL_FORMAT,
        pipelines: pipelines
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        warnings: Vec::new(),
    }));
    let called_off = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (requests, received) = mpsc::channel();
        // A command that closes its end, or is gone, calls off what runs.
        scope.spawn(|| {
            for line in BufReader::new(socket).lines().map_while(Result::ok) {
                if requests.send(line).is_err() {
                    break;
                }
            }
            drop(requests);
            called_off.store(true, Ordering::SeqCst);
        });
        for line in received {
            let request: RealRunRequest = serde_json::from_str(&line)?;
            let answer = answer(pipelines, &request, &called_off, &answers);
            answers.say(&answer);
        }
        Ok(())
    })
}

/// Where lines for the command go.
struct Answers(Mutex<UnixStream>);

impl Answers {
    fn say(&self, what: &FromRealRunner) {
        let mut line = serde_json::to_string(what).unwrap_or_default();
        line.push('\n');
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A command that is gone calls everything off by that.
        let _ = socket.write_all(line.as_bytes());
    }
}

fn answer(
    pipelines: &'static [PipelineEntry],
    request: &RealRunRequest,
    called_off: &AtomicBool,
    answers: &Answers,
) -> FromRealRunner {
    let plan = &request.plan;
    let refused = |reason: String| FromRealRunner::Refused { reason };
    let versions = match pipeline_under_test::versions(plan, pipelines) {
        Ok(versions) => versions,
        Err(reason) => return refused(reason),
    };
    let records = match dataset::load::records(&plan.load, plan.seed, request.data.as_deref()) {
        Ok(records) => records,
        Err(error) => return refused(error.to_string()),
    };
    let tell = |at: Option<Duration>, what: String| {
        let at_ms = at.map(|at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        answers.say(&FromRealRunner::Progress { at_ms, what });
    };
    let verdict = execution::execute(request, records, versions, called_off, &tell);
    FromRealRunner::Verdict(Box::new(verdict))
}
