//! Waiting without `await`.

use std::future::Future;

use crate::context::{self, Regime};

/// Suspends the calling coroutine until `future` is done.
///
/// # Panics
/// Inside an asynchronous task, and where the caller is not a coroutine.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let regime = context::read(|context| context.regime);
    assert!(
        regime != Regime::Async,
        "Cannot block the current thread from within a runtime. This happens because a function \
         attempted to block the current thread while the thread is being used to drive \
         asynchronous tasks."
    );
    whitewater_sim::task::block_on(future)
}
