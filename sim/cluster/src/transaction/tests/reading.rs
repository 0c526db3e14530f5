//! What readers see of transactions.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};

use super::producer::{Producer, TOPIC, committed_values, fetch, lab, pass};
use crate::config::BrokerSettings;
use crate::request::Output;
use crate::testing::{Lab, ask, fetch_request, response, topic_name, values};

fn latest(lab: &mut Lab, isolation_level: i8, timestamp: i64) -> i64 {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(TOPIC))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default()
        .with_isolation_level(isolation_level)
        .with_topics(vec![topic]);
    ask!(lab, 1, 7, ListOffsets(request)).topics[0].partitions[0].offset
}

#[test]
fn an_open_transaction_ends_the_log_for_readers_of_committed_records() {
    let mut lab = lab(1, &[1]);
    lab.produce(1, TOPIC, 0, &["before"]);
    let mut producer = Producer::init(&mut lab, "x");
    producer.add(&mut lab, &[0]).unwrap();
    producer.produce(&mut lab, 0, "a").unwrap();
    lab.produce(1, TOPIC, 0, &["after"]);
    let data = fetch(&mut lab, 0, 1);
    assert_eq!((data.high_watermark, data.last_stable_offset), (3, 1));
    assert_eq!(values(&data.records.unwrap()), [(0, "before".to_owned())]);
    let data = fetch(&mut lab, 0, 0);
    assert_eq!(values(&data.records.unwrap()).len(), 3);
    assert_eq!(data.aborted_transactions, None);
    assert_eq!((latest(&mut lab, 1, -1), latest(&mut lab, 0, -1)), (1, 3));
    // Every record is from time 1000: the answer is the first, and none beyond what is stable.
    assert_eq!((latest(&mut lab, 1, 1), latest(&mut lab, 1, 1001)), (0, -1));
    producer.end(&mut lab, true).unwrap();
    pass(&mut lab, 1);
    assert_eq!(committed_values(&mut lab, 0), ["before", "a", "after"]);
    assert_eq!(latest(&mut lab, 1, -1), 4);
}

#[test]
fn aborted_records_are_named_to_readers_of_committed_ones() {
    let mut lab = lab(1, &[1]);
    let mut one = Producer::init(&mut lab, "one");
    let mut two = Producer::init(&mut lab, "two");
    for round in 0..3 {
        for producer in [&mut one, &mut two] {
            producer.add(&mut lab, &[0]).unwrap();
        }
        one.produce(&mut lab, 0, &format!("one {round}")).unwrap();
        two.produce(&mut lab, 0, &format!("two {round}")).unwrap();
        one.end(&mut lab, round == 1).unwrap();
        two.end(&mut lab, round != 1).unwrap();
        pass(&mut lab, 1);
    }
    assert_eq!(committed_values(&mut lab, 0), ["two 0", "one 1", "two 2"]);
    let aborted = fetch(&mut lab, 0, 1).aborted_transactions.unwrap();
    assert_eq!(aborted.len(), 3);
}

#[test]
fn open_and_aborted_transactions_survive_a_restart() {
    let mut lab = lab(1, &[1]);
    let mut one = Producer::init(&mut lab, "one");
    one.add(&mut lab, &[0]).unwrap();
    one.produce(&mut lab, 0, "aborted").unwrap();
    one.end(&mut lab, false).unwrap();
    pass(&mut lab, 1);
    let mut two = Producer::init(&mut lab, "two");
    two.add(&mut lab, &[0]).unwrap();
    two.produce(&mut lab, 0, "open").unwrap();
    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 1);
    assert!(committed_values(&mut lab, 0).is_empty());
    two.produce(&mut lab, 0, "still open").unwrap();
    two.end(&mut lab, true).unwrap();
    pass(&mut lab, 1);
    assert_eq!(committed_values(&mut lab, 0), ["open", "still open"]);
}

#[test]
fn deleted_records_take_the_last_stable_offset_along() {
    let mut lab = lab(1, &[1]);
    let mut producer = Producer::init(&mut lab, "x");
    producer.add(&mut lab, &[0]).unwrap();
    for value in ["a", "b", "c"] {
        producer.produce(&mut lab, 0, value).unwrap();
    }
    let topic = lab.cluster.state.topics.get_mut(&topic_name(TOPIC));
    let log = &mut topic.unwrap().partition_mut(0).unwrap().log;
    log.delete_records_before(2, log.log_end_offset()).unwrap();
    assert_eq!(lab.cluster.last_stable_offset(TOPIC, 0), Some(2));
    // A reader from the new start waits; it is not told that its offset is out of range.
    let request = fetch_request(TOPIC, &[(0, 2)]).with_isolation_level(1);
    assert!(lab.send(1, 7, 11, request).is_empty());
}

#[test]
fn a_long_poll_waits_for_the_marker() {
    let mut lab = lab(1, &[1]);
    let mut producer = Producer::init(&mut lab, "x");
    let request = fetch_request(TOPIC, &[(0, 0)])
        .with_max_wait_ms(60_000)
        .with_isolation_level(1);
    assert!(lab.send(1, 7, 11, request).is_empty());
    producer.add(&mut lab, &[0]).unwrap();
    producer.produce(&mut lab, 0, "a").unwrap();
    producer.end(&mut lab, true).unwrap();
    lab.advance_ms(1);
    let mut outputs: Vec<Output> = lab.cluster.tick(lab.now);
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    assert_eq!(response(outputs.remove(0)).0, 7);
}

#[test]
fn a_late_write_begins_no_transaction_unless_verification_is_off() {
    for verified in [true, false] {
        let mut lab = Lab::with_settings(
            1,
            BrokerSettings {
                transaction_partition_verification_enable: verified,
                ..BrokerSettings::default()
            },
        );
        lab.create_topic(TOPIC, &[1]);
        let _ = super::producer::coordinator(&mut lab, 1, "x");
        let mut producer = Producer::init(&mut lab, "x");
        producer.add(&mut lab, &[0]).unwrap();
        producer.produce(&mut lab, 0, "a").unwrap();
        producer.end(&mut lab, true).unwrap();
        pass(&mut lab, 1);
        // A request of the ended transaction that was long under way.
        let late = producer.produce(&mut lab, 0, "late");
        if verified {
            assert_eq!(late, Err(ResponseError::InvalidTxnState));
        } else {
            // It hangs: nobody is going to end it, and nothing behind it can be read.
            assert_eq!(late, Ok(2));
            pass(&mut lab, 3_600_000);
            assert_eq!(lab.cluster.last_stable_offset(TOPIC, 0), Some(2));
        }
    }
}
