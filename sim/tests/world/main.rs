//! The simulated world, used from outside as the harness and the patched crates use it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are not marked as tests"
)]

mod blocking;
mod byte_streams;
mod determinism;
mod execution;
mod links;
mod networking;
mod processes;
mod program;
mod timers;

use std::future::Future;
use std::time::Duration;

use whitewater_sim::world::{self, WorldConfig};

/// Runs a world that has to succeed.
fn run<T: 'static>(seed: u64, main: impl Future<Output = T> + 'static) -> T {
    let config = WorldConfig {
        seed,
        poll_budget: 1_000_000,
        ..WorldConfig::default()
    };
    world::run(config, main).unwrap_or_else(|error| panic!("{error}"))
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
