//! The door through which a pipeline enters the harness: start it, read its results, say what
//! they should have been.
//!
//! Nothing here knows the simulator: the same implementation runs against real Kafka.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::Add;
use std::path::PathBuf;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// Any error a pipeline reports. The harness prints it with its sources and asks nothing else.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What one worker process gets to know at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The value for `bootstrap.servers`.
    pub brokers: String,
    /// Topics to consume, in the order of the scenario.
    pub topics: Vec<String>,
    /// Topics to produce to, in the order of the scenario; normally none.
    pub outputs: Vec<String>,
    /// The consumer group that all workers of a run join.
    pub group: String,
    /// The sink: a file of the worker's host. Workers of one host get the same path.
    pub sink: PathBuf,
    /// The name of this worker, such as `worker-2`; it survives a restart.
    pub worker: String,
    /// The scenario's `[settings]`, drawn by the seed. Their meaning is the pipeline's own.
    pub settings: BTreeMap<String, String>,
}

/// Where a record lies in Kafka's log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordPosition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number, from 0.
    pub partition: i32,
    /// The offset within the partition, from 0.
    pub offset: i64,
}

impl fmt::Display for RecordPosition {
    /// Writes `trades-3@412`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

/// One row of a result set, in the append order of the sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What makes the row one of a kind: normally the id of the message.
    pub id: String,
    /// The columns that say what the event says, as text. Provenance (offsets, ingest time)
    /// does not belong here: it differs between runs that are both right.
    pub columns: BTreeMap<String, String>,
    /// The record the row was made from, if the sink keeps that.
    pub source: Option<RecordPosition>,
}

/// A record as it was loaded into the topic, the oracle's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRecord {
    /// The id the harness found in (or gave to) the record; none for one that holds none.
    pub id: Option<String>,
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset that the broker acknowledged.
    pub offset: i64,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub payload: Vec<u8>,
}

impl InputRecord {
    /// Where the record lies in the log.
    #[must_use]
    pub fn position(&self) -> RecordPosition {
        RecordPosition {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.offset,
        }
    }
}

/// A record of an output topic, as a consumer with `isolation.level=read_committed` gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRecord {
    /// Where it lies.
    pub position: RecordPosition,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub payload: Vec<u8>,
    /// Its headers, in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl OutputRecord {
    /// The text of the first header of this name; none for one that is not there, or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

/// What became of the records a result set has taken in, by the pipeline's own count.
///
/// The claim that the conservation checker holds against the log:
/// `records_in = results + filtered + duplicates + redelivered + quarantined`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounting {
    /// Records handed to the pipeline by Kafka, each delivery counted.
    pub records_in: u64,
    /// Rows written.
    pub results: u64,
    /// Records the pipeline has no interest in.
    pub filtered: u64,
    /// Records cut because their message id had been seen at another position.
    pub duplicates: u64,
    /// Records cut because their offset had been taken in before.
    pub redelivered: u64,
    /// Records set aside with their position, because they could not be processed.
    pub quarantined: u64,
}

/// The sums over two sinks.
impl Add for Accounting {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            records_in: self.records_in + other.records_in,
            results: self.results + other.results,
            filtered: self.filtered + other.filtered,
            duplicates: self.duplicates + other.duplicates,
            redelivered: self.redelivered + other.redelivered,
            quarantined: self.quarantined + other.quarantined,
        }
    }
}

/// Offsets of a partition that a pipeline passed over because their records were deleted before it
/// could read them, and that it says so of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset passed over.
    pub from: i64,
    /// The first offset after the gap.
    pub to: i64,
}

impl Gap {
    /// Whether the position is in the gap.
    #[must_use]
    pub fn contains(&self, position: &RecordPosition) -> bool {
        self.topic == position.topic
            && self.partition == position.partition
            && (self.from..self.to).contains(&position.offset)
    }
}

