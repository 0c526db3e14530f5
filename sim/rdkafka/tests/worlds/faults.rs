//! What the client does when brokers, the network and processes fail.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, Offset, TopicPartitionList};
use whitewater_sim::link;
use whitewater_sim::{process, time};

use crate::support::{
    Shared, TOPIC, create, create_topic, numbers, produce, run, run_process, shared, start, text,
};

/// Reads all partitions by hand until `count` different messages have come; errors are noted.
fn read(partitions: i32, count: usize, errors: &Shared<RDKafkaErrorCode>) -> Vec<String> {
    let consumer: BaseConsumer = create(&[("group.id", "reader")]);
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(TOPIC, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut payloads = Vec::new();
    let end = time::now() + Duration::from_secs(120);
    while payloads.len() < count && time::now() < end {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let payload = text(message.payload());
                if !payloads.contains(&payload) {
                    payloads.push(payload);
                }
            }
            Some(Err(error)) => errors.borrow_mut().extend(error.rdkafka_error_code()),
            None => {}
        }
    }
    payloads
}

#[test]
fn a_broker_that_comes_back_gets_what_was_to_be_sent() {
    run(71, |cluster| async move {
        create_topic(6).await;
        let sender = start("sender", || async {
            let producer: FutureProducer = create(&[]);
            for number in 0..60 {
                let payload = number.to_string();
                let record = FutureRecord::to(TOPIC).key(&payload).payload(&payload);
                producer
                    .send(record, Duration::from_secs(60))
                    .await
                    .unwrap();
                time::sleep(Duration::from_millis(250)).await;
            }
        });
        let errors: Shared<RDKafkaErrorCode> = shared();
        let noted = errors.clone();
        let reader = start("reader", move || async move {
            let payloads = read(6, 60, &noted);
            assert_eq!(numbers(&payloads), Vec::from_iter(0..60));
        });
        time::sleep(Duration::from_secs(4)).await;
        cluster.kill_broker(2);
        time::sleep(Duration::from_secs(8)).await;
        cluster.restart_broker(2);
        assert_eq!(process::exited(sender).await, process::ExitStatus::Ok);
        assert_eq!(process::exited(reader).await, process::ExitStatus::Ok);
        assert!(
            errors
                .borrow()
                .contains(&RDKafkaErrorCode::BrokerTransportFailure)
        );
    });
}

#[test]
fn a_network_cut_holds_a_consumer_up_and_loses_nothing() {
    run(72, |cluster| async move {
        create_topic(3).await;
        produce("producer", 30).await;
        let reader = start("reader", || async {
            time::sleep(Duration::from_secs(1)).await;
            let payloads = read(3, 30, &shared());
            assert_eq!(numbers(&payloads), Vec::from_iter(0..30));
        });
        for id in cluster.broker_ids() {
            link::cut(cluster.broker_process(id), reader);
        }
        time::sleep(Duration::from_secs(20)).await;
        for id in cluster.broker_ids() {
            link::heal(cluster.broker_process(id), reader);
        }
        assert_eq!(process::exited(reader).await, process::ExitStatus::Ok);
    });
}

#[test]
fn without_any_broker_the_application_hears_of_it() {
    run(73, |cluster| async move {
        create_topic(1).await;
        let member = start("member", || async {
            let consumer: BaseConsumer = create(&[("group.id", "g")]);
            consumer.subscribe(&[TOPIC]).unwrap();
            let mut codes = Vec::new();
            let end = time::now() + Duration::from_secs(30);
            while time::now() < end {
                match consumer.poll(Duration::from_millis(500)) {
                    Some(Err(KafkaError::MessageConsumption(code))) => codes.push(code),
                    Some(Err(error)) => panic!("{error}"),
                    _ => {}
                }
            }
            assert!(
                codes.contains(&RDKafkaErrorCode::BrokerTransportFailure),
                "{codes:?}"
            );
            assert!(
                codes.contains(&RDKafkaErrorCode::AllBrokersDown),
                "{codes:?}"
            );
            std::mem::forget(consumer);
        });
        time::sleep(Duration::from_secs(10)).await;
        for id in cluster.broker_ids() {
            cluster.kill_broker(id);
        }
        assert_eq!(process::exited(member).await, process::ExitStatus::Ok);
    });
}

#[test]
fn a_coordinator_that_comes_back_keeps_the_group_going() {
    run(74, |cluster| async move {
        create_topic(3).await;
        produce("producer", 30).await;
        let member = start("member", || async {
            let consumer: BaseConsumer = create(&[
                ("group.id", "g"),
                ("auto.offset.reset", "earliest"),
                ("enable.auto.commit", "false"),
            ]);
            consumer.subscribe(&[TOPIC]).unwrap();
            let mut commits = 0;
            let end = time::now() + Duration::from_secs(120);
            while commits < 30 && time::now() < end {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
                    time::sleep(Duration::from_millis(500)).await;
                    if consumer.commit_message(&message, CommitMode::Sync).is_ok() {
                        commits += 1;
                    }
                }
            }
            assert!(commits >= 25, "{commits}");
        });
        time::sleep(Duration::from_secs(8)).await;
        for id in cluster.broker_ids() {
            cluster.kill_broker(id);
            time::sleep(Duration::from_secs(3)).await;
            cluster.restart_broker(id);
            time::sleep(Duration::from_secs(2)).await;
        }
        assert_eq!(process::exited(member).await, process::ExitStatus::Ok);
    });
}

#[test]
fn a_killed_member_is_replaced_and_nothing_is_lost() {
    run(75, |_cluster| async {
        create_topic(4).await;
        produce("producer", 40).await;
        let seen: Shared<String> = shared();
        let consume = |seen: Shared<String>, pause_ms: u64| {
            move || async move {
                let consumer: BaseConsumer = create(&[
                    ("group.id", "g"),
                    ("auto.offset.reset", "earliest"),
                    ("session.timeout.ms", "6000"),
                    ("enable.auto.commit", "false"),
                ]);
                consumer.subscribe(&[TOPIC]).unwrap();
                let end = time::now() + Duration::from_secs(60);
                while time::now() < end {
                    if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                        let message = message.unwrap();
                        seen.borrow_mut().push(text(message.payload()));
                        consumer.commit_message(&message, CommitMode::Sync).unwrap();
                        time::sleep(Duration::from_millis(pause_ms)).await;
                    }
                }
            }
        };
        let victim = start("victim", consume(seen.clone(), 500));
        time::sleep(Duration::from_secs(8)).await;
        process::kill(victim);
        run_process("heir", consume(seen.clone(), 0)).await;
        let mut all = numbers(&seen.borrow());
        all.dedup();
        assert_eq!(all, Vec::from_iter(0..40));
    });
}
