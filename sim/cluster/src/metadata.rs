//! Metadata: brokers, topics, partitions and their leaders; automatic topic creation.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::topic_config::TopicConfig;
use crate::topic_name;
use crate::topics::{Partition, Topic};

/// Answers Metadata. A missing topic that may be created is created, and answered
/// UNKNOWN_TOPIC_OR_PARTITION this once, as the broker does while the controller creates it
/// (`AutoTopicCreationManager`).
pub(crate) fn handle(
    state: &mut ClusterState,
    version: i16,
    request: &MetadataRequest,
) -> MetadataResponse {
    let topics = match &request.topics {
        Some(wanted) if !(version == 0 && wanted.is_empty()) => {
            let auto_create = version < 4 || request.allow_auto_topic_creation;
            let answers = wanted
                .iter()
                .map(|wanted| wanted_topic(state, version, wanted, auto_create));
            answers.collect()
        }
        _ => {
            let all = state.topics.iter();
            all.map(|topic| topic_answer(state, version, topic))
                .collect()
        }
    };
    let brokers = state.alive_brokers().map(|broker| {
        MetadataResponseBroker::default()
            .with_node_id(broker.id.into())
            .with_host(StrBytes::from_string(broker.host.clone()))
            .with_port(i32::from(broker.port))
    });
    let mut response = MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_topics(topics);
    if version >= 1 {
        response.controller_id = state.controller().into();
    }
    if version >= 2 {
        response.cluster_id = Some(StrBytes::from_string(state.config.cluster_id.clone()));
    }
    response
}

fn wanted_topic(
    state: &mut ClusterState,
    version: i16,
    wanted: &MetadataRequestTopic,
    auto_create: bool,
) -> MetadataResponseTopic {
    let Some(name) = &wanted.name else {
        let topic = state.topics.name_of(wanted.topic_id);
        return match topic.and_then(|name| state.topics.get(name)) {
            Some(topic) => topic_answer(state, version, topic),
            None => refusal(
                version,
                None,
                wanted.topic_id,
                ResponseError::UnknownTopicId,
            ),
        };
    };
    if let Some(topic) = state.topics.get(name) {
        return topic_answer(state, version, topic);
    }
    let error = if topic_name::check(name).is_err() {
        ResponseError::InvalidTopicException
    } else {
        if auto_create && state.config.settings.auto_create_topics_enable {
            auto_create_topic(state, name.clone());
        }
        ResponseError::UnknownTopicOrPartition
    };
    refusal(version, Some(name.clone()), Uuid::nil(), error)
}

/// Creates a topic with the broker's defaults; internal topics have settings of their own.
pub(crate) fn auto_create_topic(state: &mut ClusterState, name: TopicName) {
    let settings = &state.config.settings;
    let partitions = match name.as_str() {
        topic_name::GROUP_METADATA_TOPIC_NAME => settings.offsets_topic_num_partitions,
        topic_name::TRANSACTION_STATE_TOPIC_NAME => settings.transaction_state_log_num_partitions,
        _ => settings.num_partitions,
    };
    let collides = state
        .topics
        .iter()
        .any(|topic| topic_name::collide(&topic.name, &name));
    if !collides {
        let replication_factor = match topic_name::is_internal(&name) {
            true => 1,
            false => settings.default_replication_factor,
        };
        state.create_topic(name, TopicConfig::default(), partitions, replication_factor);
    }
}

fn refusal(
    version: i16,
    name: Option<TopicName>,
    id: Uuid,
    error: ResponseError,
) -> MetadataResponseTopic {
    // Before version 12 the name cannot be null.
    let name = name.or_else(|| (version < 12).then(TopicName::default));
    let is_internal = name
        .as_deref()
        .is_some_and(|name| topic_name::is_internal(name));
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_name(name)
        .with_topic_id(id)
        .with_is_internal(is_internal && version >= 1)
}

fn topic_answer(state: &ClusterState, version: i16, topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().enumerate();
    let mut answer = MetadataResponseTopic::default()
        .with_name(Some(topic.name.clone()))
        .with_partitions(
            partitions
                .map(|(index, partition)| partition_answer(state, version, index, partition))
                .collect(),
        );
    if version >= 1 {
        answer.is_internal = topic.is_internal();
    }
    if version >= 10 {
        answer.topic_id = topic.id;
    }
    answer
}

fn partition_answer(
    state: &ClusterState,
    version: i16,
    index: usize,
    partition: &Partition,
) -> MetadataResponsePartition {
    let leader = state.leader_of(partition);
    let nodes = |ids: &[BrokerId]| ids.iter().map(|id| (*id).into()).collect();
    let mut answer = MetadataResponsePartition::default()
        .with_partition_index(index as i32)
        .with_leader_id(leader.unwrap_or(-1).into())
        .with_isr_nodes(nodes(&partition.in_sync_replicas()));
    if leader.is_none() {
        answer.error_code = ResponseError::LeaderNotAvailable.code();
    }
    if version >= 5 {
        answer.offline_replicas = nodes(&state.offline_replicas(partition));
    }
    if version >= 7 {
        answer.leader_epoch = partition.leader_epoch;
    }
    answer.with_replica_nodes(nodes(partition.replicas()))
}
