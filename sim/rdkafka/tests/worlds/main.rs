//! The client in simulated worlds, against the simulated cluster.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod commits;
mod faults;
mod groups;
mod positions;
mod produce_consume;
mod producing;
mod storm;
mod support;
