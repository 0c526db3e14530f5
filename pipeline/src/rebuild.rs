//! Building a result set again from the log.

use std::future::Future;

use crate::catch_up::{CaughtUp, catch_up};
use crate::config::Config;
use crate::kafka_log::{self, LogError, LogExtent};
use crate::registry;
use crate::sink::SinkError;
use crate::sqlite::{self, ReadError};
use crate::status;
use crate::worker::WorkerError;

/// Why a result set was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The log can't be looked at; nothing was deleted.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The sink can't be read; nothing was deleted.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The result set can't be deleted.
    #[error(transparent)]
    Reset(#[from] SinkError),
    /// It was deleted, but building it failed; building goes on with the next start of a worker.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// What a rebuild would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildPlan {
    /// The log as it is now.
    pub ends: Vec<LogExtent>,
    /// Records, at most, that the result set was built of and that the log no longer holds. Their
    /// rows would be gone for good.
    pub records_lost_max: i64,
    /// Offsets to read again.
    pub records: i64,
}

/// Looks at log and sink, changes nothing.
///
/// # Errors
/// See [`RebuildError`].
pub fn plan(config: &Config) -> Result<RebuildPlan, RebuildError> {
    let positions = status::positions(&config.sqlite, &config.processor)?;
    let ends = kafka_log::extents(config, config.limits.broker_wait)?;
    let mut plan = RebuildPlan {
        records_lost_max: 0,
        records: 0,
        ends,
    };
    for extent in &plan.ends {
        let first = positions
            .iter()
            .find(|position| position.partition == extent.partition)
            .and_then(|position| position.first_offset)
            .unwrap_or(extent.low);
        plan.records_lost_max += (extent.low - first).max(0);
        plan.records += extent.end - extent.low.max(first).min(extent.end);
    }
    Ok(plan)
}

/// Deletes the result set and reads the log again, up to where it ended when `plan` was made.
/// Workers of the same group may go on meanwhile: they are fenced, and help.
///
/// # Errors
/// See [`RebuildError`].
pub async fn rebuild(
    config: &Config,
    plan: &RebuildPlan,
    progress: impl FnMut(i64),
    interrupt: impl Future<Output = ()>,
) -> Result<CaughtUp, RebuildError> {
    let definition = registry::find(&config.processor)
        .ok_or_else(|| WorkerError::UnknownProcessor(config.processor.clone()))?;
    sqlite::reset(
        &config.sqlite,
        definition,
        &config.definition_text(),
        config.limits.sink_wait,
    )?;
    Ok(catch_up(config, &plan.ends, progress, interrupt).await?)
}
