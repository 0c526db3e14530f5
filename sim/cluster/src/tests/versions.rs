use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AlterConfigsRequest, ApiKey,
    ApiVersionsRequest, ApiVersionsResponse, ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeGroupsRequest, EndTxnRequest, FindCoordinatorRequest, GroupId,
    HeartbeatRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, RequestKind,
    SyncGroupRequest, TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::api_versions::served_versions;
use crate::event::Event;
use crate::request::Output;
use crate::testing::{Lab, fetch_request, produce_request, record_batch, topic_name};

fn software() -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("lab"))
        .with_client_software_version(StrBytes::from_static_str("1.0"))
}

fn advertised(lab: &mut Lab) -> ApiVersionsResponse {
    crate::testing::ask!(lab, 1, 3, ApiVersions(software()))
}

/// A request about a topic, led here or not.
pub(crate) fn request(key: ApiKey, version: i16, topic: &str) -> RequestKind {
    let name = topic_name(topic);
    match key {
        ApiKey::Produce => produce_request(topic, 0, -1, record_batch(&[(1, "a")])).into(),
        ApiKey::Fetch => fetch_request(topic, &[(0, 0)]).with_max_wait_ms(0).into(),
        ApiKey::ListOffsets => {
            let partition = ListOffsetsPartition::default().with_timestamp(0);
            let topic = ListOffsetsTopic::default()
                .with_name(name)
                .with_partitions(vec![partition]);
            ListOffsetsRequest::default()
                .with_topics(vec![topic])
                .into()
        }
        ApiKey::Metadata => {
            let by_name = MetadataRequestTopic::default().with_name(Some(name));
            let by_id = MetadataRequestTopic::default().with_name(None);
            let topics = if version >= 10 {
                vec![by_name, by_id]
            } else {
                vec![by_name]
            };
            MetadataRequest::default().with_topics(Some(topics)).into()
        }
        ApiKey::FindCoordinator if version >= 4 => FindCoordinatorRequest::default()
            .with_coordinator_keys(vec![StrBytes::from_static_str("g")])
            .into(),
        ApiKey::FindCoordinator => FindCoordinatorRequest::default().into(),
        ApiKey::CreateTopics => {
            let topic = CreatableTopic::default()
                .with_name(topic_name(&format!("{topic}-{version}")))
                .with_num_partitions(1)
                .with_replication_factor(1);
            let bad = CreatableTopic::default();
            CreateTopicsRequest::default()
                .with_topics(vec![topic, bad])
                .into()
        }
        ApiKey::CreatePartitions => {
            let topic = CreatePartitionsTopic::default()
                .with_name(name)
                .with_count(1);
            CreatePartitionsRequest::default()
                .with_topics(vec![topic])
                .into()
        }
        ApiKey::DeleteTopics if version >= 6 => DeleteTopicsRequest::default()
            .with_topics(vec![DeleteTopicState::default()])
            .into(),
        ApiKey::DeleteTopics => DeleteTopicsRequest::default()
            .with_topic_names(vec![topic_name("gone")])
            .into(),
        ApiKey::DeleteRecords => {
            let partition = DeleteRecordsPartition::default();
            let topic = DeleteRecordsTopic::default()
                .with_name(name)
                .with_partitions(vec![partition]);
            DeleteRecordsRequest::default()
                .with_topics(vec![topic])
                .into()
        }
        ApiKey::OffsetForLeaderEpoch => {
            let partition = OffsetForLeaderPartition::default();
            let topic = OffsetForLeaderTopic::default()
                .with_topic(name)
                .with_partitions(vec![partition]);
            OffsetForLeaderEpochRequest::default()
                .with_topics(vec![topic])
                .into()
        }
        ApiKey::InitProducerId => InitProducerIdRequest::default()
            .with_transactional_id(None)
            .into(),
        ApiKey::AddPartitionsToTxn if version >= 4 => {
            let topic = AddPartitionsToTxnTopic::default()
                .with_name(name)
                .with_partitions(vec![0]);
            let transaction = AddPartitionsToTxnTransaction::default().with_topics(vec![topic]);
            AddPartitionsToTxnRequest::default()
                .with_transactions(vec![transaction])
                .into()
        }
        ApiKey::AddPartitionsToTxn => {
            let topic = AddPartitionsToTxnTopic::default()
                .with_name(name)
                .with_partitions(vec![0]);
            AddPartitionsToTxnRequest::default()
                .with_v3_and_below_topics(vec![topic])
                .into()
        }
        ApiKey::AddOffsetsToTxn => AddOffsetsToTxnRequest::default().into(),
        ApiKey::EndTxn => EndTxnRequest::default().into(),
        ApiKey::TxnOffsetCommit => {
            let partition = TxnOffsetCommitRequestPartition::default();
            let topic = TxnOffsetCommitRequestTopic::default()
                .with_name(name)
                .with_partitions(vec![partition]);
            TxnOffsetCommitRequest::default()
                .with_topics(vec![topic])
                .into()
        }
        ApiKey::DescribeConfigs => {
            let resource = DescribeConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(name.0);
            DescribeConfigsRequest::default()
                .with_resources(vec![resource])
                .with_include_synonyms(true)
                .into()
        }
        ApiKey::AlterConfigs => {
            let resource = AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(name.0);
            AlterConfigsRequest::default()
                .with_resources(vec![resource])
                .into()
        }
        ApiKey::IncrementalAlterConfigs => IncrementalAlterConfigsRequest::default().into(),
        ApiKey::OffsetDelete => OffsetDeleteRequest::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .into(),
        ApiKey::DescribeCluster => DescribeClusterRequest::default().into(),
        ApiKey::ApiVersions => software().into(),
        ApiKey::OffsetCommit => OffsetCommitRequest::default().into(),
        ApiKey::OffsetFetch => OffsetFetchRequest::default().into(),
        ApiKey::JoinGroup => JoinGroupRequest::default().into(),
        ApiKey::SyncGroup => SyncGroupRequest::default().into(),
        ApiKey::Heartbeat => HeartbeatRequest::default().into(),
        ApiKey::LeaveGroup => LeaveGroupRequest::default().into(),
        ApiKey::DescribeGroups => DescribeGroupsRequest::default().into(),
        ApiKey::ListGroups => ListGroupsRequest::default().into(),
        ApiKey::DeleteGroups => DeleteGroupsRequest::default().into(),
        ApiKey::ConsumerGroupHeartbeat => ConsumerGroupHeartbeatRequest::default().into(),
        ApiKey::ConsumerGroupDescribe => ConsumerGroupDescribeRequest::default().into(),
        other => panic!("{other:?} is advertised and not tested"),
    }
}

