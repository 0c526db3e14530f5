//! The cluster seen from its clients, without a network.

mod brokers;
mod compacting;
mod configs;
mod coordinating;
mod fetching;
mod idempotence;
mod log_dirs;
mod metadata;
mod offsets;
mod ordering;
mod partitions;
mod producing;
mod replicating;
mod retaining;
mod topics;
pub(crate) mod versions;
