//! Child processes: not simulated. A command can be put together, and panics when it is run.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Output, Stdio};
use std::task::{Context, Poll};

use real_tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::unsimulated::Never;

#[track_caller]
fn refuse(name: &str) -> ! {
    crate::unsimulated::refuse(name, "a simulated process has no children");
}

/// A command. Putting it together is allowed, running it is not.
#[derive(Debug)]
pub struct Command {
    std: std::process::Command,
}

impl Command {
    /// A command that would run `program`.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Self {
        Self {
            std: std::process::Command::new(program),
        }
    }

    /// std's command.
    pub fn as_std(&self) -> &std::process::Command {
        &self.std
    }

    /// std's command.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Adds an argument.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Self {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable.
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets variables.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Removes a variable.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Removes every variable.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// Sets the directory.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Self {
        self.std.current_dir(dir);
        self
    }

    /// Sets the standard input.
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stdin(cfg);
        self
    }

    /// Sets the standard output.
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stdout(cfg);
        self
    }

    /// Sets the standard error.
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stderr(cfg);
        self
    }

    /// No effect: it is never run.
    pub fn kill_on_drop(&mut self, _kill_on_drop: bool) -> &mut Self {
        self
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        refuse("tokio::process::Command::spawn");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        refuse("tokio::process::Command::status");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn output(&mut self) -> io::Result<Output> {
        refuse("tokio::process::Command::output");
    }
}

impl From<std::process::Command> for Command {
    fn from(std: std::process::Command) -> Self {
        Self { std }
    }
}

/// A running child; there is no value of this type.
#[derive(Debug)]
pub struct Child {
    never: Never,
    /// The child's standard input.
    pub stdin: Option<ChildStdin>,
    /// The child's standard output.
    pub stdout: Option<ChildStdout>,
    /// The child's standard error.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    /// The child's id.
    pub fn id(&self) -> Option<u32> {
        match self.never {}
    }

    /// Kills the child.
    ///
    /// # Errors
    /// None.
    pub fn start_kill(&mut self) -> io::Result<()> {
        match self.never {}
    }

    /// Kills the child and waits for it.
    ///
    /// # Errors
    /// None.
    pub async fn kill(&mut self) -> io::Result<()> {
        match self.never {}
    }

    /// Waits for the child.
    ///
    /// # Errors
    /// None.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self.never {}
    }

    /// The child's status, if it has ended.
    ///
    /// # Errors
    /// None.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self.never {}
    }

    /// Waits for the child and its output.
    ///
    /// # Errors
    /// None.
    pub async fn wait_with_output(self) -> io::Result<Output> {
        match self.never {}
    }
}

/// A child's standard input; there is no value of this type.
#[derive(Debug)]
pub struct ChildStdin {
    never: Never,
}

/// A child's standard output; there is no value of this type.
#[derive(Debug)]
pub struct ChildStdout {
    never: Never,
}

/// A child's standard error; there is no value of this type.
#[derive(Debug)]
pub struct ChildStderr {
    never: Never,
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.never {}
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.never {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.never {}
    }
}

impl AsyncRead for ChildStdout {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.never {}
    }
}

impl AsyncRead for ChildStderr {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.never {}
    }
}
