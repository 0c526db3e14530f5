//! A write transaction whose own statements are prepared once.

use std::ops::Deref;

use rusqlite::Connection;

/// Holds the file's write lock from the start, so that it never fails half-way because another
/// process wrote. Rolled back when dropped without a commit.
pub(super) struct WriteTransaction<'c> {
    connection: &'c Connection,
}

impl<'c> WriteTransaction<'c> {
    /// Begins; taking the connection mutably, so that there is one transaction at a time.
    pub(super) fn begin(connection: &'c mut Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached("BEGIN IMMEDIATE")?
            .execute([])
            .map(|_| Self { connection })
    }

    pub(super) fn commit(self) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("COMMIT")?
            .execute([])
            .map(drop)
    }
}

impl Deref for WriteTransaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for WriteTransaction<'_> {
    fn drop(&mut self) {
        if !self.connection.is_autocommit() {
            // A failure leaves the transaction to SQLite, which rolls back when the connection ends.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}
