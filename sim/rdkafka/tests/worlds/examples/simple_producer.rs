//! After rdkafka's `examples/simple_producer.rs`: five messages with a key and a header each, sent
//! without waiting in between.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::get_rdkafka_version;

use super::output::Output;

/// Sends the messages and says where each of them went.
pub(crate) async fn main(brokers: &str, topic: &str, output: &Output) {
    let (number, text) = get_rdkafka_version();
    output.say(format!("version: 0x{number:08x}, {text}"));
    let producer: &FutureProducer = &ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("message.timeout.ms", "5000")
        .create()
        .expect("the producer is created");

    let sends = (0..5)
        .map(|number| async move {
            let status = producer
                .send(
                    FutureRecord::to(topic)
                        .payload(&format!("Message {number}"))
                        .key(&format!("Key {number}"))
                        .headers(OwnedHeaders::new().insert(Header {
                            key: "origin",
                            value: Some("example"),
                        })),
                    Duration::from_secs(0),
                )
                .await;
            output.say(format!("status of {number} received"));
            status
        })
        .collect::<Vec<_>>();
    for send in sends {
        match send.await {
            Ok(delivery) => output.say(format!(
                "delivered to {}@{}",
                delivery.partition, delivery.offset
            )),
            Err((error, message)) => output.say(format!("not delivered: {error} {message:?}")),
        }
    }
}
