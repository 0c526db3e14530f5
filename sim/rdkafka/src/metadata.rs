//! What a cluster consists of.

use std::fmt;

use kafka_protocol::messages::MetadataResponse;

use crate::types::{RDKafkaErrorCode, RDKafkaRespErr};

/// A broker.
#[derive(Debug)]
pub struct MetadataBroker {
    id: i32,
    host: String,
    port: i32,
}

impl MetadataBroker {
    /// Its id.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The host it advertises.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port it advertises.
    pub fn port(&self) -> i32 {
        self.port
    }
}

/// A partition.
pub struct MetadataPartition {
    id: i32,
    leader: i32,
    error: RDKafkaErrorCode,
    replicas: Vec<i32>,
    isr: Vec<i32>,
}

impl MetadataPartition {
    /// Its number.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The broker that leads it, -1 if none does.
    pub fn leader(&self) -> i32 {
        self.leader
    }

    /// Its error, if it has one.
    pub fn error(&self) -> Option<RDKafkaRespErr> {
        as_error(self.error)
    }

    /// The brokers that hold it.
    pub fn replicas(&self) -> &[i32] {
        &self.replicas
    }

    /// The brokers that hold all of it.
    pub fn isr(&self) -> &[i32] {
        &self.isr
    }
}

impl fmt::Debug for MetadataPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MetadataPartition");
        shown.field("id", &self.id);
        if let Some(error) = self.error() {
            shown.field("error", &error);
        }
        shown
            .field("leader", &self.leader)
            .field("replicas", &self.replicas)
            .field("isr", &self.isr)
            .finish()
    }
}

/// A topic.
pub struct MetadataTopic {
    name: String,
    partitions: Vec<MetadataPartition>,
    error: RDKafkaErrorCode,
}

impl MetadataTopic {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its partitions, in order.
    pub fn partitions(&self) -> &[MetadataPartition] {
        &self.partitions
    }

    /// Its error, if it has one.
    pub fn error(&self) -> Option<RDKafkaRespErr> {
        as_error(self.error)
    }
}

impl fmt::Debug for MetadataTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MetadataTopic");
        shown.field("name", &self.name);
        if let Some(error) = self.error() {
            shown.field("error", &error);
        }
        shown.field("partitions", &self.partitions).finish()
    }
}

fn as_error(code: RDKafkaErrorCode) -> Option<RDKafkaRespErr> {
    (code != RDKafkaErrorCode::NoError).then(|| code.into())
}

/// The cluster as one broker saw it.
#[derive(Debug)]
pub struct Metadata {
    orig_broker_name: String,
    orig_broker_id: i32,
    brokers: Vec<MetadataBroker>,
    topics: Vec<MetadataTopic>,
}

impl Metadata {
    pub(crate) fn new(
        orig_broker_id: i32,
        orig_broker_name: String,
        response: &MetadataResponse,
    ) -> Self {
        let brokers = response.brokers.iter().map(|broker| MetadataBroker {
            id: broker.node_id.0,
            host: broker.host.to_string(),
            port: broker.port,
        });
        let topics = response.topics.iter().map(|topic| {
            let mut partitions: Vec<_> = topic
                .partitions
                .iter()
                .map(|partition| MetadataPartition {
                    id: partition.partition_index,
                    leader: partition.leader_id.0,
                    error: partition.error_code.into(),
                    replicas: partition.replica_nodes.iter().map(|id| id.0).collect(),
                    isr: partition.isr_nodes.iter().map(|id| id.0).collect(),
                })
                .collect();
            partitions.sort_by_key(MetadataPartition::id);
            MetadataTopic {
                name: topic
                    .name
                    .as_ref()
                    .map(|name| name.to_string())
                    .unwrap_or_default(),
                partitions,
                error: topic.error_code.into(),
            }
        });
        Self {
            orig_broker_name,
            orig_broker_id,
            brokers: brokers.collect(),
            topics: topics.collect(),
        }
    }

    /// The id of the broker that answered.
    pub fn orig_broker_id(&self) -> i32 {
        self.orig_broker_id
    }

    /// The name (`host:port/id`) of the broker that answered.
    pub fn orig_broker_name(&self) -> &str {
        &self.orig_broker_name
    }

    /// The brokers.
    pub fn brokers(&self) -> &[MetadataBroker] {
        &self.brokers
    }

    /// The topics asked for.
    pub fn topics(&self) -> &[MetadataTopic] {
        &self.topics
    }
}
