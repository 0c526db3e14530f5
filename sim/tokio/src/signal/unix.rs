//! Unix signals. The world sends SIGINT and SIGTERM; a listener of any other waits for ever.

use std::ffi::c_int;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use whitewater_sim::process::{self, SignalListener};

use crate::context::CONTEXT_MISSING;

/// A kind of signal, with Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

impl SignalKind {
    /// The signal of that number.
    pub const fn from_raw(signum: c_int) -> Self {
        Self(signum)
    }

    /// The signal's number.
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// SIGALRM.
    pub const fn alarm() -> Self {
        Self(14)
    }

    /// SIGCHLD.
    pub const fn child() -> Self {
        Self(17)
    }

    /// SIGHUP.
    pub const fn hangup() -> Self {
        Self(1)
    }

    /// SIGINT.
    pub const fn interrupt() -> Self {
        Self(2)
    }

    /// SIGIO.
    pub const fn io() -> Self {
        Self(29)
    }

    /// SIGPIPE.
    pub const fn pipe() -> Self {
        Self(13)
    }

    /// SIGQUIT.
    pub const fn quit() -> Self {
        Self(3)
    }

    /// SIGTERM.
    pub const fn terminate() -> Self {
        Self(15)
    }

    /// SIGUSR1.
    pub const fn user_defined1() -> Self {
        Self(10)
    }

    /// SIGUSR2.
    pub const fn user_defined2() -> Self {
        Self(12)
    }

    /// SIGWINCH.
    pub const fn window_change() -> Self {
        Self(28)
    }

    /// Whether the system lets nobody listen to it: SIGILL, SIGFPE, SIGKILL, SIGSEGV, SIGSTOP.
    const fn is_forbidden(self) -> bool {
        matches!(self.0, 4 | 8 | 9 | 11 | 19)
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> Self {
        Self::from_raw(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> Self {
        kind.as_raw_value()
    }
}

/// Listens to a kind of signal. From now on it no longer ends the process.
///
/// # Errors
/// For a signal that can't be listened to.
///
/// # Panics
/// Outside a runtime.
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    if kind.is_forbidden() || kind.0 < 0 {
        let text = format!("Refusing to register signal {}", kind.0);
        return Err(io::Error::other(text));
    }
    assert!(whitewater_sim::world::in_world(), "{CONTEXT_MISSING}");
    crate::runtime::require_io();
    let sent = if kind == SignalKind::interrupt() {
        Some(process::Signal::Interrupt)
    } else if kind == SignalKind::terminate() {
        Some(process::Signal::Terminate)
    } else {
        None
    };
    Ok(Signal {
        listener: sent.map(process::listen_to_signal),
    })
}

/// A stream of one kind of signal; several that arrive between two looks count as one.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Signal {
    /// `None` for a kind that the world never sends.
    listener: Option<SignalListener>,
}

impl Signal {
    /// Waits for the next signal. Never `None`.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the next signal. Never `None`.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        match &mut self.listener {
            Some(listener) => listener.poll_recv(cx).map(Some),
            None => Poll::Pending,
        }
    }
}
