//! rdkafka's own examples, retyped, each run in a world and held against what it must see.
//!
//! The programs know nothing of the simulator: `sim/conformance/tests/examples.rs` compiles the
//! same files against the real rdkafka and tokio, and runs them on the served cluster.

mod asynchronous_processing;
mod at_least_once;
mod metadata;
mod output;
mod own_runtime;
mod roundtrip;
mod simple_consumer;
mod simple_producer;

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use whitewater_sim::process::{self, ExitStatus};
use whitewater_sim::time;

use self::output::Output;
use crate::support::{TOPIC, create, create_topic, produce, run, run_process, start};

const BROKERS: &str = "localhost:9092";

/// Creates a topic of one partition besides the usual one.
async fn create_another(name: &'static str) {
    run_process(name, move || async move {
        let admin: AdminClient<DefaultClientContext> = create(&[]);
        let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
        let created = admin.create_topics([&topic], &AdminOptions::new()).await;
        assert_eq!(created.unwrap(), [Ok(name.to_owned())]);
    })
    .await;
}

/// What a topic of one partition holds.
async fn values_of(topic: &'static str) -> Vec<String> {
    let output = Output::default();
    let reading = output.clone();
    run_process(&format!("{topic}-reader"), move || async move {
        let consumer: BaseConsumer = create(&[("group.id", "reader")]);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning)
            .unwrap();
        consumer.assign(&list).unwrap();
        for value in crate::support::drain(&consumer, Duration::from_secs(2)) {
            reading.say(value);
        }
    })
    .await;
    output.lines()
}

/// Where a group goes on in the usual topic's first partition.
async fn committed_by(group: &'static str) -> i64 {
    let output = Output::default();
    let asking = output.clone();
    run_process(&format!("{group}-asker"), move || async move {
        let consumer: BaseConsumer = create(&[("group.id", group)]);
        let mut list = TopicPartitionList::new();
        list.add_partition(TOPIC, 0);
        let list = consumer
            .committed_offsets(list, Duration::from_secs(5))
            .unwrap();
        let offset = list.elements()[0].offset().to_raw();
        asking.say(offset.unwrap_or(-1).to_string());
    })
    .await;
    output.lines()[0].parse().unwrap()
}

#[test]
fn metadata_shows_brokers_topics_and_what_partitions_hold() {
    run(901, |_cluster| async {
        create_topic(2).await;
        create_another("empty").await;
        produce("producer", 10).await;
        let output = Output::default();
        let says = output.clone();
        run_process("example", || async move {
            metadata::main(BROKERS, None, true, &says);
            metadata::main(BROKERS, Some("empty"), false, &says);
        })
        .await;
        assert_eq!(output.after("brokers: "), ["3", "3"]);
        assert_eq!(output.after("topics: "), ["2", "1"]);
        let of_the_first_run: Vec<String> = output.after("broker ").into_iter().take(3).collect();
        assert_eq!(
            of_the_first_run,
            [
                "1 at broker-1:9092",
                "2 at broker-2:9092",
                "3 at broker-3:9092"
            ]
        );
        let topics = output.after("topic ");
        assert_eq!(topics, ["empty: None", "trades: None", "empty: None"]);
        assert_eq!(output.after("messages: "), ["0", "10"]);
        for asked in output.after("asked id: ") {
            assert!(["-1", "1", "2", "3"].contains(&asked.as_str()), "{asked}");
        }
        for partition in output.after("partition ") {
            assert!(partition.ends_with("error None"), "{partition}");
            assert!(!partition.contains("leader -1"), "{partition}");
        }
    });
}

#[test]
fn the_simple_producers_messages_reach_the_simple_consumer() {
    run(902, |_cluster| async {
        create_topic(1).await;
        let sent = Output::default();
        let says = sent.clone();
        run_process("producer", || async move {
            simple_producer::main(BROKERS, TOPIC, &says).await;
        })
        .await;
        assert_eq!(sent.after("version: "), ["0x020c01ff, 2.12.1"]);
        assert_eq!(sent.after("status of ").len(), 5);
        let delivered: Vec<String> = (0..5).map(|offset| format!("0@{offset}")).collect();
        assert_eq!(sent.after("delivered to "), delivered);

        for (group, assignor) in [("classic", None), ("new", Some("range"))] {
            let seen = Output::default();
            let says = seen.clone();
            let consumer = start(group, move || async move {
                simple_consumer::main(BROKERS, group, &[TOPIC], assignor, &says).await;
            });
            time::sleep(Duration::from_secs(20)).await;
            process::kill(consumer);
            assert_eq!(seen.after("before "), ["assign of 1"], "{group}");
            assert_eq!(seen.after("after "), ["assign of 1"], "{group}");
            let messages: Vec<String> = (0..5)
                .map(|n| format!("trades 0@{n} Some(\"Key {n}\"): Message {n}"))
                .collect();
            assert_eq!(seen.after("message "), messages, "{group}");
            assert_eq!(seen.after("has a time: "), ["true"; 5], "{group}");
            let header = "origin: Some([101, 120, 97, 109, 112, 108, 101])";
            assert_eq!(seen.after("header "), [header; 5], "{group}");
            // Commits by hand call nobody back, and leave nothing for the timer.
            assert_eq!(seen.after("committed: "), [""; 0], "{group}");
            assert_eq!(seen.after("error: ").len(), 0, "{group}");
            assert_eq!(committed_by(group).await, 5, "{group}");
        }
    });
}

