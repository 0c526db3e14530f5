use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    DeleteTopicsRequest, FindCoordinatorRequest, GroupId, OffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::config::BrokerId;
use crate::event::Event;
use crate::testing::{Lab, ask, topic_name};

fn find(lab: &mut Lab, group: &'static str) -> Result<BrokerId, ResponseError> {
    let request = FindCoordinatorRequest::default().with_key(StrBytes::from_static_str(group));
    let response = ask!(lab, 1, 2, FindCoordinator(request));
    match ResponseError::try_from_code(response.error_code) {
        None => Ok(response.node_id.0),
        Some(error) => Err(error),
    }
}

/// A simple consumer's commit for partition 0 of "t".
fn commit(lab: &mut Lab, broker: BrokerId, group: &'static str, offset: i64) -> i16 {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name("t"))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    let response = ask!(lab, broker, 8, OffsetCommit(request));
    response.topics[0].partitions[0].error_code
}

#[test]
fn the_first_search_creates_the_offsets_topic() {
    let mut lab = Lab::new(3);
    let unavailable = Err(ResponseError::CoordinatorNotAvailable);
    assert_eq!(find(&mut lab, "g"), unavailable);
    assert_eq!(
        lab.cluster
            .topic("__consumer_offsets")
            .unwrap()
            .partitions
            .len(),
        50
    );
    // "g" hashes to partition 103 % 50 = 3, which lives on the first broker.
    assert_eq!(find(&mut lab, "g"), Ok(1));
    lab.cluster.stop_broker(lab.now, 3);
    // "i" hashes to 105 % 50 = 5, on the third.
    assert_eq!(find(&mut lab, "i"), unavailable);
    lab.cluster.start_broker(lab.now, 3);
    assert_eq!(find(&mut lab, "i"), Ok(3));
}

#[test]
fn several_keys_are_looked_up_at_once() {
    let mut lab = Lab::new(3);
    let _ = find(&mut lab, "g");
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![
        StrBytes::from_static_str("g"),
        StrBytes::from_static_str("i"),
    ]);
    let response = ask!(lab, 2, 4, FindCoordinator(request));
    let found = response.coordinators.iter().map(|c| (&*c.key, c.node_id.0));
    assert_eq!(found.collect::<Vec<_>>(), [("g", 1), ("i", 3)]);
}

#[test]
fn transactions_have_no_coordinator() {
    let mut lab = Lab::new(1);
    let request = FindCoordinatorRequest::default()
        .with_key(StrBytes::from_static_str("x"))
        .with_key_type(1);
    let response = ask!(lab, 1, 2, FindCoordinator(request));
    assert_eq!(
        response.error_code,
        ResponseError::UnsupportedVersion.code()
    );
}

#[test]
fn committed_offsets_outlive_their_coordinator() {
    let mut lab = Lab::new(3);
    lab.create_topic("t", &[1]);
    let _ = find(&mut lab, "i");
    let coordinator = find(&mut lab, "i").unwrap();
    assert_eq!(commit(&mut lab, coordinator, "i", 42), 0);
    let wrong = ResponseError::NotCoordinator.code();
    assert_eq!(commit(&mut lab, coordinator % 3 + 1, "i", 43), wrong);
    let committed = |lab: &Lab| lab.cluster.committed("i", "t", 0).map(|c| c.offset);
    assert_eq!(committed(&lab), Some(42));
    lab.cluster.stop_broker(lab.now, coordinator);
    assert_eq!(committed(&lab), None);
    lab.cluster.start_broker(lab.now, coordinator);
    assert_eq!(committed(&lab), Some(42));
    let events = lab.cluster.take_events();
    let committed = |event: &&Event| matches!(event, Event::OffsetCommitted { offset: 42, .. });
    assert_eq!(events.iter().filter(committed).count(), 1);
}

#[test]
fn offsets_of_a_deleted_topic_go_with_it() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let _ = find(&mut lab, "i");
    assert_eq!(commit(&mut lab, 1, "i", 42), 0);
    let delete = DeleteTopicsRequest::default().with_topic_names(vec![topic_name("t")]);
    lab.ask(1, 5, delete);
    assert_eq!(lab.cluster.committed("i", "t", 0), None);
    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 1);
    assert_eq!(lab.cluster.committed("i", "t", 0), None);
}

#[test]
fn an_administrator_may_rewind_an_offset() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let _ = find(&mut lab, "i");
    assert_eq!(commit(&mut lab, 1, "i", 42), 0);
    lab.cluster.rewind_committed(lab.now, "i", "t", 0, 7);
    let committed = lab.cluster.committed("i", "t", 0);
    assert_eq!(committed.map(|c| c.offset), Some(7));
}
