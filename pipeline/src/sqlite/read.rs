//! Reading a sink, without disturbing who writes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::audit::Accounting;
use crate::event_time;
use crate::processor::{Column, ColumnKind};
use crate::registry::{self, Definition};
use crate::sqlite::schema::ResultSetSql;
use crate::topic_partition::TopicPartition;

/// A reader serves one thread, so SQLite need not lock at each column that is read.
const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Why a sink can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file can't be opened, or is not a sink.
    #[error("sink `{}` can't be read: {source}", path.display())]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// There is no such file.
    #[error("there is no sink `{}`", path.display())]
    NoSink {
        /// Which file.
        path: PathBuf,
    },
    /// No such processor, so no such result set.
    #[error("no processor is called `{0}`")]
    UnknownResultSet(String),
    /// The file holds other result sets only.
    #[error("sink `{}` holds no result set `{result_set}`", path.display())]
    NoResultSet {
        /// Which file.
        path: PathBuf,
        /// What is missing.
        result_set: String,
    },
}

/// One row of a result set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The message id.
    pub id: String,
    /// The identity columns, in the order of [`Definition::columns`]. Decimals are canonical,
    /// times RFC 3339 in UTC with as many decimal places (0, 3, 6, 9) as they need.
    pub values: Vec<Option<String>>,
    /// Where the record came from.
    pub source: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// The record's timestamp.
    pub broker_time_ms: Option<i64>,
    /// When it was committed in the sink.
    pub ingest_time_ms: i64,
}

impl Row {
    /// The identity columns by name.
    #[must_use]
    pub fn identity(&self, definition: &Definition) -> BTreeMap<String, Option<String>> {
        let names = definition
            .columns
            .iter()
            .map(|column| column.name.to_owned());
        names.zip(self.values.iter().cloned()).collect()
    }
}

/// A record that was kept aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Where it came from.
    pub source: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// The name of the [`crate::quarantine::Cause`].
    pub cause: String,
    /// What exactly was wrong.
    pub detail: String,
    /// Its payload.
    pub payload: Option<Vec<u8>>,
}

/// How far the sink is in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: TopicPartition,
    /// The latest token.
    pub token: i64,
    /// Who holds it, if it was not released.
    pub owner: Option<String>,
    /// The offset at which the result set began.
    pub first_offset: Option<i64>,
    /// The first offset that is not in the sink.
    pub next_offset: Option<i64>,
}

/// Offsets that retention deleted before they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset that was missed.
    pub from_offset: i64,
    /// The first offset after the gap.
    pub to_offset: i64,
}

/// A reading handle on one result set.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    definition: &'static Definition,
}

impl Reader {
    /// Opens an existing sink for reading.
    ///
    /// # Errors
    /// If the file is not there, is no sink, or does not hold the result set.
    pub fn open(path: &Path, result_set: &str) -> Result<Self, ReadError> {
        let definition = registry::find(result_set)
            .ok_or_else(|| ReadError::UnknownResultSet(result_set.to_owned()))?;
        let failed = |source| ReadError::Sqlite {
            path: path.to_owned(),
            source,
        };
        let connection =
            Connection::open_with_flags(path, READ_ONLY).map_err(|source| {
                match source.sqlite_error_code() {
                    Some(ErrorCode::CannotOpen) => ReadError::NoSink {
                        path: path.to_owned(),
                    },
                    _ => failed(source),
                }
            })?;
        connection
            .busy_timeout(Duration::from_secs(10))
            .map_err(failed)?;
        let reader = Self {
            connection,
            path: path.to_owned(),
            definition,
        };
        let known: Option<i64> = reader
            .connection
            .query_row(
                "SELECT build FROM result_set WHERE name = ?",
                [result_set],
                |row| row.get(0),
            )
            .optional()
            .map_err(failed)?;
        match known {
            Some(_) => Ok(reader),
            None => Err(ReadError::NoResultSet {
                path: path.to_owned(),
                result_set: result_set.to_owned(),
            }),
        }
    }

