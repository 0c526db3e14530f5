use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{MetadataRequest, ResponseKind};
use proptest::prelude::*;

use crate::config::{BrokerId, BrokerSettings};
use crate::event::Event;
use crate::request::Output;
use crate::testing::{
    Lab, ask, fetch_request, produce_request, record_batch, response, topic_name, values,
};
use crate::topic_config::TopicConfig;

const LEADER_NOT_AVAILABLE: i16 = 5;

/// Three brokers; `t` has one partition on all of them, led by broker 1.
fn lab(config: &[(&str, &str)]) -> Lab {
    let mut lab = Lab::with_settings(
        3,
        BrokerSettings {
            log_retention_ms: -1,
            ..BrokerSettings::default()
        },
    );
    let mut topic = TopicConfig::default();
    for (key, value) in config {
        topic.set(key, Some(value)).unwrap();
    }
    let state = &mut lab.cluster.state;
    state.create_topic_at(topic_name("t"), topic, &[vec![1, 2, 3]]);
    lab
}

/// Lets every timer run that is due within so many milliseconds.
fn pass_ms(lab: &mut Lab, ms: u64) -> Vec<Output> {
    let mut outputs = Vec::new();
    for _ in 0..ms {
        lab.advance_ms(1);
        outputs.extend(lab.cluster.tick(lab.now));
    }
    outputs
}

/// Sends records with these `acks` over connection 7.
fn send(lab: &mut Lab, broker: BrokerId, acks: i16, value: &str) -> Vec<Output> {
    let request = produce_request("t", 0, acks, record_batch(&[(1000, value)]));
    lab.send(broker, 7, 10, request)
}

fn answer(mut outputs: Vec<Output>) -> PartitionProduceResponse {
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    match response(outputs.remove(0)) {
        (7, ResponseKind::Produce(mut response)) => {
            response.responses.remove(0).partition_responses.remove(0)
        }
        other => panic!("{other:?}"),
    }
}

fn error_of(outputs: Vec<Output>) -> Option<ResponseError> {
    ResponseError::try_from_code(answer(outputs).error_code)
}

/// Error code, leader, leader epoch, in-sync replicas and offline replicas.
type Known = (i16, BrokerId, i32, Vec<BrokerId>, Vec<BrokerId>);

fn known(lab: &mut Lab) -> Known {
    let ask_whom = *lab.cluster.brokers.keys().next().unwrap();
    let request = MetadataRequest::default().with_topics(None);
    let response = ask!(lab, ask_whom, 9, Metadata(request));
    let found = &response.topics[0].partitions[0];
    let ids = |nodes: &[kafka_protocol::messages::BrokerId]| nodes.iter().map(|n| n.0).collect();
    assert_eq!(ids(&found.replica_nodes), [1, 2, 3]);
    (
        found.error_code,
        found.leader_id.0,
        found.leader_epoch,
        ids(&found.isr_nodes),
        ids(&found.offline_replicas),
    )
}

