//! A partition as the consumer tracks it: where it fetches, what the application has seen, what
//! is stored and committed.

use std::time::Duration;

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
    /// The end offset at which the application was last told of the end.
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
        self.end_reported = None;
        self.absence_reported = false;
        self.void_fetched();
    }
}
