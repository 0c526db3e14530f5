use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{
    DeleteTopicsRequest, FindCoordinatorRequest, GroupId, JoinGroupRequest, OffsetCommitRequest,
    OffsetDeleteRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::config::{BrokerId, BrokerSettings};
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
fn transactions_have_coordinators_of_their_own() {
    let mut lab = Lab::new(3);
    let mut find = |key_type| {
        let request = FindCoordinatorRequest::default()
            .with_key(StrBytes::from_static_str("g"))
            .with_key_type(key_type);
        let response = ask!(lab, 1, 2, FindCoordinator(request));
        (response.error_code, response.node_id.0)
    };
    let unavailable = ResponseError::CoordinatorNotAvailable.code();
    assert_eq!(find(1), (unavailable, -1));
    // "g" hashes to partition 3 of both topics, which begin at different brokers.
    assert_eq!(find(1), (0, 1));
    assert_eq!(find(0), (unavailable, -1));
    assert_eq!(find(0), (0, 2));
    assert_eq!(find(2), (ResponseError::InvalidRequest.code(), -1));
    let topic = lab.cluster.topic("__transaction_state").unwrap();
    assert_eq!(topic.partitions.len(), 50);
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

/// The error of the group, or else of partition 0 and of partition 9 of "t".
fn delete_offsets(
    lab: &mut Lab,
    broker: BrokerId,
    group: &'static str,
) -> Result<[Option<ResponseError>; 2], ResponseError> {
    let partitions =
        [0, 9].map(|index| OffsetDeleteRequestPartition::default().with_partition_index(index));
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(topic_name("t"))
        .with_partitions(partitions.to_vec());
    let request = OffsetDeleteRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str(group)))
        .with_topics(vec![topic]);
    let response = ask!(lab, broker, 0, OffsetDelete(request));
    match ResponseError::try_from_code(response.error_code) {
        Some(error) => Err(error),
        None => {
            let partitions = &response.topics[0].partitions;
            let error = |index: usize| ResponseError::try_from_code(partitions[index].error_code);
            Ok([error(0), error(1)])
        }
    }
}

#[test]
fn an_offset_is_deleted_unless_its_topic_is_subscribed_to() {
    let mut lab = Lab::with_settings(
        2,
        BrokerSettings {
            group_initial_rebalance_delay_ms: 0,
            ..BrokerSettings::default()
        },
    );
    lab.create_topic("t", &[1]);
    // The first search creates the offsets topic.
    let _ = find(&mut lab, "g");
    let coordinator = find(&mut lab, "g").unwrap();
    let unknown = Some(ResponseError::UnknownTopicOrPartition);
    let missing = Err(ResponseError::GroupIdNotFound);
    assert_eq!(delete_offsets(&mut lab, coordinator, "g"), missing);
    assert_eq!(commit(&mut lab, coordinator, "g", 5), 0);
    let elsewhere = 3 - coordinator;
    let moved = Err(ResponseError::NotCoordinator);
    assert_eq!(delete_offsets(&mut lab, elsewhere, "g"), moved);
    assert_eq!(
        delete_offsets(&mut lab, coordinator, ""),
        Err(ResponseError::InvalidGroupId)
    );
    assert_eq!(
        lab.cluster.committed("g", "t", 0).map(|found| found.offset),
        Some(5)
    );
    assert_eq!(
        delete_offsets(&mut lab, coordinator, "g"),
        Ok([None, unknown])
    );
    assert_eq!(lab.cluster.committed("g", "t", 0), None);
    // Again: it need not be there.
    assert_eq!(
        delete_offsets(&mut lab, coordinator, "g"),
        Ok([None, unknown])
    );

    let join = {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str("range"))
            .with_metadata(bytes::Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\0\0\0\0"));
        JoinGroupRequest::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(10_000)
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol])
    };
    lab.send(coordinator, 7, 3, join);
    lab.cluster.tick(lab.now);
    let subscribed = Some(ResponseError::GroupSubscribedToTopic);
    assert_eq!(
        delete_offsets(&mut lab, coordinator, "g"),
        Ok([subscribed, unknown])
    );
}
