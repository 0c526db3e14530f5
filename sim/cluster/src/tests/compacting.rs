use kafka_protocol::ResponseError;

use crate::event::Event;
use crate::testing::{Lab, Sender, keyed_batch, produce_request, record_batch, topic_name, values};
use crate::topic_config::TopicConfig;

/// A lab with a compacted topic `t` on broker 1, in segments of a second.
fn lab() -> Lab {
    let mut lab = Lab::new(2);
    let mut config = TopicConfig::default();
    for (key, value) in [
        ("cleanup.policy", "compact"),
        ("segment.ms", "1000"),
        ("min.cleanable.dirty.ratio", "0"),
    ] {
        config.set(key, Some(value)).unwrap();
    }
    let state = &mut lab.cluster.state;
    state.create_topic_at(topic_name("t"), config, &[vec![1]]);
    lab
}

fn produce(lab: &mut Lab, key: &str, value: &str) {
    let records = keyed_batch(&Sender::default(), &[(lab.now.wall_ms, key, Some(value))]);
    lab.ask(1, 9, produce_request("t", 0, -1, records));
    lab.advance_ms(1_001);
}

#[test]
fn a_broker_compacts_when_its_backoff_is_over() {
    let mut lab = lab();
    for value in ["1", "2", "3"] {
        produce(&mut lab, "a", value);
    }
    produce(&mut lab, "b", "1");
    lab.cluster.tick(lab.now);
    let events = lab.cluster.take_events();
    let compacted = events.iter().find_map(|event| match event {
        Event::LogCompacted { batches, .. } => Some(batches.concat()),
        _ => None,
    });
    let gone = values(&compacted.expect("the log was compacted").into());
    assert_eq!(gone, [(0, "1".to_owned()), (1, "2".to_owned())]);

    produce(&mut lab, "a", "4");
    produce(&mut lab, "b", "2");
    let due = lab.cluster.next_timer().unwrap();
    lab.cluster.tick(lab.now);
    assert!(due > lab.now.monotonic, "not before its time");
    assert_eq!(lab.cluster.log("t", 0).unwrap().batches().count(), 4);
    lab.advance_ms(15_000);
    lab.cluster.tick(lab.now);
    let log = lab.cluster.log("t", 0).unwrap();
    let left = values(&log.read(0, usize::MAX, true).unwrap());
    let left: Vec<(i64, &str)> = left
        .iter()
        .map(|(at, value)| (*at, value.as_str()))
        .collect();
    assert_eq!(left, [(3, "1"), (4, "4"), (5, "2")]);
}

#[test]
fn a_record_without_a_key_is_refused() {
    let mut lab = lab();
    let records = record_batch(&[(lab.now.wall_ms, "no key")]);
    let response = lab.ask(1, 9, produce_request("t", 0, -1, records));
    let text = format!("{response:?}");
    let code = format!("error_code: {}", ResponseError::InvalidRecord.code());
    assert!(text.contains(&code), "{text}");
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 0);
}

#[test]
fn a_topic_that_becomes_compacted_is_compacted_from_then_on() {
    let mut lab = Lab::new(2);
    let mut config = TopicConfig::default();
    config.set("segment.ms", Some("1000")).unwrap();
    let state = &mut lab.cluster.state;
    state.create_topic_at(topic_name("t"), config.clone(), &[vec![1]]);
    for value in ["1", "2", "3"] {
        produce(&mut lab, "a", value);
    }
    lab.advance_ms(60_000);
    lab.cluster.tick(lab.now);
    assert_eq!(lab.cluster.log("t", 0).unwrap().batches().count(), 3);
    config.set("cleanup.policy", Some("compact")).unwrap();
    let state = &mut lab.cluster.state;
    state.topics.set_config(&topic_name("t"), config);
    lab.cluster.tick(lab.now);
    assert_eq!(lab.cluster.log("t", 0).unwrap().batches().count(), 2);
}
