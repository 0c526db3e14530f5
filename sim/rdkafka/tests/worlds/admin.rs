//! Admin operations.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::groups::poll_for;
use crate::support::{TOPIC, create, create_topic, run, run_process};

#[test]
fn topics_are_created_and_deleted_with_an_error_each() {
    run(61, |cluster| async move {
        create_topic(1).await;
        run_process("admin-2", || async {
            let admin: AdminClient<DefaultClientContext> = create(&[]);
            let options = AdminOptions::new();
            let topics = [
                NewTopic::new(TOPIC, 1, TopicReplication::Fixed(1)),
                NewTopic::new("b", 2, TopicReplication::Fixed(1)).set("max.message.bytes", "5000"),
            ];
            let exists = Err((TOPIC.to_owned(), RDKafkaErrorCode::TopicAlreadyExists));
            assert_eq!(
                admin.create_topics(&topics, &options).await.unwrap(),
                [exists, Ok("b".to_owned())]
            );
            let unknown = Err(("c".to_owned(), RDKafkaErrorCode::UnknownTopicOrPartition));
            assert_eq!(
                admin.delete_topics(&["b", "c"], &options).await.unwrap(),
                [Ok("b".to_owned()), unknown]
            );
            let nothing: [NewTopic<'_>; 0] = [];
            assert_eq!(
                admin.create_topics(&nothing, &options).await,
                Err(KafkaError::AdminOp(RDKafkaErrorCode::InvalidArgument))
            );
            let more = [NewPartitions::new(TOPIC, 3)];
            assert_eq!(
                admin.create_partitions(&more, &options).await,
                Err(KafkaError::AdminOp(RDKafkaErrorCode::UnsupportedFeature))
            );
        })
        .await;
        assert!(cluster.with(|cluster| cluster.topic("b").is_none()));
    });
}

#[test]
fn groups_are_listed_with_their_members() {
    run(62, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let consumer: BaseConsumer = create(&[("group.id", "g"), ("client.id", "me")]);
            consumer.subscribe(&[TOPIC]).unwrap();
            poll_for(&consumer, Duration::from_secs(8));
            let list = consumer
                .fetch_group_list(Some("g"), Duration::from_secs(5))
                .unwrap();
            let [group] = list.groups() else {
                panic!("one group");
            };
            assert_eq!((group.state(), group.protocol()), ("Stable", "range"));
            assert_eq!(group.members()[0].client_id(), "me");
            assert_eq!(
                consumer.group_metadata().unwrap(),
                consumer.group_metadata().unwrap()
            );
        })
        .await;
    });
}
