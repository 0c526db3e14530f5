//! The patched tokio in simulated worlds, area by area.

#[cfg(not(all(feature = "full", feature = "test-util")))]
compile_error!("these tests need `--features full,test-util`");

#[cfg(test)]
mod join_set;
#[cfg(test)]
mod local_set;
#[cfg(test)]
mod macros;
#[cfg(test)]
mod net;
#[cfg(test)]
mod runtime;
#[cfg(test)]
mod signal;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod task;
#[cfg(test)]
mod task_local;
#[cfg(test)]
mod time;
#[cfg(test)]
mod unsimulated;
#[cfg(test)]
mod world;
