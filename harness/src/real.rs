//! The same plan on Apache Kafka: real brokers in containers, a real process for each worker, real
//! time, judged by the same oracle and by those checkers that see enough.
//!
//! The runner is built as anyone builds a program: with the real rdkafka and the real tokio. One
//! that `cargo whitewater run --real` starts executes plans ([`protocol`]); it starts itself again
//! for each worker, which then runs [`PipelineUnderTest::start`](crate::pipeline_under_test::PipelineUnderTest::start).

pub mod engine;
pub mod possible;
pub mod protocol;

#[cfg(all(not(madsim), feature = "real"))]
mod administrator;
#[cfg(all(not(madsim), feature = "real"))]
mod brokers;
#[cfg(all(not(madsim), feature = "real"))]
mod clock;
#[cfg(all(not(madsim), feature = "real"))]
mod execution;
#[cfg(all(not(madsim), feature = "real"))]
mod fleet;
#[cfg(all(not(madsim), feature = "real"))]
mod history;
#[cfg(all(not(madsim), feature = "real"))]
mod injector;
#[cfg(all(not(madsim), feature = "real"))]
mod link;
#[cfg(all(not(madsim), feature = "real"))]
mod loader;
#[cfg(all(not(madsim), feature = "real"))]
mod log_disk;
#[cfg(all(not(madsim), feature = "real"))]
mod member;
#[cfg(all(not(madsim), feature = "real"))]
mod observe;
#[cfg(all(not(madsim), feature = "real"))]
mod serve;
#[cfg(all(not(madsim), feature = "real"))]
mod topic_log;
#[cfg(all(not(madsim), feature = "real"))]
mod worker;

#[cfg(all(not(madsim), feature = "real"))]
pub use serve::serve;

/// A runner of a build without the feature `real` executes nothing.
#[cfg(not(feature = "real"))]
pub fn serve(_: &'static [crate::pipeline_under_test::PipelineEntry]) -> std::process::ExitCode {
    eprintln!("error: whitewater was built without its feature `real`");
    std::process::ExitCode::FAILURE
}
