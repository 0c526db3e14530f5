//! One running runner: plans in, verdicts out.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use whitewater::runner_protocol::{
    DESCRIPTOR_VARIABLE, FromRunner, Hello, PROTOCOL_FORMAT, RANDOMISED_ADDRESSES_VARIABLE,
    RunRequest, ToRunner,
};
use whitewater::verdict::Verdict;

use crate::setup_error::SetupError;

/// How the GNU C library's allocator suits a process that lives for one seed: one heap, of huge pages
/// (the child makes it grow in large steps, see `whitewater_sim::isolation`), and long free lists. What
/// the parent needs for a while stays out of the heap that its children inherit. A quarter of a seed's
/// time goes into page faults otherwise. Other C libraries ignore it.
const ALLOCATOR_TUNABLES: &str = "glibc.malloc.arena_max=1:glibc.malloc.hugetlb=1:\
     glibc.malloc.mmap_threshold=131072:\
     glibc.malloc.tcache_count=2000:glibc.malloc.tcache_max=4096";

/// A runner process; dropping it ends the process.
#[derive(Debug)]
pub(crate) struct RunnerProcess {
    child: Child,
    requests: UnixStream,
    answers: BufReader<UnixStream>,
    hello: Hello,
    log: std::path::PathBuf,
}

/// How one request ended.
#[derive(Debug)]
pub(crate) enum Answer {
    Verdict(Box<Verdict>),
    Refused(String),
    /// The runner itself is gone; its output says why.
    Died(String),
}

impl Answer {
    /// A runner that is gone leaves the seed without an answer.
    ///
    /// # Errors
    /// The plan could not be executed at all.
    pub(crate) fn into_verdict(self) -> Result<Verdict, SetupError> {
        match self {
            Self::Verdict(verdict) => Ok(*verdict),
            Self::Died(why) => Ok(Verdict::unknown(why)),
            Self::Refused(message) => Err(SetupError::Other { message }),
        }
    }
}

impl RunnerProcess {
    /// Starts a runner and reads its hello. Its own output goes to `log`.
    pub(crate) fn start(
        executable: &Path,
        log: &Path,
        randomised_addresses: bool,
    ) -> Result<Self, SetupError> {
        let spawn = |source| SetupError::Spawn {
            program: executable.display().to_string(),
            source,
        };
        let write = |source| SetupError::Write {
            path: log.into(),
            source,
        };
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder).map_err(write)?;
        }
        let output = std::fs::File::create(log).map_err(write)?;
        let (ours, theirs) = UnixStream::pair().map_err(spawn)?;
        let theirs = OwnedFd::from(theirs);
        // Rust opens every descriptor close-on-exec; this one is for the runner.
        rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty())
            .map_err(|error| spawn(error.into()))?;
        let mut command = Command::new(executable);
        command
            .env(DESCRIPTOR_VARIABLE, theirs.as_raw_fd().to_string())
            .env("GLIBC_TUNABLES", allocator_tunables())
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(write)?)
            .stderr(output)
            // Ctrl-C at the terminal reaches this process only, which then ends its runners in order.
            .process_group(0);
        if randomised_addresses {
            command.env(RANDOMISED_ADDRESSES_VARIABLE, "1");
        }
        let child = command.spawn().map_err(spawn)?;
        drop(theirs);
        let answers = BufReader::new(ours.try_clone().map_err(spawn)?);
        let mut runner = Self {
            child,
            requests: ours,
            answers,
            hello: Hello {
                format: 0,
                pipelines: Vec::new(),
                warnings: Vec::new(),
            },
            log: log.into(),
        };
        match runner.read() {
            Some(FromRunner::Hello(hello)) if hello.format == PROTOCOL_FORMAT => {
                runner.hello = hello
            }
            _ => {
                return Err(SetupError::RunnerDied {
                    output: runner.last_words(),
                });
            }
        }
        Ok(runner)
    }

    /// What the runner said of itself.
    pub(crate) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Executes one plan and waits for its verdict.
    pub(crate) fn run(&mut self, request: RunRequest) -> Answer {
        let Ok(mut line) = serde_json::to_string(&ToRunner::Run(request)) else {
            return Answer::Refused("the plan can't be written as JSON".into());
        };
        line.push('\n');
        if self.requests.write_all(line.as_bytes()).is_err() {
            return Answer::Died(self.last_words());
        }
        match self.read() {
            Some(FromRunner::Verdict(verdict)) => Answer::Verdict(verdict),
            Some(FromRunner::Refused { reason }) => Answer::Refused(reason),
            Some(FromRunner::Hello(_)) | None => Answer::Died(self.last_words()),
        }
    }

    fn read(&mut self) -> Option<FromRunner> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => serde_json::from_str(&line).ok(),
        }
    }

    fn last_words(&mut self) -> String {
        let ended = self
            .child
            .wait()
            .map(|status| status.to_string())
            .unwrap_or_default();
        let output = std::fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = output.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("{}\n({ended})", tail.join("\n"))
    }
}

impl Drop for RunnerProcess {
    fn drop(&mut self) {
        // A runner and the child it forked share a group of their own.
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Ours; what the user set himself comes later, and wins.
fn allocator_tunables() -> String {
    match std::env::var("GLIBC_TUNABLES") {
        Ok(users) if !users.is_empty() => format!("{ALLOCATOR_TUNABLES}:{users}"),
        _ => ALLOCATOR_TUNABLES.to_owned(),
    }
}
