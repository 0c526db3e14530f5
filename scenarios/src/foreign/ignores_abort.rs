//! Bug: aborts a transaction that failed, as it should, and goes on with the next records. The consumer
//! is past those of the aborted one: the next transaction commits offsets behind records that have no
//! result.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use whitewater::pipeline_under_test::{BoxError, Context};

/// How many records go into one transaction, if as many come.
const RECORDS: usize = 20;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs until it is killed.
pub async fn run(context: Context) -> Result<(), BoxError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;

    let mut producer = start(&context)?;
    loop {
        let messages = read(&consumer);
        if messages.is_empty() {
            continue;
        }
        if let Err(error) = write(&producer, &consumer, &context.outputs[0], &messages) {
            eprintln!("transaction: {error}");
            if producer.client().fatal_error().is_some() {
                producer = start(&context)?;
            } else if let Err(error) = producer.abort_transaction(TIMEOUT) {
                eprintln!("abort: {error}");
                producer = start(&context)?;
            }
        }
    }
}

fn start(context: &Context) -> KafkaResult<ThreadedProducer<DefaultProducerContext>> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("transactional.id", &context.worker)
        .set("transaction.timeout.ms", "10000")
        .create()?;
    while let Err(error) = producer.init_transactions(TIMEOUT) {
        eprintln!("start: {error}");
    }
    Ok(producer)
}

fn read(consumer: &BaseConsumer) -> Vec<OwnedMessage> {
    let mut messages = Vec::new();
    while messages.len() < RECORDS {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => messages.push(message.detach()),
            Some(Err(error)) => eprintln!("receive: {error}"),
            None => break,
        }
    }
    messages
}

fn write(
    producer: &ThreadedProducer<DefaultProducerContext>,
    consumer: &BaseConsumer,
    output: &str,
    messages: &[OwnedMessage],
) -> KafkaResult<()> {
    producer.begin_transaction()?;
    let mut offsets = TopicPartitionList::new();
    for message in messages {
        let record = BaseRecord::<[u8], [u8]>::to(output)
            .key(message.key().unwrap_or_default())
            .payload(message.payload().unwrap_or_default());
        producer.send(record).map_err(|(error, _)| error)?;
        let next = Offset::Offset(message.offset() + 1);
        offsets.add_partition_offset(message.topic(), message.partition(), next)?;
    }
    if let Some(group) = consumer.group_metadata() {
        producer.send_offsets_to_transaction(&offsets, &group, TIMEOUT)?;
    }
    producer.commit_transaction(TIMEOUT)
}
