//! Produce requests with `acks=all` that wait for the replicas in sync (`DelayedProduce`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceResponse;

use crate::cluster::Cluster;
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::now::Now;
use crate::requester::ConnectionId;
use crate::topics::TopicPartition;

/// Records that were appended, and are not yet committed.
#[derive(Debug, Clone)]
pub(crate) struct Uncommitted {
    pub(crate) partition: TopicPartition,
    /// The offset after the last of them.
    pub(crate) end_offset: i64,
    /// The epoch in which they were appended.
    pub(crate) leader_epoch: i32,
    /// Topic and partition of the answer, by their places in the response.
    pub(crate) answer: (usize, usize),
}

/// A request that is not yet answered.
#[derive(Debug)]
pub(crate) struct ParkedProduce {
    pub(crate) response: ProduceResponse,
    pub(crate) waits: Vec<Uncommitted>,
}

/// What became of records that wait.
enum Outcome {
    Waits,
    Committed,
    Failed(ResponseError),
}

impl Uncommitted {
    /// `Partition.checkEnoughReplicasReachOffset`.
    fn outcome(&self, state: &ClusterState, broker: BrokerId) -> Outcome {
        let (name, index) = &self.partition;
        let found = match state.led_partition(broker, name, *index, -1) {
            Ok(found) if found.leader_epoch == self.leader_epoch => found,
            Ok(_) => return Outcome::Failed(ResponseError::NotLeaderOrFollower),
            Err(error) => return Outcome::Failed(error),
        };
        let committed = found.high_watermark() >= self.end_offset;
        let too_few = found.is_under_min_in_sync(state.min_insync_replicas(name));
        match (too_few, committed) {
            (true, _) => Outcome::Failed(ResponseError::NotEnoughReplicasAfterAppend),
            (false, true) => Outcome::Committed,
            (false, false) => Outcome::Waits,
        }
    }
}

impl ParkedProduce {
    /// Writes an error into the answer about records that wait.
    fn fail(&mut self, wait: &Uncommitted, error: ResponseError) {
        let (topic, partition) = wait.answer;
        let responses = self.response.responses.get_mut(topic);
        let answer = responses.and_then(|topic| topic.partition_responses.get_mut(partition));
        if let Some(answer) = answer {
            answer.error_code = error.code();
            answer.base_offset = -1;
            answer.log_append_time_ms = -1;
            answer.log_start_offset = -1;
        }
    }
}

impl Cluster {
    /// Answers the parked requests that a partition's change decides.
    pub(crate) fn complete_produces(&mut self, changed: &TopicPartition) {
        for broker in self.running() {
            for connection in self.brokers[&broker].produces.watching(changed) {
                self.complete_produce(broker, connection);
            }
        }
    }

    fn complete_produce(&mut self, broker: BrokerId, connection: ConnectionId) {
        let running = self.brokers.get_mut(&broker);
        let parked = running.and_then(|running| running.produces.get_mut(connection));
        let Some(produce) = parked else {
            return;
        };
        let mut waits = Vec::new();
        for wait in std::mem::take(&mut produce.waits) {
            match wait.outcome(&self.state, broker) {
                Outcome::Waits => waits.push(wait),
                Outcome::Committed => {}
                Outcome::Failed(error) => produce.fail(&wait, error),
            }
        }
        produce.waits = waits;
        if produce.waits.is_empty() {
            self.answer_produce(broker, connection);
        }
    }

    /// Answers what has waited for its `timeout.ms`: the records may be committed yet.
    pub(crate) fn expire_produces(&mut self, now: Now, broker: BrokerId) {
        while let Some(running) = self.brokers.get_mut(&broker)
            && let Some(connection) = running.produces.due(now.monotonic)
            && let Some(produce) = running.produces.get_mut(connection)
        {
            for wait in std::mem::take(&mut produce.waits) {
                produce.fail(&wait, ResponseError::RequestTimedOut);
            }
            self.answer_produce(broker, connection);
        }
    }

    fn answer_produce(&mut self, broker: BrokerId, connection: ConnectionId) {
        let Some(running) = self.brokers.get_mut(&broker) else {
            return;
        };
        let Some(produce) = running.produces.take(connection) else {
            return;
        };
        let order = running.connections.get(&connection);
        if let Some(in_flight) = order.and_then(|order| order.in_flight()) {
            let body = produce.response.into();
            self.respond(broker, connection, in_flight.correlation_id, body);
        }
    }
}
