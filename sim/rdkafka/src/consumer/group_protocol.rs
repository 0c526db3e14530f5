//! What members tell the leader and what the leader tells them: `consumer` protocol, encoded.
//!
//! Source: ConsumerProtocolSubscription and ConsumerProtocolAssignment of Apache Kafka.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedTopic;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::{Decodable, Encodable, Message};

use super::assignor::Member;
use crate::client::api::{text, topic_name};
use crate::topic_partition::TopicPartition;

/// The version of the subscription that carries the generation (KIP-792).
const SUBSCRIPTION_VERSION: i16 = 2;
const ASSIGNMENT_VERSION: i16 = 0;

fn encode<M: Encodable>(message: &M, version: i16) -> Bytes {
    let mut buffer = BytesMut::new();
    buffer.put_i16(version);
    message
        .encode(&mut buffer, version)
        .expect("every field set is part of the version");
    buffer.freeze()
}

fn decode<M: Decodable + Message>(bytes: &Bytes) -> Option<M> {
    let mut bytes = bytes.clone();
    if bytes.len() < 2 {
        return None;
    }
    // A younger version starts with the fields of the ones before it.
    let version = bytes.get_i16().min(M::VERSIONS.max);
    M::decode(&mut bytes, version).ok()
}

fn by_topic<'a>(
    partitions: impl IntoIterator<Item = &'a TopicPartition>,
) -> BTreeMap<&'a Arc<str>, Vec<i32>> {
    let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(partition.partition);
    }
    topics
}

/// A member's subscription, with what it owns and since which generation.
pub(super) fn encode_subscription<'a>(
    topics: impl IntoIterator<Item = &'a Arc<str>>,
    owned: &BTreeSet<TopicPartition>,
    generation: i32,
) -> Bytes {
    let owned = by_topic(owned).into_iter().map(|(topic, partitions)| {
        OwnedTopic::default()
            .with_topic(topic_name(topic))
            .with_partitions(partitions)
    });
    let subscription = ConsumerProtocolSubscription::default()
        .with_topics(topics.into_iter().map(|topic| text(topic)).collect())
        .with_owned_partitions(owned.collect())
        .with_generation_id(generation);
    encode(&subscription, SUBSCRIPTION_VERSION)
}

/// A member from what JoinGroup told the leader; none if that cannot be read.
pub(super) fn decode_member(
    id: &str,
    group_instance_id: Option<&str>,
    metadata: &Bytes,
) -> Option<Member> {
    let subscription: ConsumerProtocolSubscription = decode(metadata)?;
    let owned = subscription.owned_partitions.iter().flat_map(|topic| {
        let name: Arc<str> = Arc::from(&**topic.topic);
        let partitions = topic.partitions.iter();
        partitions.map(move |partition| TopicPartition::new(Arc::clone(&name), *partition))
    });
    Some(Member {
        id: id.to_owned(),
        group_instance_id: group_instance_id.map(str::to_owned),
        topics: subscription
            .topics
            .iter()
            .map(|topic| Arc::from(&**topic))
            .collect(),
        owned: owned.collect(),
        generation: subscription.generation_id,
    })
}

/// A member's assignment.
pub(super) fn encode_assignment(partitions: &[TopicPartition]) -> Bytes {
    let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
        AssignedTopic::default()
            .with_topic(topic_name(topic))
            .with_partitions(partitions)
    });
    let assignment =
        ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect());
    encode(&assignment, ASSIGNMENT_VERSION)
}

/// The partitions of an assignment; empty bytes are none. None if it cannot be read.
pub(super) fn decode_assignment(bytes: &Bytes) -> Option<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let assignment: ConsumerProtocolAssignment = decode(bytes)?;
    let mut partitions = Vec::new();
    for topic in assignment.assigned_partitions {
        let name: Arc<str> = Arc::from(&**topic.topic);
        for partition in topic.partitions {
            partitions.push(TopicPartition::new(Arc::clone(&name), partition));
        }
    }
    partitions.sort();
    Some(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_and_assignments_survive_the_trip() {
        let topics: BTreeSet<Arc<str>> = BTreeSet::from(["a".into(), "b".into()]);
        let owned = BTreeSet::from([TopicPartition::new("a", 2), TopicPartition::new("b", 0)]);
        let bytes = encode_subscription(&topics, &owned, 7);
        let member = decode_member("m", Some("i"), &bytes).unwrap();
        assert_eq!(member.topics, topics);
        assert_eq!(member.owned, Vec::from_iter(owned.clone()));
        assert_eq!((member.generation, member.id.as_str()), (7, "m"));

        let partitions: Vec<_> = owned.into_iter().collect();
        let bytes = encode_assignment(&partitions);
        assert_eq!(decode_assignment(&bytes), Some(partitions));
        assert_eq!(decode_assignment(&Bytes::new()), Some(Vec::new()));
        assert_eq!(decode_assignment(&Bytes::from_static(b"\0")), None);
    }
}
