//! Waiting for what other processes do: looked at again and again, up to a deadline.

use std::time::{Duration, Instant};

/// How long anything may take before the proof fails: far longer than it should.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How often to look at what changes within milliseconds.
pub(crate) const OFTEN: Duration = Duration::from_millis(3);

/// How often to look where a look costs something.
pub(crate) const SOMETIMES: Duration = Duration::from_millis(200);

/// Looks until it finds what it waits for; an `Err` says what there is instead.
pub(crate) fn until<T>(
    what: &str,
    every: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) => assert!(
                Instant::now() < deadline,
                "{what}: not within {} s, but {instead}",
                PATIENCE.as_secs()
            ),
        }
        pause(every);
    }
}

/// Does nothing for a while.
#[expect(
    clippy::disallowed_methods,
    reason = "real processes are waited for in real time"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
