//! Scenarios, plans, oracle and checkers: proves a Kafka data pipeline right before production does.
//!
//! The way of a run: a [`scenario`] and a seed give a [`plan`]; a runner executes it (only in a
//! simulated build); the [`checker`]s judge what was observed against the [`oracle`]; the [`verdict`]
//! goes to a [`report`], with an explanation from the [`trace`] for what is wrong.

pub mod checker;
#[cfg(any(madsim, feature = "real"))]
mod clients;
pub mod compare;
pub mod dataset;
pub mod explain;
pub mod fault;
pub mod given_up;
pub mod oracle;
#[cfg(any(madsim, feature = "real"))]
mod outputs;
pub mod pipeline_under_test;
pub mod plan;
pub mod ramp;
pub mod real;
pub mod report;
#[cfg(madsim)]
pub mod runner;
mod runner_macro;
pub mod runner_protocol;
pub mod scenario;
pub mod shrink;
pub mod sinks;
pub mod trace;
pub mod tracing_fields;
pub mod verdict;
