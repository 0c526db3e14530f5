//! CreatePartitions.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::create_topics::{PARTITIONS_PER_REQUEST_MAX, assigned_replicas};
use crate::refusal::Refusal;
use crate::topic_name;
use crate::topics::{Partition, Topic};

/// Gives each topic more partitions that can have them
/// (`ReplicationControlManager.createPartitions`). Records stay where they are: a key's older ones may
/// lie in another partition than its newer ones.
pub(crate) fn handle(
    state: &mut ClusterState,
    request: &CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut response = CreatePartitionsResponse::default();
    for wanted in &request.topics {
        let mut answered = response.results.iter();
        if !answered.any(|known| known.name == wanted.name) {
            response.results.push(answer(state, request, wanted));
        }
    }
    response
}

fn answer(
    state: &mut ClusterState,
    request: &CreatePartitionsRequest,
    wanted: &CreatePartitionsTopic,
) -> CreatePartitionsTopicResult {
    let result = CreatePartitionsTopicResult::default().with_name(wanted.name.clone());
    let same_name = |other: &&CreatePartitionsTopic| other.name == wanted.name;
    let planned = if added(state, request) > PARTITIONS_PER_REQUEST_MAX {
        let text = "that many more partitions in one request are too many".to_owned();
        Err((ResponseError::PolicyViolation, text))
    } else if request.topics.iter().filter(same_name).count() > 1 {
        let text = "duplicate topic name".to_owned();
        Err((ResponseError::InvalidRequest, text))
    } else {
        replicas(state, wanted)
    };
    match planned {
        Err((error, message)) => result
            .with_error_code(error.code())
            .with_error_message(Some(StrBytes::from_string(message))),
        Ok(replicas) => {
            if !request.validate_only {
                state.create_partitions(&wanted.name, &replicas);
            }
            result
        }
    }
}

/// How many partitions a request asks for in all.
fn added(state: &ClusterState, request: &CreatePartitionsRequest) -> i64 {
    let wanted = request.topics.iter().filter_map(|wanted| {
        let present = state.topics.get(&wanted.name)?.partitions.len() as i64;
        Some((i64::from(wanted.count) - present).max(0))
    });
    wanted.sum()
}

/// The brokers of each new partition.
fn replicas(
    state: &ClusterState,
    wanted: &CreatePartitionsTopic,
) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let Some(topic) = state.topics.get(&wanted.name) else {
        let text = "no such topic".to_owned();
        return Err((ResponseError::UnknownTopicOrPartition, text));
    };
    if topic_name::is_internal(&wanted.name) {
        // Kafka would do it, and groups would look for their offsets elsewhere: always a mistake.
        let text = "an internal topic is not to grow".to_owned();
        return Err((ResponseError::InvalidTopicException, text));
    }
    let present = topic.partitions.len();
    let more = usize::try_from(wanted.count)
        .unwrap_or(0)
        .saturating_sub(present);
    if more == 0 {
        let text = format!(
            "topic has {present} partition(s); {} would not be an increase",
            wanted.count
        );
        return Err((ResponseError::InvalidPartitions, text));
    }
    match &wanted.assignments {
        None => Ok(spread(state, topic, more)),
        Some(assignments) => assigned(state, topic, assignments, more),
    }
}

/// Goes on where the topic's partitions end, around the brokers that are up.
fn spread(state: &ClusterState, topic: &Topic, more: usize) -> Vec<Vec<BrokerId>> {
    let last = topic.partitions.last().map(Partition::replicas);
    let last = last.and_then(|replicas| replicas.first());
    let next = state.alive.iter().position(|id| Some(id) == last);
    let start = next.map_or(0, |position| position + 1);
    state.spread(start, more, replication_factor(topic))
}

/// How many replicas the topic's partitions have.
fn replication_factor(topic: &Topic) -> usize {
    let first = topic.partitions.first();
    first.map_or(1, |partition| partition.replicas().len())
}

fn assigned(
    state: &ClusterState,
    topic: &Topic,
    assignments: &[CreatePartitionsAssignment],
    more: usize,
) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let invalid = |text: String| (ResponseError::InvalidReplicaAssignment, text);
    if assignments.len() != more {
        return Err(invalid(format!(
            "{more} additional partition(s), but {} assignment(s)",
            assignments.len()
        )));
    }
    let wanted = replication_factor(topic);
    let replicas = |assignment: &CreatePartitionsAssignment| {
        let replicas = assigned_replicas(state, &assignment.broker_ids).map_err(invalid)?;
        match replicas.len() == wanted {
            true => Ok(replicas),
            false => Err(invalid(format!(
                "{} replica(s), and the topic's partitions have {wanted}",
                replicas.len()
            ))),
        }
    };
    assignments.iter().map(replicas).collect()
}
