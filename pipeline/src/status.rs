//! How far the sink is behind the log.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use serde::Serialize;

use crate::clock;
use crate::config::{Config, Start};
use crate::kafka_log::{self, LogError, LogExtent};
use crate::lag::estimate::Estimate;
use crate::lag::look::{self, Reader};
use crate::lag::monitor::{Answer, Monitor, Progress, Reading};
use crate::sqlite::{self, Position, ReadError};

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
    /// Offsets that are not in the sink yet.
    pub lag: i64,
    /// The age of the oldest record that is not in the sink yet, in milliseconds; `None` if it is
    /// not known.
    pub lag_ms: Option<i64>,
    /// It is more than `lag_ms_max` behind.
    pub alert: bool,
    /// The lag in full, and what it is based on.
    pub estimate: Estimate,
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
    StatusWatch::new(config, Duration::from_secs(10))?.look(wait)
}

/// Compares sink and log again and again. What was seen before tells wrong clocks from real lag.
pub struct StatusWatch<'c> {
    config: &'c Config,
    client: BaseConsumer,
    reader: Option<Reader>,
    monitor: Monitor,
}

impl<'c> StatusWatch<'c> {
    /// A watch that looks every `interval`. Nothing is asked yet.
    ///
    /// # Errors
    /// If the client refuses its properties.
    pub fn new(config: &'c Config, interval: Duration) -> Result<Self, LogError> {
        Ok(Self {
            config,
            client: kafka_log::client(config)?,
            reader: None,
            monitor: Monitor::new(config.limits.lag, interval),
        })
    }

    /// Compares sink and log now, waiting for brokers for `wait` at most.
    ///
    /// # Errors
    /// See [`StatusError`].
    pub fn look(&mut self, wait: Duration) -> Result<Vec<PartitionStatus>, StatusError> {
        let config = self.config;
        let positions = positions(&config.sqlite, &config.processor)?;
        let asked = clock::monotonic();
        let extents = kafka_log::extents_by(&self.client, config, wait)?;
        let answered = clock::monotonic();
        let at: Vec<(LogExtent, Option<Position>)> = extents
            .into_iter()
            .map(|extent| {
                let position = positions
                    .iter()
                    .find(|position| position.partition == extent.partition);
                (extent, position.cloned())
            })
            .collect();
        let readings = self.judge(&at, asked, answered);
        Ok(at
            .into_iter()
            .zip(readings)
            .map(|((extent, position), reading)| self.tell(extent, position, reading))
            .collect())
    }

    /// The reading of each partition, in the same order.
    fn judge(
        &mut self,
        at: &[(LogExtent, Option<Position>)],
        asked: Instant,
        answered: Instant,
    ) -> Vec<Reading> {
        let start = self.config.start;
        let progress: Vec<Progress> = at
            .iter()
            .map(|(extent, position)| Progress {
                partition: extent.partition.clone(),
                next_offset: Some(first_unprocessed(extent, position.as_ref(), start)),
                head: None,
            })
            .collect();
        self.monitor.progress(answered, &progress);
        let ends = at.iter().zip(&progress).map(|((extent, _), progress)| {
            let from = progress
                .next_offset
                .filter(|next_offset| *next_offset < extent.end);
            let stop = AtomicBool::new(false);
            let read = from.and_then(|from| {
                look::read(
                    &mut self.reader,
                    self.config,
                    &extent.partition,
                    from,
                    &stop,
                )
            });
            Answer {
                partition: extent.partition.clone(),
                asked,
                answered,
                end_offset: extent.end,
                read,
            }
        });
        let answers: Vec<Answer> = ends.collect();
        let (now, wall_ms) = (clock::monotonic(), clock::wall_ms());
        self.monitor.answered(now, wall_ms, &answers);
        let (readings, _) = self.monitor.judge(now, wall_ms, true);
        let reading_of = |(extent, _): &(LogExtent, Option<Position>)| {
            let found = readings
                .iter()
                .find(|reading| reading.partition == extent.partition);
            found.expect("everything asked is judged").clone()
        };
        at.iter().map(reading_of).collect()
    }

    fn tell(
        &self,
        extent: LogExtent,
        position: Option<Position>,
        reading: Reading,
    ) -> PartitionStatus {
        let sink_offset = position.as_ref().and_then(|position| position.next_offset);
        let behind = extent.end - first_unprocessed(&extent, position.as_ref(), self.config.start);
        let lag_max = self.config.limits.lag;
        PartitionStatus {
            topic: extent.partition.topic,
            partition: extent.partition.partition,
            owner: position.and_then(|position| position.owner),
            sink_offset,
            end_offset: extent.end,
            lag: reading.estimate.lag_offsets.unwrap_or(behind),
            lag_ms: reading.estimate.lag_ms,
            alert: reading.raised || reading.estimate.is_over(lag_max),
            estimate: reading.estimate,
        }
    }
}

/// The sink's position; what a worker would begin with, if it has none.
fn first_unprocessed(extent: &LogExtent, position: Option<&Position>, start: Start) -> i64 {
    match position.and_then(|position| position.next_offset) {
        Some(next_offset) => next_offset,
        None => match start {
            Start::Earliest => extent.low,
            Start::Latest => extent.end,
        },
    }
}

/// The sink's positions; none if there is no sink yet.
pub(crate) fn positions(sink: &Path, result_set: &str) -> Result<Vec<Position>, ReadError> {
    match sqlite::Reader::open(sink, result_set) {
        Ok(reader) => reader.positions(),
        Err(ReadError::NoSink { .. } | ReadError::NoResultSet { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
