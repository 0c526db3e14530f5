//! Administering a cluster: topics and groups.
//!
//! What the simulated cluster does not serve (more partitions, configurations, deleting records)
//! fails with `UnsupportedFeature`.

mod admin_types;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DeleteGroupsRequest, DeleteTopicsRequest,
    FindCoordinatorRequest, GroupId,
};
use whitewater_sim::time;

pub use self::admin_types::{
    AdminOptions, AlterConfig, AlterConfigsResult, ConfigEntry, ConfigResource,
    ConfigResourceResult, ConfigSource, GroupResult, NewPartitions, NewTopic,
    OwnedResourceSpecifier, PartitionAssignment, ResourceSpecifier, TopicReplication, TopicResult,
};
use crate::TopicPartitionList;
use crate::client::api::{text, topic_name};
use crate::client::core::ClientCore;
use crate::client::{Client, ClientContext, DefaultClientContext};
use crate::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext};
use crate::error::{KafkaError, KafkaResult};
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
            if request.topics.is_empty() {
                return Err(KafkaError::AdminOp(RDKafkaErrorCode::InvalidArgument));
            }
            let (response, _) = core
                .call_any(request, Some(time::now() + timeout))
                .await
                .map_err(KafkaError::AdminOp)?;
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
            if request.topic_names.is_empty() {
                return Err(KafkaError::AdminOp(RDKafkaErrorCode::InvalidArgument));
            }
            let (response, _) = core
                .call_any(request, Some(time::now() + timeout))
                .await
                .map_err(KafkaError::AdminOp)?;
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

    /// Adds partitions to topics.
    ///
    /// # Errors
    /// `UnsupportedFeature`: the simulated cluster does not offer it yet.
    pub fn create_partitions<'a, I>(
        &self,
        partitions: I,
        _opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<TopicResult>>> + use<I, C>
    where
        I: IntoIterator<Item = &'a NewPartitions<'a>>,
    {
        drop(partitions);
        unsupported()
    }

    /// Deletes records before these offsets.
    ///
    /// # Errors
    /// `UnsupportedFeature`: the simulated cluster does not offer it yet.
    pub fn delete_records(
        &self,
        _offsets: &TopicPartitionList,
        _opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<TopicPartitionList>> + use<C> {
        unsupported()
    }

    /// Shows configurations.
    ///
    /// # Errors
    /// `UnsupportedFeature`: the simulated cluster does not offer it yet.
    pub fn describe_configs<'a, I>(
        &self,
        configs: I,
        _opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<ConfigResourceResult>>> + use<I, C>
    where
        I: IntoIterator<Item = &'a ResourceSpecifier<'a>>,
    {
        drop(configs);
        unsupported()
    }

    /// Changes configurations.
    ///
    /// # Errors
    /// `UnsupportedFeature`: the simulated cluster does not offer it yet.
    pub fn alter_configs<'a, I>(
        &self,
        configs: I,
        _opts: &AdminOptions,
    ) -> impl Future<Output = KafkaResult<Vec<AlterConfigsResult>>> + use<I, C>
    where
        I: IntoIterator<Item = &'a AlterConfig<'a>>,
    {
        drop(configs);
        unsupported()
    }

    /// The client inside.
    pub fn inner(&self) -> &Client<C> {
        &self.client
    }
}

fn unsupported<T>() -> impl Future<Output = KafkaResult<T>> {
    std::future::ready(Err(KafkaError::AdminOp(
        RDKafkaErrorCode::UnsupportedFeature,
    )))
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
