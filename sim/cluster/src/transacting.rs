//! Between the brokers and their transaction coordinators: requests in, responses, records and
//! markers out.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{RequestKind, TxnOffsetCommitRequest};

use crate::broker::Broker;
use crate::cluster::Cluster;
use crate::cluster_state::{ClusterState, offsets_topic_name, transactions_topic_name};
use crate::config::BrokerId;
use crate::control_batch::EndTransactionMarker;
use crate::event::Event;
use crate::group_id;
use crate::now::Now;
use crate::record_batch::ValidBatch;
use crate::requester::Requester;
use crate::topics::TopicPartition;
use crate::transaction::{
    TransactionCatalog, TransactionMarker, TransactionMetadata, TransactionOutput,
    TransactionRequest,
};

impl Cluster {
    /// Hands a request to the broker's transaction coordinator, if it is one for it; otherwise it
    /// comes back.
    pub(crate) fn transact(
        &mut self,
        now: Now,
        broker: BrokerId,
        from: &Requester,
        request: RequestKind,
    ) -> Result<(), Box<RequestKind>> {
        let request = TransactionRequest::try_from(request)?;
        if let Some(running) = self.brokers.get_mut(&broker) {
            let state = &mut self.state;
            let mut catalog = TransactionCatalogOf { state, broker };
            let coordinator = &mut running.transactions;
            let outputs = coordinator.handle(now, from.clone(), request, &mut catalog);
            self.apply_transactional(broker, outputs);
        }
        Ok(())
    }

    /// Runs the coordinator's timers that are due.
    pub(crate) fn tick_transactions(&mut self, now: Now, broker: BrokerId) {
        let Some(running) = self.brokers.get_mut(&broker) else {
            return;
        };
        let outputs = running.transactions.tick(now);
        let due = running.transactions.due_markers(now);
        self.apply_transactional(broker, outputs);
        let written = due
            .into_iter()
            .filter(|marker| self.write_marker(now, marker));
        let written: Vec<_> = written.collect();
        if let Some(running) = self.brokers.get_mut(&broker) {
            let outputs = running.transactions.markers_written(now, &written);
            self.apply_transactional(broker, outputs);
        }
    }

    /// Rebuilds the coordinator of a broker that has just started from the `__transaction_state`
    /// partitions that it leads.
    pub(crate) fn load_transactions(&mut self, now: Now, broker: BrokerId) {
        let mut records: Vec<TransactionMetadata> = Vec::new();
        if let Some(topic) = self.state.topics.get(&transactions_topic_name()) {
            for (index, partition) in topic.partitions.iter().enumerate() {
                if partition.replica == broker {
                    records.extend(self.transactions_topic.records(index as i32).cloned());
                }
            }
        }
        if let Some(running) = self.brokers.get_mut(&broker) {
            let outputs = running.transactions.load(now, records);
            self.apply_transactional(broker, outputs);
        }
    }

    /// Every transactional id that a running broker coordinates.
    pub fn transactions(&self) -> impl Iterator<Item = &TransactionMetadata> {
        let brokers = self.brokers.values();
        brokers.flat_map(|broker| broker.transactions.transactions())
    }

    /// Whether a TxnOffsetCommit belongs to an ongoing transaction
    /// (`GroupCoordinatorService.commitTransactionalOffsets`).
    pub(crate) fn verify_offset_commit(
        &self,
        request: &TxnOffsetCommitRequest,
    ) -> Result<(), ResponseError> {
        let partition = offsets_partition(&self.state, &request.group_id);
        let verified = verify(
            &self.state,
            &self.brokers,
            &request.transactional_id,
            (request.producer_id.0, request.producer_epoch),
            &partition,
        );
        verified.map_err(|error| match error {
            ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
            ResponseError::TransactionAbortable => ResponseError::InvalidTxnState,
            other => other,
        })
    }

    fn apply_transactional(&mut self, broker: BrokerId, outputs: Vec<TransactionOutput>) {
        for output in outputs {
            match output {
                TransactionOutput::Response(to, body) => {
                    self.respond(broker, to.connection, to.correlation_id, body);
                }
                TransactionOutput::Append(record) => {
                    let settings = &self.state.config.settings;
                    let partitions = settings.transaction_state_log_num_partitions;
                    let partition = group_id::partition_for(&record.transactional_id, partitions);
                    self.transactions_topic.append(partition, record);
                }
                TransactionOutput::Event(event) => self.state.events.push(event),
            }
        }
    }