/// A Kafka pipeline, as the harness sees it.
///
/// Implementations are stateless values: everything that a run needs comes with the [`Context`].
pub trait PipelineUnderTest: Sync {
    /// The main of one worker process: runs until the process is told to end (SIGTERM, Ctrl-C).
    ///
    /// # Errors
    /// A worker that returns an error has failed; the run is judged with that in view.
    fn start(&self, context: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>>;

    /// All rows of the sink, in the order in which they were appended. None for a pipeline whose
    /// results are records of an output topic: those are [`Self::row`]'s.
    ///
    /// # Errors
    /// The sink can't be read.
    fn results(&self, context: &Context) -> Result<Vec<Row>, BoxError> {
        let _ = context;
        Ok(Vec::new())
    }

    /// The row that a record of an output topic stands for; none for a record that is no result.
    /// Asked at the end of a run for every committed record, partition by partition.
    ///
    /// # Errors
    /// The record can't be read.
    fn row(&self, record: &OutputRecord) -> Result<Option<Row>, BoxError> {
        let _ = record;
        Ok(None)
    }

    /// The independent oracle: the rows that a right pipeline has made once all `records` are
    /// taken in, one row an id, in any order.
    fn expected(&self, records: &[InputRecord]) -> Vec<Row>;

    /// The pipeline's own count of what became of its records; `None` if it keeps none.
    ///
    /// # Errors
    /// The sink can't be read.
    fn accounting(&self, context: &Context) -> Result<Option<Accounting>, BoxError> {
        let _ = context;
        Ok(None)
    }

    /// Where the sink itself says to go on, a position for each partition it knows: the first
    /// offset it does not hold. `None` if the pipeline leaves that to Kafka's committed offsets.
    ///
    /// # Errors
    /// The sink can't be read.
    fn next_offsets(&self, context: &Context) -> Result<Option<Vec<RecordPosition>>, BoxError> {
        let _ = context;
        Ok(None)
    }

    /// The positions of the records set aside; `None` if the pipeline has no quarantine.
    ///
    /// # Errors
    /// The sink can't be read.
    fn quarantined(&self, context: &Context) -> Result<Option<Vec<RecordPosition>>, BoxError> {
        let _ = context;
        Ok(None)
    }

    /// What the pipeline passed over because retention had deleted it, as it has told its people.
    /// Deleted records that are in no gap are lost silently.
    ///
    /// # Errors
    /// The sink can't be read.
    fn gaps(&self, context: &Context) -> Result<Vec<Gap>, BoxError> {
        let _ = context;
        Ok(Vec::new())
    }
}

/// A pipeline under test, by the name that scenarios know it by.
pub type PipelineEntry = (&'static str, &'static dyn PipelineUnderTest);

/// The versions of the pipeline under test that a plan names, by name.
pub type Versions = BTreeMap<String, &'static dyn PipelineUnderTest>;

/// Finds the versions that a plan names among a runner's pipelines.
///
/// # Errors
/// One that the runner does not know, in words for people.
pub fn versions(plan: &Plan, pipelines: &'static [PipelineEntry]) -> Result<Versions, String> {
    let found = |name: &str| {
        let mut known = pipelines.iter();
        match known.find(|(known, _)| *known == name) {
            Some((_, pipeline)) => Ok((name.to_owned(), *pipeline)),
            None => Err(format!("this runner has no pipeline called `{name}`")),
        }
    };
    plan.pipelines().into_iter().map(found).collect()
}

/// An error with its sources, on one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_ends_before_its_end_and_is_of_one_partition() {
        let gap = Gap {
            topic: "trades".to_owned(),
            partition: 3,
            from: 5,
            to: 7,
        };
        let position = |partition, offset| RecordPosition {
            topic: "trades".to_owned(),
            partition,
            offset,
        };
        let within: Vec<i64> = (4..9).filter(|o| gap.contains(&position(3, *o))).collect();
        assert_eq!(within, [5, 6]);
        assert!(!gap.contains(&position(2, 5)));
    }

    #[test]
    fn a_position_reads_as_topic_partition_offset() {
        let position = RecordPosition {
            topic: "trades".to_owned(),
            partition: 3,
            offset: 412,
        };
        assert_eq!(position.to_string(), "trades-3@412");
    }
}
