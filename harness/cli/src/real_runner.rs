//! One running runner in a normal build: a plan in, what happens meanwhile and a verdict out.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use whitewater::real::protocol::{FromRealRunner, RealRunRequest};
use whitewater::runner_protocol::{DESCRIPTOR_VARIABLE, PROTOCOL_FORMAT};

use crate::interrupt;
use crate::runner_process::Answer;
use crate::setup_error::SetupError;

/// How soon Ctrl-C is passed on.
const INTERRUPT_LOOK: Duration = Duration::from_millis(100);

/// So many last lines of a runner that died are shown.
const LAST_LINES: usize = 20;

/// A runner process. Dropping it ends whatever it started, and waits for that.
#[derive(Debug)]
pub(crate) struct RealRunner {
    child: Child,
    requests: UnixStream,
    answers: BufReader<UnixStream>,
    log: PathBuf,
}

impl RealRunner {
    /// Starts a runner and reads its hello. Its own output goes to `log`.
    pub(crate) fn start(executable: &Path, log: &Path) -> Result<Self, SetupError> {
        let spawn = |source| SetupError::Spawn {
            program: executable.display().to_string(),
            source,
        };
        let output = File::create(log).map_err(|source| SetupError::Write {
            path: log.into(),
            source,
        })?;
        let (ours, theirs) = UnixStream::pair().map_err(spawn)?;
        let child = Command::new(executable)
            // It talks on its stdin, which is a socket.
            .env(DESCRIPTOR_VARIABLE, "0")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(output.try_clone().map_err(spawn)?)
            .stderr(output)
            // Ctrl-C at the terminal reaches this process only, which then ends the run in order.
            .process_group(0)
            .spawn()
            .map_err(spawn)?;
        let answers = BufReader::new(ours.try_clone().map_err(spawn)?);
        let mut runner = Self {
            child,
            requests: ours,
            answers,
            log: log.into(),
        };
        match runner.read() {
            Some(FromRealRunner::Hello(hello)) if hello.format == PROTOCOL_FORMAT => Ok(runner),
            _ => Err(SetupError::RunnerDied {
                output: runner.last_words(),
            }),
        }
    }

    /// Executes one plan and waits for its verdict; `tell` hears what happens, and when in
    /// milliseconds since the workers were started. Ctrl-C ends it early.
    pub(crate) fn run(
        &mut self,
        request: &RealRunRequest,
        tell: &mut dyn FnMut(Option<u64>, &str),
    ) -> Answer {
        let Ok(mut line) = serde_json::to_string(request) else {
            return Answer::Refused("the plan can't be written as JSON".into());
        };
        line.push('\n');
        if self.requests.write_all(line.as_bytes()).is_err() {
            return Answer::Died(self.last_words());
        }
        let ended = AtomicBool::new(false);
        let requests = self.requests.try_clone();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::SeqCst) {
                    if interrupt::requested() {
                        // A runner that hears no more calls its run off.
                        let _ = requests.map(|socket| socket.shutdown(Shutdown::Write));
                        return;
                    }
                    std::thread::park_timeout(INTERRUPT_LOOK);
                }
            });
            let answer = loop {
                match self.read() {
                    Some(FromRealRunner::Progress { at_ms, what }) => tell(at_ms, &what),
                    Some(FromRealRunner::Verdict(verdict)) => break Answer::Verdict(verdict),
                    Some(FromRealRunner::Refused { reason }) => break Answer::Refused(reason),
                    Some(FromRealRunner::Hello(_)) | None => {
                        break Answer::Died(self.last_words());
                    }
                }
            };
            ended.store(true, Ordering::SeqCst);
            answer
        })
    }

    fn read(&mut self) -> Option<FromRealRunner> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => serde_json::from_str(&line).ok(),
        }
    }

    fn last_words(&mut self) -> String {
        let ended = self.child.wait();
        let ended = ended.map(|status| status.to_string()).unwrap_or_default();
        let output = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = output.lines().collect();
        let from = lines.len().saturating_sub(LAST_LINES);
        format!("{}\n({ended})", lines[from..].join("\n"))
    }
}

impl Drop for RealRunner {
    fn drop(&mut self) {
        let _ = self.requests.shutdown(Shutdown::Both);
        // Containers and workers end with it.
        let _ = self.child.wait();
    }
}
