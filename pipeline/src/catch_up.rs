//! Working up to where the log ended at the start, then ending.

use std::future::Future;
use std::time::Duration;

use crate::clock;
use crate::config::Config;
use crate::kafka_log::LogExtent;
use crate::status;
use crate::worker::{self, Summary, WorkerError};

/// How long nothing may move before it is taken for the end: what follows the last record may be
/// transaction markers, which are never delivered.
const QUIET: Duration = Duration::from_secs(10);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How far a catch-up came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaughtUp {
    /// What this worker did; others of the group may have helped.
    pub summary: Summary,
    /// Offsets that the sink did not reach.
    pub left: i64,
}

/// Runs a worker until the sink has reached `ends`, nothing moves any more, or `interrupt` is ready.
/// `progress` is told how many offsets are left.
///
/// # Errors
/// See [`WorkerError`].
pub async fn catch_up(
    config: &Config,
    ends: &[LogExtent],
    mut progress: impl FnMut(i64),
    interrupt: impl Future<Output = ()>,
) -> Result<CaughtUp, WorkerError> {
    let reached = async {
        let mut moved_at = clock::monotonic();
        let mut before = i64::MAX;
        loop {
            // A sink that can't be read for a moment has not reached anything yet.
            let left = left(config, ends).unwrap_or(before);
            if left != before {
                before = left;
                moved_at = clock::monotonic();
                progress(left);
            }
            if left == 0 || moved_at.elapsed() >= QUIET {
                return;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    let end = async {
        tokio::select! {
            biased;
            () = reached => {}
            () = interrupt => {}
        }
    };
    let summary = worker::run(config, end).await?;
    // A sink that can't be read is not known to hold anything.
    let all = || {
        ends.iter()
            .map(|extent| (extent.end - extent.low).max(0))
            .sum()
    };
    let left = left(config, ends).unwrap_or_else(all);
    Ok(CaughtUp { summary, left })
}

/// Offsets between the sink and `ends`; partitions the sink has never seen count whole, and at
/// least once, so that an empty partition is claimed too.
fn left(config: &Config, ends: &[LogExtent]) -> Option<i64> {
    let positions = status::positions(&config.sqlite, &config.processor).ok()?;
    let left = ends.iter().map(|extent| {
        let position = positions
            .iter()
            .find(|position| position.partition == extent.partition);
        match position.and_then(|position| position.next_offset) {
            Some(next_offset) => (extent.end - next_offset).max(0),
            None => (extent.end - extent.low).max(1),
        }
    });
    Some(left.sum())
}
