//! tokio's test clock, which a simulated run has no use for.

use std::time::Duration;

/// Not simulated.
///
/// # Panics
/// Always: simulated time moves by itself whenever every task waits.
#[track_caller]
pub fn pause() {
    refuse("pause");
}

/// Not simulated.
///
/// # Panics
/// Always: see [`pause`].
#[track_caller]
pub fn resume() {
    refuse("resume");
}

/// Not simulated.
///
/// # Panics
/// Always: see [`pause`].
pub async fn advance(_duration: Duration) {
    refuse("advance");
}

#[track_caller]
fn refuse(name: &str) -> ! {
    panic!(
        "tokio::time::{name} is not simulated: the clock of a simulated world moves by itself \
         whenever every task waits, so sleep instead"
    );
}
