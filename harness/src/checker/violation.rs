//! What a checker finds.

use serde::{Deserialize, Serialize};

use crate::explain::Explanation;
use crate::pipeline_under_test::RecordPosition;
use crate::verdict::CheckerName;

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// What it is. Shrinking keeps a plan while the same kind is found.
    pub kind: ViolationKind,
    /// The record it is about, if it is about one.
    pub record: Option<RecordRef>,
    /// The process it is about, if it is about one.
    pub process: Option<String>,
    /// What was found, in one sentence without its end.
    pub message: String,
    /// How it came about, if the trace tells; see [`crate::explain`].
    pub explanation: Option<Explanation>,
}

/// A record as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRef {
    /// Where it lies; none for a row that belongs to no record.
    pub position: Option<RecordPosition>,
    /// Its message id.
    pub id: Option<String>,
    /// When its producer got the acknowledgement, in simulated nanoseconds.
    pub acknowledged_at_ns: Option<u64>,
}

/// Every kind of violation, each of one checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViolationKind {
    /// A record is neither result, nor duplicate, nor filtered, nor in quarantine.
    Lost,
    /// A record's id has more than one row.
    Doubled,
    /// A row differs from the oracle's.
    WrongContent,
    /// A row has an id that the oracle does not know.
    Extra,
    /// A good record is in quarantine.
    WronglyQuarantined,
    /// A record is in quarantine more than once.
    QuarantinedTwice,
    /// An acknowledged record is not in the log.
    MissingFromLog,
    /// The pipeline's counts don't add up.
    Unbalanced,
    /// A row was appended after one of a later offset of its partition.
    OutOfOrder,
    /// Not everything was taken in before the bound.
    NotDrained,
    /// A process panicked.
    Panicked,
    /// A process ended with an error, or without being asked.
    UnexpectedExit,
}

impl ViolationKind {
    /// Whose finding it is.
    #[must_use]
    pub fn checker(self) -> CheckerName {
        match self {
            Self::Lost
            | Self::Doubled
            | Self::WrongContent
            | Self::Extra
            | Self::WronglyQuarantined
            | Self::QuarantinedTwice => CheckerName::Completeness,
            Self::MissingFromLog | Self::Unbalanced => CheckerName::Conservation,
            Self::OutOfOrder => CheckerName::Order,
            Self::NotDrained => CheckerName::Liveness,
            Self::Panicked | Self::UnexpectedExit => CheckerName::Panic,
        }
    }

    /// One word for the begin of a line.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Lost | Self::MissingFromLog => "lost",
            Self::Doubled => "doubled",
            Self::WrongContent => "differs",
            Self::Extra => "extra",
            Self::WronglyQuarantined | Self::QuarantinedTwice => "quarantined",
            Self::Unbalanced => "unbalanced",
            Self::OutOfOrder => "misplaced",
            Self::NotDrained => "stuck",
            Self::Panicked => "panicked",
            Self::UnexpectedExit => "ended",
        }
    }

    /// `1 record lost`, `3 records lost`.
    #[must_use]
    pub fn counted(self, n: usize) -> String {
        let plural = |one: &str, many: &str, rest: &str| {
            format!("{n} {}{rest}", if n == 1 { one } else { many })
        };
        match self {
            Self::Lost => plural("record", "records", " lost"),
            Self::Doubled => plural("record", "records", " counted twice"),
            Self::WrongContent => plural("row", "rows", " with wrong content"),
            Self::Extra => plural("row", "rows", " that no record explains"),
            Self::WronglyQuarantined => plural("good record", "good records", " in quarantine"),
            Self::QuarantinedTwice => plural("record", "records", " twice in quarantine"),
            Self::MissingFromLog => plural(
                "acknowledged record",
                "acknowledged records",
                " missing from the log",
            ),
            Self::Unbalanced => plural("sum", "sums", " off"),
            Self::OutOfOrder => plural("row", "rows", " out of order"),
            Self::NotDrained => "not drained in time".to_owned(),
            Self::Panicked => plural("process", "processes", " panicked"),
            Self::UnexpectedExit => plural("process", "processes", " ended unasked"),
        }
    }

    /// What was promised, and broken.
    #[must_use]
    pub fn promise(self) -> &'static str {
        match self {
            Self::Lost => {
                "an acknowledged record is a result, a duplicate, filtered or quarantined"
            }
            Self::Doubled => "an id has one row, however often its record is sent or delivered",
            Self::WrongContent => "a row says what its record says",
            Self::Extra => "every row comes from a record",
            Self::WronglyQuarantined => "only what can't be processed is set aside",
            Self::QuarantinedTwice => "a record is set aside once",
            Self::MissingFromLog => "an acknowledged record is in the log",
            Self::Unbalanced => {
                "records in = results + filtered + duplicates + redelivered + quarantined"
            }
            Self::OutOfOrder => "rows of a partition are appended in the order of its offsets",
            Self::NotDrained => "once everything is healed, the topics are drained in time",
            Self::Panicked => "no input and no fault makes a process panic",
            Self::UnexpectedExit => "a worker runs until it is told to end",
        }
    }
}

impl Violation {
    /// A violation about no record and no process in particular.
    #[must_use]
    pub fn new(kind: ViolationKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            record: None,
            process: None,
            message: message.into(),
            explanation: None,
        }
    }

    /// Says which record it is about.
    #[must_use]
    pub fn about(mut self, record: RecordRef) -> Self {
        self.record = Some(record);
        self
    }

    /// Says which process it is about.
    #[must_use]
    pub fn in_process(mut self, process: &str) -> Self {
        self.process = Some(process.to_owned());
        self
    }
}
