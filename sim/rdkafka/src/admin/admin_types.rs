//! What goes into admin operations and what comes out.
#![expect(clippy::disallowed_types, reason = "rdkafka's signatures")]

use std::collections::HashMap;
use std::time::Duration;

use crate::types::RDKafkaErrorCode;
use crate::util::Timeout;

/// How an admin operation is carried out.
#[derive(Default)]
pub struct AdminOptions {
    request_timeout: Option<Timeout>,
    operation_timeout: Option<Timeout>,
    validate_only: bool,
    broker_id: Option<i32>,
}

impl AdminOptions {
    /// The defaults.
    pub fn new() -> AdminOptions {
        Self::default()
    }

    /// How long to wait for the answer; `socket.timeout.ms` by default.
    #[must_use]
    pub fn request_timeout<T: Into<Timeout>>(mut self, timeout: Option<T>) -> Self {
        self.request_timeout = timeout.map(Into::into);
        self
    }

    /// How long the broker may take.
    #[must_use]
    pub fn operation_timeout<T: Into<Timeout>>(mut self, timeout: Option<T>) -> Self {
        self.operation_timeout = timeout.map(Into::into);
        self
    }

    /// Only checks whether the operation would succeed.
    #[must_use]
    pub fn validate_only(mut self, validate_only: bool) -> Self {
        self.validate_only = validate_only;
        self
    }

    /// Which broker to ask. Every simulated broker answers for the cluster, so this has no
    /// effect.
    #[must_use]
    pub fn broker_id<T: Into<Option<i32>>>(mut self, broker_id: T) -> Self {
        self.broker_id = broker_id.into();
        self
    }

    pub(super) fn request_timeout_or(&self, default: Duration) -> Duration {
        match self.request_timeout {
            Some(Timeout::After(timeout)) => timeout,
            Some(Timeout::Never) => Duration::from_secs(3600),
            None => default,
        }
    }

    pub(super) fn operation_timeout_ms(&self) -> i32 {
        match self.operation_timeout {
            Some(Timeout::After(timeout)) => i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            Some(Timeout::Never) | None => 60_000,
        }
    }

    pub(super) fn validates_only(&self) -> bool {
        self.validate_only
    }
}

/// A topic's name, or its name and error.
pub type TopicResult = Result<String, (String, RDKafkaErrorCode)>;

/// A group's id, or its id and error.
pub type GroupResult = Result<String, (String, RDKafkaErrorCode)>;

/// A topic to be created.
#[derive(Debug)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number of partitions; -1 for the broker's default.
    pub num_partitions: i32,
    /// Its replicas.
    pub replication: TopicReplication<'a>,
    /// Its configuration.
    pub config: Vec<(&'a str, &'a str)>,
}

impl<'a> NewTopic<'a> {
    /// A topic without configuration of its own.
    pub fn new(
        name: &'a str,
        num_partitions: i32,
        replication: TopicReplication<'a>,
    ) -> NewTopic<'a> {
        NewTopic {
            name,
            num_partitions,
            replication,
            config: Vec::new(),
        }
    }

    /// Sets a configuration property.
    #[must_use]
    pub fn set(mut self, key: &'a str, value: &'a str) -> NewTopic<'a> {
        self.config.push((key, value));
        self
    }
}

/// The brokers of each partition.
pub type PartitionAssignment<'a> = &'a [&'a [i32]];

/// The replicas of a topic.
#[derive(Debug)]
pub enum TopicReplication<'a> {
    /// So many of each partition.
    Fixed(i32),
    /// These brokers for each partition.
    Variable(PartitionAssignment<'a>),
}

/// Partitions to be added to a topic.
pub struct NewPartitions<'a> {
    /// The topic.
    pub topic_name: &'a str,
    /// How many partitions it is to have.
    pub new_partition_count: usize,
    /// The brokers of the new ones.
    pub assignment: Option<PartitionAssignment<'a>>,
}

impl<'a> NewPartitions<'a> {
    /// So many partitions, on brokers of the cluster's choice.
    pub fn new(topic_name: &'a str, new_partition_count: usize) -> NewPartitions<'a> {
        NewPartitions {
            topic_name,
            new_partition_count,
            assignment: None,
        }
    }

    /// Sets the brokers of the new partitions.
    #[must_use]
    pub fn assign(mut self, assignment: PartitionAssignment<'a>) -> NewPartitions<'a> {
        self.assignment = Some(assignment);
        self
    }
}

/// A resource's configuration, or its error.
pub type ConfigResourceResult = Result<ConfigResource, RDKafkaErrorCode>;

/// What has a configuration.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum ResourceSpecifier<'a> {
    /// A topic.
    Topic(&'a str),
    /// A group.
    Group(&'a str),
    /// A broker.
    Broker(i32),
}

/// What has a configuration.
#[derive(Debug, Eq, PartialEq)]
pub enum OwnedResourceSpecifier {
    /// A topic.
    Topic(String),
    /// A group.
    Group(String),
    /// A broker.
    Broker(i32),
}

/// Where a value comes from.
#[derive(Debug, Eq, PartialEq)]
pub enum ConfigSource {
    /// Not known.
    Unknown,
    /// The topic's own configuration.
    DynamicTopic,
    /// The broker's configuration, changed while it runs.
    DynamicBroker,
    /// The brokers' default, changed while they run.
    DynamicDefaultBroker,
    /// The broker's configuration file.
    StaticBroker,
    /// Kafka's default.
    Default,
}

/// One property of a resource.
#[derive(Debug, Eq, PartialEq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value, unless it is sensitive.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed.
    pub is_read_only: bool,
    /// Whether nobody has set it.
    pub is_default: bool,
    /// Whether its value is not shown.
    pub is_sensitive: bool,
}

/// A resource's configuration.
#[derive(Debug)]
pub struct ConfigResource {
    /// Whose it is.
    pub specifier: OwnedResourceSpecifier,
    /// Its properties.
    pub entries: Vec<ConfigEntry>,
}

impl ConfigResource {
    /// The properties by name.
    pub fn entry_map(&self) -> HashMap<&str, &ConfigEntry> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.name.as_str(), entry)).collect()
    }

    /// The property of this name.
    pub fn get(&self, name: &str) -> Option<&ConfigEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// A resource whose configuration was changed, or the resource and its error.
pub type AlterConfigsResult =
    Result<OwnedResourceSpecifier, (OwnedResourceSpecifier, RDKafkaErrorCode)>;

/// A resource's new configuration.
pub struct AlterConfig<'a> {
    /// Whose it is.
    pub specifier: ResourceSpecifier<'a>,
    /// The properties set; all others go back to their defaults.
    pub entries: HashMap<&'a str, &'a str>,
}

impl<'a> AlterConfig<'a> {
    /// No properties yet.
    pub fn new(specifier: ResourceSpecifier<'_>) -> AlterConfig<'_> {
        AlterConfig {
            specifier,
            entries: HashMap::new(),
        }
    }

    /// Sets a property.
    #[must_use]
    pub fn set(mut self, key: &'a str, value: &'a str) -> AlterConfig<'a> {
        self.entries.insert(key, value);
        self
    }
}
