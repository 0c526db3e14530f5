//! What `cargo whitewater run --real` and the runner in a normal build say to each other: as in
//! [`runner_protocol`](crate::runner_protocol), a JSON object per line over the same descriptor. A
//! command that closes its end ends the run, and all containers and workers with it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::runner_protocol::Hello;
use crate::verdict::Verdict;

/// One plan to execute on Apache Kafka.
#[derive(Debug, Serialize, Deserialize)]
pub struct RealRunRequest {
    /// What happens.
    pub plan: Box<Plan>,
    /// Where sinks, worker output and the trace go; it exists, and is empty.
    pub folder: PathBuf,
    /// The folder of real data files.
    pub data: Option<PathBuf>,
    /// The image that brokers run.
    pub image: String,
}

/// From the runner to the command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromRealRunner {
    /// The first line.
    Hello(Hello),
    /// Something that whoever waits wants to know.
    Progress {
        /// Milliseconds since the workers were started; none before.
        at_ms: Option<u64>,
        /// A few words.
        what: String,
    },
    /// How the plan ended.
    Verdict(Box<Verdict>),
    /// The plan could not be executed at all.
    Refused {
        /// A sentence for a person.
        reason: String,
    },
}

/// What a worker process finds in [`WORKER_VARIABLE`].
#[derive(Debug, Serialize, Deserialize)]
pub struct WorkerOrder {
    /// The pipeline, by the name the runner knows it by.
    pub pipeline: String,
    /// What the pipeline gets to know.
    pub context: crate::pipeline_under_test::Context,
    /// The worker's host.
    pub host: String,
    /// Where the process writes what it logs, an event per line.
    pub events: PathBuf,
    /// When the run began, in nanoseconds since 1970.
    pub began_unix_ns: u64,
}

/// Makes a runner one worker process.
pub const WORKER_VARIABLE: &str = "WHITEWATER_WORKER";

/// The trace of a run, in its folder.
pub const TRACE: &str = "trace.jsonl";

/// What the worker processes wrote to stdout and stderr, in the run's folder.
pub const OUTPUT: &str = "output.txt";
