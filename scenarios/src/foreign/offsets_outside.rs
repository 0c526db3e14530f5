//! Bug: writes its results in transactions, "exactly once", and leaves the offsets to the consumer, which
//! commits them every five seconds. What was written after the last of those is written again by whoever
//! gets the partition next.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use whitewater::pipeline_under_test::{BoxError, Context};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs until it is killed.
pub async fn run(context: Context) -> Result<(), BoxError> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("transactional.id", &context.worker)
        .create()?;
    producer.init_transactions(TIMEOUT)?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;

    loop {
        let Some(polled) = consumer.poll(Duration::from_secs(1)) else {
            continue;
        };
        let message = match polled {
            Ok(message) => message,
            Err(error) => {
                eprintln!("receive: {error}");
                continue;
            }
        };
        producer.begin_transaction()?;
        let record = BaseRecord::<[u8], [u8]>::to(&context.outputs[0])
            .key(message.key().unwrap_or_default())
            .payload(message.payload().unwrap_or_default());
        producer.send(record).map_err(|(error, _)| error)?;
        producer.commit_transaction(TIMEOUT)?;
    }
}
