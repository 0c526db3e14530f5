//! A runtime: the tasks spawned on it live no longer than it.

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

use super::{Builder, EnterGuard, Handle, RuntimeMetrics};
use crate::context::{self, Regime};
use crate::task::JoinHandle;

/// A runtime on the simulated world. Dropping it aborts its tasks and waits for the ones that
/// are in the middle of blocking code.
pub struct Runtime {
    handle: Handle,
    /// Whether the drop still has to shut down.
    running: bool,
}

impl Runtime {
    pub(crate) fn from_handle(handle: Handle) -> Self {
        Self {
            handle,
            running: true,
        }
    }

    /// A multi-thread runtime with everything enabled.
    ///
    /// # Errors
    /// None here.
    pub fn new() -> io::Result<Self> {
        Builder::new_multi_thread().enable_all().build()
    }

    /// The runtime's handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns `future` on this runtime.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs `f` where blocking is allowed.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// Runs `future` to completion. A simulated process's main may call it; an asynchronous task
    /// may not.
    ///
    /// # Panics
    /// Inside an asynchronous task, and outside a simulated world.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Makes this the current runtime until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Aborts the runtime's tasks and waits at most `duration` for them.
    pub fn shutdown_timeout(mut self, duration: Duration) {
        self.shut_down(Some(duration));
    }

    /// Aborts the runtime's tasks without waiting.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// What can be known about the runtime now.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    #[track_caller]
    fn shut_down(&mut self, limit: Option<Duration>) {
        if !std::mem::replace(&mut self.running, false) {
            return;
        }
        let shared = self.handle.shared();
        shared.shut_down();
        if limit == Some(Duration::ZERO) || !whitewater_sim::task::may_block() {
            return;
        }
        let regime = context::read(|context| context.regime);
        assert!(
            regime != Regime::Async,
            "Cannot drop a runtime in a context where blocking is not allowed. This happens when a \
             runtime is dropped from within an asynchronous context."
        );
        let limit = limit.unwrap_or(Duration::MAX);
        // Tasks that outlast the limit are left behind, as tokio leaves their threads.
        let _ = whitewater_sim::task::block_on(whitewater_sim::time::timeout(limit, shared.idle()));
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down(None);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("handle", &self.handle)
            .finish()
    }
}

/// Whether `error` says that a socket's runtime was shut down. Never here: sockets belong to
/// processes, not to runtimes.
pub fn is_rt_shutdown_err(_error: &io::Error) -> bool {
    false
}
