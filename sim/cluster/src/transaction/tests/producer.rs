//! A transactional producer and its readers, without a network.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, FindCoordinatorRequest,
    GroupId, InitProducerIdRequest, OffsetFetchRequest, TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::RecordBatchDecoder;

use crate::config::BrokerId;
use crate::testing::{Lab, Sender, ask, batch_of, fetch_request, produce_request, topic_name};

pub(super) const TOPIC: &str = "t";

/// What an error code says.
pub(super) fn outcome(code: i16) -> Result<(), ResponseError> {
    ResponseError::try_from_code(code).map_or(Ok(()), Err)
}

/// Lets time pass, running every timer at its time.
pub(super) fn pass(lab: &mut Lab, ms: u64) {
    let end = lab.now.monotonic + Duration::from_millis(ms);
    while let Some(at) = lab.cluster.next_timer().filter(|at| *at <= end) {
        let wait = at.saturating_sub(lab.now.monotonic).as_millis() as u64;
        lab.advance_ms(wait);
        lab.cluster.tick(lab.now);
    }
    let rest = end.saturating_sub(lab.now.monotonic).as_millis() as u64;
    lab.advance_ms(rest);
}

/// The broker that coordinates a key, of any that is up.
pub(super) fn coordinator(
    lab: &mut Lab,
    key_type: i8,
    key: &str,
) -> Result<BrokerId, ResponseError> {
    let up = (1..=3).find(|broker| lab.cluster.is_running(*broker));
    let request = FindCoordinatorRequest::default()
        .with_key(StrBytes::from_string(key.to_owned()))
        .with_key_type(key_type);
    let up = up.ok_or(ResponseError::CoordinatorNotAvailable)?;
    let response = ask!(lab, up, 2, FindCoordinator(request));
    outcome(response.error_code).map(|()| response.node_id.0)
}

/// A lab whose topic has its partitions on these brokers, and coordinators to be found.
pub(super) fn lab(brokers: BrokerId, leaders: &[BrokerId]) -> Lab {
    let mut lab = Lab::new(brokers);
    lab.create_topic(TOPIC, leaders);
    for key_type in [0, 1] {
        let _ = coordinator(&mut lab, key_type, "x");
    }
    lab
}

/// A producer with a transactional id.
#[derive(Debug, Clone)]
pub(super) struct Producer {
    pub(super) id: String,
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
    sequences: BTreeMap<i32, i32>,
}

impl Producer {
    /// InitProducerId, once.
    pub(super) fn try_init(lab: &mut Lab, id: &str) -> Result<Self, ResponseError> {
        Self::init_as(lab, id, (-1, -1), 60_000)
    }

