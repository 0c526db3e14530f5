//! Asks the leaders of partitions for offsets (ListOffsets).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};
use whitewater_sim::time;

use super::api::topic_name;
use super::broker::{Broker, until};
use super::core::ClientCore;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// Which offset is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OffsetQuery {
    /// The oldest record's.
    Earliest,
    /// The one after the newest record's (or after the last stable one's).
    Latest,
    /// That of the first record of at least this timestamp, in milliseconds since the Unix epoch.
    Timestamp(i64),
}

impl OffsetQuery {
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
            Self::Timestamp(timestamp) => timestamp,
        }
    }
}

/// An offset found; -1 where no record is as young as the timestamp asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoundOffset {
    pub(crate) offset: i64,
}

/// The answers, by partition.
pub(crate) type FoundOffsets = BTreeMap<TopicPartition, Result<FoundOffset, RDKafkaErrorCode>>;

/// Asks for offsets of partitions, again after errors that pass, until the deadline.
///
/// # Errors
/// `OperationTimedOut` when the time is up. Errors of single partitions stand in the result.
pub(crate) async fn query_offsets(
    core: &Arc<ClientCore>,
    wanted: BTreeMap<TopicPartition, OffsetQuery>,
    deadline: Option<Duration>,
) -> Result<FoundOffsets, RDKafkaErrorCode> {
    let mut open = wanted;
    let mut found = FoundOffsets::new();
    let mut backoff = core.retry_backoff();
    loop {
        learn_leaders(core, &open, deadline).await?;
        for (broker, partitions) in by_leader(core, &mut open, &mut found) {
            let request = list_offsets(core, &partitions);
            let call = broker.call(request, core.settings().socket_timeout);
            match until(deadline, call).await {
                None => return Err(RDKafkaErrorCode::OperationTimedOut),
                Some(Err(_)) => {
                    for partition in partitions.keys() {
                        core.want_metadata(&partition.topic);
                    }
                    open.extend(partitions);
                }
                Some(Ok(response)) => {
                    take_answers(core, &response, partitions, &mut open, &mut found);
                }
            }
        }
        if open.is_empty() {
            return Ok(found);
        }
        let pause = backoff.step();
        if core.is_closed() || deadline.is_some_and(|deadline| time::now() + pause >= deadline) {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        time::sleep(pause).await;
    }
}

/// Fetches the metadata of topics that are not known yet, or not led.
async fn learn_leaders(
    core: &ClientCore,
    open: &BTreeMap<TopicPartition, OffsetQuery>,
    deadline: Option<Duration>,
) -> Result<(), RDKafkaErrorCode> {
    let topics: BTreeSet<_> = {
        let view = core.view();
        open.keys()
            .filter(|partition| view.leader(partition).is_none())
            .map(|partition| Arc::clone(&partition.topic))
            .collect()
    };
    if topics.is_empty() {
        return Ok(());
    }
    match core.fetch_metadata(Some(&topics), deadline).await {
        Ok(_) => Ok(()),
        Err(_) => Err(RDKafkaErrorCode::OperationTimedOut),
    }
}

/// Takes the partitions whose leaders are known out of `open`; those that do not exist are
/// answered.
fn by_leader(
    core: &ClientCore,
    open: &mut BTreeMap<TopicPartition, OffsetQuery>,
    found: &mut FoundOffsets,
) -> Vec<(Arc<Broker>, BTreeMap<TopicPartition, OffsetQuery>)> {
    let mut groups: BTreeMap<i32, BTreeMap<TopicPartition, OffsetQuery>> = BTreeMap::new();
    for (partition, query) in std::mem::take(open) {
        let (exists, leader) = {
            let view = core.view();
            let topic = view.topics.get(&partition.topic);
            let exists = topic.is_none_or(|topic| {
                let count = topic.leaders.len() as i32;
                let known_missing = topic.error == RDKafkaErrorCode::UnknownTopicOrPartition
                    || (topic.exists() && partition.partition >= count);
                !known_missing
            });
            (exists, view.leader(&partition))
        };
        match leader {
            _ if !exists || partition.partition < 0 => {
                found.insert(partition, Err(RDKafkaErrorCode::UnknownPartition));
            }
            Some(leader) => {
                groups.entry(leader).or_default().insert(partition, query);
            }
            None => {
                open.insert(partition, query);
            }
        }
    }
    let mut calls = Vec::new();
    for (node, partitions) in groups {
        match core.node(node) {
            Some(broker) => calls.push((broker, partitions)),
            None => open.extend(partitions),
        }
    }
    calls
}

fn list_offsets(
    core: &ClientCore,
    partitions: &BTreeMap<TopicPartition, OffsetQuery>,
) -> ListOffsetsRequest {
    let mut topics: BTreeMap<&Arc<str>, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (partition, query) in partitions {
        topics.entry(&partition.topic).or_default().push(
            ListOffsetsPartition::default()
                .with_partition_index(partition.partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(query.timestamp()),
        );
    }
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(core.settings().consumer.isolation_level as i8)
        .with_topics(
            topics
                .into_iter()
                .map(|(topic, partitions)| {
                    ListOffsetsTopic::default()
                        .with_name(topic_name(topic))
                        .with_partitions(partitions)
                })
                .collect(),
        )
}

fn take_answers(
    core: &ClientCore,
    response: &kafka_protocol::messages::ListOffsetsResponse,
    mut asked: BTreeMap<TopicPartition, OffsetQuery>,
    open: &mut BTreeMap<TopicPartition, OffsetQuery>,
    found: &mut FoundOffsets,
) {
    for topic in &response.topics {
        let name: Arc<str> = Arc::from(&**topic.name);
        for answer in &topic.partitions {
            let partition = TopicPartition::new(Arc::clone(&name), answer.partition_index);
            let Some(query) = asked.remove(&partition) else {
                continue;
            };
            match RDKafkaErrorCode::from(answer.error_code) {
                RDKafkaErrorCode::NoError => {
                    found.insert(
                        partition,
                        Ok(FoundOffset {
                            offset: answer.offset,
                        }),
                    );
                }
                RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::ReplicaNotAvailable
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::OffsetNotAvailable
                | RDKafkaErrorCode::KafkaStorageError
                | RDKafkaErrorCode::FencedLeaderEpoch
                | RDKafkaErrorCode::UnknownLeaderEpoch => {
                    core.want_metadata(&partition.topic);
                    open.insert(partition, query);
                }
                error => {
                    found.insert(partition, Err(error));
                }
            }
        }
    }
    open.extend(asked);
}
