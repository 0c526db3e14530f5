//! What a transactional producer asks of coordinators: its id, partitions and offsets to add, the
//! end of a transaction.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, EndTxnRequest,
    GroupId, InitProducerIdRequest, TransactionalId, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};
use whitewater_sim::{task, time, trace};

use super::coordinator::{CoordinatorKey, ask};
use super::core::{ProducerCore, State};
use super::idempotence::ProducerId;
use super::transaction::Phase;
use crate::client::api::{text, topic_name};
use crate::consumer::ConsumerGroupMetadata;
use crate::error::RDKafkaError;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::{Offset, TopicPartitionList};
use crate::types::RDKafkaErrorCode;

/// What a call says that the end of the producer has cut short.
fn closed() -> RDKafkaError {
    RDKafkaError::new(RDKafkaErrorCode::BrokerDestroy, "the producer is closed")
}

/// `init_transactions`: gets the producer's id and epoch, and fences earlier producers.
pub(super) async fn init(core: &Arc<ProducerCore>) -> Result<(), RDKafkaError> {
    get_epoch(core, None).await?;
    if let Some(transaction) = &mut core.lock().transaction {
        transaction.end();
    }
    Ok(())
}

/// `commit_transaction`, once the messages are flushed.
pub(super) async fn commit(core: &Arc<ProducerCore>) -> Result<(), RDKafkaError> {
    wait_for_reports(core).await;
    if let Some(error) = core.abortable_error() {
        return Err(error);
    }
    end(core, true).await?;
    core.transaction_ended("commit");
    Ok(())
}

/// `abort_transaction`: gives up what is queued, and waits for what is under way.
pub(super) async fn abort(core: &Arc<ProducerCore>) -> Result<(), RDKafkaError> {
    {
        let mut state = core.lock();
        core.purge(&mut state, true, false);
        if let Some(transaction) = &mut state.transaction {
            transaction.unregistered.clear();
        }
    }
    wait_for_reports(core).await;
    end(core, false).await?;
    let current = {
        let state = core.lock();
        let idempotence = state.idempotence.as_ref();
        let wants_bump = idempotence.is_some_and(|idempotence| idempotence.wants_bump());
        idempotence.and_then(|i| i.id()).filter(|_| wants_bump)
    };
    if current.is_some() {
        get_epoch(core, current).await?;
    }
    core.transaction_ended("abort");
    Ok(())
}

