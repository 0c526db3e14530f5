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
        })
        .await;
        assert!(cluster.with(|cluster| cluster.topic("b").is_none()));
    });
}

#[test]
fn a_topic_grows_and_its_consumer_notices_at_the_next_refresh() {
    run(64, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let consumer: BaseConsumer = create(&[
                ("group.id", "g"),
                ("topic.metadata.refresh.interval.ms", "5000"),
            ]);
            consumer.subscribe(&[TOPIC]).unwrap();
            poll_for(&consumer, Duration::from_secs(8));
            assert_eq!(consumer.assignment().unwrap().count(), 1);

            let admin: AdminClient<DefaultClientContext> = create(&[]);
            let options = AdminOptions::new();
            let more = [NewPartitions::new(TOPIC, 3), NewPartitions::new("c", 3)];
            let unknown = Err(("c".to_owned(), RDKafkaErrorCode::UnknownTopicOrPartition));
            assert_eq!(
                admin.create_partitions(&more, &options).await.unwrap(),
                [Ok(TOPIC.to_owned()), unknown]
            );
            let fewer = [NewPartitions::new(TOPIC, 2)];
            let refused = Err((TOPIC.to_owned(), RDKafkaErrorCode::InvalidPartitions));
            assert_eq!(
                admin.create_partitions(&fewer, &options).await.unwrap(),
                [refused]
            );
            poll_for(&consumer, Duration::from_secs(1));
            assert_eq!(consumer.assignment().unwrap().count(), 1, "not asked yet");
            poll_for(&consumer, Duration::from_secs(9));
            assert_eq!(consumer.assignment().unwrap().count(), 3);

            let too_many: [&[i32]; 2] = [&[1], &[1]];
            let more = [NewPartitions::new(TOPIC, 1).assign(&too_many)];
            assert!(matches!(
                admin.create_partitions(&more, &options).await,
                Err(KafkaError::AdminOpCreation(_))
            ));
        })
        .await;
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
