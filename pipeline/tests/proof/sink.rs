//! The sink, looked at while the workers write it.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use whitewater_pipeline::sqlite::{Position, Reader};

/// How long a look may wait for a lock.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// A sink file that may not be there yet.
pub(crate) struct SinkFile {
    path: PathBuf,
    result_set: &'static str,
    connection: OnceCell<Connection>,
}

impl SinkFile {
    /// Nothing is opened yet.
    pub(crate) fn new(path: PathBuf, result_set: &'static str) -> Self {
        Self {
            path,
            result_set,
            connection: OnceCell::new(),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Rows of the result set: they are numbered from 1, and none is ever deleted.
    pub(crate) fn rows(&self) -> Result<usize, String> {
        let sql = format!("SELECT coalesce(max(seq), 0) FROM \"{}\"", self.result_set);
        let rows: i64 = self
            .connection()?
            .query_row(&sql, [], |row| row.get(0))
            .map_err(|error| error.to_string())?;
        usize::try_from(rows).map_err(|error| error.to_string())
    }

    /// Who holds which partition, and how far it is.
    pub(crate) fn positions(&self) -> Result<Vec<Position>, String> {
        Reader::open(&self.path, self.result_set)
            .and_then(|reader| reader.positions())
            .map_err(|error| error.to_string())
    }

    fn connection(&self) -> Result<&Connection, String> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|connection| {
                connection.busy_timeout(LOCK_WAIT)?;
                Ok(connection)
            })
            .map_err(|error| error.to_string())?;
        Ok(self.connection.get_or_init(|| connection))
    }
}
