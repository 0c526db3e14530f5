//! From a batch of records to a batch of outcomes.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::batch::{Batch, BatchRecord, LineId};
use crate::processor::{Processed, Processor, Rows};
use crate::quarantine::{Cause, Reason};
use crate::sink::{Outcome, SinkRecord};

/// The digest by which payloads are compared: XXH3-64.
pub(super) fn digest(payload: Option<&[u8]>) -> u64 {
    xxh3_64(payload.unwrap_or_default())
}

/// Processes every record. `lines` gives each line its index in the sink's batch.
pub(super) fn process<'b>(
    batch: &'b Batch,
    lines: &BTreeMap<LineId, usize>,
    processor: &dyn Processor,
    rows: &mut Rows,
) -> Vec<SinkRecord<'b>> {
    rows.clear();
    let record = |record: &'b BatchRecord| {
        let payload = batch.payload(record);
        SinkRecord {
            line: lines[&record.line],
            offset: record.offset,
            broker_time_ms: record.broker_time_ms,
            key: batch.key(record),
            payload,
            digest: digest(payload),
            outcome: outcome(record, payload, processor, rows),
        }
    };
    batch.records().iter().map(record).collect()
}

fn outcome(
    record: &BatchRecord,
    payload: Option<&[u8]>,
    processor: &dyn Processor,
    rows: &mut Rows,
) -> Outcome {
    if record.redelivered {
        return Outcome::Redelivered;
    }
    let Some(payload) = payload else {
        return Outcome::Quarantined(Reason::new(Cause::NoPayload, "the record has no payload"));
    };
    let mark = rows.mark();
    match processor.process(payload, rows) {
        Ok(Processed::Row { id }) => Outcome::Row {
            id,
            values: rows.row_since(&mark),
        },
        Ok(Processed::Filtered) => {
            rows.undo(&mark);
            Outcome::Filtered
        }
        Err(reason) => {
            rows.undo(&mark);
            Outcome::Quarantined(reason)
        }
    }
}
