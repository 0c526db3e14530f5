//! What SQLite's errors mean for a sink.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::sink::SinkError;

/// Names the sink and sorts the error.
pub(super) fn sink_error(path: &Path, error: rusqlite::Error) -> SinkError {
    let sink = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SinkError::Busy { sink },
        Some(ErrorCode::DiskFull) => SinkError::Full { sink },
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::NotADatabase,
        ) => SinkError::Unwritable {
            sink,
            reason: error.to_string(),
        },
        _ => SinkError::Failed {
            sink,
            reason: error.to_string(),
        },
    }
}
