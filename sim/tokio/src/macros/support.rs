//! What the macros expand to.

use whitewater_sim::random::{Stream, below_in};
use whitewater_sim::world::in_world;

pub use real_tokio::macros::support::{
    Context, Future, IntoFuture, Pin, Poll, Result, maybe_done, poll_budget_available, poll_fn,
    ready,
};

/// A random number below `n`, drawn from the seed: the branch that `select!` looks at first.
pub fn thread_rng_n(n: u32) -> u32 {
    if in_world() {
        // Below a `u32`, so it fits one.
        below_in(Stream::Scheduler, n.into()) as u32
    } else {
        0
    }
}
