//! The sink commit, and the offset commit after it.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::Level;

use crate::batch::LineId;
use crate::clock;
use crate::member::At;
use crate::sink::{
    BatchLine, LastRecord, Outcome, Receipt, Sink, SinkBatch, SinkError, SinkRecord,
};
use crate::topic_partition::TopicPartition;
use crate::worker::error::WorkerError;
use crate::worker::line::State;
use crate::worker::process::process;
use crate::worker::run::{SINK_LOCK_WAIT, Worker};
use crate::worker::sink_trouble::SINK_RETRY;

/// How many single records one batch may put into the log by name.
const NAMED_RECORDS_MAX: usize = 10;

/// After so many intervals the offsets are committed again, whether or not they have moved.
const REPEAT_EVERY: u32 = 10;

impl<S: Sink> Worker<'_, '_, S> {
    /// Commits the batch in the sink, or fails.
    pub(super) async fn commit_batch(&mut self) -> Result<(), WorkerError> {
        self.commit_within(self.config.limits.sink_wait).await
    }

    /// Commits the batch in the sink, waiting for its lock for `bound` at most. Records of lines
    /// that were fenced are dropped on the way.
    ///
    /// After an error the batch is as it was, and so it is where there is no room for it and the
    /// worker is to end. Where the sink can't say whether it holds the batch,
    /// its lines are claimed anew and it is dropped.
    pub(super) async fn commit_within(&mut self, bound: Duration) -> Result<(), WorkerError> {
        let started = clock::monotonic();
        while !self.batch.is_empty() {
            let left = bound.saturating_sub(started.elapsed());
            self.sink.wait_at_most(left.min(SINK_LOCK_WAIT))?;
            match self.try_commit().await {
                Ok(()) => {
                    self.sink_is_well();
                    break;
                }
                Err(SinkError::Fenced(partitions)) => self.on_fenced(&partitions),
                Err(busy @ SinkError::Busy { .. }) => {
                    tracing::warn!("sink is locked");
                    self.watch_lag().await;
                    let ending = self.shutdown.requested().await;
                    if started.elapsed() >= bound
                        || (ending && started.elapsed() >= self.config.limits.drain)
                    {
                        return Err(busy.into());
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error @ SinkError::Failed { .. }) => {
                    self.sink_commit_failing = true;
                    self.bear_with_sink(error)?;
                    self.drop_batch_in_doubt();
                    break;
                }
                Err(full @ SinkError::Full { .. }) => {
                    self.sink_commit_failing = true;
                    if started.elapsed() >= bound {
                        return Err(full.into());
                    }
                    if self.shutdown.requested().await {
                        tracing::warn!(%full, "told to end, what is buffered is read again later");
                        break;
                    }
                    self.bear_with_sink(full)?;
                    self.watch_lag().await;
                    let left = bound.saturating_sub(started.elapsed());
                    tokio::time::sleep(SINK_RETRY.min(left)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn try_commit(&mut self) -> Result<(), SinkError> {
        let ids = self.line_indices();
        let records = process(&self.batch, &ids, self.processor.as_ref(), &mut self.rows);
        let lines = self.batch_lines(&ids, &records);
        let batch = SinkBatch {
            worker: &self.config.worker,
            ingest_time_ms: clock::wall_ms(),
            seen_horizon: self.config.seen_horizon,
            lines: &lines,
            records: &records,
            rows: &self.rows,
        };
        let receipt = self.sink.commit(&batch).await?;
        tell(&batch, &receipt);
        for (id, index) in &ids {
            if let Some(owned) = self.lines.get_mut(*id).and_then(|line| line.owned_mut()) {
                owned.next_offset = lines[*index].next_offset;
            }
        }
        self.summary.accounting += receipt.accounting;
        self.summary.sink_commits += 1;
        self.batch.clear();
        Ok(())
    }

    /// The lines that the batch has records of, numbered.
    fn line_indices(&self) -> BTreeMap<LineId, usize> {
        let mut ids: BTreeMap<LineId, usize> = self
            .batch
            .records()
            .iter()
            .map(|record| (record.line, 0))
            .collect();
        for (index, place) in ids.values_mut().enumerate() {
            *place = index;
        }
        ids
    }

    fn batch_lines(
        &self,
        ids: &BTreeMap<LineId, usize>,
        records: &[SinkRecord<'_>],
    ) -> Vec<BatchLine> {
        let mut lines: Vec<BatchLine> = ids
            .keys()
            .map(|id| {
                // Records of a line are taken only while it is owned, and dropped when it no longer is.
                let line = self
                    .lines
                    .get(*id)
                    .expect("a line with records in the batch exists");
                let owned = line
                    .owned()
                    .expect("a line with records in the batch is owned");
                BatchLine {
                    partition: line.partition.clone(),
                    token: owned.token,
                    from_offset: owned.next_offset,
                    next_offset: owned.next_offset,
                    last: None,
                    last_broker_time_ms: None,
                }
            })
            .collect();
        for record in records
            .iter()
            .filter(|record| record.outcome != Outcome::Redelivered)
        {
            let line = &mut lines[record.line];
            line.next_offset = record.offset + 1;
            line.last = Some(LastRecord {
                offset: record.offset,
                digest: record.digest,
            });
            line.last_broker_time_ms = record.broker_time_ms;
        }
        lines
    }

    /// Others have claimed these partitions: what we hold of them is worth nothing any more.
    pub(super) fn on_fenced(&mut self, partitions: &[TopicPartition]) {
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.fenced");
        let now = clock::monotonic();
        let ids = self.lines.find_all(partitions);
        let dropped = self.drop_records(&ids);
        for id in &ids {
            let Some(line) = self.lines.get_mut(*id) else {
                continue;
            };
            let recheck = line.owned().map_or(0, |owned| owned.next_offset);
            tracing::warn!(partition = %line.partition, token = line.token(), dropped, "fenced");
            line.state = State::Unclaimed {
                recheck: Some(recheck),
                retry_at: now,
            };
        }
        self.detach(&ids);
    }

    /// Drops the batch's records of some lines.
    pub(super) fn drop_records(&mut self, ids: &[LineId]) -> usize {
        let dropped = self.batch.retain(|record| !ids.contains(&record.line));
        if dropped > 0 {
            tracing::event!(target: "probe", Level::DEBUG, name = "worker.buffer_dropped");
        }
        dropped
    }

    /// Tells Kafka how far the sink is, now and then.
    pub(super) fn commit_offsets_when_due(&mut self) {
        let now = clock::monotonic();
        let interval = self.config.limits.offset_commit_interval;
        if now.saturating_duration_since(self.offsets_repeated_at) >= interval * REPEAT_EVERY {
            self.offsets_repeated_at = now;
            self.forget_committed_offsets();
        }
        if now.saturating_duration_since(self.offsets_committed_at) >= interval {
            self.offsets_committed_at = now;
            self.commit_offsets();
        }
    }

    /// The outcome of an asynchronous commit is not reported (rust-rdkafka calls `commit_callback`
    /// for others only), and one that meets a rebalance or a broker's end is refused. On a quiet
    /// partition nothing would ever say it again, and monitoring would show a lag that is none.
    fn forget_committed_offsets(&mut self) {
        for line in self.lines.iter_mut() {
            if let Some(owned) = line.owned_mut() {
                owned.offset_committed = None;
            }
        }
    }

    /// Tells Kafka how far the sink is, where Kafka does not know yet.
    pub(super) fn commit_offsets(&mut self) {
        let mut news: Vec<At> = Vec::new();
        for line in self.lines.iter_mut() {
            let partition = line.partition.clone();
            if let Some(owned) = line.owned_mut()
                && owned.offset_committed != Some(owned.next_offset)
            {
                owned.offset_committed = Some(owned.next_offset);
                news.push((partition, owned.next_offset));
            }
        }
        if !news.is_empty() {
            tracing::debug!(offsets = offsets(&news), "offset commit");
            self.member.commit_offsets(&news);
        }
    }
}

/// `trades-0@5,trades-3@7`.
pub(super) fn offsets(at: &[At]) -> String {
    let all: Vec<String> = at
        .iter()
        .map(|(partition, offset)| format!("{partition}@{offset}"))
        .collect();
    all.join(",")
}

/// Writes what a batch did into the log.
fn tell(batch: &SinkBatch<'_>, receipt: &Receipt) {
    let accounting = &receipt.accounting;
    if tracing::enabled!(Level::DEBUG) {
        let ranges: Vec<String> = batch
            .lines
            .iter()
            .map(|line| {
                format!(
                    "{}@{}..{}",
                    line.partition, line.from_offset, line.next_offset
                )
            })
            .collect();
        tracing::debug!(offsets = ranges.join(","), ?accounting, "sink commit");
    }
    if accounting.redelivered > 0 {
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.redelivered");
    }
    if accounting.duplicates > 0 {
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.duplicate");
    }
    let at = |record: &SinkRecord<'_>| {
        (
            batch.lines[record.line].partition.to_string(),
            record.offset,
        )
    };
    for index in receipt.duplicates.iter().take(NAMED_RECORDS_MAX) {
        let (partition, offset) = at(&batch.records[*index]);
        tracing::debug!(partition, offset, "duplicate");
    }
    if accounting.quarantined > 0 {
        tell_quarantined(batch, receipt, at);
    }
}

fn tell_quarantined(
    batch: &SinkBatch<'_>,
    receipt: &Receipt,
    at: impl Fn(&SinkRecord<'_>) -> (String, i64),
) {
    tracing::event!(target: "probe", Level::DEBUG, name = "worker.quarantined");
    if !receipt.conflicts.is_empty() {
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.conflict");
    }
    for index in receipt.conflicts.iter().take(NAMED_RECORDS_MAX) {
        let (partition, offset) = at(&batch.records[*index]);
        tracing::warn!(
            partition,
            offset,
            "conflict: message id came before with another payload"
        );
    }
    let mut unnamed = receipt
        .accounting
        .quarantined
        .saturating_sub(receipt.conflicts.len() as u64);
    for record in batch.records {
        let Outcome::Quarantined(reason) = &record.outcome else {
            continue;
        };
        if receipt.accounting.quarantined - unnamed >= NAMED_RECORDS_MAX as u64 {
            tracing::warn!(more = unnamed, "more quarantined");
            break;
        }
        let (partition, offset) = at(record);
        tracing::warn!(
            partition,
            offset,
            cause = reason.cause.name(),
            detail = reason.detail,
            "quarantined"
        );
        unnamed -= 1;
    }
}
