//! Acting on rebalances, and leaving.

use std::time::Duration;

use tracing::Level;

use crate::batch::LineId;
use crate::clock;
use crate::member::At;
use crate::rebalance::RebalanceEvent;
use crate::sink::{Sink, SinkError, Token};
use crate::topic_partition::{self, TopicPartition};
use crate::worker::error::WorkerError;
use crate::worker::line::Owned;
use crate::worker::run::{POLL_WAIT_MAX, SINK_LOCK_WAIT, Worker};

/// How long leaving waits for the group's revocation.
const LEAVE_WAIT: Duration = Duration::from_secs(5);

impl<S: Sink> Worker<'_, '_, S> {
    /// Acts on everything that the callbacks wrote down.
    pub(super) async fn act_on_rebalance(&mut self) -> Result<(), WorkerError> {
        while let Some(event) = self.member.next_event() {
            match event {
                RebalanceEvent::Assigned(partitions) => {
                    tracing::info!(partitions = topic_partition::join(&partitions), "assigned");
                    let now = clock::monotonic();
                    for partition in partitions {
                        if self
                            .lines
                            .find(&partition.topic, partition.partition)
                            .is_none()
                        {
                            self.lines.add(partition, now);
                        }
                    }
                    self.acquire_and_answer().await?;
                }
                RebalanceEvent::Revoked { partitions, lost } => {
                    self.revoke(&partitions, lost).await?
                }
            }
        }
        Ok(())
    }

    /// Finishes or drops what is buffered, releases, and lets the group go on.
    async fn revoke(
        &mut self,
        partitions: &[TopicPartition],
        lost: bool,
    ) -> Result<(), WorkerError> {
        let ids = self.lines.find_all(partitions);
        let buffered = self
            .batch
            .records()
            .iter()
            .any(|record| ids.contains(&record.line));
        let drained = if lost || !buffered {
            Ok(())
        } else {
            self.drain().await
        };
        let dropped = self.drop_records(&ids);
        tracing::info!(
            partitions = topic_partition::join(partitions),
            lost,
            drained = buffered && dropped == 0,
            dropped,
            "revoked"
        );
        if !lost {
            self.commit_offsets();
        }
        let released = self
            .release(&ids, if lost { "lost" } else { "revoked" })
            .await;
        self.let_go(&ids)?;
        drained.and(released)
    }

    /// Commits the batch within the stated bound. Past it, dropping is right: fencing makes it
    /// safe, and whoever comes next reads the records again.
    async fn drain(&mut self) -> Result<(), WorkerError> {
        match self.commit_within(self.config.limits.drain).await {
            Err(WorkerError::Sink(SinkError::Busy { .. } | SinkError::Full { .. })) => {
                tracing::event!(target: "probe", Level::DEBUG, name = "worker.drain_timeout");
                tracing::warn!(records = self.batch.records().len(), "drain took too long");
                Ok(())
            }
            other => other,
        }
    }

    /// Gives lines up in the sink. If it is locked or in trouble, the next claim does the same.
    pub(super) async fn release(&mut self, ids: &[LineId], why: &str) -> Result<(), WorkerError> {
        let held: Vec<(TopicPartition, Token)> = ids
            .iter()
            .filter_map(|id| self.lines.get(*id))
            .filter_map(|line| Some((line.partition.clone(), line.token()?)))
            .collect();
        if held.is_empty() {
            return Ok(());
        }
        self.sink
            .wait_at_most(SINK_LOCK_WAIT.min(self.config.limits.drain))?;
        match self.sink.release(&self.config.worker, &held, why).await {
            Ok(()) => {
                let partitions = topic_partition::join(held.iter().map(|(partition, _)| partition));
                tracing::info!(partitions, why, "released");
                Ok(())
            }
            Err(SinkError::Busy { .. }) => {
                tracing::warn!("sink is locked, not released");
                Ok(())
            }
            Err(error @ (SinkError::Full { .. } | SinkError::Failed { .. })) => {
                tracing::warn!(%error, "not released");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Answers a revocation and forgets the lines.
    fn let_go(&mut self, ids: &[LineId]) -> Result<(), WorkerError> {
        let mut attached: Vec<At> = Vec::new();
        for id in ids {
            if let Some(line) = self.lines.remove(*id)
                && line.attached
            {
                let offset = line.owned().map_or(0, Owned::fetch_offset);
                attached.push((line.partition, offset));
            }
        }
        self.member
            .answer_revocation(&attached)
            .map_err(WorkerError::Kafka)
    }

    /// Finishes the batch if all is well, else drops it; releases everything and leaves the group.
    pub(super) async fn leave(&mut self, finish: bool) -> Result<(), WorkerError> {
        let drained = if finish { self.drain().await } else { Ok(()) };
        let ids: Vec<LineId> = self.lines.iter().map(|(id, _)| id).collect();
        let dropped = self.drop_records(&ids);
        self.commit_offsets();
        let released = self.release(&ids, "leaving").await;
        tracing::info!(dropped, "leaving");
        let started = clock::monotonic();
        if self.member.unsubscribe() {
            while !self.lines.is_empty() && started.elapsed() < LEAVE_WAIT {
                // What the client still delivers is not ours any more.
                drop(self.member.poll(POLL_WAIT_MAX));
                while let Some(event) = self.member.next_event() {
                    self.leave_on(event)?;
                }
                tokio::task::yield_now().await;
            }
        }
        // An error that made us leave is the one to report.
        if finish {
            drained.and(released)
        } else {
            Ok(())
        }
    }

    fn leave_on(&mut self, event: RebalanceEvent) -> Result<(), WorkerError> {
        match event {
            RebalanceEvent::Assigned(_) => {
                let all = self.lines.attached();
                self.member.attach(&[], &all).map_err(WorkerError::Kafka)
            }
            RebalanceEvent::Revoked { partitions, .. } => {
                let ids = self.lines.find_all(&partitions);
                self.let_go(&ids)
            }
        }
    }
}
