//! A scenario: what a pipeline is put through, as written in TOML. Ranges and choices in it are
//! drawn by the seed (see [`crate::plan`]).

use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::fault::Fault;
use crate::fault::timing::Timing;
use crate::verdict::CheckerName;

pub mod choice;
pub mod error;
pub mod load;
mod parse;
pub mod range;
mod suggestion;
mod targets;

use choice::Choice;
use error::ScenarioError;
use load::Load;
use range::Range;

/// A checked scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Folder and file, such as `fast/crash-restart`.
    pub name: String,
    /// Why it exists.
    pub about: String,
    /// The pipeline under test, by the name the runner knows it by.
    pub pipeline: String,
    /// The safety phase: the load is sent and faults happen for at least this long.
    pub duration: Range<Duration>,
    /// The brokers.
    pub cluster: Cluster,
    /// Topics by name; the pipeline consumes all of them but its outputs.
    pub topics: IndexMap<String, Topic>,
    /// The worker processes.
    pub workers: Workers,
    /// Settings for the pipeline. Those with a dot in their name are Kafka's consumer
    /// configuration (`session.timeout.ms`), which a pipeline hands to its client.
    pub settings: IndexMap<String, Choice>,
    /// What is sent to the topics.
    pub load: Load,
    /// The faults.
    pub faults: Vec<FaultEntry>,
    /// What must come out; nothing for a scenario that must pass.
    pub expect: Option<Expect>,
    /// Probes that at least one seed must reach, or the sweep proves nothing. `fault.KIND` is
    /// reached when a fault of this kind takes effect.
    pub must_reach: Vec<String>,
}

/// What the name of a probe begins with that a fault reaches by taking effect.
pub const FAULT_PROBE: &str = "fault.";

/// One `[[fault]]` entry.
#[derive(Debug)]
pub struct FaultEntry {
    /// The kind, as written.
    pub kind: &'static str,
    /// When it begins.
    pub timing: Timing,
    /// A probe to wait for from then on: it begins where a process reaches it.
    pub when: Option<String>,
    /// What it does.
    pub fault: Box<dyn Fault>,
}

/// The `[cluster]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// How many brokers, 1 to 5.
    pub brokers: Range<u64>,
    /// Kafka's `group.initial.rebalance.delay.ms`.
    #[serde(default = "Cluster::initial_rebalance_delay")]
    pub group_initial_rebalance_delay_ms: Range<u64>,
    /// Kafka's `group.consumer.session.timeout.ms`, by which the brokers give members of the consumer
    /// protocol up; Kafka's default if it is not there.
    pub group_consumer_session_timeout_ms: Option<Range<u64>>,
    /// Kafka's `group.consumer.heartbeat.interval.ms`; Kafka's default if it is not there.
    pub group_consumer_heartbeat_interval_ms: Option<Range<u64>>,
    /// How many directories `log.dirs` names, each on a disk of its own, 1 to 8. A broker with one
    /// halts when that one fails.
    #[serde(default = "Cluster::log_dirs")]
    pub log_dirs: Range<u64>,
    /// Kafka's `log.retention.check.interval.ms`; Kafka's default if it is not there.
    pub log_retention_check_interval_ms: Option<Range<u64>>,
    /// One-way latency of a message between two processes.
    #[serde(default = "Cluster::latency")]
    pub latency: Range<Duration>,
}

impl Cluster {
    /// Kafka's default (`GroupCoordinatorConfig`).
    fn initial_rebalance_delay() -> Range<u64> {
        Range::fixed(3_000)
    }

    fn log_dirs() -> Range<u64> {
        Range::fixed(1)
    }

    fn latency() -> Range<Duration> {
        Range {
            low: Duration::from_micros(200),
            high: Duration::from_millis(2),
        }
    }
}

/// One `[topics.NAME]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// How many partitions.
    pub partitions: Range<u64>,
    /// How many replicas each of them has, 1 to 5; never more than there are brokers.
    #[serde(default = "Topic::one_replica")]
    pub replication_factor: Range<u64>,
    /// The topic's configuration, under Kafka's names (`message.timestamp.type`).
    #[serde(default)]
    pub config: IndexMap<String, Choice>,
    /// The pipeline produces to it instead of consuming it; its committed records are results.
    #[serde(default)]
    pub output: bool,
}

impl Topic {
    fn one_replica() -> Range<u64> {
        Range::fixed(1)
    }
}

/// The `[workers]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    /// How many are there from the start.
    pub count: Range<u64>,
    /// Where they run.
    #[serde(default)]
    pub hosts: Hosts,
}

/// Where the workers run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hosts {
    /// All on one host, so that they share a sink file.
    #[default]
    OneHost,
}

/// The `[expect]` table of a scenario whose pipeline is wrong on purpose.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The checker that must catch it.
    pub caught_by: CheckerName,
    /// Kinds of faults without which it must pass: the bug shows only where one of them took
    /// effect. Empty: it may show anywhere.
    #[serde(default)]
    pub only_with: Vec<String>,
}

impl Scenario {
    /// Reads and checks a scenario file. Its name is the file's, with the folder it lies in.
    ///
    /// # Errors
    /// The file can't be read, or is no scenario; the error points at the place.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&name_of(path), &path.display().to_string(), &text)
    }

    /// Checks the text of a scenario; `file` is shown in errors.
    ///
    /// # Errors
    /// The text is no scenario; the error points at the place.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, ScenarioError> {
        parse::parse(name, text).map_err(|problem| problem.in_file(file, text))
    }

    /// The names of the topics that the pipeline consumes.
    pub fn inputs(&self) -> impl Iterator<Item = &String> {
        let inputs = self.topics.iter().filter(|(_, topic)| !topic.output);
        inputs.map(|(name, _)| name)
    }

    /// The kinds of faults that its seeds can draw, those of the load included; each once.
    #[must_use]
    pub fn fault_kinds(&self) -> Vec<&'static str> {
        let entries = self.faults.iter().map(|entry| entry.kind);
        let mut kinds: Vec<&'static str> = entries.chain(self.load.families()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The probes for which its faults wait; each once.
    #[must_use]
    pub fn waits_for(&self) -> Vec<String> {
        let entries = self.faults.iter();
        let mut probes: Vec<String> = entries.filter_map(|entry| entry.when.clone()).collect();
        probes.sort_unstable();
        probes.dedup();
        probes
    }
}

/// `scenarios/fast/steady.toml` is `fast/steady`.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match path.parent().and_then(Path::file_name) {
        Some(folder) => format!("{}/{stem}", folder.to_string_lossy()),
        None => stem.into_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
