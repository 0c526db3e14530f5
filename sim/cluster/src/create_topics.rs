//! CreateTopics.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::refusal::Refusal;
use crate::topic_config::TopicConfig;
use crate::topic_name;
use crate::topics::Topic;

/// `ConfigSource.DYNAMIC_TOPIC_CONFIG`.
const DYNAMIC_TOPIC_CONFIG: i8 = 1;

/// `ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`.
pub(crate) const PARTITIONS_PER_REQUEST_MAX: i64 = 10_000;

/// What a valid request asks for.
struct Plan {
    config: TopicConfig,
    layout: Layout,
}

/// Where the partitions shall live.
enum Layout {
    /// That many, with so many replicas each, spread over the brokers.
    Spread(i32, usize),
    /// Partition `i` on the `i`-th brokers named.
    Assigned(Vec<Vec<BrokerId>>),
}

/// Creates each topic that can be created (`ReplicationControlManager.createTopics`).
pub(crate) fn handle(
    state: &mut ClusterState,
    version: i16,
    request: &CreateTopicsRequest,
) -> CreateTopicsResponse {
    let mut response = CreateTopicsResponse::default();
    for wanted in &request.topics {
        let mut answered = response.topics.iter();
        if !answered.any(|known| known.name == wanted.name) {
            response
                .topics
                .push(answer(state, version, request, wanted));
        }
    }
    response
}

fn answer(
    state: &mut ClusterState,
    version: i16,
    request: &CreateTopicsRequest,
    wanted: &CreatableTopic,
) -> CreatableTopicResult {
    let mut result = CreatableTopicResult::default().with_name(wanted.name.clone());
    let planned = check_request(state, request, wanted).and_then(|()| plan(state, wanted));
    let plan = match planned {
        Ok(plan) => plan,
        Err((error, message)) => {
            result.error_code = error.code();
            result.error_message = Some(StrBytes::from_string(message));
            return result;
        }
    };
    if version >= 5 {
        let (partitions, replicas) = match &plan.layout {
            Layout::Spread(count, replicas) => (*count, *replicas),
            Layout::Assigned(brokers) => {
                let replicas = brokers.first().map_or(0, Vec::len);
                (brokers.len() as i32, replicas)
            }
        };
        result.num_partitions = partitions;
        result.replication_factor = replicas as i16;
        result.configs = Some(configs(&plan.config));
    }
    if !request.validate_only {
        let id = create(state, wanted, plan).id;
        if version >= 7 {
            result.topic_id = id;
        }
    }
    result
}

/// What the topics of one request must not be together.
fn check_request(
    state: &ClusterState,
    request: &CreateTopicsRequest,
    wanted: &CreatableTopic,
) -> Result<(), Refusal> {
    let same_name = |other: &&CreatableTopic| other.name == wanted.name;
    if request.topics.iter().filter(same_name).count() > 1 {
        let text = "duplicate topic name".to_owned();
        return Err((ResponseError::InvalidRequest, text));
    }
    let counts = request
        .topics
        .iter()
        .map(|topic| match topic.num_partitions {
            -1 if topic.assignments.is_empty() => i64::from(state.config.settings.num_partitions),
            -1 => topic.assignments.len() as i64,
            count => i64::from(count.max(0)),
        });
    let partitions: i64 = counts.sum();
    if partitions > PARTITIONS_PER_REQUEST_MAX {
        let text = format!("{partitions} partitions in one request are too many");
        return Err((ResponseError::PolicyViolation, text));
    }
    Ok(())
}

fn create<'a>(state: &'a mut ClusterState, wanted: &CreatableTopic, plan: Plan) -> &'a Topic {
    let name = wanted.name.clone();
    match plan.layout {
        Layout::Spread(count, replicas) => state.create_topic(name, plan.config, count, replicas),
        Layout::Assigned(brokers) => state.create_topic_at(name, plan.config, &brokers),
    }
}

