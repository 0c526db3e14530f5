//! Commits: by hand, by timer, refused.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, Offset, TopicPartitionList};
use whitewater_sim::{process, time};

use crate::groups::{poll_for, recording};
use crate::support::{
    Shared, TOPIC, create, create_topic, events, numbers, produce, run, run_process, shared, start,
    text,
};

const LONG: Duration = Duration::from_secs(10);

fn commit_error(code: RDKafkaErrorCode) -> Result<(), KafkaError> {
    Err(KafkaError::ConsumerCommit(code))
}

fn one(partition: i32, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, partition, offset).unwrap();
    list
}

fn committed(consumer: &BaseConsumer, partition: i32) -> Offset {
    let list = consumer
        .committed_offsets(one(partition, Offset::Invalid), LONG)
        .unwrap();
    list.elements()[0].offset()
}

/// A consumer with its assignment, that has seen the first message.
fn reading(properties: &[(&str, &str)]) -> BaseConsumer {
    let mut all = vec![("group.id", "g"), ("auto.offset.reset", "earliest")];
    all.extend_from_slice(properties);
    let consumer: BaseConsumer = create(&all);
    consumer.subscribe(&[TOPIC]).unwrap();
    let first = loop {
        if let Some(message) = consumer.poll(LONG) {
            break message.unwrap().offset();
        }
    };
    assert_eq!(first, 0);
    consumer
}

#[test]
fn manual_commits_follow_the_rules() {
    run(31, |_cluster| async {
        create_topic(1).await;
        produce("producer", 5).await;
        run_process("consumer", || async {
            let consumer = reading(&[("enable.auto.commit", "false")]);
            assert_eq!(committed(&consumer, 0), Offset::Invalid);
            // Auto-store has stored the offset after the first message.
            assert_eq!(consumer.commit_consumer_state(CommitMode::Sync), Ok(()));
            assert_eq!(committed(&consumer, 0), Offset::Offset(1));
            let nothing_new = commit_error(RDKafkaErrorCode::NoOffset);
            assert_eq!(
                consumer.commit_consumer_state(CommitMode::Sync),
                nothing_new
            );
            assert_eq!(consumer.commit_consumer_state(CommitMode::Async), Ok(()));
            assert_eq!(
                consumer.commit(&TopicPartitionList::new(), CommitMode::Sync),
                nothing_new
            );
            assert_eq!(
                consumer.commit(&one(0, Offset::End), CommitMode::Sync),
                nothing_new
            );
            // An explicit list may go backwards, and names the offset itself.
            assert_eq!(
                consumer.commit(&one(0, Offset::Offset(4)), CommitMode::Sync),
                Ok(())
            );
            assert_eq!(
                consumer.commit(&one(0, Offset::Offset(2)), CommitMode::Sync),
                Ok(())
            );
            assert_eq!(committed(&consumer, 0), Offset::Offset(2));
            // Of two partitions, one unknown, the good one is stored although the call fails.
            let mut two = one(0, Offset::Offset(3));
            two.add_partition_offset(TOPIC, 7, Offset::Offset(1))
                .unwrap();
            assert_eq!(
                consumer.commit(&two, CommitMode::Sync),
                commit_error(RDKafkaErrorCode::UnknownTopicOrPartition)
            );
            assert_eq!(committed(&consumer, 0), Offset::Offset(3));
            // A message's commit is the offset after it.
            let message = loop {
                if let Some(message) = consumer.poll(LONG) {
                    break message.unwrap();
                }
            };
            assert_eq!(message.offset(), 1);
            consumer.commit_message(&message, CommitMode::Sync).unwrap();
            assert_eq!(committed(&consumer, 0), Offset::Offset(2));
        })
        .await;
    });
}

#[test]
fn stored_offsets_follow_the_rules() {
    run(32, |_cluster| async {
        create_topic(2).await;
        produce("producer", 20).await;
        run_process("consumer", || async {
            let auto = reading(&[("enable.auto.commit", "false")]);
            assert_eq!(
                auto.store_offsets(&one(0, Offset::Offset(3))),
                Err(KafkaError::StoreOffset(RDKafkaErrorCode::InvalidArgument))
            );
            assert_eq!(
                auto.store_offset("nowhere", 0, 3),
                Err(KafkaError::StoreOffset(RDKafkaErrorCode::UnknownPartition))
            );
            auto.store_offset(TOPIC, 1, 3).unwrap();
            auto.commit_consumer_state(CommitMode::Sync).unwrap();
            assert_eq!(
                committed(&auto, 1),
                Offset::Offset(4),
                "the offset after it"
            );
            auto.unassign().unwrap();
            assert_eq!(
                auto.store_offset(TOPIC, 1, 3),
                Err(KafkaError::StoreOffset(RDKafkaErrorCode::State))
            );
        })
        .await;
        run_process("by-hand", || async {
            let consumer = reading(&[
                ("group.id", "by-hand"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
            ]);
            let nothing = commit_error(RDKafkaErrorCode::NoOffset);
            assert_eq!(consumer.commit_consumer_state(CommitMode::Sync), nothing);
            consumer.store_offsets(&one(0, Offset::Offset(3))).unwrap();
            consumer.commit_consumer_state(CommitMode::Sync).unwrap();
            assert_eq!(
                committed(&consumer, 0),
                Offset::Offset(3),
                "the offset itself"
            );
        })
        .await;
    });
}

#[test]
fn the_timer_commits_what_is_stored_and_says_so() {
    run(33, |_cluster| async {
        create_topic(1).await;
        produce("producer", 5).await;
        run_process("consumer", || async {
            let (consumer, lines) =
                recording(&[("group.id", "g"), ("auto.offset.reset", "earliest")]);
            poll_for(&consumer, Duration::from_secs(20));
            let lines = lines.lock().unwrap();
            assert_eq!(
                lines[..3],
                ["pre assign 0", "post assign 0", "committed 0@5: ok"]
            );
            assert_eq!(lines.len(), 3, "nothing new, nothing committed");
        })
        .await;
    });
}

#[test]
fn without_auto_commit_nothing_is_committed() {
    run(34, |_cluster| async {
        create_topic(1).await;
        produce("producer", 5).await;
        run_process("consumer", || async {
            let consumer = reading(&[("enable.auto.commit", "false")]);
            poll_for(&consumer, Duration::from_secs(20));
        })
        .await;
        assert!(events("offset_commit").is_empty());
    });
}

#[test]
fn a_group_goes_on_where_it_committed() {
    run(35, |_cluster| async {
        create_topic(2).await;
        produce("producer", 40).await;
        let seen: Shared<String> = shared();
        for name in ["first", "second"] {
            let seen = seen.clone();
            run_process(name, move || async move {
                let consumer: BaseConsumer = create(&[
                    ("group.id", "g"),
                    ("auto.offset.reset", "earliest"),
                    ("enable.auto.commit", "false"),
                ]);
                consumer.subscribe(&[TOPIC]).unwrap();
                let mut count = 0;
                let end = time::now() + Duration::from_secs(15);
                while count < 20 && time::now() < end {
                    if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                        let message = message.unwrap();
                        seen.borrow_mut().push(text(message.payload()));
                        consumer.commit_message(&message, CommitMode::Sync).unwrap();
                        count += 1;
                    }
                }
            })
            .await;
        }
        assert_eq!(numbers(&seen.borrow()), Vec::from_iter(0..40));
    });
}

