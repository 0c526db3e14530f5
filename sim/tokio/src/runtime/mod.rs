//! Runtimes: sets of tasks on the one simulated world.

mod blocking;
mod builder;
mod drivers;
mod flavor;
mod handle;
mod implicit;
mod local_runtime;
mod metrics;
#[expect(clippy::module_inception, reason = "the file is named after the type")]
mod runtime;
mod shared;

pub use builder::Builder;
pub use flavor::RuntimeFlavor;
pub use handle::{EnterGuard, Handle, TryCurrentError};
pub use local_runtime::{LocalOptions, LocalRuntime};
pub use metrics::RuntimeMetrics;
pub use runtime::{Runtime, is_rt_shutdown_err};
pub use shared::Id;

pub(crate) use drivers::{require_io, require_time};
pub(crate) use shared::Registration;
