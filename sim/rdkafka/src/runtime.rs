//! Asynchronous runtimes: in a simulated build all of them are the simulator's.

use std::future::Future;
use std::time::Duration;

use whitewater_sim::{task, time};

/// Spawns tasks and waits, so that clients need no particular runtime.
pub trait AsyncRuntime: Send + Sync + 'static {
    /// A future that is ready after a delay.
    type Delay: Future<Output = ()> + Send;

    /// Runs a task in the background.
    fn spawn<T>(task: T)
    where
        T: Future<Output = ()> + Send + 'static;

    /// A future that is ready after `duration`.
    fn delay_for(duration: Duration) -> Self::Delay;
}

/// The runtime of clients that name none.
#[cfg(not(any(feature = "tokio", feature = "naive-runtime")))]
pub type DefaultRuntime = ();

/// The runtime of clients that name none.
#[cfg(all(not(feature = "tokio"), feature = "naive-runtime"))]
pub type DefaultRuntime = NaiveRuntime;

/// The runtime of clients that name none.
#[cfg(feature = "tokio")]
pub type DefaultRuntime = TokioRuntime;

/// Stands for rdkafka's runtime of threads; here its tasks run in the simulated world.
#[cfg(feature = "naive-runtime")]
pub struct NaiveRuntime;

#[cfg(feature = "naive-runtime")]
impl AsyncRuntime for NaiveRuntime {
    type Delay = time::Sleep;

    fn spawn<T>(task: T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        drop(task::spawn_coroutine(task));
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        time::sleep(duration)
    }
}

/// Stands for tokio; here its tasks run in the simulated world, as those of the patched tokio do.
#[cfg(feature = "tokio")]
pub struct TokioRuntime;

#[cfg(feature = "tokio")]
impl AsyncRuntime for TokioRuntime {
    type Delay = time::Sleep;

    fn spawn<T>(task: T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        drop(task::spawn_coroutine(task));
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        time::sleep(duration)
    }
}
