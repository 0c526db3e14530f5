use kafka_protocol::ResponseError;
use kafka_protocol::messages::InitProducerIdRequest;

use crate::event::Event;
use crate::testing::{Lab, Sender, ask, batch_of, produce_request};

/// A new producer's id.
fn init_producer_id(lab: &mut Lab) -> i64 {
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    let response = ask!(lab, 1, 4, InitProducerId(request));
    assert_eq!((response.error_code, response.producer_epoch), (0, 0));
    response.producer_id.0
}

/// Sends one record, and returns error code and base offset.
fn produce(lab: &mut Lab, producer_id: i64, sequence: i32) -> (Option<ResponseError>, i64) {
    let batch = batch_of(
        &Sender::idempotent(producer_id, 0, sequence),
        &[(1000, "x")],
    );
    let mut response = ask!(lab, 1, 10, Produce(produce_request("t", 0, -1, batch)));
    let answer = response.responses.remove(0).partition_responses.remove(0);
    (
        ResponseError::try_from_code(answer.error_code).filter(|_| answer.error_code != 0),
        answer.base_offset,
    )
}

#[test]
fn every_producer_gets_an_id_of_its_own() {
    let mut lab = Lab::new(1);
    let first = init_producer_id(&mut lab);
    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 1);
    assert_ne!(init_producer_id(&mut lab), first);
}

#[test]
fn a_retry_is_answered_like_the_first_and_appends_nothing() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let id = init_producer_id(&mut lab);
    assert_eq!(produce(&mut lab, id, 0), (None, 0));
    assert_eq!(produce(&mut lab, id, 1), (None, 1));
    lab.cluster.take_events();
    assert_eq!(produce(&mut lab, id, 0), (None, 0));
    assert_eq!(lab.cluster.take_events(), []);
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 2);
}

#[test]
fn a_restarted_broker_knows_its_producers_from_the_log() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let id = init_producer_id(&mut lab);
    assert_eq!(produce(&mut lab, id, 0), (None, 0));
    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 1);
    assert_eq!(produce(&mut lab, id, 0), (None, 0));
    let out_of_order = Some(ResponseError::OutOfOrderSequenceNumber);
    assert_eq!(produce(&mut lab, id, 2), (out_of_order, -1));
    assert_eq!(produce(&mut lab, id, 1), (None, 1));
    let appended = |event: &Event| matches!(event, Event::RecordsAppended { .. });
    let appends = lab.cluster.take_events();
    assert_eq!(appends.iter().filter(|event| appended(event)).count(), 2);
}

#[test]
fn a_forgotten_producer_may_go_on_with_any_sequence_number() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let id = init_producer_id(&mut lab);
    assert_eq!(produce(&mut lab, id, 0), (None, 0));
    // The record says it is from 1970, so the next check finds it a day old.
    lab.advance_ms(600_000);
    assert_eq!(produce(&mut lab, id, 5), (None, 1));
}
