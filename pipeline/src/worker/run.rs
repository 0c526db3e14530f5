//! A worker's life: open the sink, reach the brokers, join the group, work, leave.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::audit::Accounting;
use crate::batch::Batch;
use crate::clock;
use crate::config::Config;
use crate::member::Member;
use crate::processor::{Processor, Rows};
use crate::registry::{self, Definition};
use crate::sink::{Sink, SinkError};
use crate::sqlite::SqliteSink;
use crate::worker::error::WorkerError;
use crate::worker::lag::LagWatch;
use crate::worker::line::Lines;
use crate::worker::shutdown::Shutdown;

/// How long one poll may wait, so that a wish to end is noticed soon.
pub(super) const POLL_WAIT_MAX: Duration = Duration::from_millis(100);
/// How long one wait for the sink's lock may block.
pub(super) const SINK_LOCK_WAIT: Duration = Duration::from_secs(5);

/// What a worker did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// What became of the records that this worker committed in the sink.
    pub accounting: Accounting,
    /// Its sink commits.
    pub sink_commits: u64,
    /// At its end the sink was full or failed.
    pub sink_failing: bool,
}

/// Runs one worker until `shutdown` is ready, or something can't go on. It finishes its batch or
/// drops it, releases its partitions and leaves the group before it returns.
///
/// Kafka's client and SQLite block the calling task; run it on a runtime of its own.
///
/// # Errors
/// See [`WorkerError`].
pub async fn run(
    config: &Config,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, WorkerError> {
    let definition = registry::find(&config.processor)
        .ok_or_else(|| WorkerError::UnknownProcessor(config.processor.clone()))?;
    let processor = definition.processor(&config.fields)?;
    let mut shutdown = Shutdown::new(shutdown);
    let Some(sink) = open_sink(config, definition, &mut shutdown).await? else {
        return Ok(Summary::default());
    };
    let member = Member::new(config).map_err(WorkerError::Client)?;
    if !wait_for_topics(config, &member, &mut shutdown).await? {
        return Ok(Summary::default());
    }
    member
        .subscribe(&config.topics)
        .map_err(WorkerError::Kafka)?;
    tracing::info!(
        group = config.group,
        topics = config.topics.join(","),
        worker = config.worker,
        "subscribed"
    );
    let worker = Worker {
        config,
        member,
        sink,
        processor,
        lines: Lines::default(),
        batch: Batch::default(),
        rows: Rows::default(),
        shutdown,
        offsets_committed_at: clock::monotonic(),
        offsets_repeated_at: clock::monotonic(),
        positions_in_doubt: false,
        has_left: false,
        lag: LagWatch::new(config),
        sink_failing_since: None,
        sink_commit_failing: false,
        summary: Summary::default(),
    };
    worker.run().await
}

/// A worker at work.
pub(super) struct Worker<'c, 'f, S> {
    pub(super) config: &'c Config,
    pub(super) member: Member,
    pub(super) sink: S,
    pub(super) processor: Box<dyn Processor>,
    pub(super) lines: Lines,
    pub(super) batch: Batch,
    pub(super) rows: Rows,
    pub(super) shutdown: Shutdown<'f>,
    pub(super) offsets_committed_at: Instant,
    /// When what Kafka knows of the offsets was last doubted.
    pub(super) offsets_repeated_at: Instant,
    /// The client could not fetch from a position: claim and look at the log anew.
    pub(super) positions_in_doubt: bool,
    /// The client has left the group by itself: another one has to take its place.
    pub(super) has_left: bool,
    pub(super) lag: LagWatch,
    /// Since when the sink has been full or has failed.
    pub(super) sink_failing_since: Option<Instant>,
    /// It was a sink commit that failed: a claim, which writes little, does not show that it works.
    pub(super) sink_commit_failing: bool,
    pub(super) summary: Summary,
}

impl<S: Sink> Worker<'_, '_, S> {
    async fn run(mut self) -> Result<Summary, WorkerError> {
        let worked = self.work().await;
        let left = self.leave(worked.is_ok()).await;
        worked.and(left)?;
        self.summary.sink_failing = self.sink_failing_since.is_some();
        Ok(self.summary)
    }

    async fn work(&mut self) -> Result<(), WorkerError> {
        while !self.shutdown.requested().await {
            self.fill_batch()?;
            if self.has_left {
                self.renew_client().await?;
            }
            self.act_on_rebalance().await?;
            self.watch_lag().await;
            if self.batch.is_due(clock::monotonic(), &self.config.batch) {
                self.commit_batch().await?;
            }
            if self.positions_in_doubt {
                self.doubt_positions().await?;
            }
            self.acquire_due().await?;
            self.commit_offsets_when_due();
        }
        Ok(())
    }
}

/// Opens the sink, waiting for its lock; `None` if the worker is to end first.
async fn open_sink(
    config: &Config,
    definition: &'static Definition,
    shutdown: &mut Shutdown<'_>,
) -> Result<Option<SqliteSink>, WorkerError> {
    let started = clock::monotonic();
    loop {
        let opened = SqliteSink::open(
            &config.sqlite,
            definition,
            &config.definition_text(),
            SINK_LOCK_WAIT,
        );
        match opened {
            Ok(sink) => return Ok(Some(sink)),
            Err(SinkError::Busy { .. }) if started.elapsed() < config.limits.sink_wait => {}
            Err(error @ (SinkError::Full { .. } | SinkError::Failed { .. }))
                if started.elapsed() < config.limits.sink_wait =>
            {
                tracing::error!(%error, "sink can't be opened, trying again");
            }
            Err(error) => return Err(error.into()),
        }
        if shutdown.requested().await {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until every topic is there; `false` if the worker is to end first.
async fn wait_for_topics(
    config: &Config,
    member: &Member,
    shutdown: &mut Shutdown<'_>,
) -> Result<bool, WorkerError> {
    let started = clock::monotonic();
    for topic in &config.topics {
        loop {
            let found = member.topic_exists(topic, Duration::from_secs(1));
            if matches!(found, Ok(true)) {
                break;
            }
            let waited = started.elapsed();
            if waited >= config.limits.broker_wait {
                let brokers = config.brokers.clone();
                return Err(match found {
                    Err(reason) => WorkerError::Unreachable {
                        brokers,
                        waited,
                        reason,
                    },
                    Ok(_) => WorkerError::TopicMissing {
                        topic: topic.clone(),
                        brokers,
                        waited,
                    },
                });
            }
            if shutdown.requested().await {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(true)
}
