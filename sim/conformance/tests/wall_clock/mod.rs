//! Cases in real time.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

use whitewater_conformance::bench::Bench;
use whitewater_conformance::case::Case;
use whitewater_conformance::way::Surroundings;

/// Real time, and a cluster at an address.
pub(crate) struct WallClock {
    bootstrap_servers: String,
    begun: Instant,
}

impl WallClock {
    pub(crate) fn new(bootstrap_servers: String) -> Self {
        Self {
            bootstrap_servers,
            begun: Instant::now(),
        }
    }
}

impl Surroundings for WallClock {
    fn bootstrap_servers(&self) -> String {
        self.bootstrap_servers.clone()
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "real time passes here, nothing is simulated"
    )]
    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        futures::executor::block_on(future);
    }
}

/// Runs a case; a panic is an error with the panic's words.
pub(crate) fn run(case: &Case, attempt: u32, surroundings: WallClock) -> Result<String, String> {
    let bench = Bench::new(&surroundings, case, attempt);
    catch_unwind(AssertUnwindSafe(|| case.run(&bench)))
        .map(|()| bench.into_transcript())
        .map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let word = panic.downcast_ref::<&str>().map(ToString::to_string);
            text.or(word).unwrap_or_else(|| "panicked".to_owned())
        })
}
