//! After rdkafka's `examples/asynchronous_processing.rs`: messages are received as a stream,
//! worked on by a pool of blocking threads, in any order, and the results are produced.

use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::stream_consumer::StreamConsumer;
use rdkafka::message::{BorrowedMessage, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::output::Output;

/// What must be done in the messages' order.
async fn note_receipt(message: &BorrowedMessage<'_>, output: &Output) {
    output.say(format!("received {}", message.offset()));
}

/// What takes long and blocks its thread.
fn expensive_computation(message: &OwnedMessage) -> String {
    match message.payload_view::<str>() {
        Some(Ok(payload)) => format!("{payload} has {} bytes", payload.len()),
        Some(Err(_)) => "not text".to_owned(),
        None => "nothing".to_owned(),
    }
}

async fn run_processor(
    brokers: String,
    group: String,
    input_topic: String,
    output_topic: String,
    output: Output,
) {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("group.id", &group)
        .set("bootstrap.servers", &brokers)
        .set("enable.partition.eof", "false")
        .set("session.timeout.ms", "6000")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("the consumer is created");
    consumer
        .subscribe(&[&input_topic])
        .expect("the topic is good");
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .set("message.timeout.ms", "5000")
        .create()
        .expect("the producer is created");

    let processing = consumer.stream().try_for_each(|borrowed| {
        let producer = producer.clone();
        let output_topic = output_topic.clone();
        let output = output.clone();
        async move {
            note_receipt(&borrowed, &output).await;
            // What is borrowed can't leave the consumer.
            let owned = borrowed.detach();
            tokio::spawn(async move {
                let result = tokio::task::spawn_blocking(move || expensive_computation(&owned))
                    .await
                    .expect("the computation ends");
                let send = producer.send(
                    FutureRecord::to(&output_topic)
                        .key("a key")
                        .payload(&result),
                    Duration::from_secs(0),
                );
                match send.await {
                    Ok(_) => output.say(format!("sent {result}")),
                    Err((error, _)) => output.say(format!("error: {error}")),
                }
            });
            Ok(())
        }
    });
    processing.await.expect("the stream goes on");
}

/// Runs that many processors, for ever.
pub(crate) async fn main(
    brokers: &str,
    group: &str,
    input_topic: &str,
    output_topic: &str,
    workers: usize,
    output: &Output,
) {
    (0..workers)
        .map(|_| {
            tokio::spawn(run_processor(
                brokers.to_owned(),
                group.to_owned(),
                input_topic.to_owned(),
                output_topic.to_owned(),
                output.clone(),
            ))
        })
        .collect::<FuturesUnordered<_>>()
        .for_each(|_| async {})
        .await;
}
