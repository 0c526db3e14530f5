//! A runtime whose tasks need not be `Send`.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use super::{Builder, EnterGuard, Handle, Runtime, RuntimeMetrics};
use crate::task::{JoinHandle, LocalSet};

/// A current-thread runtime with a [`LocalSet`] of its own.
pub struct LocalRuntime {
    // Dropped first: its tasks may use the runtime.
    tasks: LocalSet,
    runtime: Runtime,
}

/// Options of a [`LocalRuntime`]; there are none yet.
#[derive(Default, Debug)]
#[non_exhaustive]
pub struct LocalOptions {
    not_send: PhantomData<*mut u8>,
}

impl LocalRuntime {
    pub(crate) fn from_runtime(runtime: Runtime) -> Self {
        Self {
            tasks: LocalSet::new(),
            runtime,
        }
    }

    /// A local runtime with everything enabled.
    ///
    /// # Errors
    /// None here.
    pub fn new() -> io::Result<Self> {
        Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
    }

    /// The runtime's handle.
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Spawns a task, which runs during [`block_on`](Self::block_on).
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.tasks.spawn_local(future)
    }

    /// Runs `f` where blocking is allowed.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.runtime.spawn_blocking(f)
    }

    /// Runs `future` and the runtime's tasks until `future` is done.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.tasks.block_on(&self.runtime, future)
    }

    /// Makes this the current runtime until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Aborts the runtime's tasks and waits at most `duration` for them.
    pub fn shutdown_timeout(self, duration: Duration) {
        drop(self.tasks);
        self.runtime.shutdown_timeout(duration);
    }

    /// Aborts the runtime's tasks without waiting.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// What can be known about the runtime now.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.runtime.metrics()
    }
}

impl fmt::Debug for LocalRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRuntime")
            .field("runtime", &self.runtime)
            .finish()
    }
}