#[test]
fn a_roundtrip_takes_the_time_that_the_network_takes() {
    run(903, |_cluster| async {
        create_topic(1).await;
        run_process("example", || async {
            let (warming_up, recording) = (Duration::from_secs(5), Duration::from_secs(5));
            let latencies = roundtrip::main(BROKERS, TOPIC, warming_up, recording).await;
            assert!(latencies.count() > 100, "{} messages", latencies.count());
            assert!(latencies.mean_ms() > 0.0, "it takes time");
            let (half, most) = (latencies.percentile_ms(50), latencies.percentile_ms(99));
            assert!((0..=most).contains(&half) && most < 1000, "{half}, {most}");
        })
        .await;
    });
}

#[test]
fn asynchronous_processing_answers_each_message_once() {
    run(904, |_cluster| async {
        create_topic(4).await;
        create_another("results").await;
        produce("producer", 40).await;
        let output = Output::default();
        let says = output.clone();
        let example = start("example", || async move {
            asynchronous_processing::main(BROKERS, "g", TOPIC, "results", 2, &says).await;
        });
        time::sleep(Duration::from_secs(30)).await;
        process::kill(example);
        assert_eq!(output.after("error: "), [""; 0]);
        assert_eq!(output.after("received ").len(), 40);
        assert_eq!(output.after("sent ").len(), 40);
        let results = values_of("results").await;
        let expected = (0..40).map(|n| format!("{n} has {} bytes", n.to_string().len()));
        assert_eq!(results.len(), 40);
        assert_eq!(BTreeSet::from_iter(results), BTreeSet::from_iter(expected));
    });
}

#[test]
fn at_least_once_loses_nothing_when_it_is_killed() {
    run(905, |_cluster| async {
        create_topic(1).await;
        create_another("copies").await;
        create_another("more").await;
        let output = Output::default();
        let mut sent = 0;
        for (round, producer) in ["first", "second", "third"].into_iter().enumerate() {
            produce(producer, 10).await;
            sent += 10;
            let says = output.clone();
            let example = start(&format!("example-{round}"), || async move {
                at_least_once::main(BROKERS, "g", TOPIC, &["copies", "more"], &says).await;
            });
            // Dies before the first automatic commit, after it, and after all is done.
            let lives = [4_500, 12_000, 30_000][round];
            time::sleep(Duration::from_millis(lives)).await;
            process::kill(example);
            assert_eq!(process::exited(example).await, ExitStatus::Killed);
        }
        assert_eq!(output.after("error: "), [""; 0]);
        assert_eq!(output.after("not "), [""; 0]);
        let copied: Vec<i64> = output
            .after("copied ")
            .iter()
            .map(|offset| offset.parse().unwrap())
            .collect();
        assert_eq!(BTreeSet::from_iter(copied.clone()), (0..sent).collect());
        assert!(
            copied.len() > sent as usize,
            "the first life's work is redone"
        );
        assert_eq!(copied[..10], copied[10..20], "in the same order");
        assert_eq!(output.after("committed "), ["Offset(20)", "Offset(30)"]);
        assert_eq!(committed_by("g").await, sent);
        let copies = values_of("copies").await;
        assert_eq!(copies.len(), copied.len());
        assert_eq!(values_of("more").await, copies);
    });
}

#[test]
fn clients_run_on_a_runtime_of_ones_own() {
    run(906, |_cluster| async {
        create_topic(1).await;
        let output = Output::default();
        let says = output.clone();
        run_process("example", || async move {
            own_runtime::main::<own_runtime::BoxingRuntime>(BROKERS, TOPIC, &says).await;
            own_runtime::main::<own_runtime::MappingRuntime>(BROKERS, TOPIC, &says).await;
        })
        .await;
        assert_eq!(output.lines(), ["received: hello from a runtime"; 2]);
        assert_eq!(own_runtime::spawned(), 2, "each consumer's task");
    });
}