    /// The identity columns, after the message id.
    #[must_use]
    pub fn columns(&self) -> &'static [Column] {
        self.definition.columns
    }

    /// Calls `visit` with each row in append order, until it returns `false`.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn for_each_row(&self, mut visit: impl FnMut(Row) -> bool) -> Result<(), ReadError> {
        let sql = ResultSetSql::new(self.definition).select_results;
        let mut work = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if !visit(self.row(row)?) {
                    break;
                }
            }
            Ok(())
        };
        work().map_err(|source| self.failed(source))
    }

    fn row(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        let mut values = Vec::with_capacity(self.definition.columns.len());
        for (index, column) in self.definition.columns.iter().enumerate() {
            values.push(match column.kind {
                ColumnKind::Text | ColumnKind::Decimal => row.get(index + 1)?,
                ColumnKind::EventTime => row
                    .get::<_, Option<i64>>(index + 1)?
                    .map(event_time::format),
            });
        }
        let at = self.definition.columns.len() + 1;
        Ok(Row {
            id: row.get(0)?,
            values,
            source: TopicPartition::new(row.get::<_, String>(at)?, row.get(at + 1)?),
            offset: row.get(at + 2)?,
            broker_time_ms: row.get(at + 3)?,
            ingest_time_ms: row.get(at + 4)?,
        })
    }

    /// All rows in append order.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn rows(&self) -> Result<Vec<Row>, ReadError> {
        let mut rows = Vec::new();
        self.for_each_row(|row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    /// What became of all records since the result set was built last.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn accounting(&self) -> Result<Accounting, ReadError> {
        let sums = "SELECT coalesce(sum(records_in), 0), coalesce(sum(results), 0), coalesce(sum(filtered), 0),
             coalesce(sum(duplicates), 0), coalesce(sum(redelivered), 0), coalesce(sum(quarantined), 0)
             FROM batch_audit JOIN result_set ON name = result_set AND result_set.build = batch_audit.build WHERE name = ?";
        let count =
            |row: &rusqlite::Row<'_>, index: usize| row.get::<_, i64>(index).map(i64::unsigned_abs);
        self.connection
            .query_row(sums, [self.definition.name], |row| {
                Ok(Accounting {
                    records_in: count(row, 0)?,
                    results: count(row, 1)?,
                    filtered: count(row, 2)?,
                    duplicates: count(row, 3)?,
                    redelivered: count(row, 4)?,
                    quarantined: count(row, 5)?,
                })
            })
            .map_err(|source| self.failed(source))
    }

    /// The quarantine, in the order in which it grew.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, ReadError> {
        let sql = "SELECT topic, partition, offset, cause, detail, payload FROM quarantine WHERE result_set = ? ORDER BY seq";
        self.list(sql, |row| {
            Ok(Quarantined {
                source: TopicPartition::new(row.get::<_, String>(0)?, row.get(1)?),
                offset: row.get(2)?,
                cause: row.get(3)?,
                detail: row.get(4)?,
                payload: row.get(5)?,
            })
        })
    }

    /// How far the sink is, per partition.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn positions(&self) -> Result<Vec<Position>, ReadError> {
        let sql = "SELECT topic, partition, token, owner, first_offset, next_offset FROM position
             WHERE result_set = ? ORDER BY topic, partition";
        self.list(sql, |row| {
            Ok(Position {
                partition: TopicPartition::new(row.get::<_, String>(0)?, row.get(1)?),
                token: row.get(2)?,
                owner: row.get(3)?,
                first_offset: row.get(4)?,
                next_offset: row.get(5)?,
            })
        })
    }

    /// What retention deleted before it was read.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn gaps(&self) -> Result<Vec<Gap>, ReadError> {
        let sql = "SELECT topic, partition, from_offset, to_offset FROM gap
             JOIN result_set ON name = result_set AND result_set.build = gap.build WHERE name = ? ORDER BY seq";
        self.list(sql, |row| {
            Ok(Gap {
                partition: TopicPartition::new(row.get::<_, String>(0)?, row.get(1)?),
                from_offset: row.get(2)?,
                to_offset: row.get(3)?,
            })
        })
    }

    fn list<T>(
        &self,
        sql: &str,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ReadError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map([self.definition.name], read)?.collect())
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> ReadError {
        ReadError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }
}
