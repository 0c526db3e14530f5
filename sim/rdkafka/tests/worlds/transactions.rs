//! The transactional producer, and consumers that read what it has committed.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaError};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, Offset, TopicPartitionList};
use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::{process, time};

use crate::support::{
    TOPIC, create, create_topic, drain, log_values, produce, run, run_process, start, text,
};

const LONG: Duration = Duration::from_secs(60);

/// A producer that has its transactional id.
fn transactional(properties: &[(&str, &str)]) -> BaseProducer {
    let mut all = vec![("transactional.id", "x")];
    all.extend(properties);
    let producer: BaseProducer = create(&all);
    producer.init_transactions(LONG).unwrap();
    producer
}

fn send(producer: &BaseProducer, value: &str) -> KafkaResult<()> {
    let record = BaseRecord::<str, str>::to(TOPIC)
        .payload(value)
        .partition(0);
    producer.send(record).map_err(|(error, _)| error)
}

fn error(result: KafkaResult<()>) -> RDKafkaError {
    match result {
        Err(KafkaError::Transaction(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Everything that a reader of this isolation level finds in partition 0.
fn read(isolation_level: &str) -> Vec<String> {
    let consumer: BaseConsumer = create(&[
        ("group.id", "reader"),
        ("isolation.level", isolation_level),
        ("enable.auto.commit", "false"),
    ]);
    assign(&consumer);
    drain(&consumer, Duration::from_secs(2))
}

fn assign(consumer: &BaseConsumer) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&list).unwrap();
}

#[test]
fn committed_transactions_are_read_and_aborted_ones_are_not() {
    run(301, |cluster| async move {
        create_topic(1).await;
        run_process("client", || async {
            let producer = transactional(&[]);
            let mut committed = Vec::new();
            for round in 0..6 {
                producer.begin_transaction().unwrap();
                for number in 0..5 {
                    let value = format!("{round}-{number}");
                    send(&producer, &value).unwrap();
                    if round % 2 == 0 {
                        committed.push(value);
                    }
                }
                if round % 2 == 0 {
                    producer.commit_transaction(LONG).unwrap();
                } else {
                    producer.flush(LONG).unwrap();
                    producer.abort_transaction(LONG).unwrap();
                }
            }
            assert_eq!(read("read_committed"), committed);
            assert_eq!(read("read_uncommitted").len(), 30);
        })
        .await;
        assert_eq!(log_values(&cluster, 0).len(), 30);
    });
}

#[test]
fn the_position_moves_past_markers_and_aborted_records() {
    run(302, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let producer = transactional(&[]);
            producer.begin_transaction().unwrap();
            send(&producer, "aborted").unwrap();
            producer.flush(LONG).unwrap();
            producer.abort_transaction(LONG).unwrap();
            producer.begin_transaction().unwrap();
            send(&producer, "committed").unwrap();
            producer.commit_transaction(LONG).unwrap();
            let consumer: BaseConsumer = create(&[
                ("group.id", "g"),
                ("enable.auto.commit", "false"),
                ("enable.partition.eof", "true"),
            ]);
            assign(&consumer);
            let message = consumer.poll(LONG).unwrap().unwrap();
            assert_eq!(
                (text(message.payload()), message.offset()),
                ("committed".to_owned(), 2)
            );
            // The end is behind the marker.
            loop {
                match consumer.poll(LONG) {
                    Some(Err(KafkaError::PartitionEOF(0))) => {
                        let position = consumer.position().unwrap();
                        let element = position.find_partition(TOPIC, 0).unwrap();
                        if element.offset() == Offset::Offset(4) {
                            break;
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(consumer.fetch_watermarks(TOPIC, 0, LONG).unwrap(), (0, 4));
            consumer.commit_consumer_state(CommitMode::Sync).unwrap();
            let committed = consumer.committed(LONG).unwrap();
            let element = committed.find_partition(TOPIC, 0).unwrap();
            assert_eq!(element.offset(), Offset::Offset(4));
        })
        .await;
    });
}

#[test]
fn a_zombie_is_fenced_and_of_no_further_use() {
    run(303, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let zombie = transactional(&[]);
            zombie.begin_transaction().unwrap();
            send(&zombie, "of the zombie").unwrap();
            zombie.flush(LONG).unwrap();
            let producer = transactional(&[]);
            producer.begin_transaction().unwrap();
            send(&producer, "of its successor").unwrap();
            producer.commit_transaction(LONG).unwrap();

            let fenced = error(zombie.commit_transaction(LONG));
            assert_eq!(fenced.code(), RDKafkaErrorCode::Fenced);
            assert!(fenced.is_fatal() && !fenced.is_retriable() && !fenced.txn_requires_abort());
            let (code, _) = zombie.client().fatal_error().unwrap();
            assert_eq!(code, RDKafkaErrorCode::Fenced);
            let refused = KafkaError::MessageProduction(RDKafkaErrorCode::Fatal);
            assert_eq!(send(&zombie, "more"), Err(refused));
            assert!(error(zombie.begin_transaction()).is_fatal());
            assert!(error(zombie.abort_transaction(LONG)).is_fatal());
            assert_eq!(read("read_committed"), ["of its successor"]);
        })
        .await;
    });
}