/// Waits until every report was handed out and no partition is being added, or a fatal error makes
/// that pointless.
async fn wait_for_reports(core: &Arc<ProducerCore>) {
    poll_fn(|context| {
        let mut state = core.lock();
        let over = state.closed || core.client.fatal_error().is_some();
        let outstanding = state.outstanding_messages > 0;
        match &mut state.transaction {
            Some(transaction) if !over && (outstanding || transaction.registering) => {
                transaction.wakers.register(context.waker());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    })
    .await;
}

/// InitProducerId: a new epoch, or the one after `current` (KIP-360).
async fn get_epoch(
    core: &Arc<ProducerCore>,
    current: Option<ProducerId>,
) -> Result<(), RDKafkaError> {
    let settings = core.settings();
    let current = current.unwrap_or(ProducerId { id: -1, epoch: -1 });
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(core.transactional_id()))
        .with_transaction_timeout_ms(settings.transaction_timeout.as_millis() as i32)
        .with_producer_id(current.id.into())
        .with_producer_epoch(current.epoch);
    let key = core.transaction_key();
    let answer = ask(&core.this, &key, request, |answer| answer.error_code).await;
    let (answer, error) = answer.ok_or_else(closed)?;
    let mut state = core.lock();
    match error {
        RDKafkaErrorCode::NoError => {
            let (id, epoch) = (answer.producer_id.0, answer.producer_epoch);
            core.take_id(&mut state, ProducerId { id, epoch });
            Ok(())
        }
        RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::ProducerFenced => {
            Err(core.fenced(&mut state, error))
        }
        error => {
            let reason = format!("Failed to acquire a producer id: {}", error.text());
            core.fail_for_good(&mut state, error, reason.clone());
            Err(RDKafkaError::fatal(error, reason))
        }
    }
}

/// EndTxn, if the coordinator has anything to end.
async fn end(core: &Arc<ProducerCore>, committed: bool) -> Result<(), RDKafkaError> {
    let request = {
        let mut state = core.lock();
        let id = state.idempotence.as_ref().and_then(|i| i.id());
        let transaction = core.usable(&mut state)?;
        let (true, Some(id)) = (transaction.is_known_to_coordinator(), id) else {
            return Ok(());
        };
        EndTxnRequest::default()
            .with_transactional_id(core.transactional_id())
            .with_producer_id(id.id.into())
            .with_producer_epoch(id.epoch)
            .with_committed(committed)
    };
    let key = core.transaction_key();
    let answer = ask(&core.this, &key, request, |answer| answer.error_code).await;
    let (_, error) = answer.ok_or_else(closed)?;
    let mut state = core.lock();
    match error {
        RDKafkaErrorCode::NoError => Ok(()),
        RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::ProducerFenced => {
            Err(core.fenced(&mut state, error))
        }
        RDKafkaErrorCode::InvalidTransactionalState => {
            let reason = format!("Failed to end transaction: {}", error.text());
            core.fail_for_good(&mut state, error, reason.clone());
            Err(RDKafkaError::fatal(error, reason))
        }
        error => {
            core.transaction_failed(&mut state, error, "EndTxn failed");
            Err(RDKafkaError::abortable(error, error.text()))
        }
    }
}

/// `send_offsets_to_transaction`: adds a group's offsets.
pub(super) async fn send_offsets(
    core: &Arc<ProducerCore>,
    offsets: &TopicPartitionList,
    group: &ConsumerGroupMetadata,
    deadline: Option<Duration>,
) -> Result<(), RDKafkaError> {
    let id = {
        let state = core.lock();
        state.idempotence.as_ref().and_then(|i| i.id())
    };
    let topics = offset_topics(offsets);
    let (Some(id), false) = (id, topics.is_empty()) else {
        return Ok(());
    };
    let request = AddOffsetsToTxnRequest::default()
        .with_transactional_id(core.transactional_id())
        .with_producer_id(id.id.into())
        .with_producer_epoch(id.epoch)
        .with_group_id(GroupId(text(&group.group_id)));
    let key = core.transaction_key();
    let answer = ask(&core.this, &key, request, |answer| answer.error_code).await;
    core.check_added(answer.ok_or_else(closed)?.1)?;
    if let Some(transaction) = &mut core.lock().transaction {
        transaction.has_offsets = true;
    }
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(core.transactional_id())
        .with_group_id(GroupId(text(&group.group_id)))
        .with_producer_id(id.id.into())
        .with_producer_epoch(id.epoch)
        .with_generation_id(group.generation)
        .with_member_id(text(&group.member_id))
        .with_topics(topics);
    let key = CoordinatorKey::Group(group.group_id.clone());
    let mut backoff = core.client.retry_backoff();
    loop {
        let answer = ask(&core.this, &key, request.clone(), first_offset_error).await;
        let (_, error) = answer.ok_or_else(closed)?;
        let pause = backoff.step();
        let in_time = deadline.is_none_or(|deadline| time::now() + pause < deadline);
        if error != RDKafkaErrorCode::UnknownTopicOrPartition || !in_time {
            return core.check_added(error);
        }
        time::sleep(pause).await;
    }
}

fn offset_topics(offsets: &TopicPartitionList) -> Vec<TxnOffsetCommitRequestTopic> {
    let mut topics: BTreeMap<String, Vec<TxnOffsetCommitRequestPartition>> = BTreeMap::new();
    for element in offsets.elements() {
        if let Offset::Offset(offset) = element.offset() {
            let partition = TxnOffsetCommitRequestPartition::default()
                .with_partition_index(element.partition())
                .with_committed_offset(offset)
                .with_committed_metadata(Some(text(element.metadata())));
            let partitions = topics.entry(element.topic().to_owned()).or_default();
            partitions.push(partition);
        }
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name(&topic))
            .with_partitions(partitions)
    });
    topics.collect()
}

fn first_offset_error(response: &TxnOffsetCommitResponse) -> i16 {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let mut errors = partitions.map(|partition| partition.error_code);
    errors.find(|error| *error != 0).unwrap_or(0)
}

/// Tells the coordinator of the partitions that messages are for, until there are none left.
async fn register(core: Weak<ProducerCore>) {
    loop {
        let Some((key, request, asked)) = core.upgrade().and_then(|core| core.next_to_register())
        else {
            return;
        };
        let answer = ask(&core, &key, request, first_partition_error).await;
        let (Some((_, error)), Some(upgraded)) = (answer, core.upgrade()) else {
            return;
        };
        if error == RDKafkaErrorCode::UnknownTopicOrPartition {
            let pause = upgraded.client.retry_backoff().step();
            drop(upgraded);
            time::sleep(pause).await;
            continue;
        }
        upgraded.registered(&asked, error);
    }
}

/// The first error that says something: OPERATION_NOT_ATTEMPTED is another partition's.
fn first_partition_error(response: &AddPartitionsToTxnResponse) -> i16 {
    let topics = &response.results_by_topic_v3_and_below;
    let partitions = topics.iter().flat_map(|topic| &topic.results_by_partition);
    let errors = partitions.map(|partition| partition.partition_error_code);
    let not_attempted = RDKafkaErrorCode::OperationNotAttempted;
    let mut told =
        errors.filter(|error| *error != 0 && RDKafkaErrorCode::from(*error) != not_attempted);
    told.next().unwrap_or(0)
}

