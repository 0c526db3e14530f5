//! Code that blocks.

use super::JoinHandle;
use crate::context::{self, Context, Regime};
use crate::runtime::{Handle, RuntimeFlavor};

/// Runs `f` where blocking is allowed. It starts a little later, in simulated time, as a thread of
/// a pool would, and at most `max_blocking_threads` run at once.
///
/// # Panics
/// Outside a runtime.
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Handle::current().spawn_blocking(f)
}

/// Runs `f`, which may block, in the current task.
///
/// # Panics
/// In a task of a current-thread runtime or of a [`LocalSet`](super::LocalSet).
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    let context = context::current();
    let flavor = context.runtime.as_ref().map(Handle::runtime_flavor);
    let single_threaded =
        flavor == Some(RuntimeFlavor::CurrentThread) || context.local_set.is_some();
    assert!(
        context.regime != Regime::Async || !single_threaded,
        "can call blocking only when running on the multi-threaded runtime"
    );
    let _scope = context::enter(Context {
        regime: Regime::Blocking,
        budget: None,
        ..context
    });
    f()
}
