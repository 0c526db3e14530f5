//! One process's handle on the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};

use crate::clock;
use crate::registry::Definition;
use crate::sink::{BatchLine, Claim, Receipt, Sink, SinkBatch, SinkError, StartAt, Token};
use crate::sqlite::error::sink_error;
use crate::sqlite::schema::{self, ResultSetSql};
use crate::sqlite::seen::Pruning;
use crate::sqlite::write_transaction::WriteTransaction;
use crate::sqlite::{claim, transaction};
use crate::topic_partition::TopicPartition;

/// A result set in a SQLite file.
///
/// WAL, `synchronous=FULL`: what was committed survives a power loss. Every transaction starts
/// with `BEGIN IMMEDIATE`, so that it never fails half-way because another process wrote.
#[derive(Debug)]
pub struct SqliteSink {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) result_set: &'static str,
    pub(super) sql: ResultSetSql,
    pub(super) pruning: Pruning,
}

impl SqliteSink {
    /// Opens the file, creating it and the result set's tables as needed. `definition_text` says
    /// what makes the result set what it is; another text for the same result set is refused.
    ///
    /// # Errors
    /// [`SinkError::Unwritable`], [`SinkError::Full`], [`SinkError::OtherDefinition`], or
    /// [`SinkError::Busy`], after which it may be tried again.
    pub fn open(
        path: &Path,
        definition: &'static Definition,
        definition_text: &str,
        wait: Duration,
    ) -> Result<Self, SinkError> {
        let connection = configured(path, wait).map_err(|error| sink_error(path, error))?;
        let mut sink = Self {
            connection,
            path: path.to_owned(),
            result_set: definition.name,
            sql: ResultSetSql::new(definition),
            pruning: Pruning::default(),
        };
        sink.prepare(definition_text)?;
        Ok(sink)
    }

    fn prepare(&mut self, definition_text: &str) -> Result<(), SinkError> {
        let stored = self
            .write(|sink, transaction| {
                let version: i64 =
                    transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
                if version == 0 {
                    schema::create_shared(transaction)?;
                } else if version != schema::SCHEMA_VERSION {
                    return Ok(Err(version));
                }
                transaction.execute(
                    "INSERT INTO result_set VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING",
                    params![sink.result_set, definition_text, clock::wall_ms()],
                )?;
                transaction.execute_batch(&sink.sql.create)?;
                let stored: String = transaction.query_row(
                    "SELECT definition FROM result_set WHERE name = ?",
                    [sink.result_set],
                    |row| row.get(0),
                )?;
                Ok(Ok(stored))
            })
            .map_err(|error| sink_error(&self.path, error))?;
        match stored {
            Ok(stored) if stored == definition_text => Ok(()),
            Ok(stored) => Err(SinkError::OtherDefinition {
                sink: self.path.display().to_string(),
                result_set: self.result_set.to_owned(),
                stored,
                configured: definition_text.to_owned(),
            }),
            Err(version) => Err(SinkError::Unwritable {
                sink: self.path.display().to_string(),
                reason: format!(
                    "its schema is version {version}, ours is {}",
                    schema::SCHEMA_VERSION
                ),
            }),
        }
    }

    /// Lets the file grow to this many pages; past it, the sink is full. For a sink that must not
    /// take the whole disk.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn limit_pages(&self, pages_max: u32) -> Result<(), SinkError> {
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages_max, |_| Ok(()))
            .map_err(|error| sink_error(&self.path, error))
    }

    /// Runs `work` in a write transaction of its own.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&WriteContext<'_>, &WriteTransaction<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let context = WriteContext {
            result_set: self.result_set,
            sql: &self.sql,
        };
        let transaction = WriteTransaction::begin(&mut self.connection)?;
        let done = work(&context, &transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// What a transaction needs of the sink.
pub(super) struct WriteContext<'s> {
    pub(super) result_set: &'static str,
    pub(super) sql: &'s ResultSetSql,
}

impl WriteContext<'_> {
    /// The current token, or 0 for a partition that nobody has claimed.
    pub(super) fn token(
        &self,
        transaction: &WriteTransaction<'_>,
        partition: &TopicPartition,
    ) -> rusqlite::Result<Token> {
        transaction
            .prepare_cached(
                "SELECT token FROM position WHERE result_set = ? AND topic = ? AND partition = ?",
            )?
            .query_row(
                params![self.result_set, partition.topic, partition.partition],
                |row| row.get(0),
            )
            .optional()
            .map(Option::unwrap_or_default)
    }

    /// How often the result set was built.
    pub(super) fn build(&self, transaction: &WriteTransaction<'_>) -> rusqlite::Result<i64> {
        transaction
            .prepare_cached("SELECT build FROM result_set WHERE name = ?")?
            .query_row([self.result_set], |row| row.get(0))
    }
}

fn configured(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(wait)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Else every other value bound to a statement prepares it anew (SQLITE_ENABLE_STAT4): the plans
    // of so few tables don't hang on values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

impl Sink for SqliteSink {
    async fn claim(
        &mut self,
        worker: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Claim>, SinkError> {
        self.write(|context, transaction| claim::claim(context, transaction, worker, partitions))
            .map_err(|error| sink_error(&self.path, error))
    }

    async fn start(&mut self, worker: &str, starts: &[StartAt]) -> Result<(), SinkError> {
        claim::start(self, worker, starts)
    }

    async fn release(
        &mut self,
        worker: &str,
        held: &[(TopicPartition, Token)],
        why: &str,
    ) -> Result<(), SinkError> {
        self.write(|context, transaction| claim::release(context, transaction, worker, held, why))
            .map_err(|error| sink_error(&self.path, error))
    }

    async fn commit(&mut self, batch: &SinkBatch<'_>) -> Result<Receipt, SinkError> {
        transaction::commit(self, batch)
    }

    fn wait_at_most(&mut self, wait: Duration) -> Result<(), SinkError> {
        self.connection
            .busy_timeout(wait)
            .map_err(|error| sink_error(&self.path, error))
    }
}

/// The partitions among `lines` whose token is not the latest.
pub(super) fn fenced<'l>(
    context: &WriteContext<'_>,
    transaction: &WriteTransaction<'_>,
    lines: impl IntoIterator<Item = (&'l TopicPartition, Token)>,
) -> rusqlite::Result<Vec<TopicPartition>> {
    let mut fenced = Vec::new();
    for (partition, token) in lines {
        if context.token(transaction, partition)? != token {
            fenced.push(partition.clone());
        }
    }
    Ok(fenced)
}

/// A line's partition and token.
pub(super) fn held(line: &BatchLine) -> (&TopicPartition, Token) {
    (&line.partition, line.token)
}
