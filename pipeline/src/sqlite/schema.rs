//! The tables of the SQLite sink.
//!
//! `position`, `quarantine` and the audit tables are shared by all result sets of a file; a result
//! set's rows and the message ids it has `seen` have tables of their own, so that a rebuild can
//! drop them. Times are UTC; the unit is the end of the column's name.

use rusqlite::Connection;

use crate::processor::ColumnKind;
use crate::registry::Definition;

/// The version of the tables that all result sets share, in `PRAGMA user_version`.
pub(super) const SCHEMA_VERSION: i64 = 1;

const SHARED: &str = "
CREATE TABLE result_set (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    build INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE position (
    result_set TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    token INTEGER NOT NULL,
    owner TEXT,
    first_offset INTEGER,
    next_offset INTEGER,
    last_offset INTEGER,
    last_digest INTEGER,
    last_broker_time_ms INTEGER,
    PRIMARY KEY (result_set, topic, partition)
) WITHOUT ROWID;
CREATE TABLE quarantine (
    seq INTEGER PRIMARY KEY,
    result_set TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    cause TEXT NOT NULL,
    detail TEXT NOT NULL,
    key BLOB,
    payload BLOB,
    broker_time_ms INTEGER,
    ingest_time_ms INTEGER NOT NULL,
    UNIQUE (result_set, topic, partition, offset)
);
CREATE TABLE gap (
    seq INTEGER PRIMARY KEY,
    result_set TEXT NOT NULL,
    build INTEGER NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    from_offset INTEGER NOT NULL,
    to_offset INTEGER NOT NULL,
    worker TEXT NOT NULL,
    detected_at_ms INTEGER NOT NULL
);
CREATE TABLE batch_audit (
    seq INTEGER PRIMARY KEY,
    result_set TEXT NOT NULL,
    build INTEGER NOT NULL,
    worker TEXT NOT NULL,
    committed_at_ms INTEGER NOT NULL,
    records_in INTEGER NOT NULL,
    results INTEGER NOT NULL,
    filtered INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    redelivered INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    offsets TEXT NOT NULL
);
CREATE TABLE ownership_audit (
    seq INTEGER PRIMARY KEY,
    result_set TEXT NOT NULL,
    worker TEXT NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    change TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    token INTEGER NOT NULL,
    next_offset INTEGER
);
";

/// Creates the shared tables in an empty file. To be called in a write transaction.
pub(super) fn create_shared(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(SHARED)?;
    connection.pragma_update(None, "user_version", SCHEMA_VERSION)
}

/// A result set's tables and the statements on them.
#[derive(Debug, Clone)]
pub(super) struct ResultSetSql {
    pub(super) create: String,
    pub(super) drop: String,
    pub(super) insert_result: String,
    pub(super) insert_seen: String,
    pub(super) select_seen: String,
    pub(super) refresh_seen: String,
    pub(super) oldest_seen: String,
    pub(super) prune_seen: String,
    pub(super) select_results: String,
}

/// The name of the table of message ids.
pub(super) fn seen_table(result_set: &str) -> String {
    format!("\"{result_set} seen\"")
}

/// The name of a stored column: decimals and text as they are, event times with their unit.
fn stored_name(name: &str, kind: ColumnKind) -> String {
    match kind {
        ColumnKind::Text | ColumnKind::Decimal => name.to_owned(),
        ColumnKind::EventTime => format!("{name}_ns"),
    }
}

impl ResultSetSql {
    pub(super) fn new(definition: &Definition) -> Self {
        let results = format!("\"{}\"", definition.name);
        let seen = seen_table(definition.name);
        let names: Vec<String> = definition
            .columns
            .iter()
            .map(|column| stored_name(column.name, column.kind))
            .collect();
        let declared: String = definition
            .columns
            .iter()
            .zip(&names)
            .map(|(column, name)| match column.kind {
                ColumnKind::Text | ColumnKind::Decimal => format!("{name} TEXT, "),
                ColumnKind::EventTime => format!("{name} INTEGER, "),
            })
            .collect();
        let names = names.join(", ");
        let provenance = "topic, partition, offset, broker_time_ms, ingest_time_ms";
        let marks = vec!["?"; definition.columns.len() + 6].join(", ");
        Self {
            create: format!(
                "CREATE TABLE IF NOT EXISTS {results} (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, {declared}\
                 topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, \
                 broker_time_ms INTEGER, ingest_time_ms INTEGER NOT NULL);\
                 CREATE TABLE IF NOT EXISTS {seen} (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, \
                 digest INTEGER NOT NULL, broker_time_ms INTEGER NOT NULL);"
            ),
            drop: format!("DROP TABLE {results}; DROP TABLE {seen};"),
            insert_result: format!(
                "INSERT INTO {results} (id, {names}, {provenance}) VALUES ({marks})"
            ),
            insert_seen: format!(
                "INSERT INTO {seen} (id, digest, broker_time_ms) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
            ),
            select_seen: format!("SELECT digest FROM {seen} WHERE id = ?"),
            refresh_seen: format!(
                "UPDATE {seen} SET seq = (SELECT max(seq) + 1 FROM {seen}), broker_time_ms = max(broker_time_ms, ?2) WHERE id = ?1"
            ),
            oldest_seen: format!("SELECT broker_time_ms FROM {seen} ORDER BY seq LIMIT 1"),
            prune_seen: format!(
                "DELETE FROM {seen} WHERE seq IN (SELECT seq FROM {seen} ORDER BY seq LIMIT ?2) AND broker_time_ms < ?1"
            ),
            select_results: format!("SELECT id, {names}, {provenance} FROM {results} ORDER BY seq"),
        }
    }
}
