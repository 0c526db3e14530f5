//! Offsets that are committed with a transaction.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::OffsetCommitRequest;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::producer::{Producer, TOPIC, coordinator, fetch_offset, group_id, lab, outcome, pass};
use crate::testing::{Lab, ask, topic_name};

/// A plain OffsetCommit of a simple consumer.
fn commit(lab: &mut Lab, group: &str, offset: i64) {
    let broker = coordinator(lab, 0, group).unwrap();
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(TOPIC))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    let response = ask!(lab, broker, 8, OffsetCommit(request));
    outcome(response.topics[0].partitions[0].error_code).unwrap();
}

#[test]
fn offsets_count_once_their_transaction_commits() {
    let mut lab = lab(3, &[1]);
    let producer = Producer::init(&mut lab, "x");
    commit(&mut lab, "g", 5);
    producer.add_offsets(&mut lab, "g").unwrap();
    producer.commit_offset(&mut lab, "g", None, 10).unwrap();
    assert_eq!(fetch_offset(&mut lab, "g", false), Ok(5));
    let unstable = Err(ResponseError::UnstableOffsetCommit);
    assert_eq!(fetch_offset(&mut lab, "g", true), unstable);
    producer.end(&mut lab, true).unwrap();
    assert_eq!(fetch_offset(&mut lab, "g", true), unstable);
    pass(&mut lab, 1);
    assert_eq!(fetch_offset(&mut lab, "g", true), Ok(10));
}

#[test]
fn offsets_of_an_aborted_transaction_are_dropped() {
    let mut lab = lab(3, &[1]);
    let producer = Producer::init(&mut lab, "x");
    commit(&mut lab, "g", 5);
    producer.add_offsets(&mut lab, "g").unwrap();
    producer.commit_offset(&mut lab, "g", None, 10).unwrap();
    producer.end(&mut lab, false).unwrap();
    pass(&mut lab, 1);
    assert_eq!(fetch_offset(&mut lab, "g", true), Ok(5));
}

#[test]
fn a_later_commit_outside_the_transaction_stays() {
    let mut lab = lab(3, &[1]);
    let producer = Producer::init(&mut lab, "x");
    producer.add_offsets(&mut lab, "g").unwrap();
    producer.commit_offset(&mut lab, "g", None, 10).unwrap();
    commit(&mut lab, "g", 7);
    producer.end(&mut lab, true).unwrap();
    pass(&mut lab, 1);
    assert_eq!(fetch_offset(&mut lab, "g", true), Ok(7));
}

#[test]
fn pending_offsets_survive_their_coordinator() {
    let mut lab = lab(3, &[1]);
    let producer = Producer::init(&mut lab, "x");
    producer.add_offsets(&mut lab, "g").unwrap();
    producer.commit_offset(&mut lab, "g", None, 10).unwrap();
    for broker in 1..=3 {
        lab.cluster.stop_broker(lab.now, broker);
        lab.cluster.start_broker(lab.now, broker);
    }
    let unstable = Err(ResponseError::UnstableOffsetCommit);
    assert_eq!(fetch_offset(&mut lab, "g", true), unstable);
    producer.end(&mut lab, true).unwrap();
    pass(&mut lab, 200);
    assert_eq!(fetch_offset(&mut lab, "g", true), Ok(10));
}

#[test]
fn who_names_a_member_must_be_one() {
    let mut lab = lab(3, &[1]);
    let producer = Producer::init(&mut lab, "x");
    producer.add_offsets(&mut lab, "g").unwrap();
    let ghost = producer.commit_offset(&mut lab, "g", Some(("ghost", 1)), 10);
    assert_eq!(ghost, Err(ResponseError::IllegalGeneration));
    commit(&mut lab, "g", 5);
    let ghost = producer.commit_offset(&mut lab, "g", Some(("ghost", 1)), 10);
    assert_eq!(ghost, Err(ResponseError::UnknownMemberId));
}

#[test]
fn offsets_need_a_transaction_that_knows_of_them() {
    let mut lab = lab(3, &[1]);
    let zombie = Producer::init(&mut lab, "x");
    let producer = Producer::init(&mut lab, "x");
    let early = producer.commit_offset(&mut lab, "g", None, 10);
    assert_eq!(early, Err(ResponseError::InvalidTxnState));
    producer.add_offsets(&mut lab, "g").unwrap();
    let fenced = zombie.commit_offset(&mut lab, "g", None, 10);
    assert_eq!(fenced, Err(ResponseError::InvalidProducerEpoch));
    assert_eq!(fetch_offset(&mut lab, "g", true), Ok(-1));
}
