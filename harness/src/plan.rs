//! A plan: everything that one seed decides, as a file. A runner only executes plans; the same
//! build and plan give the same history.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::fault::action::FaultAction;
use crate::scenario::load::Generator;

pub mod bound;
pub mod costs;
pub(crate) mod draw;
pub mod group_protocol;
pub mod saved;
pub mod stream;

/// The format of plan files that this version reads and writes.
pub const FORMAT: u32 = 1;

/// One run, with everything drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: u32,
    /// The scenario it was drawn from.
    pub scenario: String,
    /// The seed. A runner derives the world's randomness from it.
    pub seed: u64,
    /// The commit of the build that ran it; filled in by who runs it.
    pub commit: Option<String>,
    /// A hash of the build's lock file; filled in by who runs it.
    pub lock_hash: Option<String>,
    /// The pipeline under test, by the name the runner knows it by.
    pub pipeline: String,
    /// Wall clock of all hosts at the start, in milliseconds since 1970.
    pub wall_ms_at_start: i64,
    /// The brokers and links.
    pub cluster: ClusterPlan,
    /// The topics.
    pub topics: Vec<TopicPlan>,
    /// The consumer group of the workers.
    pub group: String,
    /// The worker processes.
    pub workers: Vec<WorkerPlan>,
    /// Settings handed to the pipeline.
    pub settings: BTreeMap<String, String>,
    /// What is sent.
    pub load: LoadPlan,
    /// How long the load is sent and faults happen, in milliseconds. Then everything is healed.
    pub safety_ms: u64,
    /// Within how many milliseconds after healing the topics must be drained; see [`bound`].
    pub liveness_ms: u64,
    /// The faults by their begin.
    pub faults: Vec<PlannedFault>,
    /// What work costs the workers; nothing but their disks' latency if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<costs::Costs>,
}

/// Brokers and links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterPlan {
    /// How many brokers; ids from 1, named `broker-1` and so on.
    pub brokers: u32,
    /// Kafka's `group.initial.rebalance.delay.ms`.
    pub group_initial_rebalance_delay_ms: u64,
    /// Kafka's `group.consumer.session.timeout.ms`; Kafka's default if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_consumer_session_timeout_ms: Option<u64>,
    /// Kafka's `group.consumer.heartbeat.interval.ms`; Kafka's default if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_consumer_heartbeat_interval_ms: Option<u64>,
    /// How many directories each broker's `log.dirs` names.
    #[serde(
        default = "ClusterPlan::one",
        skip_serializing_if = "ClusterPlan::is_one"
    )]
    pub log_dirs: u64,
    /// Kafka's `log.retention.check.interval.ms`; Kafka's default if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_retention_check_interval_ms: Option<u64>,
    /// Shortest one-way latency of a message, in microseconds.
    pub latency_us_min: u64,
    /// Longest one-way latency of a message, in microseconds.
    pub latency_us_max: u64,
}

impl ClusterPlan {
    fn one() -> u64 {
        1
    }

    fn is_one(number: &u64) -> bool {
        *number == 1
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas each of them has.
    #[serde(
        default = "ClusterPlan::one",
        skip_serializing_if = "ClusterPlan::is_one"
    )]
    pub replication_factor: u64,
    /// Its configuration; what it does not name, the broker's defaults decide.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// The pipeline produces to it instead of consuming it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub output: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A worker process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerPlan {
    /// Its name.
    pub name: String,
    /// The host it runs on. Workers of one host share its files.
    pub host: String,
    /// Whether it is there from the start; others only join by a fault.
    pub at_start: bool,
}

/// What is sent to the topics, and what is done to it on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    /// The topic to send to.
    pub topic: String,
    /// Whether the producer is idempotent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub idempotent: bool,
    /// Where the records come from.
    pub source: Source,
    /// Records sent a simulated second.
    pub rate_per_s: u64,
    /// Shares of records that something is done to.
    pub disorder: Disorder,
    /// Indices of records left out (by shrinking), see [`LoadRecord::index`].
    ///
    /// [`LoadRecord::index`]: crate::dataset::record::LoadRecord::index
    pub removed: BTreeSet<u64>,
}

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// Made up from the seed.
    Generator {
        /// The kind of records.
        generator: Generator,
        /// Records left out at the begin (by shrinking); those behind them stay as they are.
        #[serde(default, skip_serializing_if = "is_zero")]
        skip: u64,
        /// How many after these.
        records: u64,
        /// How many keys they are spread over.
        keys: u64,
    },
    /// Rows of a file of the data directory.
    File {
        /// The file's name.
        name: String,
        /// Rows left out at its beginning.
        skip: u64,
        /// Rows taken after these; fewer if the file ends.
        take: u64,
        /// Path of the field to use as key.
        key: Option<String>,
        /// Path of the field that holds the message id.
        id: String,
        /// What the file was when the plan was made; filled in by who runs it, and checked when
        /// the file is read.
        facts: Option<FileFacts>,
    },
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

