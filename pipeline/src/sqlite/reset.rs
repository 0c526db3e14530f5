//! Forgetting a result set, so that it can be built again from the log.

use std::path::Path;
use std::time::Duration;

use rusqlite::params;

use crate::registry::Definition;
use crate::sink::SinkError;
use crate::sqlite::SqliteSink;
use crate::sqlite::error::sink_error;

/// Deletes a result set's rows, `seen` and quarantine and sets every partition back to the offset at
/// which the result set began. Tokens grow, so that running workers are fenced and begin anew.
/// Audit rows stay: they say who and when, and no log can say it again.
///
/// # Errors
/// See [`SqliteSink::open`].
pub fn reset(
    path: &Path,
    definition: &'static Definition,
    definition_text: &str,
    wait: Duration,
) -> Result<(), SinkError> {
    let mut sink = SqliteSink::open(path, definition, definition_text, wait)?;
    sink.write(|context, transaction| {
        transaction.execute_batch(&context.sql.drop)?;
        transaction.execute_batch(&context.sql.create)?;
        transaction.execute("DELETE FROM quarantine WHERE result_set = ?", [context.result_set])?;
        transaction.execute(
            "UPDATE position SET token = token + 1, owner = NULL, next_offset = first_offset, last_offset = NULL,
             last_digest = NULL, last_broker_time_ms = NULL WHERE result_set = ?",
            [context.result_set],
        )?;
        transaction.execute(
            "UPDATE result_set SET build = build + 1 WHERE name = ?",
            params![context.result_set],
        )
    })
    .map(drop)
    .map_err(|error| sink_error(path, error))
}
