//! Runs code in a process of a simulated world.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use whitewater_sim::process::{self, ExitStatus};
use whitewater_sim::{host, world};

/// Runs `main` as the main of a process on a host of its own, and returns its output.
///
/// # Panics
/// If the process panics, with what it said, or the world can't go on.
#[track_caller]
pub(crate) fn run<F>(main: F) -> F::Output
where
    F: Future + 'static,
    F::Output: 'static,
{
    run_seed(1, main)
}

/// Whether `took` is `expected`, give or take what the polls cost.
pub(crate) fn about(took: Duration, expected: Duration) -> bool {
    let slack = Duration::from_micros(200);
    took >= expected && took <= expected + slack
}

/// As [`run`], with another seed.
#[track_caller]
pub(crate) fn run_seed<F>(seed: u64, main: F) -> F::Output
where
    F: Future + 'static,
    F::Output: 'static,
{
    let config = world::WorldConfig {
        seed,
        ..Default::default()
    };
    let ran = world::run(config, async move {
        let output = Rc::new(RefCell::new(None));
        let slot = output.clone();
        let process = process::create_process(host::create_host("host"), "main");
        process::start(process, move || async move {
            *slot.borrow_mut() = Some(main.await);
        });
        let status = process::exited(process).await;
        (status, output.take())
    });
    match ran.expect("the world runs to its end") {
        (ExitStatus::Ok, Some(output)) => output,
        (ExitStatus::Panicked(message), _) => panic!("{message}"),
        (status, _) => panic!("the process ended: {status}"),
    }
}
