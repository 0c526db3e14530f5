//! CreateTopics.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::topic_config::TopicConfig;
use crate::topic_name;
use crate::topics::Topic;

/// `ConfigSource.DYNAMIC_TOPIC_CONFIG`.
const DYNAMIC_TOPIC_CONFIG: i8 = 1;

/// `ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`.
const PARTITIONS_PER_REQUEST_MAX: i64 = 10_000;

/// Error code and the text that goes with it.
type Refusal = (ResponseError, String);

/// What a valid request asks for.
struct Plan {
    config: TopicConfig,
    layout: Layout,
}

/// Where the partitions shall live.
enum Layout {
    /// That many, spread over the brokers.
    Spread(i32),
    /// Partition `i` on the `i`-th broker named.
    Assigned(Vec<BrokerId>),
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
        result.num_partitions = match &plan.layout {
            Layout::Spread(count) => *count,
            Layout::Assigned(brokers) => brokers.len() as i32,
        };
        result.replication_factor = 1;
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
        Layout::Spread(count) => state.create_topic(name, plan.config, count),
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
        Layout::Spread(partition_count(state, wanted)?)
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
    if !matches!(wanted.replication_factor, -1 | 1) {
        let text = format!(
            "replication factor {} is not supported by this cluster, only 1",
            wanted.replication_factor
        );
        return Err((ResponseError::InvalidReplicationFactor, text));
    }
    Ok(count)
}

/// The brokers of a manual assignment: every partition once, counted from 0, one replica each.
fn assigned_brokers(
    state: &ClusterState,
    wanted: &CreatableTopic,
) -> Result<Vec<BrokerId>, Refusal> {
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
        let [broker] = assignment.broker_ids[..] else {
            return Err(invalid(format!(
                "partition {index} needs exactly one replica"
            )));
        };
        if !state.alive.contains(&broker.0) {
            return Err(invalid(format!("broker {} is not available", broker.0)));
        }
        *slot = Some(broker.0);
    }
    Ok(brokers.into_iter().flatten().collect())
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