fn plan(state: &ClusterState, wanted: &CreatableTopic) -> Result<Plan, Refusal> {
    topic_name::check(&wanted.name)
        .map_err(|text| (ResponseError::InvalidTopicException, text.to_owned()))?;
    if state.topics.get(&wanted.name).is_some() {
        let text = format!("topic '{}' already exists", &*wanted.name);
        return Err((ResponseError::TopicAlreadyExists, text));
    }
    let mut topics = state.topics.iter();
    if let Some(other) = topics.find(|topic| topic_name::collide(&topic.name, &wanted.name)) {
        let text = format!(
            "topic '{}' collides with existing topic '{}'",
            &*wanted.name, &*other.name
        );
        return Err((ResponseError::InvalidTopicException, text));
    }
    let layout = if wanted.assignments.is_empty() {
        Layout::Spread(
            partition_count(state, wanted)?,
            replication_factor(state, wanted)?,
        )
    } else {
        Layout::Assigned(assigned_brokers(state, wanted)?)
    };
    let mut config = TopicConfig::default();
    for entry in &wanted.configs {
        config
            .set(&entry.name, entry.value.as_deref())
            .map_err(|text| (ResponseError::InvalidConfig, text))?;
    }
    Ok(Plan { config, layout })
}

fn partition_count(state: &ClusterState, wanted: &CreatableTopic) -> Result<i32, Refusal> {
    let count = match wanted.num_partitions {
        -1 => state.config.settings.num_partitions,
        count => count,
    };
    if count < 1 {
        let text = "number of partitions was set to an invalid non-positive value".to_owned();
        return Err((ResponseError::InvalidPartitions, text));
    }
    Ok(count)
}

/// Replicas of each partition, each on another broker that is up.
fn replication_factor(state: &ClusterState, wanted: &CreatableTopic) -> Result<usize, Refusal> {
    let invalid = |text: String| (ResponseError::InvalidReplicationFactor, text);
    let wanted = match wanted.replication_factor {
        -1 => state.config.settings.default_replication_factor,
        1.. => usize::from(wanted.replication_factor.unsigned_abs()),
        _ => {
            let text = "replication factor must be larger than 0, or -1 for the broker's default";
            return Err(invalid(text.to_owned()));
        }
    };
    let up = state.alive.len();
    if wanted > up {
        return Err(invalid(format!(
            "replication factor {wanted} needs as many brokers, and {up} can be used"
        )));
    }
    Ok(wanted)
}

/// The brokers of a manual assignment: every partition once, counted from 0, all with as many
/// replicas.
fn assigned_brokers(
    state: &ClusterState,
    wanted: &CreatableTopic,
) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    if wanted.num_partitions != -1 || wanted.replication_factor != -1 {
        let text = "a manual assignment excludes partition count and replication factor";
        return Err((ResponseError::InvalidRequest, text.to_owned()));
    }
    let invalid = |text: String| (ResponseError::InvalidReplicaAssignment, text);
    let mut brokers = vec![None; wanted.assignments.len()];
    for assignment in &wanted.assignments {
        let index = assignment.partition_index;
        let slot = usize::try_from(index).ok().and_then(|i| brokers.get_mut(i));
        let Some(slot @ None) = slot else {
            return Err(invalid(
                "partitions should be a consecutive 0-based integer sequence".to_owned(),
            ));
        };
        *slot = Some(assigned_replicas(state, &assignment.broker_ids).map_err(invalid)?);
    }
    let brokers: Vec<Vec<BrokerId>> = brokers.into_iter().flatten().collect();
    if brokers
        .iter()
        .any(|replicas| replicas.len() != brokers[0].len())
    {
        return Err(invalid(
            "partitions differ in their number of replicas".to_owned(),
        ));
    }
    Ok(brokers)
}

/// The brokers of one partition's manual assignment. The error says why they can't be
/// (`ReplicationControlManager.validateManualPartitionAssignment`).
pub(crate) fn assigned_replicas(
    state: &ClusterState,
    brokers: &[kafka_protocol::messages::BrokerId],
) -> Result<Vec<BrokerId>, String> {
    let replicas: Vec<BrokerId> = brokers.iter().map(|broker| broker.0).collect();
    let once: BTreeSet<BrokerId> = replicas.iter().copied().collect();
    if replicas.is_empty() {
        return Err("a partition needs a replica".to_owned());
    }
    if once.len() < replicas.len() {
        return Err("a broker can hold only one replica of a partition".to_owned());
    }
    match once.iter().find(|id| !state.alive.contains(id)) {
        Some(down) => Err(format!("broker {down} is not available")),
        None => Ok(replicas),
    }
}

fn configs(config: &TopicConfig) -> Vec<CreatableTopicConfigs> {
    let entries = config.entries().map(|(name, value)| {
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_string(name.to_owned()))
            .with_value(Some(StrBytes::from_string(value.to_owned())))
            .with_config_source(DYNAMIC_TOPIC_CONFIG)
    });
    entries.collect()
}
