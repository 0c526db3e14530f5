//! The SQLite sink: one file, many processes on one host.

mod claim;
mod connection;
mod error;
mod read;
mod reset;
mod schema;
mod seen;
mod transaction;
mod write_transaction;

pub use connection::SqliteSink;
pub use read::{Gap, Position, Quarantined, ReadError, Reader, Row};
pub use reset::reset;
