//! The idempotent producer: whatever gets lost, each message is in the log once and in its place.

use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer};
use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::{link, process, time};

use crate::support::{TOPIC, config, create, create_topic, log_values, run, run_process, start};

const COUNT: usize = 300;

/// Sends numbers to partition 0, a few at a time, while brokers and links fail.
async fn send_through_faults(cluster: &ClusterHandle, idempotence: &'static str) -> Vec<String> {
    create_topic(1).await;
    let sender = start("sender", move || async move {
        let producer: FutureProducer = create(&[
            ("enable.idempotence", idempotence),
            ("linger.ms", "0"),
            ("batch.num.messages", "3"),
            ("socket.timeout.ms", "2000"),
        ]);
        let mut deliveries = Vec::new();
        for number in 0..COUNT {
            let payload = number.to_string();
            let record = FutureRecord::<str, str>::to(TOPIC)
                .payload(&payload)
                .partition(0);
            let sent = producer.send_result(record).map_err(|(error, _)| error);
            deliveries.push(sent.unwrap());
            time::sleep(Duration::from_millis(20)).await;
        }
        for delivery in deliveries {
            delivery.await.unwrap().unwrap();
        }
    });
    let leader = cluster.with(|cluster| {
        let topic = cluster.topic(TOPIC).unwrap();
        topic.partition(0).unwrap().replica
    });
    for round in 0..4 {
        time::sleep(Duration::from_millis(900)).await;
        if round % 2 == 0 {
            // A request arrives, and its answer does not.
            link::lose_next(cluster.broker_process(leader), sender);
        } else {
            cluster.kill_broker(leader);
            time::sleep(Duration::from_millis(300)).await;
            cluster.restart_broker(leader);
        }
    }
    assert_eq!(process::exited(sender).await, process::ExitStatus::Ok);
    log_values(cluster, 0)
}

#[test]
fn lost_answers_make_no_duplicates_and_no_gaps() {
    for seed in 200..206 {
        run(seed, |cluster| async move {
            let values = send_through_faults(&cluster, "true").await;
            let expected: Vec<_> = (0..COUNT).map(|number| number.to_string()).collect();
            assert_eq!(values, expected);
        });
    }
}

#[test]
fn without_idempotence_the_same_faults_make_duplicates() {
    run(203, |cluster| async move {
        let values = send_through_faults(&cluster, "false").await;
        assert!(values.len() > COUNT, "{} records", values.len());
    });
}

#[test]
fn a_configuration_that_contradicts_idempotence_is_refused() {
    run(210, |_cluster| async {
        run_process("client", || async {
            for (key, value) in [("acks", "1"), ("max.in.flight", "6"), ("retries", "0")] {
                let error = config(&[("enable.idempotence", "true"), (key, value)])
                    .create::<BaseProducer>()
                    .err()
                    .unwrap();
                let KafkaError::ClientCreation(text) = error else {
                    panic!("{error}");
                };
                assert!(text.contains(key) && text.contains("idempotence"), "{text}");
            }
            let contradictions = [
                [("transactional.id", "x"), ("enable.idempotence", "false")],
                [
                    ("enable.gapless.guarantee", "true"),
                    ("enable.idempotence", "false"),
                ],
            ];
            for properties in contradictions {
                let created = config(&properties).create::<BaseProducer>();
                assert!(matches!(created.err(), Some(KafkaError::ClientCreation(_))));
            }
        })
        .await;
    });
}

#[test]
fn a_producer_without_a_transactional_id_has_no_transactions() {
    run(211, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let producer: BaseProducer = create(&[("enable.idempotence", "true")]);
            assert!(producer.begin_transaction().is_err());
            let record = BaseRecord::<str, str>::to(TOPIC).payload("p");
            producer.send(record).map_err(|(error, _)| error).unwrap();
            producer.flush(Duration::from_secs(10)).unwrap();
        })
        .await;
    });
}
