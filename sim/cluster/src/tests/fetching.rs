use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, ResponseKind};

use crate::request::Output;
use crate::testing::{Lab, ask, fetch_request, produce_request, record_batch, response, values};

/// The values of a fetch response's partitions, in order.
fn fetched(body: &ResponseKind) -> Vec<Vec<String>> {
    let ResponseKind::Fetch(response) = body else {
        panic!("not a fetch response: {body:?}");
    };
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions);
    let contents = |data: &PartitionData| {
        let found = values(data.records.as_ref().unwrap());
        found.into_iter().map(|(_, value)| value).collect()
    };
    partitions.map(contents).collect()
}

fn only(mut outputs: Vec<Output>) -> (u64, ResponseKind) {
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    response(outputs.remove(0))
}

fn refusal(lab: &mut Lab, version: i16, request: FetchRequest) -> (Option<ResponseError>, i32) {
    let response = ask!(lab, 1, version, Fetch(request));
    let data = &response.responses[0].partitions[0];
    assert_eq!((data.high_watermark, data.log_start_offset), (-1, -1));
    (
        ResponseError::try_from_code(data.error_code),
        data.current_leader.leader_id.0,
    )
}

#[test]
fn a_long_poll_is_answered_by_the_next_append() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1, 1]);
    assert!(
        lab.send(1, 7, 12, fetch_request("t", &[(0, 0), (1, 0)]))
            .is_empty()
    );
    let outputs = lab.send(
        1,
        8,
        9,
        produce_request("t", 1, 1, record_batch(&[(1, "a")])),
    );
    let [produced, fetch] = <[Output; 2]>::try_from(outputs).unwrap();
    assert_eq!(response(produced).0, 8);
    let (connection, body) = response(fetch);
    assert_eq!(connection, 7);
    assert_eq!(fetched(&body), [vec![], vec!["a".to_owned()]]);
    assert_eq!(lab.next_client_timer(), None);
}

#[test]
fn a_long_poll_ends_empty_when_its_time_is_up() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    assert!(lab.send(1, 7, 12, fetch_request("t", &[(0, 0)])).is_empty());
    let due = lab.next_client_timer().unwrap();
    assert_eq!(
        due,
        lab.now.monotonic + std::time::Duration::from_millis(500)
    );
    lab.advance_ms(499);
    assert!(lab.cluster.tick(lab.now).is_empty());
    lab.advance_ms(1);
    let (connection, body) = only(lab.cluster.tick(lab.now));
    assert_eq!(connection, 7);
    assert_eq!(fetched(&body), [Vec::<String>::new()]);
    assert_eq!(lab.next_client_timer(), None);
}

#[test]
fn a_long_poll_waits_for_min_bytes() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let batch = record_batch(&[(1, "a")]);
    let request = fetch_request("t", &[(0, 0)]).with_min_bytes(2 * batch.len() as i32);
    assert!(lab.send(1, 7, 12, request).is_empty());
    let produce = || produce_request("t", 0, 0, record_batch(&[(1, "a")]));
    assert!(lab.send(1, 8, 9, produce()).is_empty());
    let (_, body) = only(lab.send(1, 8, 9, produce()));
    assert_eq!(fetched(&body), [["a", "a"]]);
}

#[test]
fn a_closed_connection_takes_its_long_poll_along() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    assert!(lab.send(1, 7, 12, fetch_request("t", &[(0, 0)])).is_empty());
    let connection = crate::requester::ConnectionId(7);
    assert!(
        lab.cluster
            .connection_closed(lab.now, 1, connection)
            .is_empty()
    );
    assert_eq!(lab.next_client_timer(), None);
    assert!(
        lab.send(
            1,
            8,
            9,
            produce_request("t", 0, 0, record_batch(&[(1, "a")]))
        )
        .is_empty()
    );
}

