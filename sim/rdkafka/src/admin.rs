//! Administering a cluster: topics, partitions, records, configurations and groups.

mod admin_types;
mod configs;
mod delete_records;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest,
    DeleteTopicsRequest, FindCoordinatorRequest, GroupId,
};
use whitewater_sim::time;

pub use self::admin_types::{
    AdminOptions, AlterConfig, AlterConfigsResult, ConfigEntry, ConfigResource,
    ConfigResourceResult, ConfigSource, GroupResult, NewPartitions, NewTopic,
    OwnedResourceSpecifier, PartitionAssignment, ResourceSpecifier, TopicReplication, TopicResult,
};
use crate::TopicPartitionList;
use crate::client::api::{Api, text, topic_name};
use crate::client::core::ClientCore;
use crate::client::{Client, ClientContext, DefaultClientContext};
use crate::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext};
use crate::error::{KafkaError, KafkaResult};
use crate::topic_partition::TopicPartition;
use crate::types::{RDKafkaErrorCode, RDKafkaType};

/// Administers a cluster. As in rdkafka it is a producer underneath.
pub struct AdminClient<C: ClientContext> {
    client: Client<C>,
}

impl<C: ClientContext> fmt::Debug for AdminClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient").finish_non_exhaustive()
    }
}

impl FromClientConfig for AdminClient<DefaultClientContext> {
    fn from_config(config: &ClientConfig) -> KafkaResult<AdminClient<DefaultClientContext>> {
        AdminClient::from_config_and_context(config, DefaultClientContext)
    }
}

impl<C: ClientContext> FromClientConfigAndContext<C> for AdminClient<C> {
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<AdminClient<C>> {
        let native_config = config.create_native_config()?;
        let client = Client::new(
            config,
            native_config,
            RDKafkaType::RD_KAFKA_PRODUCER,
            context,
        )?;
        Ok(Self { client })
    }
}

impl<C: ClientContext> AdminClient<C> {
    /// Creates topics; the result has each topic's own error.
    ///
    /// # Errors
    /// [`KafkaError::AdminOpCreation`] for an impossible replica assignment,
    /// [`KafkaError::AdminOp`] without topics or if no broker answers in time.
    pub fn create_topics<'a, I>(
        &self,
        topics: I,
        opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<TopicResult>>> + use<I, C>
    where
        I: IntoIterator<Item = &'a NewTopic<'a>>,
    {
        let core = Arc::clone(self.client.core());
        let timeout = opts.request_timeout_or(core.settings().socket_timeout);
        let request = topics
            .into_iter()
            .map(creatable)
            .collect::<KafkaResult<Vec<_>>>()
            .map(|topics| {
                CreateTopicsRequest::default()
                    .with_topics(topics)
                    .with_timeout_ms(opts.operation_timeout_ms())
                    .with_validate_only(opts.validates_only())
            });
        async move {
            let request = request?;
            let topics = request.topics.len();
            let response = about_topics(&core, request, topics, timeout).await?;
            let results = response.topics.into_iter();
            Ok(results
                .map(|topic| named(&topic.name, topic.error_code))
                .collect())
        }
    }

    /// Deletes topics; the result has each topic's own error.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub fn delete_topics(
        &self,
        topic_names: &[&str],
        opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<TopicResult>>> + use<C> {
        let core = Arc::clone(self.client.core());
        let timeout = opts.request_timeout_or(core.settings().socket_timeout);
        let request = DeleteTopicsRequest::default()
            .with_topic_names(topic_names.iter().map(|name| topic_name(name)).collect())
            .with_timeout_ms(opts.operation_timeout_ms());
        async move {
            let topics = request.topic_names.len();
            let response = about_topics(&core, request, topics, timeout).await?;
            let results = response.responses.into_iter();
            Ok(results
                .map(|topic| {
                    let name = topic.name.as_ref().map(|name| name.to_string());
                    named(&name.unwrap_or_default(), topic.error_code)
                })
                .collect())
        }
    }

