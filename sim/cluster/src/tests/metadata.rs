use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{DescribeClusterRequest, MetadataRequest};
use uuid::Uuid;

use crate::config::BrokerSettings;
use crate::testing::{Lab, ask, topic_name};

fn about(name: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    MetadataRequest::default().with_topics(Some(vec![topic]))
}

/// Error and number of partitions of the only topic asked for.
fn ask_about(lab: &mut Lab, request: MetadataRequest) -> (Option<ResponseError>, usize) {
    let response = ask!(lab, 1, 12, Metadata(request));
    let topic = &response.topics[0];
    let error = ResponseError::try_from_code(topic.error_code);
    (error, topic.partitions.len())
}

#[test]
fn a_missing_topic_is_created_and_known_the_next_time() {
    let mut lab = Lab::new(2);
    let unknown = Some(ResponseError::UnknownTopicOrPartition);
    assert_eq!(ask_about(&mut lab, about("t")), (unknown, 0));
    assert_eq!(ask_about(&mut lab, about("t")), (None, 3));
    let offsets = about("__consumer_offsets");
    assert_eq!(ask_about(&mut lab, offsets.clone()), (unknown, 0));
    assert_eq!(ask_about(&mut lab, offsets), (None, 50));
}

#[test]
fn a_missing_topic_is_not_created_where_client_broker_or_name_forbid() {
    let mut lab = Lab::new(1);
    let unknown = Some(ResponseError::UnknownTopicOrPartition);
    for _ in 0..2 {
        let shy = about("t").with_allow_auto_topic_creation(false);
        assert_eq!(ask_about(&mut lab, shy), (unknown, 0));
        let invalid = Some(ResponseError::InvalidTopicException);
        assert_eq!(ask_about(&mut lab, about("a b")), (invalid, 0));
    }
    let settings = BrokerSettings {
        auto_create_topics_enable: false,
        ..BrokerSettings::default()
    };
    let mut lab = Lab::with_settings(1, settings);
    for _ in 0..2 {
        assert_eq!(ask_about(&mut lab, about("t")), (unknown, 0));
    }
}

#[test]
fn null_means_all_topics_and_an_empty_list_none() {
    let mut lab = Lab::new(1);
    lab.create_topic("a", &[1]);
    lab.create_topic("b", &[1]);
    let mut count = |version, topics| {
        let request = MetadataRequest::default().with_topics(topics);
        ask!(lab, 1, version, Metadata(request)).topics.len()
    };
    assert_eq!(count(0, Some(vec![])), 2);
    assert_eq!(count(1, Some(vec![])), 0);
    assert_eq!(count(1, None), 2);
}

#[test]
fn a_topic_is_found_by_its_id() {
    let mut lab = Lab::new(1);
    lab.create_topic("t", &[1]);
    let id = lab.cluster.topic("t").unwrap().id;
    assert_eq!(id.get_version_num(), 4);
    let by_id = |id| {
        let topic = MetadataRequestTopic::default()
            .with_name(None)
            .with_topic_id(id);
        MetadataRequest::default().with_topics(Some(vec![topic]))
    };
    assert_eq!(ask_about(&mut lab, by_id(id)), (None, 1));
    let unknown = Some(ResponseError::UnknownTopicId);
    assert_eq!(ask_about(&mut lab, by_id(Uuid::from_u128(5))), (unknown, 0));
}

#[test]
fn partitions_are_spread_over_the_brokers() {
    let mut lab = Lab::new(3);
    for name in ["a", "b"] {
        lab.ask(1, 9, about(name));
    }
    let replicas = |name: &str| {
        let topic = lab.cluster.topic(name).unwrap();
        topic
            .partitions
            .iter()
            .map(|p| p.replica)
            .collect::<Vec<_>>()
    };
    assert_eq!(replicas("a"), [1, 2, 3]);
    assert_eq!(replicas("b"), [2, 3, 1]);
}

#[test]
fn describe_cluster_names_the_brokers() {
    let mut lab = Lab::new(2);
    let request = DescribeClusterRequest::default();
    let response = ask!(lab, 2, 1, DescribeCluster(request));
    let ids: Vec<_> = response.brokers.iter().map(|b| b.broker_id.0).collect();
    assert_eq!((ids, &*response.cluster_id), (vec![1, 2], "lab"));
}