    /// Ends a transaction in one of its partitions. Returns whether there is nothing left to do:
    /// the marker is written, or the partition is gone.
    fn write_marker(&mut self, now: Now, marker: &TransactionMarker) -> bool {
        let (topic, index) = &marker.partition;
        let Some(partition) = self.state.topics.partition(&marker.partition) else {
            return true;
        };
        let Some(leader) = self.state.leader_of(partition) else {
            return false;
        };
        if *topic == offsets_topic_name() {
            self.end_pending_offsets(now, leader, *index, marker);
            return true;
        }
        let written = append_marker(&mut self.state, now, leader, marker);
        if written.is_ok() {
            self.complete_fetches(&marker.partition);
        }
        written.is_ok()
    }
}

fn append_marker(
    state: &mut ClusterState,
    now: Now,
    leader: BrokerId,
    marker: &TransactionMarker,
) -> Result<(), ResponseError> {
    let (topic, index) = &marker.partition;
    let coordinator_epoch = coordinator_epoch(state, &marker.transactional_id);
    let batch = ValidBatch::marker(&EndTransactionMarker {
        producer_id: marker.producer_id,
        producer_epoch: marker.producer_epoch,
        committed: marker.committed,
        coordinator_epoch,
        timestamp_ms: now.wall_ms,
    })?;
    let dir = state
        .topics
        .partition(&marker.partition)
        .map(|partition| (partition.replica, partition.log_dir))
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    state.write_to_log_dir(now, dir, batch.size_bytes())?;
    let topic_state = state
        .topics
        .get_mut(topic)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let settings = state
        .dynamic_configs
        .settings(leader, &state.config.settings);
    let rules = topic_state.config.append_rules(settings, now.wall_ms);
    let partition = topic_state
        .partition_mut(*index)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let epoch = partition.leader_epoch;
    let end_before = partition.log.log_end_offset();
    let appended = partition.log.append_valid(batch, &rules, epoch);
    if let Some(batch) = partition.log.batches().next_back() {
        partition.producers.record(batch);
    }
    state.appended(now, &marker.partition, end_before);
    state.events.push(Event::TransactionMarkerAppended {
        broker: leader,
        transactional_id: marker.transactional_id.clone(),
        topic: topic.to_string(),
        partition: *index,
        offset: appended.base_offset,
        producer_id: marker.producer_id,
        committed: marker.committed,
    });
    Ok(())
}

/// Asks the coordinator of a transactional id whether a partition was added to the ongoing
/// transaction of that producer id and epoch.
pub(crate) fn verify(
    state: &ClusterState,
    brokers: &BTreeMap<BrokerId, Broker>,
    transactional_id: &str,
    (producer_id, producer_epoch): (i64, i16),
    partition: &TopicPartition,
) -> Result<(), ResponseError> {
    let led = state.topics.partition(partition);
    let leader = led.and_then(|partition| state.leader_of(partition));
    let settings = leader.map_or(&state.config.settings, |leader| state.settings_of(leader));
    if !settings.transaction_partition_verification_enable {
        return Ok(());
    }
    let coordinator = state.transaction_coordinator(transactional_id);
    let running = coordinator.and_then(|broker| brokers.get(&broker));
    let running = running.ok_or(ResponseError::CoordinatorNotAvailable)?;
    let transactions = &running.transactions;
    transactions.verify(transactional_id, producer_id, producer_epoch, partition)
}

fn coordinator_epoch(state: &ClusterState, transactional_id: &str) -> i32 {
    let topic = state.topics.get(&transactions_topic_name());
    let partition = topic.and_then(|topic| {
        let count = topic.partitions.len() as i32;
        topic.partition(group_id::partition_for(transactional_id, count))
    });
    partition.map_or(-1, |partition| partition.leader_epoch)
}

fn offsets_partition(state: &ClusterState, group: &str) -> TopicPartition {
    let partitions = state.config.settings.offsets_topic_num_partitions;
    let partition = group_id::partition_for(group, partitions);
    (offsets_topic_name(), partition)
}

/// The shared state as one broker's transaction coordinator may see it.
struct TransactionCatalogOf<'a> {
    state: &'a mut ClusterState,
    broker: BrokerId,
}

impl TransactionCatalog for TransactionCatalogOf<'_> {
    fn is_coordinator_of(&self, transactional_id: &str) -> bool {
        self.state.transaction_coordinator(transactional_id) == Some(self.broker)
    }

    fn partition_exists(&self, (topic, index): &TopicPartition) -> bool {
        let topic = self.state.topics.get(topic);
        topic.is_some_and(|topic| topic.partition(*index).is_some())
    }

    fn offsets_partition(&self, group: &str) -> TopicPartition {
        offsets_partition(self.state, group)
    }

    fn generate_producer_id(&mut self) -> i64 {
        self.state.generate_producer_id()
    }
}
