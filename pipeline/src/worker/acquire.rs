//! Owning a partition: claim in the sink, then have the coordinator check us, then read.
//!
//! The order matters. The claim fences whoever wrote before; the check that follows says that we
//! are the one to do so: a worker that slept through a rebalance, wakes up and claims last would
//! otherwise fence the rightful owner.

use std::time::{Duration, Instant};

use tracing::Level;

use crate::batch::LineId;
use crate::clock;
use crate::member::{At, Membership};
use crate::ownership::{Entry, entry};
use crate::sink::{Progress, Sink, SinkError, StartAt, Token};
use crate::topic_partition::TopicPartition;
use crate::worker::commit::offsets;
use crate::worker::error::WorkerError;
use crate::worker::line::{Owned, State};
use crate::worker::run::{SINK_LOCK_WAIT, Worker};
use crate::worker::sink_trouble::SINK_RETRY;

/// Until a claim is tried again while the group rebalances or the sink is locked.
const RETRY_SOON: Duration = Duration::from_millis(50);
/// Until a claim is tried again after a refusal, or when a broker does not answer.
const RETRY_LATER: Duration = Duration::from_secs(1);
/// How long one question about a log may take.
const WATERMARKS_WAIT: Duration = Duration::from_secs(2);
/// For how long a log must look too short before we believe it: a new leader may know its end
/// offset only after a moment.
const BACKWARDS_GRACE: Duration = Duration::from_secs(5);

/// A claimed line that is about to be read.
struct Candidate {
    id: LineId,
    partition: TopicPartition,
    token: Token,
    entry: Entry,
    next_offset: i64,
}

impl<S: Sink> Worker<'_, '_, S> {
    /// Tries to own what is assigned and due.
    pub(super) async fn acquire_due(&mut self) -> Result<(), WorkerError> {
        let acquired = self.acquire().await?;
        if !acquired.is_empty() {
            self.attach(&acquired);
        }
        Ok(())
    }

    /// The same as the answer to an assignment, which needs one even if nothing could be owned.
    pub(super) async fn acquire_and_answer(&mut self) -> Result<(), WorkerError> {
        let acquired = self.acquire().await?;
        self.attach(&acquired);
        Ok(())
    }

    /// The client could not fetch: claim everything anew, which looks at the log anew.
    pub(super) async fn doubt_positions(&mut self) -> Result<(), WorkerError> {
        self.positions_in_doubt = false;
        self.commit_batch().await?;
        let now = clock::monotonic();
        let ids = self.owned_ids();
        // Nothing is left, unless the sink had no room for it.
        self.drop_records(&ids);
        self.detach(&ids);
        for id in ids {
            self.unclaim(id, None, now);
        }
        Ok(())
    }

    async fn acquire(&mut self) -> Result<Vec<LineId>, WorkerError> {
        let now = clock::monotonic();
        let due: Vec<LineId> = self
            .lines
            .iter()
            .filter(|(_, line)| line.is_due(now))
            .map(|(id, _)| id)
            .collect();
        if due.is_empty() {
            return Ok(Vec::new());
        }
        self.recheck(&due)?;
        self.claim(&due).await?;
        let candidates = self.candidates(&due)?;
        if candidates.is_empty() || !self.confirm(&candidates).await? {
            return Ok(Vec::new());
        }
        self.start(candidates).await
    }

    /// Lines that were fenced are claimed again only if the coordinator still knows us.
    fn recheck(&mut self, due: &[LineId]) -> Result<(), WorkerError> {
        let mut fenced: Vec<LineId> = Vec::new();
        let mut at: Vec<At> = Vec::new();
        for id in due {
            if let Some(line) = self.lines.get(*id)
                && let State::Unclaimed {
                    recheck: Some(offset),
                    ..
                } = line.state
            {
                fenced.push(*id);
                at.push((line.partition.clone(), offset));
            }
        }
        if fenced.is_empty() {
            return Ok(());
        }
        let membership = self
            .member
            .check_membership(&at)
            .map_err(WorkerError::Kafka)?;
        let wait = match membership {
            Membership::Confirmed => None,
            Membership::Rebalancing(_) => Some(RETRY_SOON),
            Membership::Unreachable(_) | Membership::Refused(_) => Some(RETRY_LATER),
        };
        let now = clock::monotonic();
        for (id, (_, offset)) in fenced.iter().zip(&at) {
            match wait {
                None => self.unclaim(*id, None, now),
                Some(wait) => self.unclaim(*id, Some(*offset), now + wait),
            }
        }
        tracing::info!(
            offsets = offsets(&at),
            ?membership,
            "membership checked after fencing"
        );
        Ok(())
    }

