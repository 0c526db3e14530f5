//! A SQLite sink with one claimed partition, and batches of rows for it.

use std::path::Path;
use std::time::Duration;

use futures::executor::block_on;
use whitewater_pipeline::config::SEEN_HORIZON_DEFAULT;
use whitewater_pipeline::processor::{Processed, Processor, Rows};
use whitewater_pipeline::sink::{
    BatchLine, LastRecord, Outcome, Receipt, Sink, SinkBatch, SinkRecord, StartAt, Token,
};
use whitewater_pipeline::sqlite::SqliteSink;
use whitewater_pipeline::topic_partition::TopicPartition;

use crate::records::Kind;

const WORKER: &str = "bench";
/// The wall clock of every record and commit.
const WALL_MS: i64 = 1_700_000_000_000;

/// A sink that takes records of one partition.
pub struct ClaimedSink {
    sink: SqliteSink,
    partition: TopicPartition,
    token: Token,
    next_offset: i64,
}

/// Records that were processed but not yet committed.
pub struct Prepared {
    payloads: Vec<Vec<u8>>,
    outcomes: Vec<Outcome>,
    rows: Rows,
}

impl Prepared {
    /// Records `from..from + count` of a kind, as a worker's processor leaves them.
    ///
    /// # Panics
    /// If a record is not a row.
    #[must_use]
    pub fn new(kind: &Kind, processor: &dyn Processor, from: u64, count: u64) -> Self {
        let mut rows = Rows::default();
        let payloads: Vec<Vec<u8>> = (from..from + count)
            .map(|number| kind.payload(number))
            .collect();
        let outcomes = payloads
            .iter()
            .map(|payload| {
                let mark = rows.mark();
                match processor.process(payload, &mut rows) {
                    Ok(Processed::Row { id }) => Outcome::Row {
                        id,
                        values: rows.row_since(&mark),
                    },
                    other => panic!("a generated record is a row, not {other:?}"),
                }
            })
            .collect();
        Self {
            payloads,
            outcomes,
            rows,
        }
    }
}

impl ClaimedSink {
    /// A new sink in a file, its partition claimed and begun.
    ///
    /// # Panics
    /// If the sink can't be written.
    #[must_use]
    pub fn open(path: &Path, kind: &Kind) -> Self {
        let mut sink = SqliteSink::open(path, kind.definition(), "bench", Duration::from_secs(5))
            .expect("a sink in a temporary folder can be opened");
        let partition = TopicPartition::new("bench", 0);
        let claims = block_on(sink.claim(WORKER, std::slice::from_ref(&partition)))
            .expect("nobody else claims");
        let token = claims[0].token;
        let start = StartAt {
            partition: partition.clone(),
            token,
            offset: 0,
            gap: None,
        };
        block_on(sink.start(WORKER, &[start])).expect("the claim is ours");
        Self {
            sink,
            partition,
            token,
            next_offset: 0,
        }
    }

    /// Commits the records at the next offsets, in one transaction.
    ///
    /// # Panics
    /// If the sink refuses or fails.
    pub fn commit(&mut self, prepared: &Prepared) -> Receipt {
        let records: Vec<SinkRecord<'_>> = prepared
            .payloads
            .iter()
            .zip(&prepared.outcomes)
            .zip(self.next_offset..)
            .map(|((payload, outcome), offset)| SinkRecord {
                line: 0,
                offset,
                broker_time_ms: Some(WALL_MS),
                key: None,
                payload: Some(payload),
                // Any number does where payloads with the same id are the same.
                digest: offset.unsigned_abs(),
                outcome: outcome.clone(),
            })
            .collect();
        let next_offset = self.next_offset + records.len() as i64;
        let lines = [BatchLine {
            partition: self.partition.clone(),
            token: self.token,
            from_offset: self.next_offset,
            next_offset,
            last: records.last().map(|record| LastRecord {
                offset: record.offset,
                digest: record.digest,
            }),
            last_broker_time_ms: Some(WALL_MS),
        }];
        let batch = SinkBatch {
            worker: WORKER,
            ingest_time_ms: WALL_MS,
            seen_horizon: SEEN_HORIZON_DEFAULT,
            lines: &lines,
            records: &records,
            rows: &prepared.rows,
        };
        let receipt = block_on(self.sink.commit(&batch)).expect("the partition is ours");
        self.next_offset = next_offset;
        receipt
    }
}
