//! The message ids a result set remembers.

use rusqlite::{CachedStatement, OptionalExtension, params};

use crate::sink::SinkBatch;
use crate::sqlite::connection::WriteContext;
use crate::sqlite::write_transaction::WriteTransaction;

/// The answer for one message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Never, or longer ago than the horizon.
    New,
    /// With the same payload.
    Duplicate,
    /// With another payload.
    Conflict,
}

/// `seen` within one transaction.
pub(super) struct SeenIds<'t> {
    insert: CachedStatement<'t>,
    select: CachedStatement<'t>,
    refresh: CachedStatement<'t>,
}

impl<'t> SeenIds<'t> {
    pub(super) fn new(
        context: &WriteContext<'_>,
        transaction: &'t WriteTransaction<'_>,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: transaction.prepare_cached(&context.sql.insert_seen)?,
            select: transaction.prepare_cached(&context.sql.select_seen)?,
            refresh: transaction.prepare_cached(&context.sql.refresh_seen)?,
        })
    }

    /// Remembers an id, or says that it was there. Seeing it again starts its horizon anew: what
    /// is redelivered again and again must never be forgotten in between.
    pub(super) fn check(
        &mut self,
        id: &str,
        digest: u64,
        broker_time_ms: i64,
    ) -> rusqlite::Result<Seen> {
        let digest = digest.cast_signed();
        if self.insert.execute(params![id, digest, broker_time_ms])? == 1 {
            return Ok(Seen::New);
        }
        let stored: i64 = self.select.query_row([id], |row| row.get(0))?;
        if stored != digest {
            return Ok(Seen::Conflict);
        }
        self.refresh.execute(params![id, broker_time_ms])?;
        Ok(Seen::Duplicate)
    }
}

/// When ids are to be forgotten.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    /// The oldest id's broker time when it was last looked up. Before it is past the horizon there
    /// is nothing to look for.
    oldest_ms: Option<i64>,
}

impl Pruning {
    /// Forgets ids that are older than the horizon, a bounded number at a time.
    ///
    /// The clock is the broker's: the time that the slowest partition has reached, so that a
    /// duplicate in a partition that lags is still known. A partition that falls quiet holds it
    /// back, and `seen` then keeps more than it must. A timestamp in the future can't push it past
    /// the wall clock.
    pub(super) fn prune(
        &mut self,
        context: &WriteContext<'_>,
        transaction: &WriteTransaction<'_>,
        batch: &SinkBatch<'_>,
    ) -> rusqlite::Result<()> {
        let horizon_ms = i64::try_from(batch.seen_horizon.as_millis()).unwrap_or(i64::MAX);
        let latest_ms = batch.ingest_time_ms.saturating_sub(horizon_ms);
        if self.oldest_ms.is_some_and(|oldest| oldest >= latest_ms) {
            return Ok(());
        }
        let slowest: Option<i64> = transaction
            .prepare_cached("SELECT min(last_broker_time_ms) FROM position WHERE result_set = ?")?
            .query_row([context.result_set], |row| row.get(0))?;
        let Some(slowest) = slowest else {
            return Ok(());
        };
        self.oldest_ms = transaction
            .prepare_cached(&context.sql.oldest_seen)?
            .query_row([], |row| row.get(0))
            .optional()?;
        let forget_before = slowest.saturating_sub(horizon_ms).min(latest_ms);
        if self.oldest_ms.is_some_and(|oldest| oldest < forget_before) {
            let ids_max = 2 * batch.records.len() + 100;
            transaction
                .prepare_cached(&context.sql.prune_seen)?
                .execute(params![
                    forget_before,
                    i64::try_from(ids_max).unwrap_or(i64::MAX)
                ])?;
        }
        Ok(())
    }
}