    /// Claims, in one sink transaction, the lines that are free to be claimed.
    async fn claim(&mut self, due: &[LineId]) -> Result<(), WorkerError> {
        let now = clock::monotonic();
        let mut ids: Vec<LineId> = Vec::new();
        let mut partitions: Vec<TopicPartition> = Vec::new();
        for id in due {
            if let Some(line) = self.lines.get(*id)
                && matches!(line.state, State::Unclaimed { recheck: None, .. })
                && line.is_due(now)
            {
                ids.push(*id);
                partitions.push(line.partition.clone());
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        self.sink.wait_at_most(SINK_LOCK_WAIT)?;
        let claims = match self.sink.claim(&self.config.worker, &partitions).await {
            Ok(claims) => claims,
            Err(SinkError::Busy { .. }) => {
                tracing::warn!("sink is locked, not claimed");
                for id in ids {
                    self.unclaim(id, None, now + RETRY_SOON);
                }
                return Ok(());
            }
            Err(error) => {
                self.bear_with_sink(error)?;
                for id in ids {
                    self.unclaim(id, None, now + SINK_RETRY);
                }
                return Ok(());
            }
        };
        if !self.sink_commit_failing {
            self.sink_is_well();
        }
        for (id, claim) in ids.into_iter().zip(claims) {
            if let Some(line) = self.lines.get_mut(id) {
                line.state = State::Claimed {
                    token: claim.token,
                    progress: claim.progress,
                    retry_at: now,
                };
            }
        }
        Ok(())
    }

    /// Looks at the log of each claimed line and decides where it goes on.
    fn candidates(&mut self, due: &[LineId]) -> Result<Vec<Candidate>, WorkerError> {
        let mut candidates = Vec::new();
        for id in due {
            let Some((partition, token, progress)) = self.claimed(*id) else {
                continue;
            };
            let (low, end_offset) = match self.member.watermarks(&partition, WATERMARKS_WAIT) {
                Ok(watermarks) => watermarks,
                Err(error) => {
                    tracing::warn!(%partition, %error, "log could not be looked at");
                    self.retry_claimed(*id, RETRY_LATER);
                    continue;
                }
            };
            let entry = entry(progress.as_ref(), low, end_offset, self.config.start);
            let Some(next_offset) = entry.next_offset() else {
                self.on_backwards(*id, &partition, &entry)?;
                continue;
            };
            self.log_is_long_enough(*id);
            candidates.push(Candidate {
                id: *id,
                partition,
                token,
                entry,
                next_offset,
            });
        }
        Ok(candidates)
    }

    fn claimed(&self, id: LineId) -> Option<(TopicPartition, Token, Option<Progress>)> {
        let line = self.lines.get(id)?;
        match &line.state {
            State::Claimed {
                token, progress, ..
            } => Some((line.partition.clone(), *token, progress.clone())),
            _ => None,
        }
    }

    /// Stops the worker once the log has looked too short for long enough.
    fn on_backwards(
        &mut self,
        id: LineId,
        partition: &TopicPartition,
        entry: &Entry,
    ) -> Result<(), WorkerError> {
        let Entry::Backwards {
            next_offset,
            end_offset,
        } = *entry
        else {
            return Ok(());
        };
        let now = clock::monotonic();
        let Some(line) = self.lines.get_mut(id) else {
            return Ok(());
        };
        let since = *line.backwards_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= BACKWARDS_GRACE {
            tracing::event!(target: "probe", Level::DEBUG, name = "worker.log_went_backwards");
            return Err(WorkerError::LogEndsEarly {
                partition: partition.clone(),
                next_offset,
                end_offset,
            });
        }
        tracing::warn!(%partition, next_offset, end_offset, "log looks too short");
        self.retry_claimed(id, RETRY_LATER);
        Ok(())
    }

    fn log_is_long_enough(&mut self, id: LineId) {
        if let Some(line) = self.lines.get_mut(id) {
            line.backwards_since = None;
        }
    }

    /// The coordinator's check, after the claim. `true` if the candidates may be read.
    async fn confirm(&mut self, candidates: &[Candidate]) -> Result<bool, WorkerError> {
        let at: Vec<At> = candidates
            .iter()
            .map(|candidate| (candidate.partition.clone(), candidate.next_offset))
            .collect();
        let membership = self
            .member
            .check_membership(&at)
            .map_err(WorkerError::Kafka)?;
        let ids: Vec<LineId> = candidates.iter().map(|candidate| candidate.id).collect();
        match membership {
            Membership::Confirmed => return Ok(true),
            Membership::Rebalancing(code) => {
                tracing::event!(target: "probe", Level::DEBUG, name = "worker.claim_refused");
                tracing::info!(offsets = offsets(&at), %code, "claim not confirmed, group rebalances");
                self.retry_all_claimed(&ids, RETRY_SOON);
            }
            Membership::Unreachable(code) => {
                tracing::warn!(offsets = offsets(&at), %code, "claim not confirmed, coordinator not reached");
                self.retry_all_claimed(&ids, RETRY_LATER);
            }
            Membership::Refused(code) => {
                tracing::event!(target: "probe", Level::DEBUG, name = "worker.claim_refused");
                tracing::warn!(offsets = offsets(&at), %code, "claim refused");
                self.release(&ids, "claim refused by the coordinator")
                    .await?;
                let now = clock::monotonic();
                for candidate in candidates {
                    self.unclaim(candidate.id, Some(candidate.next_offset), now + RETRY_LATER);
                }
            }
        }
        Ok(false)
    }

    /// Writes down where lines begin, if the sink does not know, and owns them.
    async fn start(&mut self, candidates: Vec<Candidate>) -> Result<Vec<LineId>, WorkerError> {
        let starts: Vec<StartAt> = candidates.iter().filter_map(Candidate::start).collect();
        if !starts.is_empty() {
            match self.sink.start(&self.config.worker, &starts).await {
                Ok(()) => {}
                Err(SinkError::Fenced(partitions)) => {
                    // None was started: the others are tried again with the tokens they have.
                    self.on_fenced(&partitions);
                    return Ok(Vec::new());
                }
                Err(SinkError::Busy { .. }) => {
                    let ids: Vec<LineId> =
                        candidates.iter().map(|candidate| candidate.id).collect();
                    self.retry_all_claimed(&ids, RETRY_SOON);
                    return Ok(Vec::new());
                }
                Err(error) => {
                    // Whether they are started is for the next claim to find out.
                    self.bear_with_sink(error)?;
                    let retry_at = clock::monotonic() + SINK_RETRY;
                    for candidate in &candidates {
                        self.unclaim(candidate.id, None, retry_at);
                    }
                    return Ok(Vec::new());
                }
            }
        }
        let mut owned = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            candidate.tell();
            owned.push(candidate.id);
            if let Some(line) = self.lines.get_mut(candidate.id) {
                line.state = State::Owned(candidate.into_owned());
            }
        }
        Ok(owned)
    }

    /// Lets the client fetch what is owned.
    fn attach(&mut self, ids: &[LineId]) {
        let ids = &self.without_old_attachments(ids)[..];
        let mut added: Vec<At> = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(line) = self.lines.get_mut(*id) {
                line.attached = true;
                let offset = line.owned().map_or(0, Owned::fetch_offset);
                added.push((line.partition.clone(), offset));
            }
        }
        let Err(error) = self.member.attach(&added, &self.lines.attached()) else {
            return;
        };
        tracing::warn!(offsets = offsets(&added), %error, "kafka client refused to fetch");
        let retry_at = clock::monotonic() + RETRY_LATER;
        for id in ids {
            if let Some(line) = self.lines.get_mut(*id) {
                line.attached = false;
            }
            self.unclaim(*id, None, retry_at);
        }
    }