/// What a consumer reads from the leader.
fn read(lab: &mut Lab, broker: BrokerId) -> Vec<String> {
    let mut request = fetch_request("t", &[(0, 0)]);
    request.max_wait_ms = 0;
    let response = ask!(lab, broker, 12, Fetch(request));
    let data = &response.responses[0].partitions[0];
    assert_eq!(data.error_code, 0);
    let records = values(data.records.as_ref().unwrap());
    records.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn acks_all_waits_for_the_replicas_in_sync_and_consumers_wait_with_it() {
    let mut lab = lab(&[]);
    assert!(send(&mut lab, 1, -1, "a").is_empty());
    assert_eq!(read(&mut lab, 1), [""; 0]);
    let acknowledged = answer(pass_ms(&mut lab, 5));
    assert_eq!((acknowledged.error_code, acknowledged.base_offset), (0, 0));
    assert_eq!(read(&mut lab, 1), ["a"]);
    // `acks=1` does not wait, and its records are not committed yet.
    assert_eq!(error_of(send(&mut lab, 1, 1, "b")), None);
    assert_eq!(read(&mut lab, 1), ["a"]);
    pass_ms(&mut lab, 5);
    assert_eq!(read(&mut lab, 1), ["a", "b"]);
}

#[test]
fn a_long_poll_is_answered_when_the_records_are_committed() {
    let mut lab = lab(&[]);
    let parked = lab.send(1, 8, 12, fetch_request("t", &[(0, 0)]));
    assert!(parked.is_empty());
    assert_eq!(error_of(send(&mut lab, 1, 1, "a")), None);
    let mut outputs = pass_ms(&mut lab, 5);
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    let (connection, ResponseKind::Fetch(fetched)) = response(outputs.remove(0)) else {
        panic!("not a fetch");
    };
    let records = fetched.responses[0].partitions[0].records.as_ref().unwrap();
    assert_eq!((connection, values(records).len()), (8, 1));
}

#[test]
fn a_dead_leader_is_replaced_when_the_controller_gives_it_up() {
    let mut lab = lab(&[]);
    send(&mut lab, 1, -1, "a");
    pass_ms(&mut lab, 5);
    lab.cluster.stop_broker(lab.now, 1);
    pass_ms(&mut lab, 8_990);
    let nobody = (LEADER_NOT_AVAILABLE, -1, 0, vec![1, 2, 3], vec![1]);
    assert_eq!(known(&mut lab), nobody);
    pass_ms(&mut lab, 20);
    assert_eq!(known(&mut lab), (0, 2, 1, vec![2, 3], vec![1]));
    assert_eq!(read(&mut lab, 2), ["a"]);
    send(&mut lab, 2, -1, "b");
    assert_eq!(answer(pass_ms(&mut lab, 5)).base_offset, 1);

    // It comes back as a follower, and is in sync once it has everything.
    lab.cluster.start_broker(lab.now, 1);
    pass_ms(&mut lab, 5);
    assert_eq!(known(&mut lab), (0, 2, 1, vec![1, 2, 3], vec![]));
    let epochs: Vec<_> = lab.cluster.take_events();
    let elections = epochs.iter().filter(|event| {
        matches!(
            event,
            Event::LeaderElected {
                leader: 2,
                leader_epoch: 1,
                unclean: false,
                ..
            }
        )
    });
    assert_eq!(elections.count(), 1);
}

#[test]
fn what_only_the_dead_leader_had_is_cut_off_when_it_comes_back() {
    let mut lab = lab(&[]);
    send(&mut lab, 1, -1, "a");
    pass_ms(&mut lab, 5);
    assert_eq!(error_of(send(&mut lab, 1, 1, "lost")), None);
    lab.cluster.stop_broker(lab.now, 1);
    // Back before it was given up, but as another incarnation.
    lab.cluster.start_broker(lab.now, 1);
    assert_eq!(known(&mut lab).1, 2);
    send(&mut lab, 2, -1, "b");
    pass_ms(&mut lab, 5);
    assert_eq!(read(&mut lab, 2), ["a", "b"]);
    lab.cluster.stop_broker(lab.now, 2);
    pass_ms(&mut lab, 9_100);
    assert_eq!(known(&mut lab).1, 1);
    assert_eq!(read(&mut lab, 1), ["a", "b"]);
}

#[test]
fn too_few_replicas_in_sync_refuse_acks_all_only() {
    let mut lab = lab(&[("min.insync.replicas", "3")]);
    lab.cluster.stop_broker(lab.now, 3);
    // Until the controller gives it up, the leader waits for it, and so does the producer.
    assert!(send(&mut lab, 1, -1, "a").is_empty());
    let timed_out = error_of(pass_ms(&mut lab, 1_100));
    assert_eq!(timed_out, Some(ResponseError::RequestTimedOut));
    pass_ms(&mut lab, 8_000);
    let refused = error_of(send(&mut lab, 1, -1, "b"));
    assert_eq!(refused, Some(ResponseError::NotEnoughReplicas));
    assert_eq!(error_of(send(&mut lab, 1, 1, "c")), None);
    // Nothing is committed while they are too few (KIP-966).
    pass_ms(&mut lab, 5);
    assert_eq!(read(&mut lab, 1), [""; 0]);
    lab.cluster.start_broker(lab.now, 3);
    pass_ms(&mut lab, 5);
    assert_eq!(read(&mut lab, 1), ["a", "c"]);
}

#[test]
fn replicas_that_get_lost_while_records_wait_are_told() {
    let mut lab = lab(&[("min.insync.replicas", "3")]);
    lab.cluster.stop_broker(lab.now, 3);
    pass_ms(&mut lab, 8_500);
    assert!(send(&mut lab, 1, -1, "a").is_empty());
    let told = error_of(pass_ms(&mut lab, 600));
    assert_eq!(told, Some(ResponseError::NotEnoughReplicasAfterAppend));
}

#[test]
fn nobody_waits_for_a_replica_that_was_given_up() {
    let mut lab = lab(&[]);
    lab.cluster.stop_broker(lab.now, 3);
    pass_ms(&mut lab, 8_500);
    assert!(send(&mut lab, 1, -1, "a").is_empty());
    assert_eq!(error_of(pass_ms(&mut lab, 600)), None);
    assert_eq!(read(&mut lab, 1), ["a"]);
}

#[test]
fn a_leader_that_is_alone_has_committed_what_it_has() {
    let mut lab = lab(&[]);
    assert_eq!(error_of(send(&mut lab, 1, 1, "a")), None);
    lab.cluster.stop_broker(lab.now, 3);
    pass_ms(&mut lab, 5);
    lab.cluster.stop_broker(lab.now, 1);
    pass_ms(&mut lab, 9_100);
    assert_eq!(known(&mut lab), (0, 2, 1, vec![2], vec![1, 3]));
    assert_eq!(read(&mut lab, 2), ["a"]);
}

#[test]
fn one_replica_is_enough_where_there_is_no_other() {
    let mut lab = Lab::new(1);
    let mut config = TopicConfig::default();
    config.set("min.insync.replicas", Some("2")).unwrap();
    let state = &mut lab.cluster.state;
    state.create_topic_at(topic_name("t"), config, &[vec![1]]);
    assert_eq!(lab.produce(1, "t", 0, &["a"]).error_code, 0);
}

#[test]
fn the_last_replica_in_sync_is_waited_for() {
    let mut lab = lab(&[]);
    for broker in [2, 3] {
        lab.cluster.stop_broker(lab.now, broker);
    }
    pass_ms(&mut lab, 9_100);
    send(&mut lab, 1, -1, "a");
    assert_eq!(known(&mut lab).3, [1]);
    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 2);
    pass_ms(&mut lab, 9_100);
    let nobody = (LEADER_NOT_AVAILABLE, -1, 1, vec![1], vec![1, 3]);
    assert_eq!(known(&mut lab), nobody);
    lab.cluster.start_broker(lab.now, 1);
    pass_ms(&mut lab, 5);
    assert_eq!(known(&mut lab), (0, 1, 2, vec![1, 2], vec![3]));
    assert_eq!(read(&mut lab, 1), ["a"]);
}

