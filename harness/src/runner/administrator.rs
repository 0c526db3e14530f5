//! What an administrator sees of the cluster, and may do to it.

use std::collections::BTreeMap;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{
    CreatePartitionsRequest, GroupId, LeaveGroupRequest, RequestKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use whitewater_cluster::record_batch::RecordBatch;
use whitewater_cluster::{ConnectionId, Request, topics};
use whitewater_sim::kafka::ClusterHandle;

use crate::plan::Plan;

/// A partition of a topic.
pub(crate) type Partition = (String, i32);

/// The group's members by id; none while its coordinator is down.
pub(crate) fn members(cluster: &ClusterHandle, group: &str) -> Vec<String> {
    let groups = cluster.with(|cluster| cluster.groups());
    let found = groups.into_iter().find(|known| known.group == group);
    found
        .into_iter()
        .flat_map(|group| group.members)
        .map(|member| member.member_id)
        .collect()
}

/// The group's committed offsets; none while its coordinator is down.
pub(crate) fn committed_offsets(cluster: &ClusterHandle, group: &str) -> BTreeMap<Partition, i64> {
    let groups = cluster.with(|cluster| cluster.groups());
    let found = groups.into_iter().find(|known| known.group == group);
    found
        .into_iter()
        .flat_map(|group| group.offsets)
        .map(|(partition, committed)| (partition, committed.offset))
        .collect()
}

/// The offset after the last record of every log that the pipeline consumes. Markers of transactions and
/// aborted records can follow it: a group that has read them too need not say so (KAFKA-10683).
pub(crate) fn log_ends(cluster: &ClusterHandle, plan: &Plan) -> BTreeMap<Partition, i64> {
    cluster.with(|cluster| {
        let topics = plan.inputs();
        let topics = topics.filter_map(|topic| cluster.topic(&topic.name));
        topics
            .flat_map(|topic| {
                let partitions = (0..).zip(&topic.partitions);
                partitions.map(|(index, partition)| {
                    ((topic.name.to_string(), index), end_of_records(partition))
                })
            })
            .collect()
    })
}

fn end_of_records(partition: &topics::Partition) -> i64 {
    let producers = &partition.producers;
    if producers.transactions().is_empty() {
        return partition.log.log_end_offset();
    }
    let holds_records =
        |batch: &&RecordBatch| batch.ends_transaction().is_none() && !producers.has_aborted(batch);
    let last = partition.log.batches().rev().find(holds_records);
    last.map_or(0, |batch| batch.last_offset() + 1)
}

/// Whether every transaction that wrote to the pipeline's output topics has ended there, so that
/// consumers see what it wrote or never will.
pub(crate) fn outputs_are_stable(cluster: &ClusterHandle, plan: &Plan) -> bool {
    cluster.with(|cluster| {
        let topics = plan.outputs();
        let topics = topics.filter_map(|topic| cluster.topic(&topic.name));
        let mut partitions = topics.flat_map(|topic| &topic.partitions);
        partitions.all(|partition| partition.last_stable_offset() == partition.log.log_end_offset())
    })
}

/// The broker that holds a partition, and leads it while it is up.
pub(crate) fn replica_of(cluster: &ClusterHandle, topic: &str, partition: i32) -> Option<i32> {
    cluster.with(|cluster| Some(cluster.topic(topic)?.partition(partition)?.replica))
}

/// Gives a topic so many partitions more, as `kafka-topics --alter --partitions` does. Whether it
/// has them: brokers that are all down do nothing.
pub(crate) fn grow(cluster: &ClusterHandle, topic: &str, more: i32) -> bool {
    let partitions = || {
        cluster.with(|cluster| {
            let partitions = cluster.topic(topic).map(|topic| topic.partitions.len());
            i32::try_from(partitions.unwrap_or(0)).unwrap_or(i32::MAX)
        })
    };
    let before = partitions();
    let wanted = CreatePartitionsTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_count(before.saturating_add(more))
        .with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(vec![wanted]);
    let mut brokers = cluster.broker_ids().into_iter();
    let broker = brokers.find(|id| cluster.with(|cluster| cluster.is_running(*id)));
    if let Some(broker) = broker {
        ask(cluster, broker, 3, RequestKind::CreatePartitions(request));
    }
    partitions() > before
}

/// Sets every committed offset of the group back by `records`, at most to 0. Whether any fell.
pub(crate) fn rewind(cluster: &ClusterHandle, group: &str, records: u64) -> bool {
    let records = i64::try_from(records).unwrap_or(i64::MAX);
    let mut any = false;
    for ((topic, partition), offset) in committed_offsets(cluster, group) {
        let target = offset.saturating_sub(records).max(0);
        if target < offset {
            any = true;
            cluster.administer(|cluster, now| {
                cluster.rewind_committed(now, group, &topic, partition, target)
            });
        }
    }
    any
}

/// Removes a member from its group: a LeaveGroup request in its name, as KIP-345's
/// `RemoveMembersFromConsumerGroup` sends it. Brokers that don't coordinate the group refuse it.
pub(crate) fn remove_member(cluster: &ClusterHandle, group: &str, member_id: &str) {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let body = RequestKind::LeaveGroup(
        LeaveGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_members(vec![
                MemberIdentity::default().with_member_id(text(member_id)),
            ]),
    );
    for broker in cluster.broker_ids() {
        ask(cluster, broker, 4, body.clone());
    }
}

/// Asks a broker, over no client's connection.
fn ask(cluster: &ClusterHandle, broker: i32, api_version: i16, body: RequestKind) {
    // The network counts up from 1.
    let connection = ConnectionId(u64::MAX);
    let request = Request {
        connection,
        correlation_id: 0,
        api_version,
        client_id: "administrator".to_owned(),
        client_host: "/administrator".to_owned(),
        body,
    };
    cluster.administer(|cluster, now| {
        let outputs = cluster.handle(now, broker, request);
        [outputs, cluster.connection_closed(now, broker, connection)].concat()
    });
}
