//! What has settings: topics, and brokers alone or together.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::refusal::Refusal;
use crate::topic_name;

/// `ConfigResource.Type.TOPIC`.
const TOPIC: i8 = 2;
/// `ConfigResource.Type.BROKER`.
const BROKER: i8 = 4;

/// A resource that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConfigResource {
    Topic(TopicName),
    Broker(BrokerId),
    /// What all brokers are set to where one has no setting of its own.
    AllBrokers,
}

impl ConfigResource {
    /// The resource of a request that `broker` answers. A broker speaks of itself and of all, not
    /// of another one (`ConfigHelper.describeConfigs`, `ConfigAdminManager.preprocess`).
    pub(crate) fn find(
        state: &ClusterState,
        broker: BrokerId,
        resource_type: i8,
        name: &StrBytes,
    ) -> Result<Self, Refusal> {
        match resource_type {
            TOPIC => {
                topic_name::check(name)
                    .map_err(|text| (ResponseError::InvalidTopicException, text.to_owned()))?;
                let name = TopicName(name.clone());
                if state.topics.get(&name).is_none() {
                    let text = format!("there is no topic '{}'", &*name);
                    return Err((ResponseError::UnknownTopicOrPartition, text));
                }
                Ok(Self::Topic(name))
            }
            BROKER if name.is_empty() => Ok(Self::AllBrokers),
            BROKER => match name.parse::<BrokerId>() {
                Ok(id) if id == broker => Ok(Self::Broker(id)),
                Ok(id) => Err(invalid(format!("this is broker {broker}, not {id}"))),
                Err(_) => Err(invalid(format!("'{name}' is not the id of a broker"))),
            },
            other => Err(invalid(format!(
                "this cluster knows settings of topics (2) and brokers (4), not of resource type {other}"
            ))),
        }
    }
}

/// INVALID_REQUEST, and why.
pub(crate) fn invalid(text: String) -> Refusal {
    (ResponseError::InvalidRequest, text)
}