#[test]
fn every_advertised_version_is_answered_in_that_version() {
    let mut lab = Lab::new(2);
    lab.create_topic("here", &[1]);
    lab.create_topic("there", &[2]);
    for range in advertised(&mut lab).api_keys {
        let key = ApiKey::try_from(range.api_key).unwrap();
        let crate_range = key.valid_versions();
        assert!(crate_range.min <= range.min_version, "{key:?}");
        assert!(crate_range.max >= range.max_version, "{key:?}");
        for version in range.min_version..=range.max_version {
            for topic in ["here", "there", "nowhere"] {
                // Asking also encodes the answer, which fails for a field of another version.
                lab.ask(1, version, request(key, version, topic));
            }
        }
    }
}

#[test]
fn what_is_needed_is_advertised_and_what_is_not_served_is_not() {
    let mut lab = Lab::new(1);
    let keys: Vec<_> = advertised(&mut lab)
        .api_keys
        .iter()
        .map(|k| k.api_key)
        .collect();
    assert_eq!(
        keys,
        [
            0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28,
            32, 33, 37, 42, 44, 47, 60, 68, 69
        ]
    );
    assert!(served_versions(ApiKey::WriteTxnMarkers).is_none());
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let mut lab = Lab::new(1);
    let outputs = lab.send(1, 7, 99, ApiVersionsRequest::default());
    let [
        Output::Response {
            api_version: 0,
            body: kafka_protocol::messages::ResponseKind::ApiVersions(response),
            ..
        },
    ] = &outputs[..]
    else {
        panic!("{outputs:?}");
    };
    assert_eq!(
        response.error_code,
        ResponseError::UnsupportedVersion.code()
    );
    assert_eq!(response.api_keys.len(), 1);
    assert_eq!(
        (
            response.api_keys[0].api_key,
            response.api_keys[0].max_version
        ),
        (18, 4)
    );
    let mut bytes = BytesMut::new();
    kafka_protocol::protocol::Encodable::encode(response, &mut bytes, 0).unwrap();
}

#[test]
fn a_client_that_hides_its_name_is_refused() {
    let mut lab = Lab::new(1);
    let invalid = ResponseError::InvalidRequest.code();
    for (version, name, expected) in [
        (3, "", invalid),
        (3, "-x", invalid),
        (3, "x", 0),
        (2, "", 0),
    ] {
        let mut request = software();
        request.client_software_name = StrBytes::from_static_str(name);
        let response = crate::testing::ask!(lab, 1, version, ApiVersions(request));
        assert_eq!(
            response.error_code, expected,
            "version {version}, name {name:?}"
        );
    }
}

#[test]
fn what_is_not_served_closes_the_connection_and_says_why() {
    let mut lab = Lab::new(1);
    for (connection, version, body) in [
        (7, 1, RequestKind::from(WriteTxnMarkersRequest::default())),
        (8, 99, RequestKind::from(MetadataRequest::default())),
        (
            9,
            2,
            RequestKind::from(produce_request("t", 0, 1, record_batch(&[(1, "a")]))),
        ),
    ] {
        lab.cluster.take_events();
        let outputs = lab.send(1, connection, version, body);
        assert!(
            matches!(outputs[..], [Output::CloseConnection { .. }]),
            "{outputs:?}"
        );
        let events = lab.cluster.take_events();
        assert!(
            matches!(events[..], [Event::ConnectionRefused { .. }]),
            "{events:?}"
        );
    }
}