#[test]
fn limits_hold_but_the_first_batch_always_comes() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1, 1]);
    for partition in [0, 1] {
        for _ in 0..3 {
            lab.produce(1, "t", partition, &["a"]);
        }
    }
    let size = lab.cluster.log("t", 0).unwrap().size_bytes() as i32 / 3;
    let mut counts = |max_bytes: i32, partition_max_bytes: i32| {
        let mut request = fetch_request("t", &[(0, 0), (1, 0)]).with_max_bytes(max_bytes);
        for partition in &mut request.topics[0].partitions {
            partition.partition_max_bytes = partition_max_bytes;
        }
        let response = lab.ask(1, 12, request);
        fetched(&response).iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(counts(i32::MAX, i32::MAX), [3, 3]);
    assert_eq!(counts(1, 1), [1, 0]);
    assert_eq!(counts(i32::MAX, 1), [1, 0]);
    assert_eq!(counts(i32::MAX, size), [1, 1]);
    assert_eq!(counts(4 * size, i32::MAX), [3, 1]);
    assert_eq!(counts(4 * size - 1, 2 * size), [2, 1]);
}

#[test]
fn errors_are_told_at_once() {
    let mut lab = Lab::new(2);
    lab.create_topic("t", &[1, 2]);
    let unknown = ResponseError::UnknownTopicOrPartition;
    assert_eq!(
        refusal(&mut lab, 12, fetch_request("u", &[(0, 0)])).0,
        Some(unknown)
    );
    assert_eq!(
        refusal(&mut lab, 12, fetch_request("t", &[(9, 0)])).0,
        Some(unknown)
    );
    let out_of_range = Some(ResponseError::OffsetOutOfRange);
    assert_eq!(
        refusal(&mut lab, 12, fetch_request("t", &[(0, 1)])).0,
        out_of_range
    );
    let mut by_id = fetch_request("", &[(0, 0)]);
    assert_eq!(
        refusal(&mut lab, 13, by_id.clone()).0,
        Some(ResponseError::UnknownTopicId)
    );
    let moved = Some(ResponseError::NotLeaderOrFollower);
    assert_eq!(
        refusal(&mut lab, 12, fetch_request("t", &[(1, 0)])),
        (moved, -1)
    );
    by_id.topics[0].topic_id = lab.cluster.topic("t").unwrap().id;
    by_id.topics[0].partitions[0].partition = 1;
    assert_eq!(refusal(&mut lab, 16, by_id), (moved, 2));
}

#[test]
fn leader_epochs_are_compared() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 1);
    let mut of_epoch = |epoch| {
        let mut request = fetch_request("t", &[(0, 0)]);
        request.max_wait_ms = 0;
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        let response = ask!(lab, 1, 12, Fetch(request));
        ResponseError::try_from_code(response.responses[0].partitions[0].error_code)
    };
    assert_eq!(of_epoch(0), Some(ResponseError::FencedLeaderEpoch));
    assert_eq!(of_epoch(1), Some(ResponseError::FencedLeaderEpoch));
    assert_eq!(of_epoch(2), None);
    assert_eq!(of_epoch(3), Some(ResponseError::UnknownLeaderEpoch));
    assert_eq!(of_epoch(-1), None);
}

#[test]
fn sessions_are_neither_opened_nor_continued() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let mut request = fetch_request("t", &[(0, 0)]).with_session_epoch(0);
    request.max_wait_ms = 0;
    assert_eq!(ask!(lab, 1, 12, Fetch(request.clone())).session_id, 0);
    let continued = ask!(lab, 1, 12, Fetch(request.with_session_id(5)));
    let code = ResponseError::FetchSessionIdNotFound.code();
    assert_eq!(continued.error_code, code);
}

#[test]
fn deleting_a_topic_answers_those_who_wait_for_it() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    assert!(lab.send(1, 7, 12, fetch_request("t", &[(0, 0)])).is_empty());
    let delete = kafka_protocol::messages::DeleteTopicsRequest::default()
        .with_topic_names(vec![crate::testing::topic_name("t")]);
    let outputs = lab.send(1, 8, 5, delete);
    let (connection, body) = response(outputs.into_iter().nth(1).unwrap());
    assert_eq!(connection, 7);
    let ResponseKind::Fetch(fetch) = body else {
        panic!("{body:?}");
    };
    let code = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(fetch.responses[0].partitions[0].error_code, code);
}
