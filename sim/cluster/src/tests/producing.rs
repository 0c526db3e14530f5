use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceRequest;

use crate::event::Event;
use crate::request::Output;
use crate::testing::{
    Lab, Sender, ask, batch_of, fetch_request, produce_request, record_batch, values,
};
use crate::topic_config::TopicConfig;

fn error(code: i16) -> Option<ResponseError> {
    ResponseError::try_from_code(code)
}

#[test]
fn records_get_contiguous_offsets_and_come_back() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    assert_eq!(lab.produce(1, "t", 0, &["a", "b"]).base_offset, 0);
    let answer = lab.produce(1, "t", 0, &["c"]);
    assert_eq!((answer.error_code, answer.base_offset), (0, 2));
    assert_eq!(
        (answer.log_start_offset, answer.log_append_time_ms),
        (0, -1)
    );
    let response = ask!(lab, 1, 12, Fetch(fetch_request("t", &[(0, 1)])));
    let data = &response.responses[0].partitions[0];
    let found = values(data.records.as_ref().unwrap());
    let found: Vec<_> = found.iter().map(|(o, v)| (*o, v.as_str())).collect();
    assert_eq!(found, [(0, "a"), (1, "b"), (2, "c")]);
    assert_eq!((data.high_watermark, data.last_stable_offset), (3, 3));
}

#[test]
fn every_append_is_an_event() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    lab.produce(1, "t", 0, &["a", "b"]);
    let appended = lab.cluster.take_events().pop().unwrap();
    let Event::RecordsAppended {
        broker: 1,
        partition: 0,
        base_offset: 0,
        records: 2,
        ..
    } = appended
    else {
        panic!("{appended:?}");
    };
    assert_eq!(lab.cluster.take_events(), []);
}

#[test]
fn only_the_leader_takes_records_and_the_others_name_it() {
    let mut lab = Lab::new(2);
    lab.create_topic("t", &[2]);
    let answer = lab.produce(1, "t", 0, &["a"]);
    assert_eq!(
        error(answer.error_code),
        Some(ResponseError::NotLeaderOrFollower)
    );
    assert_eq!(
        (answer.base_offset, answer.current_leader.leader_id.0),
        (-1, 2)
    );
    let request = produce_request("t", 0, -1, record_batch(&[(1, "a")]));
    let response = ask!(lab, 1, 10, Produce(request));
    let endpoint = &response.node_endpoints[0];
    assert_eq!((&*endpoint.host, endpoint.port), ("broker-2", 9092));
    assert_eq!(lab.produce(2, "t", 0, &["a"]).error_code, 0);
}

#[test]
fn each_partition_fails_by_itself() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let mut request = produce_request("t", 0, -1, record_batch(&[(1, "a")]));
    let mut bad = request.topic_data[0].partition_data[0].clone();
    bad.index = 1;
    request.topic_data[0].partition_data.push(bad);
    let response = ask!(lab, 1, 9, Produce(request));
    let answers = &response.responses[0].partition_responses;
    assert_eq!(answers[0].error_code, 0);
    let unknown = ResponseError::UnknownTopicOrPartition;
    assert_eq!(error(answers[1].error_code), Some(unknown));
}

#[test]
fn a_topic_id_of_the_past_is_unknown() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let id = lab.cluster.topic("t").unwrap().id;
    let by_id = |id| {
        let mut request = produce_request("", 0, -1, record_batch(&[(1, "a")]));
        request.topic_data[0].topic_id = id;
        request
    };
    let response = ask!(lab, 1, 13, Produce(by_id(id)));
    assert_eq!(response.responses[0].topic_id, id);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    lab.cluster
        .state
        .topics
        .delete(&crate::testing::topic_name("t"));
    lab.create_topic("t", &[1]);
    let response = ask!(lab, 1, 13, Produce(by_id(id)));
    let answer = &response.responses[0].partition_responses[0];
    assert_eq!(
        error(answer.error_code),
        Some(ResponseError::UnknownTopicId)
    );
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    lab.create_topic("__consumer_offsets", &[1]);
    let batch = || record_batch(&[(1, "a")]);
    let mut refusal = |request: ProduceRequest| {
        let response = ask!(lab, 1, 9, Produce(request));
        error(response.responses[0].partition_responses[0].error_code)
    };
    let acks = refusal(produce_request("t", 0, 2, batch()));
    assert_eq!(acks, Some(ResponseError::InvalidRequiredAcks));
    let sender = Sender {
        transactional: true,
        ..Sender::idempotent(1, 0, 0)
    };
    let anonymous = produce_request("t", 0, -1, batch_of(&sender, &[(1, "a")]));
    let unauthorized = ResponseError::TransactionalIdAuthorizationFailed;
    assert_eq!(refusal(anonymous), Some(unauthorized));
    let internal = refusal(produce_request("__consumer_offsets", 0, -1, batch()));
    assert_eq!(internal, Some(ResponseError::InvalidTopicException));
    let empty = refusal(produce_request("t", 0, -1, bytes::Bytes::new()));
    assert_eq!(empty, Some(ResponseError::CorruptMessage));
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 0);
}

#[test]
fn acks_0_is_not_answered_and_an_error_closes_the_connection() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let request = |partition| produce_request("t", partition, 0, record_batch(&[(1, "a")]));
    assert!(lab.send(1, 7, 9, request(0)).is_empty());
    assert!(lab.send(1, 7, 9, request(0)).is_empty());
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 2);
    let outputs = lab.send(1, 7, 9, request(5));
    assert!(
        matches!(outputs[..], [Output::CloseConnection { .. }]),
        "{outputs:?}"
    );
}

#[test]
fn a_topic_may_stamp_records_itself() {
    let mut lab = Lab::new(1);
    let mut config = TopicConfig::default();
    config
        .set("message.timestamp.type", Some("LogAppendTime"))
        .unwrap();
    let name = crate::testing::topic_name("t");
    lab.cluster.state.create_topic_at(name, config, &[vec![1]]);
    let answer = lab.produce(1, "t", 0, &["a"]);
    assert_eq!(answer.log_append_time_ms, lab.now.wall_ms);
    let batch = lab.cluster.log("t", 0).unwrap().batches().next().unwrap();
    assert_eq!(batch.max_timestamp(), lab.now.wall_ms);
}
