//! What an administrator's client sees of the cluster, and may do to it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use crate::clients;
use crate::plan::Plan;

/// A partition of a topic.
pub(super) type Partition = (String, i32);

/// How long a broker may take for an answer before it is asked again later.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the brokers may take to create topics and partitions.
const CREATE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the cluster that is in no group.
pub(super) struct Administrator {
    /// Has the workers' group, to see its offsets, and never joins it.
    consumer: BaseConsumer,
    /// Sees what transactions have not committed yet, too.
    uncommitted: BaseConsumer,
    admin: AdminClient<DefaultClientContext>,
    /// What the pipeline consumes.
    topics: Vec<String>,
    /// What it produces to.
    outputs: Vec<String>,
    group: String,
}

impl fmt::Debug for Administrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Administrator").finish_non_exhaustive()
    }
}

impl Administrator {
    pub(super) fn new(plan: &Plan, bootstrap_servers: &str) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap_servers)
            .set("client.id", "administrator")
            .set("reconnect.backoff.max.ms", "1000");
        let admin = config.create()?;
        let consumer = config
            .set("group.id", &plan.group)
            .set("enable.auto.commit", "false")
            .create()?;
        let uncommitted = config.set("isolation.level", "read_uncommitted").create()?;
        Ok(Self {
            consumer,
            uncommitted,
            admin,
            topics: plan.inputs().map(|topic| topic.name.clone()).collect(),
            outputs: plan.outputs().map(|topic| topic.name.clone()).collect(),
            group: plan.group.clone(),
        })
    }

    /// How many brokers there are, as far as one that answers knows.
    pub(super) fn brokers(&self) -> usize {
        let metadata = self.consumer.fetch_metadata(None, PATIENCE);
        metadata.map_or(0, |metadata| metadata.brokers().len())
    }

    /// Creates the topics of the plan.
    pub(super) fn create_topics(&self, plan: &Plan) -> Result<(), String> {
        let topics = clients::new_topics(plan);
        let created = wait_for(self.admin.create_topics(&topics, &options()))
            .map_err(|error| error.to_string())?;
        match created.into_iter().find_map(Result::err) {
            None => Ok(()),
            Some((topic, error)) => Err(format!("{topic}: {error}")),
        }
    }

    /// Whether the group has a coordinator that answers. Asking for one makes the brokers create the
    /// topic of all groups' offsets, which takes them seconds.
    pub(super) fn has_coordinator(&self, plan: &Plan) -> bool {
        let topics = plan.inputs();
        let partitions: Vec<Partition> = topics.map(|topic| (topic.name.clone(), 0)).collect();
        self.committed_offsets(&partitions).is_some()
    }

    /// Gives a topic so many partitions more. Whether it has them.
    pub(super) fn grow(&self, topic: &str, more: i32) -> bool {
        let before = self.partitions_of(topic);
        let wanted = before + usize::try_from(more).unwrap_or(0);
        let grown = wait_for(
            self.admin
                .create_partitions([&NewPartitions::new(topic, wanted)], &options()),
        );
        before > 0 && grown.is_ok_and(|results| results.iter().all(Result::is_ok))
    }

    fn partitions_of(&self, topic: &str) -> usize {
        let metadata = self.consumer.fetch_metadata(Some(topic), PATIENCE);
        metadata.map_or(0, |metadata| {
            let topics = metadata.topics().iter();
            topics.map(|topic| topic.partitions().len()).sum()
        })
    }

    /// The broker that leads a partition; none while there is none.
    pub(super) fn leader_of(&self, topic: &str, partition: i32) -> Option<i32> {
        let metadata = self.consumer.fetch_metadata(Some(topic), PATIENCE).ok()?;
        let topic = metadata.topics().first()?;
        let mut partitions = topic.partitions().iter();
        let found = partitions.find(|known| known.id() == partition)?;
        (found.leader() > 0).then(|| found.leader())
    }

    /// Where each log begins and ends. None while a broker does not answer.
    pub(super) fn log_bounds(&self) -> Option<BTreeMap<Partition, (i64, i64)>> {
        let mut bounds = BTreeMap::new();
        for topic in &self.topics {
            for index in 0..self.partitions_of(topic) {
                let partition = i32::try_from(index).ok()?;
                let ends = self.consumer.fetch_watermarks(topic, partition, PATIENCE);
                bounds.insert((topic.clone(), partition), ends.ok()?);
            }
        }
        (!bounds.is_empty()).then_some(bounds)
    }

    /// Whether every transaction that wrote to the pipeline's output topics has ended there. Not while a
    /// broker does not answer.
    pub(super) fn outputs_are_stable(&self) -> bool {
        self.outputs.iter().all(|topic| {
            (0..self.partitions_of(topic)).all(|index| {
                let end = |consumer: &BaseConsumer| {
                    let partition = i32::try_from(index).ok()?;
                    let bounds = consumer.fetch_watermarks(topic, partition, PATIENCE);
                    bounds.ok().map(|(_, end)| end)
                };
                let stable = end(&self.consumer);
                stable.is_some() && stable == end(&self.uncommitted)
            })
        })
    }

    /// The group's committed offsets. None while its coordinator does not answer.
    pub(super) fn committed_offsets(
        &self,
        partitions: &[Partition],
    ) -> Option<BTreeMap<Partition, i64>> {
        let mut asked = TopicPartitionList::new();
        for (topic, partition) in partitions {
            asked.add_partition(topic, *partition);
        }
        let answer = self.consumer.committed_offsets(asked, PATIENCE).ok()?;
        let known = answer.elements().into_iter().filter_map(|element| {
            let partition = (element.topic().to_owned(), element.partition());
            Some((partition, element.offset().to_raw()?))
        });
        // A negative number means none.
        Some(known.filter(|(_, offset)| *offset >= 0).collect())
    }

    /// How the members of the group share partitions: the assignor that they have in common. None
    /// while the group has no members, or nobody answers.
    pub(super) fn assignor(&self) -> Option<String> {
        let found = self
            .consumer
            .fetch_group_list(Some(&self.group), PATIENCE)
            .ok()?;
        let group = found.groups().first()?;
        Some(group.protocol().to_owned()).filter(|assignor| !assignor.is_empty())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(CREATE_TIMEOUT))
        .request_timeout(Some(CREATE_TIMEOUT))
}

/// The client's own thread completes it: no runtime is needed to wait for it.
fn wait_for<T>(future: impl Future<Output = Result<T, KafkaError>>) -> Result<T, KafkaError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    match runtime {
        Ok(runtime) => runtime.block_on(future),
        Err(_) => Err(KafkaError::Canceled),
    }
}