impl ProducerCore {
    pub(super) fn transactional_id(&self) -> TransactionalId {
        TransactionalId(text(
            self.settings()
                .transactional_id
                .as_deref()
                .unwrap_or_default(),
        ))
    }

    fn transaction_key(&self) -> CoordinatorKey {
        let id = self.settings().transactional_id.clone();
        CoordinatorKey::Transaction(id.unwrap_or_default())
    }

    /// Whether the coordinator knows of a partition, so that it may be written to.
    pub(super) fn is_registered(&self, state: &State, partition: &TopicPartition) -> bool {
        let transaction = state.transaction.as_ref();
        transaction.is_none_or(|transaction| transaction.registered.contains(partition))
    }

    /// Tells the coordinator of a partition that is to be written to, if it does not know of it: as
    /// soon as a message for it is queued, whether that is sent or purged later
    /// (`rd_kafka_txn_add_partition`).
    pub(super) fn register_partition(&self, state: &mut State, partition: &TopicPartition) {
        if self.is_registered(state, partition) {
            return;
        }
        let Some(transaction) = &mut state.transaction else {
            return;
        };
        if matches!(transaction.phase, Phase::InTransaction | Phase::Committing) {
            transaction.unregistered.insert(partition.clone());
            if !transaction.registering {
                transaction.registering = true;
                drop(task::spawn(register(Weak::clone(&self.this))));
            }
        }
    }

    fn next_to_register(
        &self,
    ) -> Option<(
        CoordinatorKey,
        AddPartitionsToTxnRequest,
        Vec<TopicPartition>,
    )> {
        let mut state = self.lock();
        let id = state.idempotence.as_ref().and_then(|i| i.id());
        let transaction = state.transaction.as_mut()?;
        let asked: Vec<_> = transaction.unregistered.iter().cloned().collect();
        let Some(id) = id.filter(|_| !asked.is_empty()) else {
            transaction.registering = false;
            transaction.wakers.wake_all();
            return None;
        };
        let mut topics: BTreeMap<Arc<str>, Vec<i32>> = BTreeMap::new();
        for partition in &asked {
            let partitions = topics.entry(Arc::clone(&partition.topic)).or_default();
            partitions.push(partition.partition);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            AddPartitionsToTxnTopic::default()
                .with_name(topic_name(&topic))
                .with_partitions(partitions)
        });
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.transactional_id())
            .with_v3_and_below_producer_id(id.id.into())
            .with_v3_and_below_producer_epoch(id.epoch)
            .with_v3_and_below_topics(topics.collect());
        Some((self.transaction_key(), request, asked))
    }

    fn registered(&self, asked: &[TopicPartition], error: RDKafkaErrorCode) {
        let outcome = self.check_added(error);
        let mut state = self.lock();
        if let Some(transaction) = &mut state.transaction {
            for partition in asked {
                transaction.unregistered.remove(partition);
                if outcome.is_ok() {
                    transaction.registered.insert(partition.clone());
                }
            }
        }
        state.wake_senders();
    }

    /// Acts on what a coordinator said to something that was to be added.
    fn check_added(&self, error: RDKafkaErrorCode) -> Result<(), RDKafkaError> {
        let mut state = self.lock();
        match error {
            RDKafkaErrorCode::NoError => Ok(()),
            RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::ProducerFenced => {
                Err(self.fenced(&mut state, error))
            }
            RDKafkaErrorCode::InvalidTransactionalState => {
                let reason = format!("Failed to add to the transaction: {}", error.text());
                self.fail_for_good(&mut state, error, reason.clone());
                Err(RDKafkaError::fatal(error, reason))
            }
            RDKafkaErrorCode::InvalidProducerIdMapping | RDKafkaErrorCode::UnknownProducerId => {
                self.want_bump(&mut state, error);
                Err(RDKafkaError::abortable(error, error.text()))
            }
            error => {
                self.transaction_failed(&mut state, error, "adding to the transaction failed");
                Err(RDKafkaError::abortable(error, error.text()))
            }
        }
    }

    fn transaction_ended(&self, outcome: &str) {
        let mut state = self.lock();
        if let Some(transaction) = &mut state.transaction {
            transaction.end();
        }
        let id = self.settings().transactional_id.as_deref();
        trace::event(
            "transaction_end",
            &[
                ("transactional_id", id.unwrap_or_default().into()),
                ("outcome", outcome.into()),
            ],
        );
    }
}
