//! A partition as the consumer tracks it: where it fetches, what the application has seen, what
//! is stored and committed.

use std::time::Duration;

use crate::config::IsolationLevel;
use crate::topic_partition_list::OFFSET_INVALID;

/// What the fetcher does with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FetchState {
    /// Not started.
    Stopped,
    /// An offset is being looked up.
    OffsetQuery,
    /// Fetching.
    Active,
    /// Started, but nothing to fetch from: `auto.offset.reset=error`, or a refused seek.
    Failed,
}

/// Where a partition's log begins and ends, as the last fetch said; -1001 before the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watermarks {
    pub(super) low: i64,
    pub(super) high: i64,
    /// The last stable offset; -1 of brokers that know none.
    pub(super) last_stable: i64,
}

impl Watermarks {
    const UNKNOWN: Self = Self {
        low: OFFSET_INVALID,
        high: OFFSET_INVALID,
        last_stable: OFFSET_INVALID,
    };

    /// The last stable offset as librdkafka keeps it: what a reader of this isolation level reads
    /// up to.
    pub(super) fn effective_last_stable(&self, isolation_level: IsolationLevel) -> i64 {
        match isolation_level {
            IsolationLevel::ReadCommitted if self.last_stable >= 0 => self.last_stable,
            _ => self.high,
        }
    }

    /// The end for a reader of this isolation level, if it is known.
    pub(super) fn end(&self, isolation_level: IsolationLevel) -> Option<i64> {
        let end = self.effective_last_stable(isolation_level);
        (end >= 0).then_some(end)
    }
}

/// A partition, assigned or once assigned.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) assigned: bool,
    /// Counts the changes after which earlier fetches and queued messages are void.
    pub(super) version: u64,
    pub(super) fetch: FetchState,
    /// Where fetching starts again after a purge. None: to be looked up again.
    pub(super) fetch_start: Option<i64>,
    /// The logical offset that the start was asked as, for a new lookup.
    pub(super) start_raw: i64,
    /// The next offset to fetch.
    pub(super) fetch_offset: i64,
    /// After the last message the application got.
    pub(super) app_offset: Option<i64>,
    pub(super) stored: Option<i64>,
    pub(super) stored_metadata: String,
    pub(super) committed: Option<i64>,
    pub(super) paused_by_app: bool,
    pub(super) paused_by_rebalance: bool,
    pub(super) backoff_until: Duration,
    pub(super) fetching: bool,
    pub(super) queued_messages: usize,
    pub(super) queued_bytes: usize,
    pub(super) watermarks: Watermarks,
    /// Fetching was started once.
    pub(super) was_started: bool,
    /// The logical offset that was looked up last.
    pub(super) query_offset: i64,
    /// The end that was reached last, as statistics show it: it outlives an assignment.
    pub(super) shown_end: Option<i64>,
    pub(super) received_messages: u64,
    pub(super) received_bytes: u64,
    /// The end that was reached last, and told of where the application wants to know.
    pub(super) end_reported: Option<i64>,
    /// The application was told that there is no such partition.
    pub(super) absence_reported: bool,
}

impl Partition {
    pub(super) fn new() -> Self {
        Self {
            assigned: false,
            version: 1,
            fetch: FetchState::Stopped,
            fetch_start: None,
            start_raw: 0,
            fetch_offset: 0,
            app_offset: None,
            stored: None,
            stored_metadata: String::new(),
            committed: None,
            paused_by_app: false,
            paused_by_rebalance: false,
            backoff_until: Duration::ZERO,
            fetching: false,
            queued_messages: 0,
            queued_bytes: 0,
            watermarks: Watermarks::UNKNOWN,
            was_started: false,
            query_offset: OFFSET_INVALID,
            shown_end: None,
            received_messages: 0,
            received_bytes: 0,
            end_reported: None,
            absence_reported: false,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused_by_app || self.paused_by_rebalance
    }

    /// Whether its next records may be asked for now.
    pub(super) fn is_fetchable(&self) -> bool {
        self.fetch == FetchState::Active && !self.is_paused() && !self.fetching
    }

    /// Makes what was fetched so far void. Fetching goes on from `fetch_start`.
    pub(super) fn void_fetched(&mut self) {
        self.version += 1;
        self.fetching = false;
        self.end_reported = None;
        self.shown_end = None;
        self.queued_messages = 0;
        self.queued_bytes = 0;
        if let Some(start) = self.fetch_start {
            self.fetch_offset = start;
        }
    }

    /// Takes the position of the application as the place to go on from.
    pub(super) fn restart_from_app(&mut self) {
        if let Some(app) = self.app_offset {
            self.fetch_start = Some(app);
        }
    }

    /// Forgets everything about its assignment.
    pub(super) fn stop(&mut self) {
        self.assigned = false;
        self.fetch = FetchState::Stopped;
        self.fetch_start = None;
        self.app_offset = None;
        self.stored = None;
        self.stored_metadata.clear();
        self.paused_by_rebalance = false;
        self.absence_reported = false;
        let end = self.shown_end;
        self.void_fetched();
        self.shown_end = end;
    }
}
