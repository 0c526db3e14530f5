use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, ListOffsetsRequest};

use crate::config::BrokerSettings;
use crate::event::Event;
use crate::record_batch::RECORD_BATCH_OVERHEAD;
use crate::testing::{Lab, ask, fetch_request, produce_request, record_batch, topic_name, values};
use crate::topic_config::TopicConfig;

/// A lab with a topic `t` on broker 1 that keeps records for a minute, in segments of a second.
fn lab() -> Lab {
    let mut lab = Lab::with_settings(
        2,
        BrokerSettings {
            log_retention_check_interval_ms: 10_000,
            ..BrokerSettings::default()
        },
    );
    let mut config = TopicConfig::default();
    config.set("retention.ms", Some("60000")).unwrap();
    config.set("segment.ms", Some("1000")).unwrap();
    let state = &mut lab.cluster.state;
    state.create_topic_at(topic_name("t"), config, &[vec![1]]);
    lab
}

/// Appends a record with the present time.
fn produce_now(lab: &mut Lab, value: &str) {
    let records = record_batch(&[(lab.now.wall_ms, value)]);
    lab.ask(1, 9, produce_request("t", 0, -1, records));
}

/// Error code and low watermark.
fn delete_records(lab: &mut Lab, broker: i32, topic: &str, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let topic = DeleteRecordsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]);
    let response = ask!(lab, broker, 2, DeleteRecords(request));
    let result = &response.topics[0].partitions[0];
    (result.error_code, result.low_watermark)
}

fn earliest(lab: &mut Lab) -> i64 {
    let partition = ListOffsetsPartition::default().with_timestamp(-2);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name("t"))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_topics(vec![topic]);
    let response = ask!(lab, 1, 7, ListOffsets(request));
    response.topics[0].partitions[0].offset
}

#[test]
fn a_broker_deletes_old_segments_when_its_interval_comes_round() {
    let mut lab = lab();
    produce_now(&mut lab, "old");
    lab.advance_ms(30_000);
    produce_now(&mut lab, "new");
    lab.advance_ms(30_001);
    assert!(lab.cluster.next_timer().unwrap() <= lab.now.monotonic);
    lab.cluster.take_events();
    lab.cluster.tick(lab.now);
    assert_eq!(earliest(&mut lab), 1);
    let events = lab.cluster.take_events();
    let [
        Event::LogStartOffsetMoved {
            from: 0,
            to: 1,
            reason: "retention.ms",
            ..
        },
        Event::SegmentsDeleted { batches, .. },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(values(&batches[0]), [(0, "old".to_owned())]);
    assert!(batches[0].len() > RECORD_BATCH_OVERHEAD);

    // Not looked at again before the interval is over, old as it may be.
    lab.advance_ms(9_999);
    lab.now.wall_ms += 1_000_000;
    lab.cluster.tick(lab.now);
    assert_eq!(earliest(&mut lab), 1);
    lab.advance_ms(1);
    lab.cluster.tick(lab.now);
    assert_eq!(earliest(&mut lab), 2);
}

#[test]
fn a_broker_that_is_down_deletes_nothing() {
    let mut lab = lab();
    produce_now(&mut lab, "old");
    lab.cluster.stop_broker(lab.now, 1);
    lab.advance_ms(70_000);
    lab.cluster.tick(lab.now);
    lab.cluster.start_broker(lab.now, 1);
    assert_eq!(earliest(&mut lab), 0);
    lab.advance_ms(30_000);
    lab.cluster.tick(lab.now);
    assert_eq!(earliest(&mut lab), 1);
}

#[test]
fn deleting_records_moves_the_start_and_nothing_before_it_can_be_fetched() {
    let mut lab = lab();
    for value in ["a", "b", "c"] {
        produce_now(&mut lab, value);
    }
    assert_eq!(delete_records(&mut lab, 1, "t", 2), (0, 2));
    assert_eq!(earliest(&mut lab), 2);
    // Below the start: fine, and the start is told.
    assert_eq!(delete_records(&mut lab, 1, "t", 1), (0, 2));
    let response = ask!(lab, 1, 12, Fetch(fetch_request("t", &[(0, 1)])));
    let out_of_range = ResponseError::OffsetOutOfRange.code();
    assert_eq!(response.responses[0].partitions[0].error_code, out_of_range);
    let response = ask!(lab, 1, 12, Fetch(fetch_request("t", &[(0, 2)])));
    let data = &response.responses[0].partitions[0];
    assert_eq!((data.error_code, data.log_start_offset), (0, 2));
    // To the high watermark.
    assert_eq!(delete_records(&mut lab, 1, "t", -1), (0, 3));
}

#[test]
fn deleting_records_fails_by_kafkas_names() {
    let mut lab = lab();
    produce_now(&mut lab, "a");
    let out_of_range = ResponseError::OffsetOutOfRange.code();
    assert_eq!(delete_records(&mut lab, 1, "t", 2), (out_of_range, -1));
    assert_eq!(delete_records(&mut lab, 1, "t", -2), (out_of_range, -1));
    let moved = ResponseError::NotLeaderOrFollower.code();
    assert_eq!(delete_records(&mut lab, 2, "t", 1), (moved, -1));
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(delete_records(&mut lab, 1, "u", 1), (unknown, -1));
    lab.create_topic("__consumer_offsets", &[1]);
    let internal = ResponseError::InvalidTopicException.code();
    let refused = delete_records(&mut lab, 1, "__consumer_offsets", 0);
    assert_eq!(refused, (internal, -1));
}
