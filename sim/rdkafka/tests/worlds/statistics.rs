//! Statistics: who is told of them, and that a seed always gives the same.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Message, Statistics};
use whitewater_sim::time;

use crate::support::{TOPIC, config, create, create_topic, produce, run, run_process};

#[derive(Clone, Default)]
struct Collecting {
    json: Arc<Mutex<Vec<String>>>,
}

impl Collecting {
    /// The last before the client began to close.
    fn last(&self) -> Statistics {
        let json = self.json.lock().unwrap();
        let statistics = json.iter().rev().map(|json| serde_json::from_str(json));
        let mut open = statistics.map(Result::unwrap).filter(|of: &Statistics| {
            let group = of.cgrp.as_ref();
            group.is_none_or(|group| group.join_state == "steady")
        });
        open.next().expect("statistics came")
    }
}

impl ClientContext for Collecting {
    fn stats_raw(&self, json: &[u8]) {
        let json = String::from_utf8(json.to_vec()).unwrap();
        self.json.lock().unwrap().push(json);
    }
}

impl ConsumerContext for Collecting {}

const EVERY_SECOND: (&str, &str) = ("statistics.interval.ms", "1000");

/// What a consumer of ten messages, committed up to the seventh, is told.
fn consumed(seed: u64) -> Collecting {
    let context = Collecting::default();
    let collecting = context.clone();
    run(seed, |_cluster| async {
        create_topic(1).await;
        produce("producer", 10).await;
        run_process("consumer", || async move {
            let properties = [
                ("group.id", "g"),
                ("auto.offset.reset", "earliest"),
                ("enable.auto.commit", "false"),
                EVERY_SECOND,
            ];
            let consumer: StreamConsumer<Collecting> =
                config(&properties).create_with_context(collecting).unwrap();
            consumer.subscribe(&[TOPIC]).unwrap();
            let end = time::now() + Duration::from_secs(10);
            while let Ok(message) = time::timeout(end - time::now(), consumer.recv()).await {
                let message = message.unwrap();
                if message.offset() == 6 {
                    let mode = rdkafka::consumer::CommitMode::Sync;
                    consumer.commit_message(&message, mode).unwrap();
                }
            }
        })
        .await;
    });
    context
}

#[test]
fn a_stream_consumer_is_told_of_its_lag_and_its_brokers() {
    let statistics = consumed(1001).last();
    let partition = &statistics.topics[TOPIC].partitions[&0];
    assert_eq!((partition.committed_offset, partition.consumer_lag), (7, 3));
    assert_eq!(partition.consumer_lag_stored, 0);
    assert_eq!(statistics.rxmsgs, 10);
    let up = statistics.brokers.values().filter(|one| one.state == "UP");
    let fetches: i64 = up.clone().filter_map(|one| one.req.get("Fetch")).sum();
    assert!(fetches > 1, "{fetches} fetches");
    assert!(up.clone().count() >= 1);
    for broker in up {
        assert!(broker.tx >= broker.rx && broker.txbytes > 14 * broker.tx);
        assert_eq!(broker.connects, Some(1));
    }
    assert_eq!(statistics.cgrp.unwrap().join_state, "steady");
}

#[test]
fn a_seed_gives_the_same_statistics_always() {
    let (first, again) = (consumed(1002), consumed(1002));
    let first = first.json.lock().unwrap().clone();
    assert!(first.len() >= 8, "{}", first.len());
    assert_eq!(first, *again.json.lock().unwrap());
}

#[test]
fn a_producer_without_polls_of_ones_own_is_told_too() {
    let context = Collecting::default();
    let collecting = context.clone();
    run(1003, |_cluster| async {
        create_topic(1).await;
        run_process("producer", || async move {
            let producer: FutureProducer<Collecting> = config(&[EVERY_SECOND])
                .create_with_context(collecting)
                .unwrap();
            for payload in ["a", "bc"] {
                let record = FutureRecord::<str, str>::to(TOPIC).payload(payload);
                producer.send(record, Duration::from_secs(5)).await.unwrap();
            }
            time::sleep(Duration::from_secs(3)).await;
        })
        .await;
    });
    let statistics = context.last();
    assert_eq!((statistics.txmsgs, statistics.txmsg_bytes), (2, 3));
    assert_eq!(statistics.client_type, "producer");
}

#[test]
fn statistics_are_not_made_unless_asked_for() {
    let context = Collecting::default();
    let collecting = context.clone();
    run(1004, |_cluster| async {
        run_process("consumer", || async move {
            let consumer: StreamConsumer<Collecting> = config(&[("group.id", "g")])
                .create_with_context(collecting)
                .unwrap();
            let waited = time::timeout(Duration::from_secs(5), consumer.recv()).await;
            assert!(waited.is_err());
            let default: StreamConsumer = create(&[("group.id", "h")]);
            drop(default);
        })
        .await;
    });
    assert!(context.json.lock().unwrap().is_empty());
}