#[test]
fn a_leader_that_was_given_up_leads_no_more_when_it_returns_out_of_sync() {
    let mut lab = lab(&[]);
    send(&mut lab, 1, -1, "a");
    pass_ms(&mut lab, 5);
    for broker in 1..=3 {
        lab.cluster.stop_broker(lab.now, broker);
    }
    // Nobody leads, so nobody looks for laggards either: the last replica in sync stays in.
    pass_ms(&mut lab, 40_000);
    lab.cluster.start_broker(lab.now, 1);
    pass_ms(&mut lab, 5);
    let nobody = (LEADER_NOT_AVAILABLE, -1, 1, vec![3], vec![2, 3]);
    assert_eq!(known(&mut lab), nobody);
    lab.cluster.start_broker(lab.now, 3);
    pass_ms(&mut lab, 5);
    assert_eq!(known(&mut lab), (0, 3, 2, vec![1, 3], vec![2]));
    assert_eq!(read(&mut lab, 3), ["a"]);
}

#[test]
fn a_dead_leader_takes_nobody_out_of_the_replicas_in_sync() {
    let mut lab = lab(&[]);
    lab.cluster.stop_broker(lab.now, 3);
    send(&mut lab, 1, -1, "a");
    for broker in [2, 1] {
        lab.cluster.stop_broker(lab.now, broker);
    }
    pass_ms(&mut lab, 40_000);
    lab.cluster.start_broker(lab.now, 3);
    pass_ms(&mut lab, 5);
    assert_eq!(known(&mut lab), (0, 3, 2, vec![3], vec![1, 2]));
}

#[test]
fn an_unclean_election_loses_what_was_acknowledged() {
    let mut lab = lab(&[("unclean.leader.election.enable", "true")]);
    for broker in [2, 3] {
        lab.cluster.stop_broker(lab.now, broker);
    }
    pass_ms(&mut lab, 9_100);
    assert_eq!(error_of(send(&mut lab, 1, -1, "lost")), None);
    lab.cluster.stop_broker(lab.now, 1);
    lab.cluster.start_broker(lab.now, 2);
    pass_ms(&mut lab, 9_100);
    assert_eq!(known(&mut lab), (0, 2, 1, vec![2], vec![1, 3]));
    send(&mut lab, 2, -1, "b");
    lab.cluster.start_broker(lab.now, 1);
    pass_ms(&mut lab, 5);
    assert_eq!(read(&mut lab, 2), ["b"]);
    let events = lab.cluster.take_events();
    let unclean = events
        .iter()
        .filter(|event| matches!(event, Event::LeaderElected { unclean: true, .. }));
    assert_eq!(unclean.count(), 1);
}

