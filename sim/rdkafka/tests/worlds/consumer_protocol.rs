//! Groups with `group.protocol=consumer`: who gets what, which callbacks are made, in which order.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use whitewater_sim::{process, time};

use crate::groups::{poll_for, recording};
use crate::support::{
    Shared, TOPIC, config, create_topic, drain, events, numbers, produce, run, run_process, shared,
    start,
};

const MEMBER: [(&str, &str); 3] = [
    ("group.id", "g"),
    ("group.protocol", "consumer"),
    ("enable.auto.commit", "false"),
];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&MEMBER, more].concat()
}

#[test]
fn partitions_are_handed_over_one_member_after_the_other() {
    run(31, |_cluster| async {
        create_topic(6).await;
        let results: Shared<(usize, Vec<String>)> = shared();
        let mut processes = Vec::new();
        for (index, stay) in [60, 30].into_iter().enumerate() {
            let results = results.clone();
            processes.push(start(&format!("member-{index}"), move || async move {
                let (consumer, lines) = recording(&MEMBER);
                poll_for(&consumer, Duration::from_secs(stay));
                assert_eq!(
                    consumer.rebalance_protocol(),
                    RebalanceProtocol::Cooperative
                );
                drop(consumer);
                results
                    .borrow_mut()
                    .push((index, lines.lock().unwrap().clone()));
            }));
            time::sleep(Duration::from_secs(10)).await;
        }
        for process in processes {
            process::exited(process).await;
        }
        let mut results = results.take();
        results.sort();
        assert_eq!(
            results[0].1,
            [
                "pre assign 0,1,2,3,4,5",
                "post assign 0,1,2,3,4,5",
                "pre revoke 3,4,5",
                "post revoke 3,4,5",
                "pre assign ",
                "post assign ",
                "pre assign 3,4,5",
                "post assign 3,4,5",
                "pre revoke 0,1,2,3,4,5",
                "post revoke 0,1,2,3,4,5",
            ]
        );
        assert_eq!(
            results[1].1,
            [
                "pre assign 3,4,5",
                "post assign 3,4,5",
                "pre revoke 3,4,5",
                "post revoke 3,4,5",
            ]
        );
    });
}

#[test]
fn members_that_start_together_share_all_partitions() {
    for assignor in ["uniform", "range"] {
        run(32, move |_cluster| async move {
            create_topic(6).await;
            let shares: Shared<Vec<i32>> = shared();
            for name in ["member-a", "member-b", "member-c"] {
                let shares = shares.clone();
                start(name, move || async move {
                    let (consumer, _) = recording(&with(&[("group.remote.assignor", assignor)]));
                    poll_for(&consumer, Duration::from_secs(40));
                    let assignment = consumer.assignment().unwrap();
                    let mine = assignment
                        .elements()
                        .iter()
                        .map(|e| e.partition())
                        .collect();
                    shares.borrow_mut().push(mine);
                    std::future::pending::<()>().await;
                });
            }
            time::sleep(Duration::from_secs(60)).await;
            let shares = shares.borrow();
            assert!(shares.iter().all(|share| share.len() == 2), "{shares:?}");
            let all: BTreeSet<&i32> = shares.iter().flatten().collect();
            assert_eq!(all.len(), 6);
        });
    }
}

#[test]
fn a_member_paused_past_its_session_is_fenced_and_joins_again() {
    run(33, |_cluster| async {
        create_topic(2).await;
        let lines: Shared<String> = shared();
        let result = lines.clone();
        let member = start("member", move || async move {
            let (consumer, lines) = recording(&MEMBER);
            poll_for(&consumer, Duration::from_secs(120));
            *result.borrow_mut() = lines.lock().unwrap().clone();
        });
        time::sleep(Duration::from_secs(20)).await;
        process::pause(member);
        time::sleep(Duration::from_secs(60)).await;
        process::resume(member);
        process::exited(member).await;
        assert_eq!(
            *lines.borrow(),
            [
                "pre assign 0,1",
                "post assign 0,1",
                "pre revoke 0,1 lost",
                "post revoke 0,1",
                "pre assign 0,1",
                "post assign 0,1",
            ]
        );
        assert_eq!(events("member_expired").len(), 1);
    });
}

