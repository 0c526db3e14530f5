//! All that a checker may look at.

use std::collections::BTreeMap;

use crate::dataset::record::What;
use crate::pipeline_under_test::{Accounting, InputRecord, RecordPosition, Row};
use crate::trace::{Event, View};

/// A finished run as seen from outside. It holds nothing of the fault plan.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// Everything that was in the logs of the topics, by topic, partition and offset; what retention
    /// deleted as well, unless the pipeline says that it passed over a gap there. It can hold more
    /// than was acknowledged: an acknowledgement can be lost on its way.
    pub log: Vec<InputRecord>,
    /// Acknowledgements that the loader got, by position.
    pub acknowledged: BTreeMap<RecordPosition, Acknowledged>,
    /// The oracle's rows for [`Self::log`].
    pub expected: Vec<Row>,
    /// The sink's rows in append order.
    pub results: Vec<Row>,
    /// How many of [`Self::results`] are of each sink's host, in their order.
    pub sink_rows: Vec<(String, usize)>,
    /// The path of the sinks on their hosts; empty if it is not known.
    pub sink: String,
    /// Where the sinks go on in each partition; none if the pipeline leaves that to Kafka.
    pub next_offsets: Option<Vec<RecordPosition>>,
    /// Records set aside; none if the pipeline has no quarantine.
    pub quarantined: Option<Vec<RecordPosition>>,
    /// The pipeline's own count; none if it keeps none.
    pub accounting: Option<Accounting>,
    /// The result sets of other versions that ran before, or in between.
    pub superseded: Vec<ResultSet>,
    /// What the pipeline was told of itself.
    pub settings: BTreeMap<String, String>,
    /// The history. Checkers read the kinds that [`scan`](super::scan) names.
    pub trace: Vec<Event>,
    /// When everything was healed, in simulated nanoseconds.
    pub healed_at_ns: u64,
    /// When the topics were drained; none if they were not before the bound.
    pub drained_at_ns: Option<u64>,
    /// How long draining may take.
    pub liveness_ms: u64,
    /// The most descriptors that each worker process had open at once, by process and start, each
    /// time that there were more than before.
    pub open_files: Vec<OpenFiles>,
    /// What each sink's host has on its disk.
    pub sink_bytes: Vec<u64>,
    /// For a run in which clocks went wrong: the result set of the same run with right clocks, if
    /// that one was drained.
    pub twin_with_right_clocks: Option<Vec<Row>>,
    /// How the worker processes ended, each end of each process.
    pub exits: Vec<Exit>,
}

/// The result set of a version that ran, and runs no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultSet {
    /// The version, by the name the runner knows it by.
    pub version: String,
    /// The oracle's rows for the records before the position where this version stands.
    pub expected: Vec<Row>,
    /// Its rows in append order.
    pub results: Vec<Row>,
    /// Its own count; none if it keeps none.
    pub accounting: Option<Accounting>,
}

/// What the loader knows of a record it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The record's index in the load.
    pub index: u64,
    /// What kind of record it is.
    pub what: What,
    /// When the acknowledgement came, in simulated nanoseconds.
    pub at_ns: u64,
}

/// A process had so many descriptors open, more than ever before in this life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFiles {
    /// The process.
    pub process: String,
    /// Counts its starts, from 1.
    pub incarnation: u64,
    /// When, in simulated nanoseconds.
    pub at_ns: u64,
    /// Sockets, locks and files.
    pub open: usize,
}

/// The end of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The process.
    pub process: String,
    /// When, in simulated nanoseconds.
    pub at_ns: u64,
    /// How.
    pub how: ExitKind,
    /// Whether somebody had asked it to end.
    pub asked: bool,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitKind {
    /// Its main returned.
    Returned,
    /// Its main returned an error.
    Error(String),
    /// It panicked.
    Panicked(String),
    /// It was killed.
    Killed,
}

impl Observation {
    /// The log's records of each id, in log order. Records without an id are left out.
    #[must_use]
    pub fn log_by_id(&self) -> BTreeMap<&str, Vec<&InputRecord>> {
        let mut by_id: BTreeMap<&str, Vec<&InputRecord>> = BTreeMap::new();
        for record in &self.log {
            if let Some(id) = &record.id {
                by_id.entry(id).or_default().push(record);
            }
        }
        by_id
    }

    /// The oracle's rows by id.
    #[must_use]
    pub fn expected_by_id(&self) -> BTreeMap<&str, &Row> {
        self.expected
            .iter()
            .map(|row| (row.id.as_str(), row))
            .collect()
    }

    /// The last committed offset of each partition, over all groups. Only one group consumes.
    #[must_use]
    pub fn last_committed(&self) -> BTreeMap<(String, i32), i64> {
        let mut committed = BTreeMap::new();
        // The kind is looked at first: reading every event of a long trace would cost more than
        // all checks together.
        let commits = self
            .trace
            .iter()
            .filter(|event| event.kind == "offset_commit");
        for event in commits {
            if let View::OffsetCommit(commit) = event.view() {
                let position = commit.position;
                committed.insert((position.topic, position.partition), position.offset);
            }
        }
        committed
    }
}
