//! The worker: one task that does everything in turn. Poll, batch, process, one sink transaction,
//! offset commit.

mod acquire;
mod commit;
mod error;
mod intake;
mod lag;
mod line;
mod process;
mod renew;
mod revoke;
mod run;
mod shutdown;
mod sink_trouble;

pub use error::WorkerError;
pub use run::{Summary, run};
