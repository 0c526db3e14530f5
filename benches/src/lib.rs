//! Criterion benchmarks and side-by-side comparisons.
//!
//! What each measures and how to run it stands in `README.md`; this library holds what they share.

pub mod broker;
pub mod commits;
pub mod groups;
pub mod in_process;
pub mod mode;
pub mod pipeline_run;
pub mod plain_loop;
pub mod records;
pub mod sink_batch;