#[test]
fn calls_out_of_turn_are_refused() {
    run(304, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let producer: BaseProducer = create(&[("transactional.id", "x")]);
            let state = RDKafkaErrorCode::State;
            assert_eq!(error(producer.begin_transaction()).code(), state);
            assert_eq!(
                send(&producer, "early"),
                Err(KafkaError::MessageProduction(state))
            );
            producer.init_transactions(LONG).unwrap();
            assert_eq!(error(producer.init_transactions(LONG)).code(), state);
            assert_eq!(error(producer.commit_transaction(LONG)).code(), state);
            assert_eq!(error(producer.abort_transaction(LONG)).code(), state);
            assert_eq!(
                send(&producer, "early"),
                Err(KafkaError::MessageProduction(state))
            );
            producer.begin_transaction().unwrap();
            assert_eq!(error(producer.begin_transaction()).code(), state);
            // An empty transaction asks nothing of the coordinator.
            producer.commit_transaction(LONG).unwrap();
            producer.begin_transaction().unwrap();
            producer.abort_transaction(LONG).unwrap();
            assert!(read("read_uncommitted").is_empty());
        })
        .await;
    });
}

/// Reads a message as a member of a group, and sends its offset with a transaction.
fn transform(consumer: &BaseConsumer, producer: &BaseProducer) -> KafkaResult<i64> {
    let message = loop {
        if let Some(message) = consumer.poll(Duration::from_millis(500)) {
            break message.unwrap();
        }
    };
    producer.begin_transaction().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(TOPIC, 0, Offset::Offset(message.offset() + 1))
        .unwrap();
    let members = consumer.group_metadata().unwrap();
    producer.send_offsets_to_transaction(&offsets, &members, LONG)?;
    Ok(message.offset() + 1)
}

fn committed(cluster: &ClusterHandle) -> Option<i64> {
    let committed = cluster.with(|cluster| cluster.committed("g", TOPIC, 0));
    committed.map(|committed| committed.offset)
}

#[test]
fn offsets_are_committed_with_the_transaction_or_not_at_all() {
    run(305, |cluster| async move {
        create_topic(1).await;
        produce("source", 3).await;
        let of_client = cluster.clone();
        run_process("client", move || async move {
            let consumer: BaseConsumer = create(&[
                ("group.id", "g"),
                ("auto.offset.reset", "earliest"),
                ("enable.auto.commit", "false"),
            ]);
            consumer.subscribe(&[TOPIC]).unwrap();
            let producer = transactional(&[]);
            let first = transform(&consumer, &producer).unwrap();
            assert_eq!(committed(&of_client), None);
            producer.commit_transaction(LONG).unwrap();
            time::sleep(Duration::from_millis(100)).await;
            assert_eq!(committed(&of_client), Some(first));
            transform(&consumer, &producer).unwrap();
            producer.abort_transaction(LONG).unwrap();
            time::sleep(Duration::from_millis(100)).await;
            assert_eq!(committed(&of_client), Some(first));
        })
        .await;
        assert_eq!(committed(&cluster), Some(1));
    });
}

#[test]
fn offsets_of_a_lost_membership_abort_the_transaction() {
    run(306, |_cluster| async {
        create_topic(1).await;
        produce("source", 3).await;
        run_process("client", || async {
            let member = || -> BaseConsumer {
                let consumer: BaseConsumer = create(&[
                    ("group.id", "g"),
                    ("auto.offset.reset", "earliest"),
                    ("enable.auto.commit", "false"),
                ]);
                consumer.subscribe(&[TOPIC]).unwrap();
                consumer
            };
            let first = member();
            while first.poll(Duration::from_millis(500)).is_none() {}
            let stale = first.group_metadata().unwrap();
            drop(first);
            let second = member();
            while second.poll(Duration::from_millis(500)).is_none() {}
            let producer = transactional(&[]);
            producer.begin_transaction().unwrap();
            let mut offsets = TopicPartitionList::new();
            offsets
                .add_partition_offset(TOPIC, 0, Offset::Offset(1))
                .unwrap();
            let sent = producer.send_offsets_to_transaction(&offsets, &stale, LONG);
            let refused = error(sent);
            assert_eq!(refused.code(), RDKafkaErrorCode::UnknownMemberId);
            assert!(refused.txn_requires_abort() && !refused.is_fatal());
            let commit = error(producer.commit_transaction(LONG));
            assert_eq!(commit.code(), RDKafkaErrorCode::UnknownMemberId);
            producer.abort_transaction(LONG).unwrap();
            producer.begin_transaction().unwrap();
            producer.commit_transaction(LONG).unwrap();
        })
        .await;
    });
}

