//! How far the sink is behind the log.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::config::{Config, Start};
use crate::kafka_log::{self, LogError};
use crate::sqlite::{Position, ReadError, Reader};

/// One partition: the sink against the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The worker that claimed it last and has not released it.
    pub owner: Option<String>,
    /// The sink's position; `None` if it has never seen the partition.
    pub sink_offset: Option<i64>,
    /// The log's end.
    pub end_offset: i64,
    /// Records that are not in the sink yet.
    pub lag: i64,
}

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The log can't be looked at.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The sink can't be read.
    #[error(transparent)]
    Sink(#[from] ReadError),
}

/// Compares sink and log, waiting for brokers for `wait` at most. A sink that is not there yet has
/// seen nothing.
///
/// # Errors
/// See [`StatusError`].
pub fn status(config: &Config, wait: Duration) -> Result<Vec<PartitionStatus>, StatusError> {
    let positions = positions(&config.sqlite, &config.processor)?;
    let extents = kafka_log::extents(config, wait)?;
    Ok(extents
        .into_iter()
        .map(|extent| {
            let position = positions
                .iter()
                .find(|position| position.partition == extent.partition);
            let sink_offset = position.and_then(|position| position.next_offset);
            let start = match config.start {
                Start::Earliest => extent.low,
                Start::Latest => extent.end,
            };
            PartitionStatus {
                topic: extent.partition.topic,
                partition: extent.partition.partition,
                owner: position.and_then(|position| position.owner.clone()),
                sink_offset,
                end_offset: extent.end,
                lag: extent.end - sink_offset.unwrap_or(start),
            }
        })
        .collect())
}

/// The sink's positions; none if there is no sink yet.
pub(crate) fn positions(sink: &Path, result_set: &str) -> Result<Vec<Position>, ReadError> {
    match Reader::open(sink, result_set) {
        Ok(reader) => reader.positions(),
        Err(ReadError::NoSink { .. } | ReadError::NoResultSet { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
