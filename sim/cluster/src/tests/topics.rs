use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest};
use kafka_protocol::protocol::StrBytes;

use crate::event::Event;
use crate::testing::{Lab, ask, topic_name};

fn wanted(name: &str, partitions: i32) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(-1)
}

fn create(lab: &mut Lab, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    let request = CreateTopicsRequest::default().with_topics(topics);
    ask!(lab, 1, 7, CreateTopics(request)).topics
}

fn create_one(lab: &mut Lab, topic: CreatableTopic) -> Option<ResponseError> {
    let results = create(lab, vec![topic]);
    assert_eq!(results.len(), 1);
    ResponseError::try_from_code(results[0].error_code)
}

fn with_config(name: &str, key: &'static str, value: &'static str) -> CreatableTopic {
    let config = CreatableTopicConfig::default()
        .with_name(StrBytes::from_static_str(key))
        .with_value(Some(StrBytes::from_static_str(value)));
    wanted(name, 1).with_configs(vec![config])
}

fn assigned(name: &str, brokers: &[i32]) -> CreatableTopic {
    let assignments = brokers.iter().enumerate().map(|(index, broker)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(index as i32)
            .with_broker_ids(vec![(*broker).into()])
    });
    wanted(name, -1).with_assignments(assignments.collect())
}

#[test]
fn a_topic_is_created_as_asked() {
    let mut lab = Lab::new(2);
    let result = create(&mut lab, vec![wanted("t", 4)]).remove(0);
    assert_eq!((result.error_code, result.num_partitions), (0, 4));
    assert_eq!(result.replication_factor, 1);
    assert_eq!(result.topic_id, lab.cluster.topic("t").unwrap().id);
    assert_eq!(create_one(&mut lab, wanted("default", -1)), None);
    assert_eq!(lab.cluster.topic("default").unwrap().partitions.len(), 3);
    assert_eq!(create_one(&mut lab, assigned("placed", &[2, 2, 1])), None);
    let placed = lab.cluster.topic("placed").unwrap();
    let replicas: Vec<_> = placed.partitions.iter().map(|p| p.replica).collect();
    assert_eq!(replicas, [2, 2, 1]);
    let created = |event: &Event| matches!(event, Event::TopicCreated { .. });
    assert_eq!(
        lab.cluster
            .take_events()
            .iter()
            .filter(|e| created(e))
            .count(),
        3
    );
}

#[test]
fn what_kafka_would_refuse_is_refused() {
    let mut lab = Lab::new(2);
    create(&mut lab, vec![wanted("a.b", 1)]);
    for (topic, error) in [
        (wanted("a.b", 1), ResponseError::TopicAlreadyExists),
        (wanted("a_b", 1), ResponseError::InvalidTopicException),
        (wanted("a b", 1), ResponseError::InvalidTopicException),
        (wanted("t", 0), ResponseError::InvalidPartitions),
        (wanted("t", -2), ResponseError::InvalidPartitions),
        (wanted("t", 10_001), ResponseError::PolicyViolation),
        (
            wanted("t", 1).with_replication_factor(3),
            ResponseError::InvalidReplicationFactor,
        ),
        (
            wanted("t", 1).with_replication_factor(0),
            ResponseError::InvalidReplicationFactor,
        ),
        (
            with_config("t", "retention", "1"),
            ResponseError::InvalidConfig,
        ),
        (
            with_config("t", "cleanup.policy", "compacted"),
            ResponseError::InvalidConfig,
        ),
        (assigned("t", &[3]), ResponseError::InvalidReplicaAssignment),
        (
            assigned("t", &[1]).with_num_partitions(1),
            ResponseError::InvalidRequest,
        ),
    ] {
        let text = format!("{topic:?}");
        assert_eq!(create_one(&mut lab, topic), Some(error), "{text}");
    }
    let twice = create(
        &mut lab,
        vec![wanted("t", 1), wanted("t", 1), wanted("u", 1)],
    );
    let errors: Vec<_> = twice.iter().map(|r| r.error_code).collect();
    assert_eq!(errors, [ResponseError::InvalidRequest.code(), 0]);
    assert!(lab.cluster.topic("t").is_none());
}

#[test]
fn validate_only_creates_nothing() {
    let mut lab = Lab::new(1);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![wanted("t", 1)])
        .with_validate_only(true);
    assert_eq!(
        ask!(lab, 1, 7, CreateTopics(request)).topics[0].error_code,
        0
    );
    assert!(lab.cluster.topic("t").is_none());
}

#[test]
fn a_topics_own_settings_are_honoured() {
    let mut lab = Lab::new(1);
    assert_eq!(
        create_one(&mut lab, with_config("t", "max.message.bytes", "70")),
        None
    );
    assert_eq!(lab.produce(1, "t", 0, &["a"]).error_code, 0);
    let error = lab.produce(1, "t", 0, &["abcdefgh"]).error_code;
    assert_eq!(error, ResponseError::MessageTooLarge.code());
}

#[test]
fn a_topic_is_deleted_by_name_or_id_and_may_come_again() {
    let mut lab = Lab::new(1);
    create(&mut lab, vec![wanted("t", 1)]);
    lab.produce(1, "t", 0, &["a"]);
    let old_id = lab.cluster.topic("t").unwrap().id;
    let by_name = || {
        let topic = DeleteTopicState::default().with_name(Some(topic_name("t")));
        DeleteTopicsRequest::default().with_topics(vec![topic])
    };
    let result = ask!(lab, 1, 6, DeleteTopics(by_name())).responses.remove(0);
    assert_eq!((result.error_code, result.topic_id), (0, old_id));
    let again = ask!(lab, 1, 6, DeleteTopics(by_name())).responses.remove(0);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(again.error_code, unknown);

    create(&mut lab, vec![wanted("t", 1)]);
    let new_id = lab.cluster.topic("t").unwrap().id;
    assert_ne!(new_id, old_id);
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_end_offset(), 0);
    let mut by_id = |id| {
        let topic = DeleteTopicState::default().with_topic_id(id);
        let request = DeleteTopicsRequest::default().with_topics(vec![topic]);
        ask!(lab, 1, 6, DeleteTopics(request)).responses[0].error_code
    };
    assert_eq!(by_id(old_id), ResponseError::UnknownTopicId.code());
    assert_eq!(by_id(new_id), 0);
}
