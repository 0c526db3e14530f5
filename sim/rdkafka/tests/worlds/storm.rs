//! Whatever the seed: what was acknowledged is consumed by a group that commits after
//! processing, while members join, leave, pause and die.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{Message, producer::FutureProducer, producer::FutureRecord};
use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::{process, random, time, trace};

use crate::support::{Shared, TOPIC, create, create_topic, run, shared, start, text};

const MESSAGES: usize = 200;

fn consume(
    strategy: &'static str,
    seen: Shared<String>,
    stays: Duration,
) -> impl FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
    move || {
        Box::pin(async move {
            let consumer: StreamConsumer = create(&[
                ("group.id", "g"),
                ("auto.offset.reset", "earliest"),
                ("session.timeout.ms", "6000"),
                ("partition.assignment.strategy", strategy),
                ("enable.auto.commit", "false"),
            ]);
            consumer.subscribe(&[TOPIC]).unwrap();
            let end = time::now() + stays;
            while time::now() < end {
                let left = end.saturating_sub(time::now());
                // Errors of brokers that are down pass.
                if let Ok(Ok(message)) = time::timeout(left, consumer.recv()).await {
                    seen.borrow_mut().push(text(message.payload()));
                    // A commit in the middle of a rebalance may be refused: then the message
                    // comes again.
                    let _ = consumer.commit_message(&message, CommitMode::Sync);
                }
            }
        })
    }
}

async fn storm(cluster: ClusterHandle, strategy: &'static str) {
    create_topic(8).await;
    let seen: Shared<String> = shared();
    let acknowledged: Shared<String> = shared();
    let sender = start("sender", {
        let acknowledged = acknowledged.clone();
        move || async move {
            let producer: FutureProducer = create(&[]);
            for number in 0..MESSAGES {
                let payload = number.to_string();
                let record = FutureRecord::to(TOPIC).key(&payload).payload(&payload);
                if producer.send(record, Duration::from_secs(5)).await.is_ok() {
                    acknowledged.borrow_mut().push(payload);
                }
                time::sleep(Duration::from_millis(200)).await;
            }
        }
    });
    for index in 0..6 {
        let stays = Duration::from_secs(random::range(5..40));
        let member = start(
            &format!("member-{index}"),
            consume(strategy, seen.clone(), stays),
        );
        time::sleep(Duration::from_secs(random::range(1..8))).await;
        match random::below(4) {
            0 => process::kill(member),
            1 => {
                process::pause(member);
                time::sleep(Duration::from_secs(random::range(1..12))).await;
                process::resume(member);
            }
            2 => {
                let broker = 1 + random::below(3) as i32;
                cluster.kill_broker(broker);
                time::sleep(Duration::from_secs(random::range(1..5))).await;
                cluster.restart_broker(broker);
            }
            _ => {}
        }
    }
    process::exited(sender).await;
    let last = start(
        "last",
        consume(strategy, seen.clone(), Duration::from_secs(60)),
    );
    assert_eq!(process::exited(last).await, process::ExitStatus::Ok);
    let seen: BTreeSet<String> = seen.borrow().iter().cloned().collect();
    let lost: Vec<String> = acknowledged
        .borrow()
        .iter()
        .filter(|payload| !seen.contains(*payload))
        .cloned()
        .collect();
    assert!(lost.is_empty(), "acknowledged and never consumed: {lost:?}");
    assert!(acknowledged.borrow().len() > MESSAGES / 2);
}

#[test]
fn nothing_acknowledged_is_lost_in_a_storm() {
    for seed in 1..=50 {
        let strategy = if seed % 2 == 0 {
            "range"
        } else {
            "cooperative-sticky"
        };
        run(seed, move |cluster| storm(cluster, strategy));
    }
}

#[test]
fn the_same_seed_has_the_same_history() {
    let hash = || {
        let result = std::sync::Arc::new(std::sync::Mutex::new(0));
        let out = result.clone();
        run(7, move |cluster| async move {
            storm(cluster, "cooperative-sticky").await;
            *out.lock().unwrap() = trace::hash();
        });
        *result.lock().unwrap()
    };
    assert_eq!(hash(), hash());
}
