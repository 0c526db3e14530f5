//! The blocking pool: a number of threads, each of which takes a moment to start.

use std::sync::Arc;
use std::time::Duration;

use whitewater_sim::random;

use super::shared::Shared;

/// How long a pooled thread takes to start a closure: about what waking a thread costs.
const START_NS: std::ops::Range<u64> = 5_000..100_000;

/// Runs `f` once a thread of the pool is free.
pub(crate) async fn on_blocking_pool<R>(shared: Arc<Shared>, f: impl FnOnce() -> R) -> R {
    let threads = shared.blocking.clone();
    let _thread = threads
        .acquire()
        .await
        .expect("the pool's semaphore is never closed");
    let nanos =
        START_NS.start + random::below_in(random::Stream::Scheduler, START_NS.end - START_NS.start);
    whitewater_sim::time::sleep(Duration::from_nanos(nanos)).await;
    f()
}
