//! AddPartitionsToTxn and AddOffsetsToTxn (`handleAddPartitionsToTransaction`): a partition gets a
//! marker only if it was added before it was written to.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
};

use super::coordinator::{TransactionCoordinator, for_version};
use super::request::TransactionCatalog;
use super::state::TransactionState;
use crate::now::Now;
use crate::topics::TopicPartition;

/// From this version on a request holds any number of transactions.
const BATCHED_SINCE: i16 = 4;

/// From this version on a fenced producer is told PRODUCER_FENCED.
const PRODUCER_FENCED_SINCE: i16 = 2;

impl TransactionCoordinator {
    pub(super) fn add_partitions_to_txn(
        &mut self,
        now: Now,
        version: i16,
        request: AddPartitionsToTxnRequest,
        catalog: &dyn TransactionCatalog,
    ) -> AddPartitionsToTxnResponse {
        if version < BATCHED_SINCE {
            let transaction = AddPartitionsToTxnTransaction::default()
                .with_transactional_id(request.v3_and_below_transactional_id)
                .with_producer_id(request.v3_and_below_producer_id)
                .with_producer_epoch(request.v3_and_below_producer_epoch)
                .with_topics(request.v3_and_below_topics);
            let results = self.add_topics(now, version, &transaction, catalog);
            return AddPartitionsToTxnResponse::default()
                .with_results_by_topic_v3_and_below(results);
        }
        let results = request.transactions.into_iter().map(|transaction| {
            let results = self.add_topics(now, version, &transaction, catalog);
            AddPartitionsToTxnResult::default()
                .with_transactional_id(transaction.transactional_id)
                .with_topic_results(results)
        });
        AddPartitionsToTxnResponse::default().with_results_by_transaction(results.collect())
    }

    /// All partitions are added, or none: if one does not exist, the others were not attempted.
    fn add_topics(
        &mut self,
        now: Now,
        version: i16,
        transaction: &AddPartitionsToTxnTransaction,
        catalog: &dyn TransactionCatalog,
    ) -> Vec<AddPartitionsToTxnTopicResult> {
        let topics = &transaction.topics;
        let all: BTreeSet<TopicPartition> = topics.iter().flat_map(of_topic).collect();
        let id = transaction.transactional_id.as_str();
        let (producer_id, epoch) = (transaction.producer_id.0, transaction.producer_epoch);
        if transaction.verify_only {
            return results(topics, |partition| {
                let outcome = if catalog.is_coordinator_of(id) {
                    self.verify(id, producer_id, epoch, partition)
                } else {
                    Err(ResponseError::NotCoordinator)
                };
                outcome.map_err(|error| for_version(error, version, PRODUCER_FENCED_SINCE))
            });
        }
        if all
            .iter()
            .any(|partition| !catalog.partition_exists(partition))
        {
            return results(topics, |partition| {
                Err(if catalog.partition_exists(partition) {
                    ResponseError::OperationNotAttempted
                } else {
                    ResponseError::UnknownTopicOrPartition
                })
            });
        }
        let outcome = self
            .add(now, id, producer_id, epoch, all, catalog)
            .map_err(|error| for_version(error, version, PRODUCER_FENCED_SINCE));
        results(topics, |_| outcome)
    }

    pub(super) fn add_offsets_to_txn(
        &mut self,
        now: Now,
        version: i16,
        request: &AddOffsetsToTxnRequest,
        catalog: &dyn TransactionCatalog,
    ) -> AddOffsetsToTxnResponse {
        let partition = catalog.offsets_partition(&request.group_id);
        let outcome = self.add(
            now,
            &request.transactional_id,
            request.producer_id.0,
            request.producer_epoch,
            BTreeSet::from([partition]),
            catalog,
        );
        let error = outcome.err().map_or(0, |error| {
            for_version(error, version, PRODUCER_FENCED_SINCE).code()
        });
        AddOffsetsToTxnResponse::default().with_error_code(error)
    }

    fn add(
        &mut self,
        now: Now,
        transactional_id: &str,
        producer_id: i64,
        producer_epoch: i16,
        partitions: BTreeSet<TopicPartition>,
        catalog: &dyn TransactionCatalog,
    ) -> Result<(), ResponseError> {
        let transaction =
            self.transaction_of(transactional_id, producer_id, producer_epoch, catalog)?;
        if transaction.state.decision().is_some() {
            return Err(ResponseError::ConcurrentTransactions);
        }
        let ongoing = transaction.state == TransactionState::Ongoing;
        if ongoing && partitions.is_subset(&transaction.partitions) {
            return Ok(());
        }
        let mut changed = transaction.clone();
        if !ongoing {
            changed.start_timestamp_ms = now.wall_ms;
        }
        changed.state = TransactionState::Ongoing;
        changed.partitions.extend(partitions);
        self.update(now, changed, "partitions were added");
        Ok(())
    }
}

fn of_topic(topic: &AddPartitionsToTxnTopic) -> impl Iterator<Item = TopicPartition> {
    let partitions = topic.partitions.iter();
    partitions.map(|partition| (topic.name.clone(), *partition))
}

fn results(
    topics: &[AddPartitionsToTxnTopic],
    outcome: impl Fn(&TopicPartition) -> Result<(), ResponseError>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let results = topics.iter().map(|topic| {
        let partitions = of_topic(topic).map(|partition| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(partition.1)
                .with_partition_error_code(outcome(&partition).err().map_or(0, |e| e.code()))
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    results.collect()
}
