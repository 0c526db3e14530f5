//! The runner: executes plans in the simulated world, one forked child a plan.
//!
//! [`serve`] talks to `cargo whitewater`; [`execution`] is one run, told in order: cluster,
//! workers, load and faults ([`fleet`], [`loader`], [`injector`]), heal, drain, observe
//! ([`observe`]), judge.

pub(crate) mod administrator;
mod at_probe;
mod debug;
mod drain;
mod execution;
pub(crate) mod fleet;
pub(crate) mod injector;
mod loader;
mod observe;
mod serve;
pub(crate) mod stranger;
mod tracing_events;

pub use serve::serve;
