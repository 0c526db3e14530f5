use kafka_protocol::messages::{MetadataRequest, ResponseKind};

use crate::request::Output;
use crate::testing::{Lab, fetch_request, produce_request, record_batch};

fn correlation_ids(outputs: &[Output]) -> Vec<(u64, i32)> {
    let answered = outputs.iter().map(|output| match output {
        Output::Response {
            connection,
            correlation_id,
            ..
        } => (connection.0, *correlation_id),
        Output::CloseConnection { connection } => (connection.0, -1),
    });
    answered.collect()
}

#[test]
fn a_parked_request_holds_up_its_connection_only() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    assert!(lab.send(1, 7, 12, fetch_request("t", &[(0, 0)])).is_empty());
    assert!(lab.send(1, 7, 9, MetadataRequest::default()).is_empty());
    assert!(lab.send(1, 7, 9, MetadataRequest::default()).is_empty());
    let outputs = lab.send(1, 8, 9, MetadataRequest::default());
    assert_eq!(correlation_ids(&outputs), [(8, 4)]);
    lab.advance_ms(500);
    let outputs = lab.cluster.tick(lab.now);
    assert_eq!(correlation_ids(&outputs), [(7, 1), (7, 2), (7, 3)]);
}

#[test]
fn a_queued_request_is_handled_when_its_turn_comes() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    assert!(lab.send(1, 7, 12, fetch_request("t", &[(0, 0)])).is_empty());
    // Would answer the fetch if it were not queued behind it.
    let produce = produce_request("t", 0, 1, record_batch(&[(1, "a")]));
    assert!(lab.send(1, 7, 9, produce).is_empty());
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 0);
    lab.advance_ms(500);
    let outputs = lab.cluster.tick(lab.now);
    assert_eq!(correlation_ids(&outputs), [(7, 1), (7, 2)]);
    let Output::Response {
        body: ResponseKind::Produce(_),
        ..
    } = &outputs[1]
    else {
        panic!("{outputs:?}");
    };
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 1);
}

#[test]
fn a_closed_connection_takes_its_queue_along() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    assert!(lab.send(1, 7, 12, fetch_request("t", &[(0, 0)])).is_empty());
    assert!(lab.send(1, 7, 9, MetadataRequest::default()).is_empty());
    let connection = crate::requester::ConnectionId(7);
    lab.cluster.connection_closed(lab.now, 1, connection);
    lab.advance_ms(1000);
    assert!(lab.cluster.tick(lab.now).is_empty());
}

#[test]
fn what_follows_a_refused_request_is_dropped() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let produce = |partition| produce_request("t", partition, 0, record_batch(&[(1, "a")]));
    assert!(lab.send(1, 7, 12, fetch_request("t", &[(0, 0)])).is_empty());
    assert!(lab.send(1, 7, 9, produce(5)).is_empty());
    assert!(lab.send(1, 7, 9, produce(0)).is_empty());
    lab.advance_ms(500);
    let outputs = lab.cluster.tick(lab.now);
    assert_eq!(correlation_ids(&outputs), [(7, 1), (7, -1)]);
    // The client has not noticed yet.
    assert!(lab.send(1, 7, 9, produce(0)).is_empty());
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 0);
}
