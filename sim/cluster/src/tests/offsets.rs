use kafka_protocol::ResponseError;
use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};

use crate::testing::{Lab, ask, produce_request, record_batch, topic_name};

fn list_offsets(partition: i32, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name("t"))
        .with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_topics(vec![topic])
}

/// Error code, timestamp, offset.
fn ask_for(lab: &mut Lab, version: i16, partition: i32, timestamp: i64) -> (i16, i64, i64) {
    let request = list_offsets(partition, timestamp);
    let response = ask!(lab, 1, version, ListOffsets(request));
    let found = response.topics[0].partitions[0].clone();
    (found.error_code, found.timestamp, found.offset)
}

#[test]
fn start_end_and_points_in_time_are_found() {
    let mut lab = Lab::new(2);
    lab.create_topic("t", &[1, 2]);
    let records = record_batch(&[(1000, "a"), (3000, "b"), (2000, "c")]);
    lab.ask(1, 9, produce_request("t", 0, -1, records));
    assert_eq!(ask_for(&mut lab, 7, 0, -2), (0, -1, 0));
    assert_eq!(ask_for(&mut lab, 7, 0, -1), (0, -1, 3));
    assert_eq!(ask_for(&mut lab, 7, 0, 1500), (0, 3000, 1));
    assert_eq!(ask_for(&mut lab, 7, 0, 3001), (0, -1, -1));
    assert_eq!(ask_for(&mut lab, 7, 0, -3), (0, 3000, 1));
    let too_old = ResponseError::UnsupportedVersion.code();
    assert_eq!(ask_for(&mut lab, 6, 0, -3), (too_old, -1, -1));
    let moved = ResponseError::NotLeaderOrFollower.code();
    assert_eq!(ask_for(&mut lab, 7, 1, -1), (moved, -1, -1));
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(ask_for(&mut lab, 7, 2, -1), (unknown, -1, -1));
}