    pub(super) fn init_as(
        lab: &mut Lab,
        id: &str,
        (producer_id, epoch): (i64, i16),
        timeout_ms: i32,
    ) -> Result<Self, ResponseError> {
        let broker = coordinator(lab, 1, id)?;
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(transactional_id(id)))
            .with_transaction_timeout_ms(timeout_ms)
            .with_producer_id(producer_id.into())
            .with_producer_epoch(epoch);
        let response = ask!(lab, broker, 4, InitProducerId(request));
        outcome(response.error_code)?;
        Ok(Self {
            id: id.to_owned(),
            producer_id: response.producer_id.0,
            epoch: response.producer_epoch,
            sequences: BTreeMap::new(),
        })
    }

    pub(super) fn init(lab: &mut Lab, id: &str) -> Self {
        Self::try_init(lab, id).unwrap()
    }

    pub(super) fn add(&self, lab: &mut Lab, partitions: &[i32]) -> Result<(), ResponseError> {
        let broker = coordinator(lab, 1, &self.id)?;
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partitions(partitions.to_vec());
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(transactional_id(&self.id))
            .with_v3_and_below_producer_id(self.producer_id.into())
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![topic]);
        let response = ask!(lab, broker, 3, AddPartitionsToTxn(request));
        let results = &response.results_by_topic_v3_and_below[0].results_by_partition;
        results
            .iter()
            .try_for_each(|result| outcome(result.partition_error_code))
    }

    /// Writes one record; the sequence number counts up only if that succeeds.
    pub(super) fn produce(
        &mut self,
        lab: &mut Lab,
        partition: i32,
        value: &str,
    ) -> Result<i64, ResponseError> {
        let topic = lab.cluster.topic(TOPIC).unwrap();
        let leader = topic.partition(partition).unwrap().replica;
        if !lab.cluster.is_running(leader) {
            return Err(ResponseError::LeaderNotAvailable);
        }
        let sequence = self.sequences.entry(partition).or_default();
        let sender = Sender {
            transactional: true,
            ..Sender::idempotent(self.producer_id, self.epoch, *sequence)
        };
        let mut request =
            produce_request(TOPIC, partition, -1, batch_of(&sender, &[(1000, value)]));
        request.transactional_id = Some(transactional_id(&self.id));
        let response = ask!(lab, leader, 10, Produce(request));
        let answer = &response.responses[0].partition_responses[0];
        outcome(answer.error_code)?;
        *sequence += 1;
        Ok(answer.base_offset)
    }

    pub(super) fn add_offsets(&self, lab: &mut Lab, group: &str) -> Result<(), ResponseError> {
        let broker = coordinator(lab, 1, &self.id)?;
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(transactional_id(&self.id))
            .with_producer_id(self.producer_id.into())
            .with_producer_epoch(self.epoch)
            .with_group_id(group_id(group));
        outcome(ask!(lab, broker, 0, AddOffsetsToTxn(request)).error_code)
    }

    /// TxnOffsetCommit for partition 0, as a simple consumer or as a member.
    pub(super) fn commit_offset(
        &self,
        lab: &mut Lab,
        group: &str,
        member: Option<(&str, i32)>,
        offset: i64,
    ) -> Result<(), ResponseError> {
        let broker = coordinator(lab, 0, group)?;
        let (member_id, generation) = member.unwrap_or(("", -1));
        let partition = TxnOffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(transactional_id(&self.id))
            .with_group_id(group_id(group))
            .with_producer_id(self.producer_id.into())
            .with_producer_epoch(self.epoch)
            .with_generation_id(generation)
            .with_member_id(StrBytes::from_string(member_id.to_owned()))
            .with_topics(vec![topic]);
        let response = ask!(lab, broker, 3, TxnOffsetCommit(request));
        outcome(response.topics[0].partitions[0].error_code)
    }

    pub(super) fn end(&self, lab: &mut Lab, committed: bool) -> Result<(), ResponseError> {
        let broker = coordinator(lab, 1, &self.id)?;
        let request = EndTxnRequest::default()
            .with_transactional_id(transactional_id(&self.id))
            .with_producer_id(self.producer_id.into())
            .with_producer_epoch(self.epoch)
            .with_committed(committed);
        outcome(ask!(lab, broker, 1, EndTxn(request)).error_code)
    }
}

/// A Fetch from the beginning.
pub(super) fn fetch(lab: &mut Lab, partition: i32, isolation_level: i8) -> PartitionData {
    let topic = lab.cluster.topic(TOPIC).unwrap();
    let leader = topic.partition(partition).unwrap().replica;
    let request = fetch_request(TOPIC, &[(partition, 0)])
        .with_max_wait_ms(0)
        .with_isolation_level(isolation_level);
    let mut response = ask!(lab, leader, 11, Fetch(request));
    response.responses.remove(0).partitions.remove(0)
}

/// The values that a reader of committed records keeps: what precedes the last stable offset and
/// is not of an aborted transaction. Filters as the protocol says consumers do.
pub(super) fn committed_values(lab: &mut Lab, partition: i32) -> Vec<String> {
    let data = fetch(lab, partition, 1);
    let mut aborted = data.aborted_transactions.unwrap();
    aborted.sort_by_key(|one| one.first_offset);
    let mut open: Vec<i64> = Vec::new();
    let mut values = Vec::new();
    let sets = RecordBatchDecoder::decode_all(&mut data.records.unwrap()).unwrap();
    for record in sets.into_iter().flat_map(|set| set.records) {
        while aborted
            .first()
            .is_some_and(|one| one.first_offset <= record.offset)
        {
            open.push(aborted.remove(0).producer_id.0);
        }
        if record.control {
            if record.key.as_deref() == Some(&[0, 0, 0, 0][..]) {
                open.retain(|id| *id != record.producer_id);
            }
        } else if !open.contains(&record.producer_id) {
            values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
        }
    }
    values
}

/// A group's offset for partition 0, as OffsetFetch gives it.
pub(super) fn fetch_offset(
    lab: &mut Lab,
    group: &str,
    require_stable: bool,
) -> Result<i64, ResponseError> {
    let broker = coordinator(lab, 0, group)?;
    let topic = OffsetFetchRequestTopic::default()
        .with_name(topic_name(TOPIC))
        .with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(group_id(group))
        .with_topics(Some(vec![topic]))
        .with_require_stable(require_stable);
    let response = ask!(lab, broker, 7, OffsetFetch(request));
    let partition = &response.topics[0].partitions[0];
    outcome(partition.error_code).map(|()| partition.committed_offset)
}

fn transactional_id(id: &str) -> TransactionalId {
    TransactionalId(StrBytes::from_string(id.to_owned()))
}

pub(super) fn group_id(id: &str) -> GroupId {
    GroupId(StrBytes::from_string(id.to_owned()))
}