/// What identifies a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// XXH3-128 of its bytes as stored, in hexadecimal.
    pub xxh3_128: String,
    /// How many rows it has.
    pub rows: u64,
}

/// Shares of records that something is done to, in parts per million.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disorder {
    /// Sent again later with the same content.
    pub duplicates_ppm: u32,
    /// Sent twice in a row by the producer.
    pub producer_sends_twice_ppm: u32,
    /// Sent a second time to another partition.
    pub same_id_other_partition_ppm: u32,
    /// Trading places with a near neighbour.
    pub out_of_order_ppm: u32,
    /// Held back until much later records were sent.
    pub late_ppm: u32,
    /// Rows that no processor can read, sent in addition.
    pub malformed_ppm: u32,
    /// How many more of them come right behind each one, in the same partition.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub malformed_more: u64,
    /// Sent with the key of the load's first record instead of their own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hot_key_ppm: u32,
}

/// A fault and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// When it begins, in milliseconds since the begin of the safety phase.
    pub at_ms: u64,
    /// For how many milliseconds; none for what is over at once. Healing ends it early.
    pub for_ms: Option<u64>,
    /// From `at_ms` on, it begins where the target reaches this probe; any process does for a
    /// target that is no worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What to do.
    pub action: FaultAction,
}

/// A plan file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Written by another version.
    #[error("plan has format {found}, this version reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u32,
    },
    /// Not a plan.
    #[error("not a plan")]
    Malformed(#[from] serde_json::Error),
}

impl Plan {
    /// Reads a plan file.
    ///
    /// # Errors
    /// It is no plan, or of another format; the format is looked at first.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        #[derive(Deserialize)]
        struct FormatOnly {
            format: u32,
        }
        let FormatOnly { format } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(PlanError::Format { found: format });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The plan as people and tools read it.
    ///
    /// # Panics
    /// Never: a plan holds only what JSON can say.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan has text keys and plain values")
    }

    /// Names of the worker hosts, each once, in plan order.
    #[must_use]
    pub fn worker_hosts(&self) -> Vec<&str> {
        let mut hosts: Vec<&str> = Vec::new();
        for worker in &self.workers {
            if !hosts.contains(&worker.host.as_str()) {
                hosts.push(&worker.host);
            }
        }
        hosts
    }

    /// The versions of the pipeline that run: the one at the start, and those that upgrades lead to.
    #[must_use]
    pub fn pipelines(&self) -> BTreeSet<&str> {
        let upgrades = self.faults.iter().filter_map(|fault| match &fault.action {
            FaultAction::Upgrade(upgrade) => Some(upgrade.to.as_str()),
            _ => None,
        });
        upgrades.chain([self.pipeline.as_str()]).collect()
    }

    /// The topics that the pipeline consumes, in plan order.
    pub fn inputs(&self) -> impl Iterator<Item = &TopicPlan> {
        self.topics.iter().filter(|topic| !topic.output)
    }

    /// The topics that the pipeline produces to, in plan order.
    pub fn outputs(&self) -> impl Iterator<Item = &TopicPlan> {
        self.topics.iter().filter(|topic| topic.output)
    }

    /// The partitions of a topic; none for a topic that is not in the plan.
    #[must_use]
    pub fn partitions(&self, topic: &str) -> Option<i32> {
        self.topics
            .iter()
            .find(|plan| plan.name == topic)
            .map(|plan| plan.partitions)
    }

    /// The same plan without what puts clocks wrong; none if its clocks are right.
    #[must_use]
    pub fn with_right_clocks(&self) -> Option<Self> {
        let faults: Vec<PlannedFault> = self
            .faults
            .iter()
            .filter(|fault| !fault.action.name().starts_with("clock-"))
            .cloned()
            .collect();
        (faults.len() < self.faults.len()).then(|| Self {
            faults,
            ..self.clone()
        })
    }

    /// Whether its history takes a data file.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match &self.load.source {
            Source::File { name, .. } => Some(name),
            Source::Generator { .. } => None,
        }
    }

    /// Notes which content of the data file the plan was made for. Without effect on a plan that
    /// takes no file.
    pub fn pin_file(&mut self, found: FileFacts) {
        if let Source::File { facts, .. } = &mut self.load.source {
            *facts = Some(found);
        }
    }
}

#[cfg(test)]
mod tests;