#[test]
fn a_member_that_does_not_poll_leaves_and_joins_again_when_it_polls() {
    for instance in [None, Some("i")] {
        run(34, move |_cluster| async move {
            create_topic(2).await;
            run_process("member", move || async move {
                let mut properties = with(&[("max.poll.interval.ms", "10000")]);
                properties.extend(instance.map(|id| ("group.instance.id", id)));
                let (consumer, lines) = recording(&properties);
                poll_for(&consumer, Duration::from_secs(8));
                time::sleep(Duration::from_secs(30)).await;
                poll_for(&consumer, Duration::from_secs(15));
                assert_eq!(
                    *lines.lock().unwrap(),
                    [
                        "pre assign 0,1",
                        "post assign 0,1",
                        "error PollExceeded",
                        "pre revoke 0,1 lost",
                        "post revoke 0,1",
                        "pre assign 0,1",
                        "post assign 0,1",
                    ],
                    "{instance:?}"
                );
            })
            .await;
        });
    }
}

#[test]
fn a_closing_member_commits_before_it_leaves() {
    run(35, |_cluster| async {
        create_topic(1).await;
        produce("producer", 5).await;
        run_process("member", || async {
            let (consumer, lines) = recording(&[
                ("group.id", "g"),
                ("group.protocol", "consumer"),
                ("auto.offset.reset", "earliest"),
                ("auto.commit.interval.ms", "600000"),
            ]);
            let payloads = drain(&consumer, Duration::from_secs(10));
            assert_eq!(numbers(&payloads), Vec::from_iter(0..5));
            drop(consumer);
            assert_eq!(
                *lines.lock().unwrap(),
                [
                    "pre assign 0",
                    "post assign 0",
                    "pre revoke 0",
                    "post revoke 0",
                    "committed 0@5: ok",
                ]
            );
        })
        .await;
        let kinds: Vec<&str> = whitewater_sim::trace::take()
            .iter()
            .map(|event| event.kind)
            .filter(|kind| matches!(*kind, "revoked" | "offset_commit" | "member_left"))
            .collect();
        assert_eq!(kinds, ["revoked", "offset_commit", "member_left"]);
    });
}

#[test]
fn unsubscribing_gives_everything_up_and_subscribing_gets_it_back() {
    run(36, |_cluster| async {
        create_topic(2).await;
        produce("producer", 10).await;
        run_process("member", || async {
            let (consumer, lines) = recording(&with(&[("auto.offset.reset", "earliest")]));
            poll_for(&consumer, Duration::from_secs(6));
            consumer.unsubscribe();
            poll_for(&consumer, Duration::from_secs(3));
            assert_eq!(consumer.subscription().unwrap().count(), 0);
            assert_eq!(consumer.assignment().unwrap().count(), 0);
            consumer.subscribe(&[TOPIC]).unwrap();
            let payloads = drain(&consumer, Duration::from_secs(10));
            assert_eq!(numbers(&payloads), Vec::from_iter(0..10));
            assert_eq!(lines.lock().unwrap().len(), 6);
        })
        .await;
    });
}

#[test]
fn the_newer_of_two_static_members_is_refused() {
    run(37, |_cluster| async {
        create_topic(2).await;
        let older = start("older", || async {
            let (consumer, lines) = recording(&with(&[("group.instance.id", "i")]));
            poll_for(&consumer, Duration::from_secs(30));
            drop(consumer);
            let lines = lines.lock().unwrap();
            assert_eq!(lines.len(), 4, "{lines:?}");
        });
        time::sleep(Duration::from_secs(5)).await;
        run_process("newer", || async {
            let (consumer, lines) = recording(&with(&[("group.instance.id", "i")]));
            let mut fatal = None;
            for _ in 0..50 {
                if let Some(Err(error)) = consumer.poll(Duration::from_millis(100)) {
                    fatal = Some(error);
                }
            }
            let refused = RDKafkaErrorCode::UnreleasedInstanceId;
            assert_eq!(fatal, Some(KafkaError::MessageConsumptionFatal(refused)));
            assert_eq!(*lines.lock().unwrap(), ["error UnreleasedInstanceId"]);
        })
        .await;
        assert_eq!(process::exited(older).await, process::ExitStatus::Ok);
        run_process("successor", || async {
            let (consumer, _) = recording(&with(&[("group.instance.id", "i")]));
            poll_for(&consumer, Duration::from_secs(5));
            assert_eq!(consumer.assignment().unwrap().count(), 2);
        })
        .await;
    });
}

