use kafka_protocol::ResponseError;
use kafka_protocol::messages::MetadataRequest;

use crate::config::BrokerSettings;
use crate::event::Event;
use crate::request::Output;
use crate::testing::{Lab, ask, fetch_request, produce_request, record_batch, values};

/// Two brokers; partitions 0 and 1 of `t` are on broker 1, in directories 0 and 1 if there are two.
fn lab(log_dirs: usize) -> Lab {
    let settings = BrokerSettings {
        log_dirs,
        log_retention_ms: -1,
        ..BrokerSettings::default()
    };
    let mut lab = Lab::with_settings(2, settings);
    lab.create_topic("t", &[1, 1, 2]);
    lab
}

fn fill(lab: &mut Lab, log_dir: usize) {
    let used = lab.cluster.log_dir_bytes(1, log_dir);
    lab.cluster.set_log_dir_capacity(1, log_dir, Some(used));
}

/// Error code, leader and epoch of each partition of `t`.
fn partitions(lab: &mut Lab) -> Vec<(i16, i32, i32)> {
    let request = MetadataRequest::default().with_topics(None);
    let response = ask!(lab, 2, 9, Metadata(request));
    let partitions = response.topics[0].partitions.iter();
    partitions
        .map(|p| (p.error_code, p.leader_id.0, p.leader_epoch))
        .collect()
}

#[test]
fn a_full_disk_takes_its_directory_offline_and_the_broker_goes_on_with_the_other() {
    let mut lab = lab(2);
    assert_eq!(lab.produce(1, "t", 1, &["kept"]).error_code, 0);
    fill(&mut lab, 1);
    let storage_error = ResponseError::KafkaStorageError.code();
    assert_eq!(lab.produce(1, "t", 1, &["lost"]).error_code, storage_error);
    // Room alone does not help: the directory is not tried again.
    lab.cluster.set_log_dir_capacity(1, 1, None);
    assert_eq!(lab.produce(1, "t", 1, &["x"]).error_code, storage_error);
    let response = ask!(lab, 1, 12, Fetch(fetch_request("t", &[(1, 0)])));
    assert_eq!(
        response.responses[0].partitions[0].error_code,
        storage_error
    );
    assert_eq!(lab.produce(1, "t", 0, &["elsewhere"]).error_code, 0);
    let no_leader = ResponseError::LeaderNotAvailable.code();
    let known = partitions(&mut lab);
    assert_eq!(known, [(0, 1, 0), (no_leader, -1, 1), (0, 2, 0)]);

    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 1);
    assert_eq!(partitions(&mut lab)[1], (0, 1, 3));
    let response = ask!(lab, 1, 12, Fetch(fetch_request("t", &[(1, 0)])));
    let records = response.responses[0].partitions[0].records.clone();
    assert_eq!(values(&records.unwrap()), [(0, "kept".to_owned())]);
    assert_eq!(lab.produce(1, "t", 1, &["again"]).base_offset, 1);
    assert_eq!(lab.cluster.log_dir_failures(1), 1);
    assert!(!lab.cluster.has_offline_log_dir(1));
}

#[test]
fn a_broker_halts_with_its_only_directory_or_the_one_with_the_metadata_log() {
    for log_dirs in [1, 2] {
        let mut lab = lab(log_dirs);
        fill(&mut lab, 0);
        lab.cluster.take_events();
        let records = record_batch(&[(1000, "a")]);
        let outputs = lab.send(1, 7, 9, produce_request("t", 0, -1, records));
        let [
            Output::Response { .. },
            Output::CloseConnection { connection },
        ] = &outputs[..]
        else {
            panic!("{outputs:?}");
        };
        assert_eq!(connection.0, 7);
        assert!(!lab.cluster.is_running(1));
        let events = lab.cluster.take_events();
        assert!(
            matches!(
                events[..],
                [
                    Event::LogDirFailed { log_dir: 0, .. },
                    Event::BrokerHalted { broker: 1 },
                    Event::BrokerStopped { broker: 1 },
                ]
            ),
            "{events:?}"
        );

        // It meets the full disk again until there is room.
        lab.cluster.start_broker(lab.now, 1);
        let records = record_batch(&[(1000, "b")]);
        lab.send(1, 8, 9, produce_request("t", 0, -1, records));
        assert!(!lab.cluster.is_running(1));
        lab.cluster.set_log_dir_capacity(1, 0, None);
        lab.cluster.start_broker(lab.now, 1);
        assert_eq!(lab.produce(1, "t", 0, &["c"]).base_offset, 0);
        assert_eq!(lab.cluster.log_dir_failures(1), 2);
    }
}

#[test]
fn a_disk_fails_with_the_append_that_does_not_fit_and_not_before() {
    let mut lab = lab(2);
    lab.produce(1, "t", 1, &["a"]);
    let used = lab.cluster.log_dir_bytes(1, 1);
    lab.cluster.set_log_dir_capacity(1, 1, Some(2 * used));
    assert_eq!(lab.produce(1, "t", 1, &["b"]).error_code, 0);
    assert!(!lab.cluster.has_offline_log_dir(1));
    assert_ne!(lab.produce(1, "t", 1, &["c"]).error_code, 0);
    // A topic that is created now avoids it.
    lab.create_topic("u", &[1, 1]);
    assert_eq!(lab.produce(1, "u", 1, &["d"]).error_code, 0);
}
