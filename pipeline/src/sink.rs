//! The contract between worker and sink.
//!
//! One contract, one suite of tests (`tests/sink_contract.rs`) that every sink must pass. A sink
//! keeps, per result set: its rows in append order, the message ids it has `seen`, the quarantine,
//! and per partition a position and a *fencing token*, which counts the claims. Whoever does not
//! hold a partition's latest token can't move its position.

use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use crate::audit::{Accounting, ConservationError};
use crate::processor::Rows;
use crate::quarantine::Reason;
use crate::topic_partition::{self, TopicPartition};

/// The number of a claim: the latest one holds the partition.
pub type Token = i64;

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The partition.
    pub partition: TopicPartition,
    /// The token of this claim.
    pub token: Token,
    /// How far the sink is; `None` if it has never seen the partition.
    pub progress: Option<Progress>,
}

/// How far the sink is in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The offset at which this result set began.
    pub first_offset: i64,
    /// The first offset that is not in the sink.
    pub next_offset: i64,
    /// The last record that is in the sink, if there is one.
    pub last: Option<LastRecord>,
}

/// Enough of a record to notice that the log is another one than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRecord {
    /// Its offset.
    pub offset: i64,
    /// XXH3-64 of its payload.
    pub digest: u64,
}

/// Sets the position of a claimed partition before its first record: at the very start, or over a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartAt {
    /// The partition.
    pub partition: TopicPartition,
    /// The claim's token.
    pub token: Token,
    /// The first offset that will be read.
    pub offset: i64,
    /// Offsets that retention deleted before they were read.
    pub gap: Option<Range<i64>>,
}

/// A partition's share of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchLine {
    /// The partition.
    pub partition: TopicPartition,
    /// The token under which its records were read.
    pub token: Token,
    /// The position that the records follow.
    pub from_offset: i64,
    /// The position after them.
    pub next_offset: i64,
    /// The last of them that is not a redelivery.
    pub last: Option<LastRecord>,
    /// The broker time of that record.
    pub last_broker_time_ms: Option<i64>,
}

/// What the worker made of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A row, unless its message id was seen before.
    Row {
        /// The message id, in [`Rows::text`].
        id: Range<usize>,
        /// The values, in [`Rows::values`].
        values: Range<usize>,
    },
    /// Only counted: the processor was not interested.
    Filtered,
    /// Only counted: the sink has it already.
    Redelivered,
    /// Kept aside.
    Quarantined(Reason),
}

/// A record on its way into the sink.
#[derive(Debug, Clone)]
pub struct SinkRecord<'a> {
    /// Its partition, an index of [`SinkBatch::lines`].
    pub line: usize,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub broker_time_ms: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its payload.
    pub payload: Option<&'a [u8]>,
    /// XXH3-64 of its payload.
    pub digest: u64,
    /// What the worker made of it.
    pub outcome: Outcome,
}

/// One sink transaction.
#[derive(Debug, Clone)]
pub struct SinkBatch<'a> {
    /// Who commits it.
    pub worker: &'a str,
    /// Wall clock at which it is committed.
    pub ingest_time_ms: i64,
    /// For how long, in broker time, message ids are remembered.
    pub seen_horizon: Duration,
    /// The partitions it holds records of.
    pub lines: &'a [BatchLine],
    /// The records, per partition in the order of their offsets.
    pub records: &'a [SinkRecord<'a>],
    /// Where their texts and values stand.
    pub rows: &'a Rows,
}

/// What a sink transaction did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What became of the records.
    pub accounting: Accounting,
    /// Records that were duplicates, as indices of [`SinkBatch::records`].
    pub duplicates: Vec<usize>,
    /// Records whose message id came before with another payload; they are in quarantine.
    pub conflicts: Vec<usize>,
}

/// Why a sink did nothing. After any error but [`SinkError::Failed`] the transaction is not in the
/// sink; after that one it may be, and only the sink's position can tell.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Others have claimed these partitions since.
    #[error("fenced: {} claimed by another worker", topic_partition::join(.0))]
    Fenced(Vec<TopicPartition>),
    /// Locked by others for longer than we wait.
    #[error("sink `{sink}` is locked by another process")]
    Busy {
        /// Which sink.
        sink: String,
    },
    /// No room left.
    #[error("no space left for sink `{sink}`")]
    Full {
        /// Which sink.
        sink: String,
    },
    /// Can't be opened or written.
    #[error("sink `{sink}` can't be written: {reason}")]
    Unwritable {
        /// Which sink.
        sink: String,
        /// Why, in the sink's words.
        reason: String,
    },
    /// The sink holds this result set by another definition.
    #[error(
        "sink `{sink}` holds `{result_set}` by another definition: `{stored}`, now `{configured}`"
    )]
    OtherDefinition {
        /// Which sink.
        sink: String,
        /// Which result set.
        result_set: String,
        /// The definition in the sink.
        stored: String,
        /// The definition in the configuration.
        configured: String,
    },
    /// The sink's position is not the one that the batch follows, though the token is right.
    #[error("{partition} stands at {found} in the sink, the batch follows {expected}")]
    Inconsistent {
        /// Which partition.
        partition: TopicPartition,
        /// The batch's idea.
        expected: i64,
        /// The sink's.
        found: i64,
    },
    /// Records are unaccounted for.
    #[error(transparent)]
    Conservation(#[from] ConservationError),
    /// Anything else.
    #[error("sink `{sink}` failed: {reason}")]
    Failed {
        /// Which sink.
        sink: String,
        /// Why, in the sink's words.
        reason: String,
    },
}

/// Where results go.
pub trait Sink {
    /// Takes partitions: each token grows by one, so that every earlier holder is fenced.
    fn claim(
        &mut self,
        worker: &str,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<Vec<Claim>, SinkError>>;

    /// Sets positions before the first record, all or none, and records gaps.
    fn start(
        &mut self,
        worker: &str,
        starts: &[StartAt],
    ) -> impl Future<Output = Result<(), SinkError>>;

    /// Gives partitions up. One that others have claimed since is left alone.
    fn release(
        &mut self,
        worker: &str,
        held: &[(TopicPartition, Token)],
        why: &str,
    ) -> impl Future<Output = Result<(), SinkError>>;

    /// Writes a batch in one transaction: token check, ids into `seen`, results, quarantine,
    /// positions, audit row. All of it or none.
    fn commit(&mut self, batch: &SinkBatch<'_>)
    -> impl Future<Output = Result<Receipt, SinkError>>;

    /// How long later calls wait for a lock before [`SinkError::Busy`].
    fn wait_at_most(&mut self, wait: Duration) -> Result<(), SinkError>;
}
