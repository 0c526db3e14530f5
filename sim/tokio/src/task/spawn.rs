//! Spawning asynchronous tasks.

use std::future::Future;

use super::JoinHandle;
use crate::runtime::Handle;

/// Spawns `future` on the current runtime, in a coroutine of its own, so that blocking calls in it
/// take simulated time.
///
/// # Panics
/// Outside a runtime. A simulated process's main runs inside one.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Handle::current().spawn(future)
}
