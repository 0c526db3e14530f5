use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{MetadataRequest, OffsetForLeaderEpochRequest};

use crate::event::Event;
use crate::request::Output;
use crate::testing::{Lab, ask, fetch_request, topic_name, values};

#[test]
fn a_stopped_broker_leads_nothing_and_a_started_one_leads_on() {
    let mut lab = Lab::new(2);
    lab.create_topic("t", &[1, 2]);
    lab.produce(2, "t", 1, &["a"]);
    let leaders = |lab: &mut Lab| {
        let response = ask!(
            lab,
            1,
            9,
            Metadata(MetadataRequest::default().with_topics(None))
        );
        let partitions = response.topics[0].partitions.iter();
        let leaders = partitions
            .map(|p| (p.leader_id.0, p.leader_epoch, p.error_code))
            .collect::<Vec<_>>();
        (response.brokers.len(), leaders)
    };
    assert_eq!(leaders(&mut lab), (2, vec![(1, 0, 0), (2, 0, 0)]));
    lab.cluster.stop_broker(lab.now, 2);
    let down = ResponseError::LeaderNotAvailable.code();
    assert_eq!(leaders(&mut lab), (1, vec![(1, 0, 0), (-1, 1, down)]));
    lab.cluster.start_broker(lab.now, 2);
    assert_eq!(leaders(&mut lab), (2, vec![(1, 0, 0), (2, 2, 0)]));

    let response = ask!(lab, 2, 12, Fetch(fetch_request("t", &[(1, 0)])));
    let records = response.responses[0].partitions[0]
        .records
        .as_ref()
        .unwrap();
    assert_eq!(values(records), [(0, "a".to_owned())]);
    assert_eq!(lab.produce(2, "t", 1, &["b"]).base_offset, 1);
}

#[test]
fn stopping_closes_connections_and_forgets_what_was_parked() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    assert!(lab.send(1, 7, 12, fetch_request("t", &[(0, 0)])).is_empty());
    let outputs = lab.cluster.stop_broker(lab.now, 1);
    assert!(matches!(outputs[..], [Output::CloseConnection { connection }] if connection.0 == 7));
    assert_eq!(lab.cluster.next_timer(), None);
    let refused = lab.send(1, 8, 9, MetadataRequest::default());
    assert!(matches!(refused[..], [Output::CloseConnection { connection }] if connection.0 == 8));
    assert!(lab.cluster.stop_broker(lab.now, 1).is_empty());
    lab.cluster.start_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 1);
    let events = lab.cluster.take_events();
    let stops = events
        .iter()
        .filter(|e| matches!(e, Event::BrokerStopped { broker: 1 }));
    let starts = events
        .iter()
        .filter(|e| matches!(e, Event::BrokerStarted { broker: 1 }));
    assert_eq!((stops.count(), starts.count()), (1, 1));
}

#[test]
fn a_new_topic_avoids_brokers_that_are_down() {
    let mut lab = Lab::new(3);
    lab.cluster.stop_broker(lab.now, 2);
    lab.ask(1, 9, MetadataRequest::default().with_topics(None));
    let name = topic_name("t");
    let topic = lab
        .cluster
        .state
        .create_topic(name, Default::default(), 4, 1);
    let replicas: Vec<_> = topic.partitions.iter().map(|p| p.replica).collect();
    assert_eq!(replicas, [1, 3, 1, 3]);
}

#[test]
fn leader_epochs_tell_where_they_ended() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    lab.produce(1, "t", 0, &["a", "b"]);
    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 1);
    lab.produce(1, "t", 0, &["c"]);
    let mut end_of = |current_leader_epoch, leader_epoch| {
        let partition = OffsetForLeaderPartition::default()
            .with_current_leader_epoch(current_leader_epoch)
            .with_leader_epoch(leader_epoch);
        let topic = OffsetForLeaderTopic::default()
            .with_topic(topic_name("t"))
            .with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
        let response = ask!(lab, 1, 3, OffsetForLeaderEpoch(request));
        let end = response.topics[0].partitions[0].clone();
        (end.error_code, end.leader_epoch, end.end_offset)
    };
    assert_eq!(end_of(2, 0), (0, 0, 2));
    assert_eq!(end_of(2, 2), (0, 2, 3));
    assert_eq!(end_of(2, 3), (0, -1, -1));
    let fenced = ResponseError::FencedLeaderEpoch.code();
    assert_eq!(end_of(0, 0), (fenced, -1, -1));
}