#[test]
fn a_failed_delivery_leaves_only_the_abort_and_a_gap_that_costs_another() {
    run(307, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let producer = transactional(&[("message.max.bytes", "4000000")]);
            producer.begin_transaction().unwrap();
            send(&producer, &"x".repeat(2_000_000)).unwrap();
            producer.flush(LONG).unwrap();
            let too_large = RDKafkaErrorCode::MessageSizeTooLarge;
            for refused in [
                error(producer.commit_transaction(LONG)),
                error(producer.begin_transaction()),
            ] {
                assert_eq!(refused.code(), too_large);
                assert!(refused.txn_requires_abort() && !refused.is_fatal());
            }
            let state = KafkaError::MessageProduction(RDKafkaErrorCode::State);
            assert_eq!(send(&producer, "more"), Err(state));
            producer.abort_transaction(LONG).unwrap();
            // The refused message has taken a number that the broker waits for.
            producer.begin_transaction().unwrap();
            send(&producer, "behind the gap").unwrap();
            let gap = error(loop {
                producer.poll(Duration::from_millis(10));
                match producer.begin_transaction() {
                    Err(KafkaError::Transaction(error)) if !error.txn_requires_abort() => {}
                    other => break other,
                }
            });
            assert_eq!(gap.code(), RDKafkaErrorCode::OutOfOrderSequenceNumber);
            while producer
                .abort_transaction(Duration::from_millis(100))
                .is_err()
            {
                producer.poll(Duration::from_millis(10));
            }
            producer.begin_transaction().unwrap();
            send(&producer, "all is well").unwrap();
            producer.commit_transaction(LONG).unwrap();
            assert_eq!(read("read_committed"), ["all is well"]);
        })
        .await;
    });
}

#[test]
fn a_commit_that_timed_out_is_made_again() {
    run(308, |cluster| async move {
        create_topic(1).await;
        let in_client = cluster.clone();
        let client = start("client", move || async move {
            let producer = transactional(&[]);
            producer.begin_transaction().unwrap();
            send(&producer, "a").unwrap();
            producer.flush(LONG).unwrap();
            for id in in_client.broker_ids() {
                in_client.kill_broker(id);
            }
            let timed_out = error(producer.commit_transaction(Duration::from_secs(2)));
            assert_eq!(timed_out.code(), RDKafkaErrorCode::OperationTimedOut);
            assert!(timed_out.is_retriable() && !timed_out.is_fatal());
            let conflict = error(producer.abort_transaction(Duration::from_secs(1)));
            assert_eq!(conflict.code(), RDKafkaErrorCode::Conflict);
            assert!(conflict.is_retriable());
            for id in in_client.broker_ids() {
                in_client.restart_broker(id);
            }
            producer.commit_transaction(LONG).unwrap();
            assert_eq!(read("read_committed"), ["a"]);
        });
        assert_eq!(process::exited(client).await, process::ExitStatus::Ok);
    });
}

#[test]
fn what_a_dead_producer_left_open_is_aborted_when_it_times_out() {
    run(309, |_cluster| async {
        create_topic(1).await;
        let dead = start("dead", || async {
            let producer = transactional(&[("transaction.timeout.ms", "20000")]);
            producer.begin_transaction().unwrap();
            send(&producer, "left open").unwrap();
            producer.flush(LONG).unwrap();
            time::sleep(Duration::from_secs(3600)).await;
        });
        time::sleep(Duration::from_secs(5)).await;
        process::kill(dead);
        produce("another", 1).await;
        run_process("client", || async {
            // What is behind the open transaction cannot be read before it ends.
            assert!(read("read_committed").is_empty());
            time::sleep(Duration::from_secs(30)).await;
            assert_eq!(read("read_committed"), ["0"]);
        })
        .await;
    });
}

#[test]
fn transactions_survive_brokers_that_die() {
    for seed in 320..324 {
        run(seed, |cluster| async move {
            create_topic(1).await;
            let client = start("client", || async {
                let producer = transactional(&[]);
                let mut committed = Vec::new();
                for round in 0..20 {
                    producer.begin_transaction().unwrap();
                    for number in 0..3 {
                        let value = format!("{round}-{number}");
                        send(&producer, &value).unwrap();
                        time::sleep(Duration::from_millis(100)).await;
                        committed.push(value);
                    }
                    producer.commit_transaction(LONG).unwrap();
                }
                time::sleep(Duration::from_secs(5)).await;
                assert_eq!(read("read_committed"), committed);
            });
            for id in cluster.broker_ids() {
                time::sleep(Duration::from_millis(1700)).await;
                cluster.kill_broker(id);
                time::sleep(Duration::from_millis(400)).await;
                cluster.restart_broker(id);
            }
            assert_eq!(process::exited(client).await, process::ExitStatus::Ok);
        });
    }
}
