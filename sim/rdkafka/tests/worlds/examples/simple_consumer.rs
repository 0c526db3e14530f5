//! After rdkafka's `examples/simple_consumer.rs`: a context that tells of rebalances and commits,
//! and every message printed with its headers and committed asynchronously.

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::stream_consumer::StreamConsumer;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaResult;
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::output::Output;

struct TellingContext {
    output: Output,
}

impl ClientContext for TellingContext {}

impl ConsumerContext for TellingContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.output.say(format!("before {}", shown(rebalance)));
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.output.say(format!("after {}", shown(rebalance)));
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        self.output.say(format!("committed: {result:?}"));
    }
}

fn shown(rebalance: &Rebalance<'_>) -> String {
    match rebalance {
        Rebalance::Assign(list) => format!("assign of {}", list.count()),
        Rebalance::Revoke(list) => format!("revoke of {}", list.count()),
        Rebalance::Error(error) => format!("error {error}"),
    }
}

type TellingConsumer = StreamConsumer<TellingContext>;

/// Prints whatever comes, for ever. An assignor means the consumer protocol.
pub(crate) async fn main(
    brokers: &str,
    group: &str,
    topics: &[&str],
    assignor: Option<&str>,
    output: &Output,
) {
    let mut config = ClientConfig::new();
    config
        .set("group.id", group)
        .set("bootstrap.servers", brokers)
        .set("enable.partition.eof", "false")
        .set("session.timeout.ms", "6000")
        .set("enable.auto.commit", "true")
        .set("auto.offset.reset", "smallest")
        .set_log_level(RDKafkaLogLevel::Debug);
    if let Some(assignor) = assignor {
        config
            .set("group.remote.assignor", assignor)
            .set("group.protocol", "consumer")
            .remove("session.timeout.ms");
    }
    let consumer: TellingConsumer = config
        .create_with_context(TellingContext {
            output: output.clone(),
        })
        .expect("the consumer is created");
    consumer.subscribe(topics).expect("the topics are good");

    loop {
        match consumer.recv().await {
            Err(error) => output.say(format!("error: {error}")),
            Ok(message) => {
                let payload = match message.payload_view::<str>() {
                    None => "",
                    Some(Ok(text)) => text,
                    Some(Err(error)) => {
                        output.say(format!("not text: {error:?}"));
                        ""
                    }
                };
                output.say(format!(
                    "message {} {}@{} {:?}: {payload}",
                    message.topic(),
                    message.partition(),
                    message.offset(),
                    message.key().map(String::from_utf8_lossy),
                ));
                let to_millis = message.timestamp().to_millis();
                output.say(format!("has a time: {}", to_millis > Some(0)));
                if let Some(headers) = message.headers() {
                    for header in headers.iter() {
                        output.say(format!("header {}: {:?}", header.key, header.value));
                    }
                }
                consumer
                    .commit_message(&message, CommitMode::Async)
                    .expect("the commit is enqueued");
            }
        }
    }
}
