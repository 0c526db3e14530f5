use kafka_protocol::ResponseError;
use kafka_protocol::messages::CreatePartitionsRequest;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};

use crate::event::Event;
use crate::testing::{Lab, ask, topic_name};

fn grown(name: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic::default()
        .with_name(topic_name(name))
        .with_count(count)
        .with_assignments(None)
}

fn assigned(name: &str, count: i32, brokers: &[i32]) -> CreatePartitionsTopic {
    let assignment = |broker: &i32| {
        CreatePartitionsAssignment::default().with_broker_ids(vec![(*broker).into()])
    };
    grown(name, count).with_assignments(Some(brokers.iter().map(assignment).collect()))
}

fn ask_for(lab: &mut Lab, topics: Vec<CreatePartitionsTopic>) -> Vec<Option<ResponseError>> {
    let request = CreatePartitionsRequest::default().with_topics(topics);
    let results = ask!(lab, 1, 3, CreatePartitions(request)).results;
    let error = |code| ResponseError::try_from_code(code);
    results
        .iter()
        .map(|result| error(result.error_code))
        .collect()
}

fn replicas(lab: &Lab, topic: &str) -> Vec<i32> {
    let topic = lab.cluster.topic(topic).unwrap();
    topic.partitions.iter().map(|p| p.replica).collect()
}

#[test]
fn a_topic_grows_and_keeps_what_it_has() {
    let mut lab = Lab::new(3);
    lab.create_topic("t", &[2]);
    lab.produce(2, "t", 0, &["a"]);
    assert_eq!(ask_for(&mut lab, vec![grown("t", 4)]), [None]);
    assert_eq!(replicas(&lab, "t"), [2, 3, 1, 2]);
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 1);
    assert_eq!(lab.cluster.log("t", 3).unwrap().log_end_offset(), 0);
    let told = lab.cluster.take_events().into_iter().any(|event| {
        event
            == Event::PartitionsCreated {
                topic: "t".to_owned(),
                partitions: 4,
            }
    });
    assert!(told);
    lab.produce(2, "t", 3, &["b"]);
    assert_eq!(lab.cluster.log("t", 3).unwrap().log_end_offset(), 1);
}

#[test]
fn brokers_can_be_named() {
    let mut lab = Lab::new(3);
    lab.create_topic("t", &[1]);
    assert_eq!(ask_for(&mut lab, vec![assigned("t", 3, &[3, 3])]), [None]);
    assert_eq!(replicas(&lab, "t"), [1, 3, 3]);
}

#[test]
fn what_kafka_would_refuse_is_refused() {
    let mut lab = Lab::new(2);
    lab.create_topic("t", &[1, 2]);
    for (topic, error) in [
        (grown("nowhere", 3), ResponseError::UnknownTopicOrPartition),
        (grown("t", 2), ResponseError::InvalidPartitions),
        (grown("t", 1), ResponseError::InvalidPartitions),
        (grown("t", -1), ResponseError::InvalidPartitions),
        (
            assigned("t", 4, &[1]),
            ResponseError::InvalidReplicaAssignment,
        ),
        (
            assigned("t", 3, &[7]),
            ResponseError::InvalidReplicaAssignment,
        ),
    ] {
        assert_eq!(
            ask_for(&mut lab, vec![topic.clone()]),
            [Some(error)],
            "{topic:?}"
        );
    }
    let twice = vec![grown("t", 3), grown("t", 4)];
    assert_eq!(
        ask_for(&mut lab, twice),
        [Some(ResponseError::InvalidRequest)]
    );
    assert_eq!(replicas(&lab, "t").len(), 2);
}

#[test]
fn validating_changes_nothing() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let request = CreatePartitionsRequest::default()
        .with_topics(vec![grown("t", 3)])
        .with_validate_only(true);
    let result = ask!(lab, 1, 3, CreatePartitions(request)).results.remove(0);
    assert_eq!(result.error_code, 0);
    assert_eq!(replicas(&lab, "t").len(), 1);
}

#[test]
fn a_request_may_add_ten_thousand_partitions_in_all() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    lab.create_topic("u", &[1]);
    let too_many = Some(ResponseError::PolicyViolation);
    let both = vec![grown("t", 10_001), grown("u", 2)];
    assert_eq!(ask_for(&mut lab, both), [too_many, too_many]);
    assert_eq!(ask_for(&mut lab, vec![grown("t", i32::MAX)]), [too_many]);
    assert_eq!(ask_for(&mut lab, vec![grown("t", 10_001)]), [None]);
}