#[test]
fn a_lost_assignment_refuses_commits() {
    run(36, |_cluster| async {
        create_topic(1).await;
        produce("producer", 5).await;
        let member = start("member", || async {
            let (consumer, lines) = recording(&[
                ("group.id", "g"),
                ("session.timeout.ms", "6000"),
                ("auto.offset.reset", "earliest"),
                ("enable.auto.commit", "false"),
            ]);
            while lines.lock().unwrap().len() < 2 {
                drop(consumer.poll(Duration::from_millis(100)));
            }
            drop(consumer.poll(LONG));
            // Paused here by the harness, for longer than the session.
            time::sleep(Duration::from_secs(5)).await;
            time::sleep(Duration::from_secs(1)).await;
            assert!(consumer.assignment_lost());
            assert_eq!(
                consumer.commit_consumer_state(CommitMode::Sync),
                commit_error(RDKafkaErrorCode::AssignmentLost)
            );
            assert_eq!(
                consumer.commit(&one(0, Offset::Offset(1)), CommitMode::Sync),
                commit_error(RDKafkaErrorCode::UnknownMemberId)
            );
        });
        time::sleep(Duration::from_secs(6)).await;
        process::pause(member);
        time::sleep(Duration::from_secs(20)).await;
        process::resume(member);
        assert_eq!(process::exited(member).await, process::ExitStatus::Ok);
        assert_eq!(events("offset_commit_refused").len(), 1);
    });
}

#[test]
fn a_commit_while_the_own_join_is_parked_is_answered_after_it() {
    run(37, |_cluster| async {
        create_topic(2).await;
        produce("producer", 20).await;
        // The second member joins, then is silent: the first one's JoinGroup is parked until the
        // second has been given up.
        let first = start("first", || async {
            let consumer = reading(&[
                ("client.id", "first"),
                ("partition.assignment.strategy", "cooperative-sticky"),
                ("max.poll.interval.ms", "45000"),
                ("session.timeout.ms", "45000"),
                ("enable.auto.commit", "false"),
            ]);
            let end = time::now() + Duration::from_secs(60);
            let mut codes = Vec::new();
            while time::now() < end {
                drop(consumer.poll(Duration::from_millis(100)));
                let result = consumer.commit(&one(0, Offset::Offset(1)), CommitMode::Sync);
                if let Err(KafkaError::ConsumerCommit(code)) = result
                    && !codes.contains(&code)
                {
                    codes.push(code);
                }
                assert!(!consumer.assignment_lost());
            }
            let expected = [
                RDKafkaErrorCode::IllegalGeneration,
                RDKafkaErrorCode::RebalanceInProgress,
            ];
            assert!(
                codes.iter().all(|code| expected.contains(code)),
                "{codes:?}"
            );
            assert!(!codes.is_empty(), "some commit must meet the rebalance");
        });
        time::sleep(Duration::from_secs(10)).await;
        start("second", || async {
            let consumer = reading_nothing();
            poll_for(&consumer, Duration::from_secs(30));
        });
        assert_eq!(process::exited(first).await, process::ExitStatus::Ok);
    });
}

#[test]
fn asynchronous_commits_keep_their_order() {
    for seed in 79..89 {
        run(seed, |_cluster| async {
            create_topic(1).await;
            run_process("client", || async {
                let consumer: BaseConsumer = create(&[("group.id", "g")]);
                for offset in 1..=20 {
                    let list = one(0, Offset::Offset(offset));
                    consumer.commit(&list, CommitMode::Async).unwrap();
                }
                poll_for(&consumer, Duration::from_secs(5));
                assert_eq!(committed(&consumer, 0), Offset::Offset(20));
            })
            .await;
        });
    }
}

fn reading_nothing() -> BaseConsumer {
    let consumer: BaseConsumer = create(&[
        ("group.id", "g"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("enable.auto.commit", "false"),
    ]);
    consumer.subscribe(&[TOPIC]).unwrap();
    consumer
}