#[test]
fn who_lags_for_too_long_is_not_in_sync() {
    let mut lab = lab(&[]);
    // Its process stands still: no fetch, and no end of its session here.
    let stands_still = |broker| broker != 3;
    send(&mut lab, 1, -1, "a");
    let mut outputs = Vec::new();
    for _ in 0..31_000 {
        lab.advance_ms(1);
        outputs.extend(lab.cluster.tick_brokers(lab.now, stands_still));
    }
    assert_eq!(error_of(outputs), Some(ResponseError::RequestTimedOut));
    assert_eq!(known(&mut lab).3, [1, 2]);
    assert_eq!(read(&mut lab, 1), ["a"]);
    pass_ms(&mut lab, 5);
    assert_eq!(known(&mut lab).3, [1, 2, 3]);
}

#[derive(Debug, Clone)]
enum Step {
    Produce { acks: i16 },
    Stop(BrokerId),
    Start(BrokerId),
    Pass { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop_oneof![Just(-1_i16), Just(1)].prop_map(|acks| Step::Produce { acks }),
        1 => (1..=3).prop_map(Step::Stop),
        2 => (1..=3).prop_map(Step::Start),
        2 => prop_oneof![Just(1), Just(3), Just(9_100)].prop_map(|ms| Step::Pass { ms }),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a run of steps has promised and shown.
#[derive(Default)]
struct Promises {
    /// Records that were acknowledged with `acks=all`, by offset.
    acknowledged: BTreeMap<i64, String>,
    /// What each connection waits to hear of.
    sent: BTreeMap<u64, String>,
    high_watermark: i64,
}

impl Promises {
    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            if let Output::Response {
                connection,
                body: ResponseKind::Produce(mut response),
                ..
            } = output
            {
                let answer = response.responses.remove(0).partition_responses.remove(0);
                let value = self.sent.remove(&connection.0);
                if let Some(value) = value.filter(|_| answer.error_code == 0) {
                    self.acknowledged.insert(answer.base_offset, value);
                }
            }
        }
    }

    fn check(&mut self, lab: &Lab) -> Result<(), TestCaseError> {
        let partition = lab.cluster.topic("t").unwrap().partition(0).unwrap();
        prop_assert!(partition.high_watermark() >= self.high_watermark);
        self.high_watermark = partition.high_watermark();
        let in_sync = |broker: &BrokerId| partition.replication.in_sync.contains(broker);
        let followers = partition.replication.followers.iter();
        let logs = followers
            .filter(|follower| in_sync(&follower.broker))
            .map(|follower| &follower.log)
            .chain([&partition.log]);
        for log in logs {
            let held = log.batches().flat_map(|batch| values(batch.bytes()));
            let held: BTreeMap<i64, String> = held.collect();
            for (offset, value) in &self.acknowledged {
                prop_assert_eq!(held.get(offset), Some(value));
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn what_acks_all_acknowledged_survives_any_deaths_and_every_replica_in_sync_has_it(
        steps in steps(),
    ) {
        let mut lab = lab(&[("min.insync.replicas", "2")]);
        let mut promises = Promises::default();
        for (number, step) in (100..).zip(steps) {
            let outputs = match step {
                Step::Produce { acks } => {
                    let topic = lab.cluster.topic("t").unwrap();
                    let leader = topic.partition(0).unwrap().replica;
                    let value = format!("v{number}");
                    let batch = record_batch(&[(1000, &value)]);
                    if acks == -1 {
                        promises.sent.insert(number, value);
                    }
                    lab.send(leader, number, 10, produce_request("t", 0, acks, batch))
                }
                Step::Stop(broker) => lab.cluster.stop_broker(lab.now, broker),
                Step::Start(broker) => lab.cluster.start_broker(lab.now, broker),
                Step::Pass { ms } => {
                    let mut outputs = Vec::new();
                    for _ in 0..10 {
                        lab.advance_ms(ms / 10 + 1);
                        outputs.extend(lab.cluster.tick(lab.now));
                    }
                    outputs
                }
            };
            promises.take(outputs);
            promises.check(&lab)?;
        }
        for broker in 1..=3 {
            promises.take(lab.cluster.start_broker(lab.now, broker));
        }
        promises.take(pass_ms(&mut lab, 20));
        promises.check(&lab)?;
        let partition = lab.cluster.topic("t").unwrap().partition(0).unwrap();
        prop_assert_eq!(partition.in_sync_replicas(), [1, 2, 3]);
        prop_assert_eq!(partition.high_watermark(), partition.log.log_end_offset());
        let written: Vec<_> = partition.log.batches().map(|batch| batch.bytes()).collect();
        for follower in &partition.replication.followers {
            let copied: Vec<_> = follower.log.batches().map(|batch| batch.bytes()).collect();
            prop_assert_eq!(&copied, &written);
        }
    }
}
