//! Where a request should have gone, told along with the error (KIP-951).

use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;

use crate::cluster_state::ClusterState;
use crate::config::BrokerId;

/// A partition's current leader.
pub(crate) struct CurrentLeader {
    /// Its id; -1 while the partition has none.
    pub(crate) id: BrokerId,
    /// The partition's leader epoch.
    pub(crate) epoch: i32,
    /// Where it listens, if there is one.
    pub(crate) endpoint: Option<Endpoint>,
}

/// A broker's advertised address.
pub(crate) struct Endpoint {
    pub(crate) host: StrBytes,
    pub(crate) port: i32,
}

/// Looks the leader up; `None` for a partition that does not exist.
pub(crate) fn find(state: &ClusterState, topic: &TopicName, index: i32) -> Option<CurrentLeader> {
    let partition = state.topics.get(topic)?.partition(index)?;
    let leader = state.leader_of(partition);
    let endpoint = leader
        .and_then(|id| state.broker_config(id))
        .map(|broker| Endpoint {
            host: StrBytes::from_string(broker.host.clone()),
            port: i32::from(broker.port),
        });
    Some(CurrentLeader {
        id: leader.unwrap_or(-1),
        epoch: partition.leader_epoch,
        endpoint,
    })
}