    /// Those of the lines that the client does not fetch from an old place any more; the others wait.
    fn without_old_attachments(&mut self, ids: &[LineId]) -> Vec<LineId> {
        self.detach(ids);
        let attached = |id: &LineId| self.lines.get(*id).is_some_and(|line| line.attached);
        let (waiting, free): (Vec<LineId>, Vec<LineId>) = ids.iter().copied().partition(attached);
        let retry_at = clock::monotonic() + RETRY_SOON;
        for id in waiting {
            self.unclaim(id, None, retry_at);
        }
        free
    }

    /// Stops the client from fetching lines that we stay assigned to.
    ///
    /// Not while a revocation of everything is on its way: librdkafka would take it for the answer
    /// (`rd_kafka_cgrp_incremental_unassign`), join again, and commit in the new generation what is
    /// another's by now. What comes of these lines until then is nobody's record.
    pub(super) fn detach(&mut self, ids: &[LineId]) {
        if self.member.assignment_lost() {
            return;
        }
        let mut removed: Vec<At> = Vec::new();
        for id in ids {
            if let Some(line) = self.lines.get_mut(*id)
                && std::mem::take(&mut line.attached)
            {
                removed.push((line.partition.clone(), 0));
            }
        }
        if removed.is_empty() {
            return;
        }
        if let Err(error) = self.member.detach(&removed, &self.lines.attached()) {
            tracing::warn!(offsets = offsets(&removed), %error, "kafka client refused to stop fetching");
        }
    }

