//! The simulated build: a generated manifest, a lock file without tokio and rdkafka, merged rust
//! flags, and a check that nothing real slipped in.

pub(crate) mod lock;
pub(crate) mod manifest;
pub(crate) mod real_build;
pub(crate) mod real_tokio;
pub(crate) mod resolved_graph;
pub(crate) mod rust_flags;
pub(crate) mod simulated_build;