#[test]
fn an_unknown_assignor_is_fatal() {
    run(38, |_cluster| async {
        create_topic(1).await;
        run_process("member", || async {
            let (consumer, lines) = recording(&with(&[("group.remote.assignor", "sticky")]));
            poll_for(&consumer, Duration::from_secs(5));
            assert_eq!(*lines.lock().unwrap(), ["error UnsupportedAssignor"]);
            drop(consumer);
        })
        .await;
    });
}

#[test]
fn the_membership_outlives_the_restart_of_the_coordinator() {
    run(39, |cluster| async move {
        create_topic(4).await;
        produce("producer", 20).await;
        let member = start("member", || async {
            let (consumer, lines) = recording(&with(&[("auto.offset.reset", "earliest")]));
            let payloads = drain(&consumer, Duration::from_secs(20));
            assert_eq!(numbers(&payloads), Vec::from_iter(0..20));
            poll_for(&consumer, Duration::from_secs(40));
            let callbacks: Vec<String> = {
                let lines = lines.lock().unwrap();
                lines
                    .iter()
                    .filter(|line| !line.starts_with("error"))
                    .cloned()
                    .collect()
            };
            assert_eq!(callbacks, ["pre assign 0,1,2,3", "post assign 0,1,2,3"]);
        });
        time::sleep(Duration::from_secs(25)).await;
        for broker in 1..=3 {
            cluster.kill_broker(broker);
            time::sleep(Duration::from_secs(3)).await;
            cluster.restart_broker(broker);
        }
        assert_eq!(process::exited(member).await, process::ExitStatus::Ok);
        assert!(events("member_expired").is_empty());
    });
}

#[test]
fn what_the_broker_decides_cannot_be_set() {
    run(40, |_cluster| async {
        run_process("member", || async {
            for name in ["session.timeout.ms", "heartbeat.interval.ms"] {
                let mut refused: ClientConfig = config(&MEMBER);
                refused.set(name, "6000");
                let context = crate::groups::Recorder {
                    lines: std::sync::Arc::default(),
                };
                let created = BaseConsumer::from_config_and_context(&refused, context);
                let Err(KafkaError::ClientCreation(text)) = created else {
                    panic!("{name} was accepted");
                };
                assert!(
                    text.contains(name) && text.contains("broker side"),
                    "{text}"
                );
            }
        })
        .await;
    });
}

#[test]
fn a_member_fenced_in_the_middle_of_a_revocation_joins_again_once_it_is_answered() {
    run(41, |_cluster| async {
        create_topic(4).await;
        let slow = start("slow", || async {
            let (consumer, _) = recording(&MEMBER);
            poll_for(&consumer, Duration::from_secs(10));
            // It is told to give two partitions up, is paused past its session, and polls late.
            time::sleep(Duration::from_secs(90)).await;
            poll_for(&consumer, Duration::from_secs(40));
            assert_eq!(consumer.assignment().unwrap().count(), 2);
        });
        time::sleep(Duration::from_secs(12)).await;
        start("other", || async {
            let (consumer, _) = recording(&MEMBER);
            poll_for(&consumer, Duration::from_secs(200));
        });
        time::sleep(Duration::from_secs(10)).await;
        process::pause(slow);
        time::sleep(Duration::from_secs(60)).await;
        process::resume(slow);
        assert_eq!(process::exited(slow).await, process::ExitStatus::Ok);
        assert_eq!(events("member_expired").len(), 1);
    });
}
