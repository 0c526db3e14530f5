//! After rdkafka's `examples/roundtrip.rs`: one task produces, one message after the other, and
//! the other measures how old what it receives is. The clocks are those that run in every world:
//! tokio's and the client's own.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::current_time_millis;
use tokio::time::Instant;

/// Latencies in milliseconds, sorted.
pub(crate) struct Latencies {
    sorted_ms: Vec<i64>,
}

impl Latencies {
    pub(crate) fn count(&self) -> usize {
        self.sorted_ms.len()
    }

    pub(crate) fn mean_ms(&self) -> f64 {
        let sum: i64 = self.sorted_ms.iter().sum();
        sum as f64 / self.count() as f64
    }

    pub(crate) fn percentile_ms(&self, percent: usize) -> i64 {
        self.sorted_ms[(self.count() - 1) * percent / 100]
    }
}

/// Measures for a time, after a time of warming up.
pub(crate) async fn main(
    brokers: &str,
    topic: &str,
    warming_up: Duration,
    recording: Duration,
) -> Latencies {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("message.timeout.ms", "5000")
        .create()
        .expect("the producer is created");
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("session.timeout.ms", "6000")
        .set("enable.auto.commit", "false")
        .set("group.id", "roundtrip")
        .create()
        .expect("the consumer is created");
    consumer.subscribe(&[topic]).expect("the topic is good");

    let topic = topic.to_owned();
    let producing = tokio::spawn(async move {
        let mut number = 0_usize;
        loop {
            producer
                .send_result(
                    FutureRecord::to(&topic)
                        .key(&number.to_string())
                        .payload("dummy")
                        .timestamp(current_time_millis()),
                )
                .expect("the queue has room")
                .await
                .expect("the producer lives")
                .expect("the message is delivered");
            number += 1;
        }
    });

    let start = Instant::now();
    let mut sorted_ms = Vec::new();
    while start.elapsed() < warming_up + recording {
        let message = consumer.recv().await.expect("a message comes");
        let sent = message.timestamp().to_millis().expect("it has a time");
        if start.elapsed() >= warming_up {
            sorted_ms.push(current_time_millis() - sent);
        }
    }
    producing.abort();
    sorted_ms.sort_unstable();
    Latencies { sorted_ms }
}