    pub(super) fn unclaim(&mut self, id: LineId, recheck: Option<i64>, retry_at: Instant) {
        if let Some(line) = self.lines.get_mut(id) {
            line.state = State::Unclaimed { recheck, retry_at };
        }
    }

    fn retry_claimed(&mut self, id: LineId, wait: Duration) {
        let at = clock::monotonic() + wait;
        if let Some(line) = self.lines.get_mut(id)
            && let State::Claimed { retry_at, .. } = &mut line.state
        {
            *retry_at = at;
        }
    }

    fn retry_all_claimed(&mut self, ids: &[LineId], wait: Duration) {
        for id in ids {
            self.retry_claimed(*id, wait);
        }
    }

    fn owned_ids(&self) -> Vec<LineId> {
        self.lines
            .iter()
            .filter(|(_, line)| line.owned().is_some())
            .map(|(id, _)| id)
            .collect()
    }
}

impl Candidate {
    /// What the sink must be told before the first record.
    fn start(&self) -> Option<StartAt> {
        let gap = match &self.entry {
            Entry::Begin { .. } => None,
            Entry::OverGap { gap } => Some(gap.clone()),
            Entry::Continue { .. } | Entry::Backwards { .. } => return None,
        };
        Some(StartAt {
            partition: self.partition.clone(),
            token: self.token,
            offset: self.next_offset,
            gap,
        })
    }

    fn tell(&self) {
        if let Entry::OverGap { gap } = &self.entry {
            tracing::event!(target: "probe", Level::DEBUG, name = "worker.gap");
            tracing::error!(
                partition = %self.partition, from = gap.start, to = gap.end, records_max = gap.end - gap.start,
                "gap: retention deleted records before they were read"
            );
        }
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.claimed");
        tracing::info!(partition = %self.partition, token = self.token, next_offset = self.next_offset, "claimed");
    }

    fn into_owned(self) -> Owned {
        let verify = match self.entry {
            Entry::Continue { verify, .. } => verify,
            _ => None,
        };
        Owned {
            token: self.token,
            next_offset: self.next_offset,
            position: self.next_offset,
            offset_committed: Some(self.next_offset),
            verify,
        }
    }
}
