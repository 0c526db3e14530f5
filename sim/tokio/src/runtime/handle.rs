//! Handles of a runtime, and which one is current.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use super::blocking::on_blocking_pool;
use super::shared::{Id, Registration, Settings, Shared};
use super::{RuntimeFlavor, RuntimeMetrics, implicit};
use crate::context::{self, CONTEXT_MISSING, Context, Regime};
use crate::task::running::Running;
use crate::task::{Control, JoinHandle, coop};

/// A handle of a runtime: spawns on it, and enters it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            shared: Shared::new(settings),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn register(&self, control: &Arc<Control>) -> Option<Registration> {
        self.shared.register(control)
    }

    /// Makes this the current runtime until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard {
            _scope: context::enter(Context {
                runtime: Some(self.clone()),
                ..context::current()
            }),
            runtime: PhantomData,
        }
    }

    /// The current runtime: the one that runs this task or was entered, otherwise the one that
    /// every simulated process has.
    ///
    /// # Panics
    /// Outside a simulated process.
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`current`](Self::current).
    ///
    /// # Errors
    /// Outside a simulated process.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        context::read(|context| context.runtime.clone())
            .or_else(implicit::current)
            .ok_or(TryCurrentError { _private: () })
    }

    /// Spawns `future` on this runtime, in a coroutine of its own.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.start(future, Regime::Async)
    }

    /// Runs `f` where blocking is allowed.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.start(on_blocking_pool(self.shared.clone(), f), Regime::Blocking)
    }

    #[track_caller]
    fn start<F>(&self, future: F, regime: Regime) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        assert!(whitewater_sim::world::in_world(), "{CONTEXT_MISSING}");
        let (running, handle) = Running::on_runtime(future, self.clone(), regime);
        if !running.is_finished() {
            drop(whitewater_sim::task::spawn_coroutine(running));
        }
        handle
    }

    /// Runs `future` to completion, suspending the calling task.
    ///
    /// # Panics
    /// Inside an asynchronous task, and where the caller is not a coroutine.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let context = context::current();
        assert!(
            context.regime != Regime::Async,
            "Cannot start a runtime from within a runtime. This happens because a function (like \
             `block_on`) attempted to block the current thread while the thread is being used to \
             drive asynchronous tasks. If you are in an async function, use `.await` on the future \
             instead of blocking on it."
        );
        assert!(
            whitewater_sim::world::in_world(),
            "this build of tokio drives a simulated world only: block_on was called outside of one"
        );
        let _scope = context::enter(Context {
            runtime: Some(self.clone()),
            task: None,
            local_set: None,
            regime: Regime::Async,
            budget: None,
        });
        whitewater_sim::task::block_on(budgeted(future))
    }

    /// Which scheduler the runtime was built with.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        self.shared.settings.flavor
    }

    /// The runtime's id.
    pub fn id(&self) -> Id {
        self.shared.id
    }

    /// The runtime's name, if its builder was given one.
    pub fn name(&self) -> Option<&str> {
        self.shared.settings.name.as_deref()
    }

    /// What can be known about the runtime now.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.shared.clone())
    }
}

/// Gives each poll of `future` a fresh budget, as each poll of a task has.
async fn budgeted<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        let _budget = coop::Budget::enter(coop::INITIAL);
        future.as_mut().poll(cx)
    })
    .await
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("id", &self.id())
            .field("flavor", &self.runtime_flavor())
            .finish()
    }
}

/// Keeps a runtime the current one.
#[must_use = "the runtime is left when the guard is dropped"]
pub struct EnterGuard<'a> {
    _scope: context::Scope,
    runtime: PhantomData<&'a Handle>,
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish()
    }
}

/// There is no current runtime.
pub struct TryCurrentError {
    _private: (),
}

impl TryCurrentError {
    /// Always true: see [`is_thread_local_destroyed`](Self::is_thread_local_destroyed).
    pub fn is_missing_context(&self) -> bool {
        true
    }

    /// Always false: a simulated run ends before its thread does.
    pub fn is_thread_local_destroyed(&self) -> bool {
        false
    }
}

impl fmt::Debug for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryCurrentError")
            .field("kind", &format_args!("NoContext"))
            .finish()
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CONTEXT_MISSING)
    }
}

impl std::error::Error for TryCurrentError {}
