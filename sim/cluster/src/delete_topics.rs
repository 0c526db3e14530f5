//! DeleteTopics.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use uuid::Uuid;

use crate::cluster_state::ClusterState;
use crate::event::Event;
use crate::topic_name;
use crate::topics::Topic;

/// Deletes each topic that can be deleted, and returns what was deleted with the response.
pub(crate) fn handle(
    state: &mut ClusterState,
    version: i16,
    request: &DeleteTopicsRequest,
) -> (DeleteTopicsResponse, Vec<Topic>) {
    let by_name = request
        .topic_names
        .iter()
        .map(|name| DeleteTopicState::default().with_name(Some(name.clone())));
    let wanted: Vec<_> = request.topics.iter().cloned().chain(by_name).collect();
    let mut response = DeleteTopicsResponse::default();
    let mut deleted = Vec::new();
    for (position, topic) in wanted.iter().enumerate() {
        let again = wanted.iter().filter(|other| same(topic, other)).count() > 1;
        if wanted[..position]
            .iter()
            .any(|earlier| same(topic, earlier))
        {
            continue;
        }
        let outcome = if again {
            Err(ResponseError::InvalidRequest)
        } else {
            delete(state, version, topic)
        };
        let mut result = DeletableTopicResult::default().with_name(topic.name.clone());
        if version >= 6 {
            result.topic_id = topic.topic_id;
        }
        match outcome {
            Ok(topic) => {
                result.name = Some(topic.name.clone());
                if version >= 6 {
                    result.topic_id = topic.id;
                }
                deleted.push(topic);
            }
            Err(error) => result.error_code = error.code(),
        }
        response.responses.push(result);
    }
    (response, deleted)
}

fn same(one: &DeleteTopicState, other: &DeleteTopicState) -> bool {
    one.name == other.name && one.topic_id == other.topic_id
}

fn delete(
    state: &mut ClusterState,
    version: i16,
    wanted: &DeleteTopicState,
) -> Result<Topic, ResponseError> {
    if !state.config.settings.delete_topic_enable {
        return Err(if version < 3 {
            ResponseError::InvalidRequest
        } else {
            ResponseError::TopicDeletionDisabled
        });
    }
    let (name, unknown) = match &wanted.name {
        Some(_) if wanted.topic_id != Uuid::nil() => return Err(ResponseError::InvalidRequest),
        Some(name) => (Some(name), ResponseError::UnknownTopicOrPartition),
        None => (
            state.topics.name_of(wanted.topic_id),
            ResponseError::UnknownTopicId,
        ),
    };
    let name = name.ok_or(unknown)?.clone();
    if topic_name::is_internal(&name) {
        // Kafka would let it go and lose every group's offsets; here it is always a mistake.
        return Err(ResponseError::InvalidTopicException);
    }
    let topic = state.topics.delete(&name).ok_or(unknown)?;
    state.events.push(Event::TopicDeleted {
        topic: name.to_string(),
    });
    Ok(topic)
}
