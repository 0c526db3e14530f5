//! Groups: who gets what, which callbacks are made, in which order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, TopicPartitionList};
use whitewater_sim::{process, time};

use crate::support::{
    Shared, TOPIC, config, create, create_topic, drain, events, numbers, produce, run, run_process,
    shared, start,
};

/// Records every callback as a line.
pub(crate) struct Recorder {
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

fn shown(list: &TopicPartitionList) -> String {
    let partitions: Vec<String> = list
        .elements()
        .iter()
        .map(|element| element.partition().to_string())
        .collect();
    partitions.join(",")
}

impl Recorder {
    fn record(&self, when: &str, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let lost = if consumer.assignment_lost() {
            " lost"
        } else {
            ""
        };
        let line = match rebalance {
            Rebalance::Assign(list) => format!("{when} assign {}", shown(list)),
            Rebalance::Revoke(list) => format!("{when} revoke {}{lost}", shown(list)),
            Rebalance::Error(error) => format!("{when} error {error}"),
        };
        self.lines.lock().unwrap().push(line);
    }
}

impl ClientContext for Recorder {
    fn error(&self, error: KafkaError, _reason: &str) {
        let code = error.rdkafka_error_code().unwrap();
        self.lines.lock().unwrap().push(format!("error {code:?}"));
    }
}

impl ConsumerContext for Recorder {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.record("pre", consumer, rebalance);
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.record("post", consumer, rebalance);
    }

    fn commit_callback(
        &self,
        result: rdkafka::error::KafkaResult<()>,
        offsets: &TopicPartitionList,
    ) {
        let outcome = match result {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{:?}", error.rdkafka_error_code().unwrap()),
        };
        let offsets: Vec<String> = offsets
            .elements()
            .iter()
            .map(|element| {
                format!(
                    "{}@{}",
                    element.partition(),
                    element.offset().to_raw().unwrap()
                )
            })
            .collect();
        let line = format!("committed {}: {outcome}", offsets.join(","));
        self.lines.lock().unwrap().push(line);
    }
}

/// A consumer that records its callbacks, subscribed to the topic.
pub(crate) fn recording(
    properties: &[(&str, &str)],
) -> (BaseConsumer<Recorder>, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::default();
    let context = Recorder {
        lines: Arc::clone(&lines),
    };
    let config = config(properties);
    let consumer = BaseConsumer::from_config_and_context(&config, context).unwrap();
    consumer.subscribe(&[TOPIC]).unwrap();
    (consumer, lines)
}

/// Polls for a while; messages are dropped, errors too.
pub(crate) fn poll_for<C: ConsumerContext>(consumer: &BaseConsumer<C>, duration: Duration) {
    let end = time::now() + duration;
    while time::now() < end {
        drop(consumer.poll(Duration::from_millis(100)));
    }
}

/// Has members join one after another, 10 s apart, and leave after their times; returns the
/// callbacks of each.
async fn members(strategy: &'static str, stays_s: &'static [u64]) -> Vec<Vec<String>> {
    create_topic(6).await;
    let results: Shared<(usize, Vec<String>)> = shared();
    let mut processes = Vec::new();
    for (index, stay) in stays_s.iter().enumerate() {
        let results = results.clone();
        processes.push(start(&format!("member-{index}"), move || async move {
            let (consumer, lines) = recording(&[
                ("group.id", "g"),
                ("client.id", ["a", "b", "c"][index]),
                ("partition.assignment.strategy", strategy),
                ("enable.auto.commit", "false"),
            ]);
            poll_for(&consumer, Duration::from_secs(*stay));
            drop(consumer);
            let lines = lines.lock().unwrap().clone();
            results.borrow_mut().push((index, lines));
        }));
        time::sleep(Duration::from_secs(10)).await;
    }
    for process in processes {
        process::exited(process).await;
    }
    let mut results = results.take();
    results.sort();
    results.into_iter().map(|(_, lines)| lines).collect()
}

#[test]
fn eager_members_give_up_everything_and_get_their_share() {
    run(11, |_cluster| async {
        let callbacks = members("range", &[40, 50]).await;
        assert_eq!(
            callbacks[0],
            [
                "pre assign 0,1,2,3,4,5",
                "post assign 0,1,2,3,4,5",
                "pre revoke 0,1,2,3,4,5",
                "post revoke 0,1,2,3,4,5",
                "pre assign 0,1,2",
                "post assign 0,1,2",
                "pre revoke 0,1,2",
                "post revoke 0,1,2",
            ]
        );
        assert_eq!(
            callbacks[1],
            [
                "pre assign 3,4,5",
                "post assign 3,4,5",
                "pre revoke 3,4,5",
                "post revoke 3,4,5",
                "pre assign 0,1,2,3,4,5",
                "post assign 0,1,2,3,4,5",
                "pre revoke 0,1,2,3,4,5",
                "post revoke 0,1,2,3,4,5",
            ]
        );
    });
}

#[test]
fn cooperative_members_hand_partitions_over_in_two_steps() {
    run(12, |_cluster| async {
        let callbacks = members("cooperative-sticky", &[60, 30]).await;
        assert_eq!(
            callbacks[0],
            [
                "pre assign 0,1,2,3,4,5",
                "post assign 0,1,2,3,4,5",
                "pre revoke 0,1,2",
                "post revoke 0,1,2",
                "pre assign ",
                "post assign ",
                "pre assign ",
                "post assign ",
                "pre assign 0,1,2",
                "post assign 0,1,2",
                "pre revoke 0,1,2,3,4,5",
                "post revoke 0,1,2,3,4,5",
            ]
        );
        assert_eq!(
            callbacks[1],
            [
                "pre assign ",
                "post assign ",
                "pre assign 0,1,2",
                "post assign 0,1,2",
                "pre revoke 0,1,2",
                "post revoke 0,1,2",
            ]
        );
    });
}

