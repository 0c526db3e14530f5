//! After rdkafka's `examples/runtime_smol.rs` and `runtime_async_std.rs`: clients on a runtime
//! that rdkafka does not know. What those get from smol is had from tokio here, and counted.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{FutureExt, Map};
use futures::stream::StreamExt;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::AsyncRuntime;

use super::output::Output;

static SPAWNED: AtomicUsize = AtomicUsize::new(0);

/// How many tasks the clients of this test program have had spawned.
pub(crate) fn spawned() -> usize {
    SPAWNED.load(Ordering::Relaxed)
}

/// A runtime whose delays are boxed, as with async-std.
pub(crate) struct BoxingRuntime;

impl AsyncRuntime for BoxingRuntime {
    type Delay = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn spawn<T>(task: T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        SPAWNED.fetch_add(1, Ordering::Relaxed);
        drop(tokio::spawn(task));
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A runtime whose delays are mapped timers, as with smol.
pub(crate) struct MappingRuntime;

impl AsyncRuntime for MappingRuntime {
    type Delay = Map<Pin<Box<tokio::time::Sleep>>, fn(())>;

    fn spawn<T>(task: T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        SPAWNED.fetch_add(1, Ordering::Relaxed);
        drop(tokio::spawn(task));
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        FutureExt::map(Box::pin(tokio::time::sleep(duration)), |()| ())
    }
}

/// Sends a message and receives it, on that runtime.
pub(crate) async fn main<R: AsyncRuntime>(brokers: &str, topic: &str, output: &Output) {
    let producer: FutureProducer<_, R> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("message.timeout.ms", "5000")
        .create()
        .expect("the producer is created");
    let status = producer
        .send::<Vec<u8>, _, _>(
            FutureRecord::to(topic).payload("hello from a runtime"),
            Duration::from_secs(0),
        )
        .await;
    if let Err((error, _)) = status {
        return output.say(format!("not sent: {error}"));
    }

    let consumer: StreamConsumer<_, R> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("session.timeout.ms", "6000")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("group.id", "own-runtime")
        .create()
        .expect("the consumer is created");
    consumer.subscribe(&[topic]).expect("the topic is good");
    let mut stream = consumer.stream();
    match stream.next().await {
        Some(Ok(message)) => output.say(format!(
            "received: {}",
            match message.payload_view::<str>() {
                None => "",
                Some(Ok(text)) => text,
                Some(Err(_)) => "<not text>",
            }
        )),
        Some(Err(error)) => output.say(format!("error: {error}")),
        None => output.say("no messages"),
    }
}
