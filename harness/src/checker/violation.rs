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
    /// Kafka's committed offset went past what the sink holds.
    CommittedPastSink,
    /// The sink's own next offset is past what the sink holds.
    NextOffsetPastSink,
    /// Two members of a generation own a partition.
    OwnedTwice,
    /// A process got a record of a partition that was taken from it.
    DeliveredUnowned,
    /// A member committed an offset of another member's partition.
    CommittedUnowned,
    /// The group coordinator took an offset commit of a generation that is over.
    StaleCommitTaken,
    /// Jepsen's *lost-write*: acknowledged, never delivered, though a later record was.
    LostWrite,
    /// Jepsen's *unseen*: acknowledged, and neither it nor a later record was ever delivered.
    Unseen,
    /// Jepsen's *duplicate*: a record stands in the log more often than it was sent.
    #[serde(rename = "duplicate")]
    DuplicateWrite,
    /// Jepsen's *inconsistent-offsets*: two records at one offset.
    InconsistentOffsets,
    /// Jepsen's *poll-skip*: a consumer starts past records that nobody got.
    PollSkip,
    /// Jepsen's *int-poll-skip*: records are passed over within one fetch.
    IntPollSkip,
    /// Jepsen's *nonmonotonic-poll*: a consumer gets what lies before its start.
    NonmonotonicPoll,
    /// Jepsen's *int-nonmonotonic-poll*: a consumer goes back within one fetch.
    IntNonmonotonicPoll,
    /// Jepsen's *nonmonotonic-send*: batches lie in another order than they were sent in.
    NonmonotonicSend,
    /// Jepsen's *int-nonmonotonic-send*: the records of one batch do.
    IntNonmonotonicSend,
    /// The pipeline reports another lag than there is.
    LagWrong,
    /// The lag was above its limit, and no alarm was raised in time.
    MissedAlarm,
    /// An alarm was raised, and the lag was not above its limit.
    FalseAlarm,
    /// A process has ever more files and sockets open.
    OpenFilesGrow,
    /// The sinks are out of proportion to what was read.
    SinkGrows,
    /// The result set depends on the wall clock.
    ClockDecides,
    /// The result set of a superseded version lacks a row from before its own next offset.
    ResultSetIncomplete,
    /// The result set of a superseded version has a row twice, another one, or with other content.
    ResultSetSpoiled,
    /// A superseded version counts other results than it has rows.
    ResultSetMiscounted,
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
            Self::CommittedPastSink | Self::NextOffsetPastSink => CheckerName::Offsets,
            Self::OwnedTwice
            | Self::DeliveredUnowned
            | Self::CommittedUnowned
            | Self::StaleCommitTaken => CheckerName::Group,
            Self::LostWrite
            | Self::Unseen
            | Self::DuplicateWrite
            | Self::InconsistentOffsets
            | Self::PollSkip
            | Self::IntPollSkip
            | Self::NonmonotonicPoll
            | Self::IntNonmonotonicPoll
            | Self::NonmonotonicSend
            | Self::IntNonmonotonicSend => CheckerName::Log,
            Self::LagWrong | Self::MissedAlarm | Self::FalseAlarm => CheckerName::Lag,
            Self::OpenFilesGrow | Self::SinkGrows => CheckerName::Resources,
            Self::ClockDecides => CheckerName::Clock,
            Self::ResultSetIncomplete | Self::ResultSetSpoiled | Self::ResultSetMiscounted => {
                CheckerName::Version
            }
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
            Self::CommittedPastSink | Self::NextOffsetPastSink => "ahead",
            Self::OwnedTwice => "two owners",
            Self::DeliveredUnowned | Self::CommittedUnowned => "not owner",
            Self::StaleCommitTaken => "stale",
            Self::LostWrite => "lost-write",
            Self::Unseen => "unseen",
            Self::DuplicateWrite => "duplicate",
            Self::InconsistentOffsets => "conflict",
            Self::PollSkip | Self::IntPollSkip => "poll-skip",
            Self::NonmonotonicPoll | Self::IntNonmonotonicPoll => "back",
            Self::NonmonotonicSend | Self::IntNonmonotonicSend => "reordered",
            Self::LagWrong => "misreported",
            Self::MissedAlarm | Self::FalseAlarm => "alarm",
            Self::OpenFilesGrow | Self::SinkGrows => "grows",
            Self::ClockDecides => "by clock",
            Self::ResultSetIncomplete => "incomplete",
            Self::ResultSetSpoiled => "spoiled",
            Self::ResultSetMiscounted => "miscounted",
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
            Self::CommittedPastSink => plural("offset", "offsets", " committed past the sink"),
            Self::NextOffsetPastSink => plural("offset", "offsets", " of the sink past its rows"),
            Self::OwnedTwice => plural("partition", "partitions", " owned twice"),
            Self::DeliveredUnowned => plural("record", "records", " delivered to no owner"),
            Self::CommittedUnowned => plural("offset", "offsets", " committed by no owner"),
            Self::StaleCommitTaken => {
                plural("offset", "offsets", " committed in an old generation")
            }
            Self::LostWrite => format!("{n} lost-write"),
            Self::Unseen => format!("{n} unseen"),
            Self::DuplicateWrite => format!("{n} duplicate"),
            Self::InconsistentOffsets => format!("{n} inconsistent-offsets"),
            Self::PollSkip => format!("{n} poll-skip"),
            Self::IntPollSkip => format!("{n} int-poll-skip"),
            Self::NonmonotonicPoll => format!("{n} nonmonotonic-poll"),
            Self::IntNonmonotonicPoll => format!("{n} int-nonmonotonic-poll"),
            Self::NonmonotonicSend => format!("{n} nonmonotonic-send"),
            Self::IntNonmonotonicSend => format!("{n} int-nonmonotonic-send"),
            Self::LagWrong => plural("report", "reports", " of another lag than there is"),
            Self::MissedAlarm => plural("alarm", "alarms", " missed"),
            Self::FalseAlarm => plural("alarm", "alarms", " without cause"),
            Self::OpenFilesGrow => plural("process", "processes", " with ever more open files"),
            Self::SinkGrows => "sinks out of proportion".to_owned(),
            Self::ClockDecides => "another result set than with right clocks".to_owned(),
            Self::ResultSetIncomplete => plural("row", "rows", " gone from an older version's set"),
            Self::ResultSetSpoiled => plural("row", "rows", " of an older version spoiled"),
            Self::ResultSetMiscounted => plural("count", "counts", " of an older version off"),
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
            Self::CommittedPastSink => {
                "an offset is committed after the sink holds everything before it"
            }
            Self::NextOffsetPastSink => "the sink goes on behind what it holds",
            Self::OwnedTwice => "a partition has one owner in a generation",
            Self::DeliveredUnowned => "a partition that was taken delivers nothing any more",
            Self::CommittedUnowned => "only its owner commits a partition's offset",
            Self::StaleCommitTaken => "an offset commit of an old generation is refused",
            Self::LostWrite | Self::Unseen => "an acknowledged record is delivered",
            Self::DuplicateWrite => "a record stands in the log as often as it was sent",
            Self::InconsistentOffsets => "an offset names one record",
            Self::PollSkip | Self::IntPollSkip => {
                "a consumer passes over nothing that was not delivered or committed"
            }
            Self::NonmonotonicPoll | Self::IntNonmonotonicPoll => {
                "a consumer goes back only where it starts to fetch"
            }
            Self::NonmonotonicSend | Self::IntNonmonotonicSend => {
                "records of a partition lie in the order of their sending"
            }
            Self::LagWrong => "lag is reported as it is, and as unknown where it is unknown",
            Self::MissedAlarm => "too much lag raises an alarm in time",
            Self::FalseAlarm => "no alarm without too much lag",
            Self::OpenFilesGrow => "a process gives back what it opens",
            Self::SinkGrows => "a sink grows with what it holds",
            Self::ClockDecides => "the wall clock decides nothing",
            Self::ResultSetIncomplete | Self::ResultSetSpoiled | Self::ResultSetMiscounted => {
                "a result set holds what its version took in, whatever version came after"
            }
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
