//! What `cargo whitewater` and a runner say to each other: a JSON object per line, both ways, on a
//! descriptor of their own (the pipeline's stdout and stderr are captured and never mixed in).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::verdict::Verdict;

/// Names the descriptor (a socket) to the runner.
pub const DESCRIPTOR_VARIABLE: &str = "WHITEWATER_FD";

/// Set to keep address randomisation on; `determinism` does, for one twin.
pub const RANDOMISED_ADDRESSES_VARIABLE: &str = "WHITEWATER_ASLR";

/// Names a file with a [`DebugRequest`] to the runner, in place of the descriptor: it executes that one
/// plan in its own process, behind no escape trap, and ends.
pub const DEBUG_VARIABLE: &str = "WHITEWATER_DEBUG";

/// The protocol's version: the two ends come from one build, so another number is a setup error.
pub const PROTOCOL_FORMAT: u32 = 1;

/// From the command to the runner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToRunner {
    /// Executes one plan; answered by one [`FromRunner::Verdict`], in order.
    Run(RunRequest),
}

/// One plan to execute.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunRequest {
    /// What happens.
    pub plan: Box<Plan>,
    /// Where the whole trace goes, an event per line; none if nobody will read it.
    pub trace: Option<PathBuf>,
    /// Where the pipeline's stdout and stderr go.
    pub output: Option<PathBuf>,
    /// The folder of real data files.
    pub data: Option<PathBuf>,
    /// Wall-clock limit: a seed that spins past it ends as "unknown".
    pub wall_limit_ms: u64,
}

/// One plan to execute under a debugger. Its output stays the runner's own, and no clock stops it.
#[derive(Debug, Serialize, Deserialize)]
pub struct DebugRequest {
    /// What happens.
    pub plan: Box<Plan>,
    /// The folder of real data files.
    pub data: Option<PathBuf>,
    /// Where the whole trace goes, an event per line.
    pub trace: PathBuf,
    /// Where the verdict goes, as JSON.
    pub verdict: PathBuf,
}

/// From the runner to the command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromRunner {
    /// The first line.
    Hello(Hello),
    /// How one plan ended.
    Verdict(Box<Verdict>),
    /// The plan could not be executed at all (no such pipeline, unreadable data).
    Refused {
        /// One sentence for a person.
        reason: String,
    },
}

/// What a runner is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_FORMAT`] of the runner's build.
    pub format: u32,
    /// The names of the pipelines under test.
    pub pipelines: Vec<String>,
    /// What this machine does not permit (seccomp, for one): a line each.
    pub warnings: Vec<String>,
}
