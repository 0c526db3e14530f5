//! The client in simulated worlds, against the simulated cluster.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod commits;
mod consumer_protocol;
mod exactly_once;
mod examples;
mod faults;
mod groups;
mod idempotence;
mod positions;
mod produce_consume;
mod producing;
mod statistics;
mod storm;
mod support;
mod transactions;
