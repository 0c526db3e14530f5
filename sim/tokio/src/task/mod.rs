//! Tasks.

mod blocking;
mod control;
pub mod coop;
mod id;
mod join_error;
mod join_handle;
mod join_set;
mod local_key;
pub(crate) mod local_set;
pub(crate) mod running;
mod spawn;
mod yield_now;

pub use blocking::{block_in_place, spawn_blocking};
#[doc(hidden)]
pub use coop::{Unconstrained, consume_budget, unconstrained};
pub use id::{Id, id, try_id};
pub use join_error::JoinError;
pub use join_handle::{AbortHandle, JoinHandle};
pub use join_set::JoinSet;
pub use local_key::LocalKey;
pub use local_set::{LocalEnterGuard, LocalSet, spawn_local};
pub use spawn::spawn;
pub use yield_now::yield_now;

pub(crate) use control::Control;

/// Futures of this module.
pub mod futures {
    pub use super::local_key::TaskLocalFuture;
}

#[doc(hidden)]
pub mod task_local {
    pub use super::local_key::{AccessError, Values};
}
