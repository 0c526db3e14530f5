//! Timeouts, runtimes, opaque values, and the time as clients see it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use crate::opaque::IntoOpaque;
#[cfg(feature = "naive-runtime")]
pub use crate::runtime::NaiveRuntime;
#[cfg(feature = "tokio")]
pub use crate::runtime::TokioRuntime;
pub use crate::runtime::{AsyncRuntime, DefaultRuntime};
pub use crate::timeout::Timeout;

/// The librdkafka version whose behaviour is simulated, as number (`0xMMmmrrff`) and text.
pub fn get_rdkafka_version() -> (i32, String) {
    (0x020c_01ff, "2.12.1".to_owned())
}

/// Milliseconds since the Unix epoch; zero for times before it.
pub fn millis_to_epoch(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_millis() as i64
}

/// The wall clock of the calling process's host, in milliseconds since the Unix epoch.
pub fn current_time_millis() -> i64 {
    if whitewater_sim::world::in_world() {
        whitewater_sim::time::wall_ms()
    } else {
        millis_to_epoch(SystemTime::now())
    }
}
