//! tokio's API on the simulated world of [`whitewater_sim`].
//!
//! In a simulated build this package takes tokio's place (`[patch.crates-io]`): it has tokio's name
//! and features, so that neither a user's manifest nor any crate between needs to change. What is
//! pure comes from the real tokio ([`sync`], the traits and adapters of [`io`], most macros); what
//! would touch threads, the clock or the network is implemented here. README.md lists what works
//! and what panics by name.

mod context;
mod unsimulated;

pub mod fs;
pub mod io;
#[doc(hidden)]
#[macro_use]
pub mod macros;
pub mod net;
pub mod process;
pub mod runtime;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;

pub use task::spawn;

/// As in tokio: streams live in the crate `tokio-stream`.
pub mod stream {}

pub use real_tokio::{join, pin, try_join};

#[doc(hidden)]
pub use real_tokio;

#[cfg(all(feature = "macros", feature = "rt-multi-thread"))]
pub use tokio_macros_crate::{main, test};
#[cfg(all(feature = "macros", not(feature = "rt")))]
pub use tokio_macros_crate::{main_fail as main, test_fail as test};
#[cfg(all(feature = "macros", feature = "rt", not(feature = "rt-multi-thread")))]
pub use tokio_macros_crate::{main_rt as main, test_rt as test};
