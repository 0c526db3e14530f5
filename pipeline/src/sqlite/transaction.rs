//! The one transaction of a batch.

use std::fmt::Write as _;

use rusqlite::{CachedStatement, params};
use tracing::Level;

use crate::audit::Accounting;
use crate::processor::Value;
use crate::quarantine::{Cause, Reason};
use crate::sink::{BatchLine, Outcome, Receipt, SinkBatch, SinkError, SinkRecord};
use crate::sqlite::SqliteSink;
use crate::sqlite::connection::{WriteContext, fenced, held};
use crate::sqlite::error::sink_error;
use crate::sqlite::seen::{Seen, SeenIds};
use crate::sqlite::write_transaction::WriteTransaction;

/// Why a transaction was rolled back although SQLite was willing.
enum Refusal {
    Sqlite(rusqlite::Error),
    Sink(SinkError),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<SinkError> for Refusal {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

pub(super) fn commit(sink: &mut SqliteSink, batch: &SinkBatch<'_>) -> Result<Receipt, SinkError> {
    commit_or_refuse(sink, batch).map_err(|refusal| match refusal {
        Refusal::Sqlite(error) => sink_error(&sink.path, error),
        Refusal::Sink(error) => error,
    })
}

fn commit_or_refuse(sink: &mut SqliteSink, batch: &SinkBatch<'_>) -> Result<Receipt, Refusal> {
    let context = WriteContext {
        result_set: sink.result_set,
        sql: &sink.sql,
    };
    let transaction = WriteTransaction::begin(&mut sink.connection)?;
    for line in batch.lines {
        if !advance(&context, &transaction, line)? {
            return Err(why_not_advanced(&context, &transaction, batch, line)?);
        }
    }
    let receipt = Writer::new(&context, &transaction, batch)?.write_records()?;
    sink.pruning.prune(&context, &transaction, batch)?;
    receipt.accounting.check().map_err(SinkError::from)?;
    audit(&context, &transaction, batch, &receipt.accounting)?;
    tracing::event!(target: "probe", Level::DEBUG, name = "worker.in_sink_transaction");
    transaction.commit()?;
    Ok(receipt)
}

/// Moves a line's position on. `false` if the token is not the latest, or the sink is not where the
/// batch begins: the token says who may write, the offset that nothing is skipped or repeated by it.
fn advance(
    context: &WriteContext<'_>,
    transaction: &WriteTransaction<'_>,
    line: &BatchLine,
) -> rusqlite::Result<bool> {
    let advanced = transaction
        .prepare_cached(
            "UPDATE position SET next_offset = ?6, last_offset = coalesce(?7, last_offset),
             last_digest = coalesce(?8, last_digest), last_broker_time_ms = coalesce(?9, last_broker_time_ms)
             WHERE result_set = ?1 AND topic = ?2 AND partition = ?3 AND token = ?4 AND next_offset = ?5",
        )?
        .execute(params![
            context.result_set,
            line.partition.topic,
            line.partition.partition,
            line.token,
            line.from_offset,
            line.next_offset,
            line.last.map(|last| last.offset),
            line.last.map(|last| last.digest.cast_signed()),
            line.last_broker_time_ms,
        ])?;
    Ok(advanced == 1)
}

/// Names every fenced line of the batch; if there is none, the position that does not fit.
fn why_not_advanced(
    context: &WriteContext<'_>,
    transaction: &WriteTransaction<'_>,
    batch: &SinkBatch<'_>,
    line: &BatchLine,
) -> rusqlite::Result<Refusal> {
    let fenced = fenced(context, transaction, batch.lines.iter().map(held))?;
    if !fenced.is_empty() {
        return Ok(Refusal::Sink(SinkError::Fenced(fenced)));
    }
    let found: Option<i64> = transaction
        .prepare_cached(
            "SELECT next_offset FROM position WHERE result_set = ? AND topic = ? AND partition = ?",
        )?
        .query_row(
            params![
                context.result_set,
                line.partition.topic,
                line.partition.partition
            ],
            |row| row.get(0),
        )?;
    Ok(Refusal::Sink(SinkError::Inconsistent {
        partition: line.partition.clone(),
        expected: line.from_offset,
        found: found.unwrap_or(-1),
    }))
}

/// Writes the records of a batch and counts what was really written.
struct Writer<'t, 'b> {
    context: &'t WriteContext<'t>,
    batch: &'b SinkBatch<'b>,
    seen: SeenIds<'t>,
    insert_result: CachedStatement<'t>,
    insert_quarantine: CachedStatement<'t>,
    receipt: Receipt,
}

impl<'t, 'b> Writer<'t, 'b> {
    fn new(
        context: &'t WriteContext<'t>,
        transaction: &'t WriteTransaction<'_>,
        batch: &'b SinkBatch<'b>,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            context,
            batch,
            seen: SeenIds::new(context, transaction)?,
            insert_result: transaction.prepare_cached(&context.sql.insert_result)?,
            insert_quarantine: transaction.prepare_cached(
                "INSERT INTO quarantine (result_set, topic, partition, offset, cause, detail, key, payload,
                 broker_time_ms, ingest_time_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?,
            receipt: Receipt {
                accounting: Accounting {
                    records_in: batch.records.len() as u64,
                    ..Accounting::default()
                },
                ..Receipt::default()
            },
        })
    }

    fn write_records(mut self) -> rusqlite::Result<Receipt> {
        let batch = self.batch;
        for (index, record) in batch.records.iter().enumerate() {
            match &record.outcome {
                Outcome::Filtered => self.receipt.accounting.filtered += 1,
                Outcome::Redelivered => self.receipt.accounting.redelivered += 1,
                Outcome::Quarantined(reason) => self.quarantine(record, reason)?,
                Outcome::Row { id, values } => {
                    let id = batch.rows.text(id);
                    let broker_time_ms = record.broker_time_ms.unwrap_or(batch.ingest_time_ms);
                    match self.seen.check(id, record.digest, broker_time_ms)? {
                        Seen::New => self.result(record, id, batch.rows.values(values))?,
                        Seen::Duplicate => {
                            self.receipt.accounting.duplicates += 1;
                            self.receipt.duplicates.push(index);
                        }
                        Seen::Conflict => {
                            let detail =
                                format!("message id `{id}` came before with another payload");
                            self.quarantine(record, &Reason::new(Cause::Conflict, detail))?;
                            self.receipt.conflicts.push(index);
                        }
                    }
                }
            }
        }
        Ok(self.receipt)
    }

    fn result(
        &mut self,
        record: &SinkRecord<'_>,
        id: &str,
        values: &[Value],
    ) -> rusqlite::Result<()> {
        let insert = &mut self.insert_result;
        let line = &self.batch.lines[record.line];
        insert.raw_bind_parameter(1, id)?;
        let mut at = 2;
        for value in values {
            match value {
                Value::Null => insert.raw_bind_parameter(at, rusqlite::types::Null)?,
                Value::Text(range) => insert.raw_bind_parameter(at, self.batch.rows.text(range))?,
                Value::EventTime(time) => insert.raw_bind_parameter(at, time)?,
            }
            at += 1;
        }
        insert.raw_bind_parameter(at, line.partition.topic.as_str())?;
        insert.raw_bind_parameter(at + 1, line.partition.partition)?;
        insert.raw_bind_parameter(at + 2, record.offset)?;
        insert.raw_bind_parameter(at + 3, record.broker_time_ms)?;
        insert.raw_bind_parameter(at + 4, self.batch.ingest_time_ms)?;
        self.receipt.accounting.results += insert.raw_execute()? as u64;
        Ok(())
    }

    fn quarantine(&mut self, record: &SinkRecord<'_>, reason: &Reason) -> rusqlite::Result<()> {
        let line = &self.batch.lines[record.line];
        let written = self.insert_quarantine.execute(params![
            self.context.result_set,
            line.partition.topic,
            line.partition.partition,
            record.offset,
            reason.cause.name(),
            reason.detail,
            record.key,
            record.payload,
            record.broker_time_ms,
            self.batch.ingest_time_ms,
        ])?;
        self.receipt.accounting.quarantined += written as u64;
        Ok(())
    }
}

fn audit(
    context: &WriteContext<'_>,
    transaction: &WriteTransaction<'_>,
    batch: &SinkBatch<'_>,
    accounting: &Accounting,
) -> rusqlite::Result<()> {
    let mut offsets = String::new();
    for line in batch.lines {
        let comma = if offsets.is_empty() { "" } else { "," };
        // Writing to a String can't fail.
        let _ = write!(
            offsets,
            "{comma}{}@{}..{}",
            line.partition, line.from_offset, line.next_offset
        );
    }
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO batch_audit (result_set, build, worker, committed_at_ms, records_in, results, filtered,
             duplicates, redelivered, quarantined, offsets)
             SELECT name, build, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM result_set WHERE name = ?",
        )?
        .execute(params![
            batch.worker,
            batch.ingest_time_ms,
            count(accounting.records_in),
            count(accounting.results),
            count(accounting.filtered),
            count(accounting.duplicates),
            count(accounting.redelivered),
            count(accounting.quarantined),
            offsets,
            context.result_set,
        ])
        .map(drop)
}
