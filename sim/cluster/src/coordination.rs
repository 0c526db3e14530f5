//! Between the brokers and their group coordinators: requests in, responses and records out.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{RequestKind, TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use crate::cluster::Cluster;
use crate::cluster_state::{CatalogOf, offsets_topic_name};
use crate::config::BrokerId;
use crate::group::{CommittedOffset, GroupDescription, GroupOutput, GroupRecord, GroupRequest};
use crate::group_id;
use crate::now::Now;
use crate::request::Output;
use crate::requester::Requester;
use crate::transaction::TransactionMarker;

impl Cluster {
    /// Hands a request to the broker's group coordinator.
    pub(crate) fn coordinate(
        &mut self,
        now: Now,
        broker: BrokerId,
        from: Requester,
        request: RequestKind,
    ) {
        let connection = from.connection;
        if let RequestKind::TxnOffsetCommit(commit) = &request
            && let Err(error) = self.verify_offset_commit(commit)
        {
            let body = refuse_offset_commit(commit, error).into();
            return self.respond(broker, connection, from.correlation_id, body);
        }
        let Ok(request) = GroupRequest::try_from(request) else {
            let reason = "a request that nothing here answers".to_owned();
            return self.close(broker, connection, reason);
        };
        let Some(running) = self.brokers.get_mut(&broker) else {
            return;
        };
        let state = &self.state;
        let catalog = CatalogOf { state, broker };
        let outputs = running.coordinator.handle(now, from, request, &catalog);
        self.apply(broker, outputs);
    }

    /// Commits or drops a transaction's pending offsets in a partition of `__consumer_offsets`.
    pub(crate) fn end_pending_offsets(
        &mut self,
        now: Now,
        leader: BrokerId,
        offsets_partition: i32,
        marker: &TransactionMarker,
    ) {
        if let Some(running) = self.brokers.get_mut(&leader) {
            let (producer_id, committed) = (marker.producer_id, marker.committed);
            let coordinator = &mut running.coordinator;
            let outputs =
                coordinator.end_transaction(now, offsets_partition, producer_id, committed);
            self.apply(leader, outputs);
        }
    }

    /// Runs the coordinator's timers that are due.
    pub(crate) fn tick_coordinator(&mut self, now: Now, broker: BrokerId) {
        if let Some(running) = self.brokers.get_mut(&broker) {
            let outputs = running.coordinator.tick(now);
            self.apply(broker, outputs);
        }
    }

    /// Rebuilds the coordinator of a broker that has just started from the `__consumer_offsets`
    /// partitions that it leads.
    pub(crate) fn load_coordinator(&mut self, now: Now, broker: BrokerId) {
        let mut records: Vec<GroupRecord> = Vec::new();
        if let Some(topic) = self.state.topics.get(&offsets_topic_name()) {
            for (index, partition) in topic.partitions.iter().enumerate() {
                if partition.replica == broker {
                    records.extend(self.offsets_topic.records(index as i32).cloned());
                }
            }
        }
        if let Some(running) = self.brokers.get_mut(&broker) {
            let outputs = running.coordinator.load(now, records);
            self.apply(broker, outputs);
        }
    }

    /// Removes the committed offsets of a deleted topic.
    pub(crate) fn forget_topic(&mut self, now: Now, topic: &str) {
        for broker in self.running() {
            if let Some(running) = self.brokers.get_mut(&broker) {
                let outputs = running.coordinator.topic_deleted(now, topic);
                self.apply(broker, outputs);
            }
        }
    }

    /// Sets a group's committed offset as an administrator would, whatever the state of the
    /// group. Nothing happens while the group has no coordinator.
    pub fn rewind_committed(
        &mut self,
        now: Now,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Vec<Output> {
        let coordinator = self.state.group_coordinator(group);
        if let Some(broker) = coordinator
            && let Some(running) = self.brokers.get_mut(&broker)
        {
            let coordinator = &mut running.coordinator;
            let outputs = coordinator.rewind_committed(now, group, topic, partition, offset);
            self.apply(broker, outputs);
        }
        self.settle(now)
    }

    /// Every group that a running broker coordinates.
    pub fn groups(&self) -> Vec<GroupDescription> {
        let coordinators = self.brokers.values().map(|broker| &broker.coordinator);
        coordinators.flat_map(|c| c.groups()).collect()
    }

    /// A group's committed offset; `None` if there is none, or its coordinator is down.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<CommittedOffset> {
        let mut coordinators = self.brokers.values().map(|broker| &broker.coordinator);
        coordinators.find_map(|c| c.committed(group, topic, partition).cloned())
    }

    fn apply(&mut self, broker: BrokerId, outputs: Vec<GroupOutput>) {
        for output in outputs {
            match output {
                GroupOutput::Response(to, body) => {
                    self.respond(broker, to.connection, to.correlation_id, body);
                }
                GroupOutput::Append { group, record } => {
                    let partitions = self.state.config.settings.offsets_topic_num_partitions;
                    let partition = group_id::partition_for(&group, partitions);
                    self.offsets_topic.append(partition, record);
                }
                GroupOutput::Event(event) => self.state.events.push(event),
            }
        }
    }
}

/// The same error for every partition.
fn refuse_offset_commit(
    request: &TxnOffsetCommitRequest,
    error: ResponseError,
) -> TxnOffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error.code())
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}
