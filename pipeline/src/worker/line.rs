//! One assigned partition, from assignment to release.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::batch::LineId;
use crate::member::At;
use crate::sink::{LastRecord, Progress, Token};
use crate::topic_partition::TopicPartition;

/// A partition that the group assigned to this worker.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) partition: TopicPartition,
    pub(super) state: State,
    /// The client fetches it.
    pub(super) attached: bool,
    /// Since when its log has looked shorter than what the sink has read.
    pub(super) backwards_since: Option<Instant>,
}

/// How far this worker is with owning a line.
#[derive(Debug)]
pub(super) enum State {
    /// Not claimed. `recheck`: someone fenced us, so ask the coordinator before claiming again.
    Unclaimed {
        recheck: Option<i64>,
        retry_at: Instant,
    },
    /// Claimed in the sink, but the coordinator has not confirmed us yet.
    Claimed {
        token: Token,
        progress: Option<Progress>,
        retry_at: Instant,
    },
    /// Claimed, confirmed, being read.
    Owned(Owned),
}

/// A line that is being read.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    pub(super) token: Token,
    /// The sink's position.
    pub(super) next_offset: i64,
    /// The first offset that was not polled yet.
    pub(super) position: i64,
    /// What Kafka was told last.
    pub(super) offset_committed: Option<i64>,
    /// A record to compare before going on.
    pub(super) verify: Option<LastRecord>,
}

impl Owned {
    /// Where the client has to fetch from.
    pub(super) fn fetch_offset(&self) -> i64 {
        self.verify.map_or(self.position, |verify| verify.offset)
    }
}

impl Line {
    pub(super) fn owned(&self) -> Option<&Owned> {
        match &self.state {
            State::Owned(owned) => Some(owned),
            _ => None,
        }
    }

    pub(super) fn owned_mut(&mut self) -> Option<&mut Owned> {
        match &mut self.state {
            State::Owned(owned) => Some(owned),
            _ => None,
        }
    }

    /// The token, once claimed.
    pub(super) fn token(&self) -> Option<Token> {
        match &self.state {
            State::Unclaimed { .. } => None,
            State::Claimed { token, .. } => Some(*token),
            State::Owned(owned) => Some(owned.token),
        }
    }

    /// Something is to be done to own it.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        match &self.state {
            State::Unclaimed { retry_at, .. } | State::Claimed { retry_at, .. } => *retry_at <= now,
            State::Owned(_) => false,
        }
    }
}

/// All lines of a worker.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<LineId, Line>,
    next_id: LineId,
    last_found: LineId,
}

impl Lines {
    /// Adds a partition that is to be claimed at once.
    pub(super) fn add(&mut self, partition: TopicPartition, now: Instant) {
        let line = Line {
            partition,
            state: State::Unclaimed {
                recheck: None,
                retry_at: now,
            },
            attached: false,
            backwards_since: None,
        };
        self.lines.insert(self.next_id, line);
        self.next_id += 1;
    }

    pub(super) fn remove(&mut self, id: LineId) -> Option<Line> {
        self.lines.remove(&id)
    }

    pub(super) fn get(&self, id: LineId) -> Option<&Line> {
        self.lines.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: LineId) -> Option<&mut Line> {
        self.lines.get_mut(&id)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        self.lines.values_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (LineId, &Line)> {
        self.lines.iter().map(|(id, line)| (*id, line))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Finds a partition's line; records come in runs, so the last one found is tried first.
    pub(super) fn find(&mut self, topic: &str, partition: i32) -> Option<LineId> {
        let fits =
            |line: &Line| line.partition.partition == partition && line.partition.topic == topic;
        if self.lines.get(&self.last_found).is_some_and(fits) {
            return Some(self.last_found);
        }
        let id = self
            .lines
            .iter()
            .find(|(_, line)| fits(line))
            .map(|(id, _)| *id)?;
        self.last_found = id;
        Some(id)
    }

    /// The lines of `partitions`.
    pub(super) fn find_all(&mut self, partitions: &[TopicPartition]) -> Vec<LineId> {
        partitions
            .iter()
            .filter_map(|partition| self.find(&partition.topic, partition.partition))
            .collect()
    }

    /// Everything the client fetches, and from where.
    pub(super) fn attached(&self) -> Vec<At> {
        self.lines
            .values()
            .filter(|line| line.attached)
            .map(|line| {
                let offset = line.owned().map_or(0, Owned::fetch_offset);
                (line.partition.clone(), offset)
            })
            .collect()
    }
}