#[test]
fn three_members_share_all_partitions_with_either_protocol() {
    for strategy in ["range", "roundrobin", "cooperative-sticky"] {
        run(13, move |_cluster| async move {
            create_topic(6).await;
            let shares: Shared<usize> = shared();
            for name in ["member-a", "member-b", "member-c"] {
                let shares = shares.clone();
                start(name, move || async move {
                    let (consumer, _) = recording(&[
                        ("group.id", "g"),
                        ("partition.assignment.strategy", strategy),
                    ]);
                    poll_for(&consumer, Duration::from_secs(40));
                    shares
                        .borrow_mut()
                        .push(consumer.assignment().unwrap().count());
                    std::future::pending::<()>().await;
                });
                time::sleep(Duration::from_secs(5)).await;
            }
            time::sleep(Duration::from_secs(60)).await;
            assert_eq!(*shares.borrow(), [2, 2, 2], "{strategy}");
        });
    }
}

#[test]
fn a_missing_topic_is_reported_once() {
    run(14, |_cluster| async {
        run_process("member", || async {
            let (consumer, lines) = recording(&[("group.id", "g")]);
            poll_for(&consumer, Duration::from_secs(30));
            assert_eq!(*lines.lock().unwrap(), ["error UnknownTopicOrPartition"]);
            assert!(consumer.assignment().unwrap().elements().is_empty());
        })
        .await;
    });
}

#[test]
fn without_a_group_there_is_no_membership() {
    run(15, |_cluster| async {
        run_process("client", || async {
            let consumer: BaseConsumer = create(&[]);
            let unknown = "Local: Unknown group".to_owned();
            assert_eq!(
                consumer.subscribe(&[TOPIC]),
                Err(KafkaError::Subscription(unknown.clone()))
            );
            assert_eq!(
                consumer.assign(&TopicPartitionList::new()),
                Err(KafkaError::Subscription(unknown))
            );
            assert_eq!(
                consumer.position(),
                Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownGroup))
            );
            assert!(consumer.group_metadata().is_none());
            let metadata = consumer
                .fetch_metadata(None, Duration::from_secs(5))
                .unwrap();
            assert_eq!(metadata.brokers().len(), 3);
        })
        .await;
    });
}

#[test]
fn a_member_paused_past_its_session_loses_its_assignment() {
    run(16, |_cluster| async {
        create_topic(2).await;
        let lines: Shared<String> = shared();
        let result = lines.clone();
        let member = start("member", move || async move {
            let (consumer, lines) = recording(&[
                ("group.id", "g"),
                ("session.timeout.ms", "6000"),
                ("enable.auto.commit", "false"),
            ]);
            poll_for(&consumer, Duration::from_secs(60));
            *result.borrow_mut() = lines.lock().unwrap().clone();
        });
        time::sleep(Duration::from_secs(10)).await;
        process::pause(member);
        time::sleep(Duration::from_secs(20)).await;
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
    });
}

#[test]
fn a_member_that_does_not_poll_is_expelled_and_joins_again_when_it_polls() {
    run(17, |_cluster| async {
        create_topic(2).await;
        run_process("member", || async {
            let (consumer, lines) = recording(&[
                ("group.id", "g"),
                ("session.timeout.ms", "6000"),
                ("max.poll.interval.ms", "10000"),
                ("enable.auto.commit", "false"),
            ]);
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
                ]
            );
        })
        .await;
        let left = events("member_left");
        assert!(!left.is_empty(), "it leaves at once");
    });
}

#[test]
fn a_closing_member_revokes_commits_and_leaves() {
    run(18, |_cluster| async {
        create_topic(1).await;
        produce("producer", 5).await;
        run_process("member", || async {
            let (consumer, lines) = recording(&[
                ("group.id", "g"),
                ("auto.offset.reset", "earliest"),
                ("auto.commit.interval.ms", "600000"),
            ]);
            let mut seen = 0;
            while seen < 5 {
                if let Some(message) = consumer.poll(Duration::from_secs(1)) {
                    message.unwrap();
                    seen += 1;
                }
            }
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
    run(19, |_cluster| async {
        create_topic(2).await;
        produce("producer", 10).await;
        run_process("member", || async {
            let (consumer, lines) = recording(&[
                ("group.id", "g"),
                ("auto.offset.reset", "earliest"),
                ("enable.auto.commit", "false"),
            ]);
            poll_for(&consumer, Duration::from_secs(6));
            consumer.unsubscribe();
            poll_for(&consumer, Duration::from_secs(3));
            assert_eq!(consumer.subscription().unwrap().count(), 0);
            assert_eq!(consumer.assignment().unwrap().count(), 0);
            consumer.subscribe(&[TOPIC]).unwrap();
            let mut payloads = Vec::new();
            let end = time::now() + Duration::from_secs(10);
            while time::now() < end {
                if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                    payloads.push(crate::support::text(message.unwrap().payload()));
                }
            }
            assert_eq!(numbers(&payloads), Vec::from_iter(0..10));
            assert_eq!(lines.lock().unwrap().len(), 6);
        })
        .await;
    });
}

#[test]
fn a_default_context_consumes_as_a_group() {
    run(20, |_cluster| async {
        create_topic(3).await;
        produce("producer", 30).await;
        run_process("member", || async {
            let consumer: BaseConsumer =
                create(&[("group.id", "g"), ("auto.offset.reset", "earliest")]);
            consumer.subscribe(&[TOPIC]).unwrap();
            let payloads = drain(&consumer, Duration::from_secs(10));
            assert_eq!(numbers(&payloads), Vec::from_iter(0..30));
        })
        .await;
    });
}
