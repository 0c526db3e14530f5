//! How a violation came about, from the trace alone.

use serde::{Deserialize, Serialize};

/// The chain of events that led to a violation, as far as the trace tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// What happened, in order of time.
    pub because: Vec<Step>,
    /// The wrong step in one sentence, if one can be named.
    pub wrong_step: Option<String>,
}

/// One event of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, in simulated nanoseconds.
    pub at_ns: u64,
    /// Who: a process, or `FAULT`.
    pub who: String,
    /// What, in a few words.
    pub what: String,
}
