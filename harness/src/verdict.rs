//! What came out of a run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::checker::violation::Violation;

/// What a runner says about one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// How it went.
    pub outcome: Outcome,
    /// Hash of the whole trace, 32 hexadecimal digits. Same build, same plan: same hash.
    pub trace_hash: String,
    /// Hash of the sink's final content, 32 hexadecimal digits.
    pub final_state_hash: String,
    /// How much simulated time passed.
    pub simulated_ns: u64,
    /// How often each kind of fault that began took effect, load families included.
    pub fault_hits: BTreeMap<String, u64>,
    /// How often each probe was reached.
    pub probes: BTreeMap<String, u64>,
    /// Other counts worth a look: `records`, `rebalances`, ...
    pub counters: BTreeMap<String, u64>,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outcome {
    /// No checker found anything.
    Passed,
    /// At least one checker did.
    Failed {
        /// What they found, in the order of the checkers.
        violations: Vec<Violation>,
    },
    /// The run has no answer: it was stopped from outside, or the simulator itself failed.
    Unknown {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// No answer, and why.
    #[must_use]
    pub fn unknown(why: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Unknown { why: why.into() },
            trace_hash: String::new(),
            final_state_hash: String::new(),
            simulated_ns: 0,
            fault_hits: BTreeMap::new(),
            probes: BTreeMap::new(),
            counters: BTreeMap::new(),
        }
    }
}

impl Outcome {
    /// The outcome of what the checkers found.
    #[must_use]
    pub fn of(violations: Vec<Violation>) -> Self {
        if violations.is_empty() {
            Self::Passed
        } else {
            Self::Failed { violations }
        }
    }

    /// What the checkers found; empty unless it failed.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        match self {
            Self::Failed { violations } => violations,
            Self::Passed | Self::Unknown { .. } => &[],
        }
    }

    /// Whether a violation of this checker is among what was found.
    #[must_use]
    pub fn caught_by(&self, checker: CheckerName) -> bool {
        self.violations()
            .iter()
            .any(|violation| violation.kind.checker() == checker)
    }
}

/// A family of checks, by the name people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckerName {
    /// Nothing lost, nothing counted twice, nothing wrong.
    Completeness,
    /// The accounting adds up.
    Conservation,
    /// Rows follow offsets.
    Order,
    /// No offset is past what the sink holds.
    Offsets,
    /// One owner per partition and generation.
    Group,
    /// Kafka's anomalies.
    Log,
    /// Lag is reported as it is.
    Lag,
    /// Files and sinks stay within bounds.
    Resources,
    /// The wall clock decides nothing.
    Clock,
    /// Each version's result set is right up to where it stands.
    Version,
    /// Drained in time.
    Liveness,
    /// No process failed.
    Panic,
}

impl fmt::Display for CheckerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Completeness => "completeness",
            Self::Conservation => "conservation",
            Self::Order => "order",
            Self::Offsets => "offsets",
            Self::Group => "group",
            Self::Log => "log",
            Self::Lag => "lag",
            Self::Resources => "resources",
            Self::Clock => "clock",
            Self::Version => "version",
            Self::Liveness => "liveness",
            Self::Panic => "panic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::violation::ViolationKind;

    #[test]
    fn a_verdict_reads_back_from_one_line() {
        let mut verdict = Verdict::unknown("watchdog");
        let unknown = serde_json::to_string(&verdict).expect("plain values");
        assert!(!unknown.contains('\n'));
        assert_eq!(
            serde_json::from_str::<Verdict>(&unknown).expect("a verdict"),
            verdict
        );

        verdict.outcome = Outcome::of(vec![Violation::new(ViolationKind::OutOfOrder, "late")]);
        verdict.fault_hits.insert("kill".to_owned(), 2);
        let failed = serde_json::to_string(&verdict).expect("plain values");
        insta::assert_snapshot!(failed, @r#"{"outcome":{"failed":{"violations":[{"kind":"out-of-order","record":null,"process":null,"message":"late","explanation":null}]}},"trace_hash":"","final_state_hash":"","simulated_ns":0,"fault_hits":{"kill":2},"probes":{},"counters":{}}"#);
        let read: Verdict = serde_json::from_str(&failed).expect("a verdict");
        assert_eq!(read, verdict);
        assert!(read.outcome.caught_by(CheckerName::Order));
        assert!(!read.outcome.caught_by(CheckerName::Completeness));
    }

    #[test]
    fn nothing_found_is_passed() {
        assert_eq!(Outcome::of(Vec::new()), Outcome::Passed);
    }
}
