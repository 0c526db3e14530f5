//! The patched tokio in simulated worlds, area by area.

mod join_set;
mod local_set;
mod macros;
mod net;
mod runtime;
mod signal;
mod sync;
mod task;
mod task_local;
mod time;
mod unsimulated;
mod world;