    /// Deletes groups; the result has each group's own error.
    ///
    /// # Errors
    /// [`KafkaError::AdminOp`] if no coordinator answers in time.
    pub fn delete_groups(
        &self,
        group_names: &[&str],
        opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<GroupResult>>> + use<C> {
        let core = Arc::clone(self.client.core());
        let timeout = opts.request_timeout_or(core.settings().socket_timeout);
        let groups: Vec<String> = group_names.iter().map(|name| (*name).to_owned()).collect();
        async move {
            let deadline = time::now() + timeout;
            let mut results = Vec::new();
            for group in groups {
                let error = delete_group(&core, &group, deadline)
                    .await
                    .map_err(KafkaError::AdminOp)?;
                results.push(named(&group, error));
            }
            Ok(results)
        }
    }

    /// Adds partitions to topics; the result has each topic's own error.
    ///
    /// # Errors
    /// As [`create_topics`](Self::create_topics).
    pub fn create_partitions<'a, I>(
        &self,
        partitions: I,
        opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<TopicResult>>> + use<I, C>
    where
        I: IntoIterator<Item = &'a NewPartitions<'a>>,
    {
        let core = Arc::clone(self.client.core());
        let timeout = opts.request_timeout_or(core.settings().socket_timeout);
        let request = partitions
            .into_iter()
            .map(grown)
            .collect::<KafkaResult<Vec<_>>>()
            .map(|topics| {
                CreatePartitionsRequest::default()
                    .with_topics(topics)
                    .with_timeout_ms(opts.operation_timeout_ms())
                    .with_validate_only(opts.validates_only())
            });
        async move {
            let request = request?;
            let topics = request.topics.len();
            let response = about_topics(&core, request, topics, timeout).await?;
            let results = response.results.into_iter();
            Ok(results
                .map(|topic| named(&topic.name, topic.error_code))
                .collect())
        }
    }

    /// Deletes records before these offsets; the list returned has each partition's new low
    /// watermark, or its own error.
    ///
    /// # Errors
    /// [`KafkaError::AdminOp`]: `NoEnt` if a partition is not there, or if a leader does not answer in
    /// time.
    pub fn delete_records(
        &self,
        offsets: &TopicPartitionList,
        opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<TopicPartitionList>> + use<C> {
        let core = Arc::clone(self.client.core());
        let timeout = opts.request_timeout_or(core.settings().socket_timeout);
        let operation_timeout_ms = opts.operation_timeout_ms();
        let wanted = offsets
            .elements()
            .iter()
            .map(|element| {
                let partition = TopicPartition::new(element.topic(), element.partition());
                (partition, element.raw_offset())
            })
            .collect();
        async move {
            let deadline = Some(time::now() + timeout);
            delete_records::delete_records(&core, wanted, operation_timeout_ms, deadline)
                .await
                .map_err(KafkaError::AdminOp)
        }
    }

    /// Shows configurations. A resource that is not there has no entries.
    ///
    /// # Errors
    /// [`KafkaError::AdminOp`]: `InvalidArgument` without resources, `Conflict` with more than one
    /// broker among them, `OperationTimedOut` if a broker is not there, and if nobody answers in time.
    pub fn describe_configs<'a, I>(
        &self,
        configs: I,
        opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<ConfigResourceResult>>> + use<I, C>
    where
        I: IntoIterator<Item = &'a ResourceSpecifier<'a>>,
    {
        let core = Arc::clone(self.client.core());
        let timeout = opts.request_timeout_or(core.settings().socket_timeout);
        let resources = configs.into_iter().map(configs::resource).collect();
        async move { configs::describe_configs(&core, resources, time::now() + timeout).await }
    }

    /// Sets properties; all that are not named go back to their defaults. As in rdkafka every
    /// resource is told as changed, even one whose change the cluster refused.
    ///
    /// # Errors
    /// As [`describe_configs`](Self::describe_configs).
    pub fn alter_configs<'a, I>(
        &self,
        configs: I,
        opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<AlterConfigsResult>>> + use<I, C>
    where
        I: IntoIterator<Item = &'a AlterConfig<'a>>,
    {
        let core = Arc::clone(self.client.core());
        let timeout = opts.request_timeout_or(core.settings().socket_timeout);
        let validates_only = opts.validates_only();
        let alterations = configs.into_iter().map(configs::alteration).collect();
        async move {
            let deadline = time::now() + timeout;
            configs::alter_configs(&core, alterations, validates_only, deadline).await
        }
    }

    /// The client inside.
    pub fn inner(&self) -> &Client<C> {
        &self.client
    }
}

fn named(name: &str, error_code: i16) -> Result<String, (String, RDKafkaErrorCode)> {
    match RDKafkaErrorCode::from(error_code) {
        RDKafkaErrorCode::NoError => Ok(name.to_owned()),
        error => Err((name.to_owned(), error)),
    }
}

fn creatable(topic: &NewTopic<'_>) -> KafkaResult<CreatableTopic> {
    let configs = topic.config.iter().map(|(key, value)| {
        CreatableTopicConfig::default()
            .with_name(text(key))
            .with_value(Some(text(value)))
    });
    let created = CreatableTopic::default()
        .with_name(topic_name(topic.name))
        .with_configs(configs.collect());
    Ok(match topic.replication {
        TopicReplication::Fixed(factor) => created
            .with_num_partitions(topic.num_partitions)
            .with_replication_factor(factor as i16),
        TopicReplication::Variable(partitions) => {
            if partitions.len() != topic.num_partitions as usize {
                return Err(KafkaError::AdminOpCreation(format!(
                    "replication configuration for topic '{}' assigns {} partition(s), which \
                     does not match the specified number of partitions ({})",
                    topic.name,
                    partitions.len(),
                    topic.num_partitions,
                )));
            }
            let assignments = (0..).zip(partitions).map(|(index, brokers)| {
                CreatableReplicaAssignment::default()
                    .with_partition_index(index)
                    .with_broker_ids(brokers.iter().map(|id| BrokerId(*id)).collect())
            });
            created
                .with_num_partitions(-1)
                .with_replication_factor(-1)
                .with_assignments(assignments.collect())
        }
    })
}

/// What a topic is to grow to. More brokers named than partitions wanted is an error here already
/// (`NewPartitions::to_native` in rdkafka); fewer is one for the cluster.
fn grown(topic: &NewPartitions<'_>) -> KafkaResult<CreatePartitionsTopic> {
    if topic
        .assignment
        .is_some_and(|brokers| brokers.len() > topic.new_partition_count)
    {
        return Err(KafkaError::AdminOpCreation(format!(
            "partition assignment for topic '{}' assigns {} partition(s), which is more than the \
             requested total number of partitions ({})",
            topic.topic_name,
            topic.assignment.map_or(0, <[_]>::len),
            topic.new_partition_count,
        )));
    }
    let assignments = topic.assignment.map(|partitions| {
        let partition = |brokers: &&[i32]| {
            CreatePartitionsAssignment::default()
                .with_broker_ids(brokers.iter().map(|id| BrokerId(*id)).collect())
        };
        partitions.iter().map(partition).collect()
    });
    Ok(CreatePartitionsTopic::default()
        .with_name(topic_name(topic.topic_name))
        .with_count(i32::try_from(topic.new_partition_count).unwrap_or(i32::MAX))
        .with_assignments(assignments))
}

/// Any broker's answer to a request about so many topics, of which there must be one.
async fn about_topics<R: Api + Clone>(
    core: &ClientCore,
    request: R,
    topics: usize,
    timeout: Duration,
) -> KafkaResult<R::Response> {
    if topics == 0 {
        return Err(KafkaError::AdminOp(RDKafkaErrorCode::InvalidArgument));
    }
    let answered = core.call_any(request, Some(time::now() + timeout)).await;
    let (response, _) = answered.map_err(KafkaError::AdminOp)?;
    Ok(response)
}

/// Deletes a group at its coordinator; the group's error.
async fn delete_group(
    core: &ClientCore,
    group: &str,
    deadline: Duration,
) -> Result<i16, RDKafkaErrorCode> {
    let mut backoff = core.retry_backoff();
    loop {
        let query = FindCoordinatorRequest::default().with_key(text(group));
        let (found, _) = core.call_any(query, Some(deadline)).await?;
        let request = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text(group))]);
        if found.error_code == 0 {
            let known = core.node(found.node_id.0);
            let coordinator = match known {
                Some(known) => known,
                None => {
                    core.fetch_metadata(Some(&[].into()), Some(deadline))
                        .await?;
                    core.node(found.node_id.0)
                        .ok_or(RDKafkaErrorCode::CoordinatorNotAvailable)?
                }
            };
            let left = deadline.saturating_sub(time::now());
            let answer = coordinator.call(request, left).await?;
            return answer
                .results
                .first()
                .map(|result| result.error_code)
                .ok_or(RDKafkaErrorCode::BadMessage);
        }
        let pause = backoff.step();
        if time::now() + pause >= deadline {
            return Err(RDKafkaErrorCode::from(found.error_code));
        }
        time::sleep(pause).await;
    }
}
