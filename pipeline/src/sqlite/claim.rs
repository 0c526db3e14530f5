//! Claims, starts and releases, each with its audit row.

use rusqlite::params;

use crate::clock;
use crate::sink::{Claim, LastRecord, Progress, SinkError, StartAt, Token};
use crate::sqlite::SqliteSink;
use crate::sqlite::connection::{WriteContext, fenced};
use crate::sqlite::error::sink_error;
use crate::sqlite::write_transaction::WriteTransaction;
use crate::topic_partition::TopicPartition;

pub(super) fn claim(
    context: &WriteContext<'_>,
    transaction: &WriteTransaction<'_>,
    worker: &str,
    partitions: &[TopicPartition],
) -> rusqlite::Result<Vec<Claim>> {
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO position (result_set, topic, partition, token, owner) VALUES (?, ?, ?, 1, ?)
         ON CONFLICT DO UPDATE SET token = token + 1, owner = excluded.owner
         RETURNING token, first_offset, next_offset, last_offset, last_digest",
    )?;
    let mut claims = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let claim = upsert.query_row(
            params![
                context.result_set,
                partition.topic,
                partition.partition,
                worker
            ],
            |row| {
                Ok(Claim {
                    partition: partition.clone(),
                    token: row.get(0)?,
                    progress: progress(row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?),
                })
            },
        )?;
        let next_offset = claim.progress.as_ref().map(|progress| progress.next_offset);
        audit(
            context,
            transaction,
            worker,
            "claimed",
            partition,
            claim.token,
            next_offset,
        )?;
        claims.push(claim);
    }
    Ok(claims)
}

/// Offsets are set together or not at all, and so are the two of the last record.
fn progress(
    first_offset: Option<i64>,
    next_offset: Option<i64>,
    last_offset: Option<i64>,
    last_digest: Option<i64>,
) -> Option<Progress> {
    Some(Progress {
        first_offset: first_offset?,
        next_offset: next_offset?,
        last: last_offset
            .zip(last_digest)
            .map(|(offset, digest)| LastRecord {
                offset,
                digest: digest.cast_unsigned(),
            }),
    })
}

pub(super) fn start(
    sink: &mut SqliteSink,
    worker: &str,
    starts: &[StartAt],
) -> Result<(), SinkError> {
    let outcome = sink.write(|context, transaction| {
        let lines = starts.iter().map(|start| (&start.partition, start.token));
        let fenced = fenced(context, transaction, lines)?;
        if !fenced.is_empty() {
            return Ok(Err(SinkError::Fenced(fenced)));
        }
        for start in starts {
            start_one(context, transaction, worker, start)?;
        }
        Ok(Ok(()))
    });
    outcome.map_err(|error| sink_error(&sink.path, error))?
}

fn start_one(
    context: &WriteContext<'_>,
    transaction: &WriteTransaction<'_>,
    worker: &str,
    start: &StartAt,
) -> rusqlite::Result<()> {
    let TopicPartition { topic, partition } = &start.partition;
    transaction.execute(
        "UPDATE position SET first_offset = coalesce(first_offset, ?4), next_offset = ?4,
         last_offset = NULL, last_digest = NULL WHERE result_set = ?1 AND topic = ?2 AND partition = ?3",
        params![context.result_set, topic, partition, start.offset],
    )?;
    if let Some(gap) = &start.gap {
        transaction.execute(
            "INSERT INTO gap (result_set, build, topic, partition, from_offset, to_offset, worker, detected_at_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                context.result_set, context.build(transaction)?, topic, partition, gap.start, gap.end, worker,
                clock::wall_ms()
            ],
        )?;
    }
    let change = if start.gap.is_some() {
        "skipped a gap"
    } else {
        "started"
    };
    audit(
        context,
        transaction,
        worker,
        change,
        &start.partition,
        start.token,
        Some(start.offset),
    )
}

pub(super) fn release(
    context: &WriteContext<'_>,
    transaction: &WriteTransaction<'_>,
    worker: &str,
    held: &[(TopicPartition, Token)],
    why: &str,
) -> rusqlite::Result<()> {
    for (partition, token) in held {
        let released = transaction
            .prepare_cached(
                "UPDATE position SET owner = NULL WHERE result_set = ? AND topic = ? AND partition = ? AND token = ?",
            )?
            .execute(params![context.result_set, partition.topic, partition.partition, token])?;
        let change = if released == 1 {
            format!("released: {why}")
        } else {
            format!("fenced, given up: {why}")
        };
        audit(
            context,
            transaction,
            worker,
            &change,
            partition,
            *token,
            None,
        )?;
    }
    Ok(())
}

fn audit(
    context: &WriteContext<'_>,
    transaction: &WriteTransaction<'_>,
    worker: &str,
    change: &str,
    partition: &TopicPartition,
    token: Token,
    next_offset: Option<i64>,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO ownership_audit (result_set, worker, changed_at_ms, change, topic, partition, token, next_offset)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            context.result_set,
            worker,
            clock::wall_ms(),
            change,
            partition.topic,
            partition.partition,
            token,
            next_offset
        ])
        .map(drop)
}
