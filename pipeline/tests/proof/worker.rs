//! A worker process: the real binary, and the signals that reach it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::patience::{SOMETIMES, until};

/// Lines of a worker's log that a failing proof shows.
const LOG_LINES_SHOWN: usize = 30;

/// A running worker. Dropping it kills it.
pub(crate) struct Worker {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// Starts `pipeline run` under that name; its log goes to a file in `folder`.
    pub(crate) fn start(name: &str, config: &Path, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_pipeline"))
            .args(["run", "--worker", name])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// Its name in the sink, and its `client.id`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Fails if it has ended by itself.
    pub(crate) fn expect_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended by itself: {status}", self.name);
        }
    }

    /// SIGKILL: it has no chance to do anything more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), None, "{} was not killed", self.name);
    }

    /// SIGSTOP: to everyone else it is as good as dead.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT: it goes on in the middle of what it was doing.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGTERM: it is to finish.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until(
            &format!("the end of {}", self.name),
            SOMETIMES,
            || match child.try_wait().unwrap() {
                Some(status) => Ok(status),
                None => Err("it still runs".to_owned()),
            },
        )
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(LOG_LINES_SHOWN);
            eprintln!("--- {}\n{}", self.name, lines[from..].join("\n"));
        }
    }
}
