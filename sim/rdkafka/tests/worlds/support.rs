//! A world with a cluster in it, and processes that use the client.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use kafka_protocol::records::RecordBatchDecoder;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfig};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use whitewater_sim::kafka::{ClusterHandle, ClusterSimConfig, start_cluster};
use whitewater_sim::process::{self, ExitStatus, ProcessId};
use whitewater_sim::trace::{self, Event};
use whitewater_sim::world::{self, WorldConfig};
use whitewater_sim::{host, time};

/// The topic of most tests.
pub(crate) const TOPIC: &str = "trades";

/// Runs a world with a cluster of three brokers.
pub(crate) fn run<F, Fut>(seed: u64, main: F)
where
    F: FnOnce(ClusterHandle) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let config = WorldConfig {
        seed,
        poll_budget: 20_000_000,
        ..WorldConfig::default()
    };
    let outcome = world::run(config, async move {
        let cluster = start_cluster(ClusterSimConfig::default());
        main(cluster).await;
    });
    if let Err(error) = outcome {
        panic!("seed {seed}: {error}");
    }
}

/// Starts a process on a host of its own.
pub(crate) fn start<F, Fut>(name: &str, main: F) -> ProcessId
where
    F: FnOnce() -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let host = host::create_host(&format!("{name}-host"));
    let process = process::create_process(host, name);
    process::start(process, main);
    process
}

/// Runs a process to its end.
pub(crate) async fn run_process<F, Fut>(name: &str, main: F)
where
    F: FnOnce() -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let process = start(name, main);
    assert_eq!(process::exited(process).await, ExitStatus::Ok, "{name}");
}

/// A client configuration.
pub(crate) fn config(properties: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", "localhost:9092");
    for (key, value) in properties {
        config.set(*key, *value);
    }
    config
}

/// Creates a client of the calling process.
pub(crate) fn create<T: FromClientConfig>(properties: &[(&str, &str)]) -> T {
    config(properties).create().expect("a valid configuration")
}

/// Creates the topic from a process of its own.
pub(crate) async fn create_topic(partitions: i32) {
    run_process("admin", move || async move {
        let admin: AdminClient<DefaultClientContext> = create(&[]);
        let topic = NewTopic::new(TOPIC, partitions, TopicReplication::Fixed(1));
        let results = admin.create_topics([&topic], &AdminOptions::new()).await;
        assert_eq!(results.unwrap(), [Ok(TOPIC.to_owned())]);
    })
    .await;
}

/// Produces `count` messages `0..count`, keyed by number, and waits for their deliveries.
pub(crate) async fn produce(name: &str, count: usize) {
    run_process(name, move || async move {
        let producer: FutureProducer = create(&[]);
        let deliveries: Vec<_> = (0..count)
            .map(|number| {
                let payload = number.to_string();
                let record = FutureRecord::to(TOPIC).key(&payload).payload(&payload);
                producer
                    .send_result(record)
                    .map_err(|(error, _)| error)
                    .unwrap()
            })
            .collect();
        for delivery in deliveries {
            delivery.await.unwrap().unwrap();
        }
    })
    .await;
}

/// The values of a partition's records as they are in the log, aborted ones included.
pub(crate) fn log_values(cluster: &ClusterHandle, partition: i32) -> Vec<String> {
    cluster.with(|cluster| {
        let log = cluster.log(TOPIC, partition).unwrap();
        let mut bytes = log.read(0, usize::MAX, true).unwrap();
        let sets = RecordBatchDecoder::decode_all(&mut bytes).unwrap();
        let records = sets.into_iter().flat_map(|set| set.records);
        records
            .filter(|record| !record.control)
            .map(|record| text(record.value.as_deref()))
            .collect()
    })
}

/// Polls for messages until nothing has come for a while.
pub(crate) fn drain<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    quiet: Duration,
) -> Vec<String> {
    let mut payloads = Vec::new();
    let mut last = time::now();
    while time::now() < last + quiet {
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            let message = message.expect("no errors are expected");
            payloads.push(text(message.payload()));
            last = time::now();
        }
    }
    payloads
}

pub(crate) fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8(bytes.unwrap_or_default().to_vec()).expect("tests send text")
}

/// Numbers as text, sorted.
pub(crate) fn numbers(texts: &[String]) -> Vec<usize> {
    let mut numbers: Vec<usize> = texts.iter().map(|text| text.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

/// A list that several tasks and processes of a test write to.
pub(crate) type Shared<T> = Rc<RefCell<Vec<T>>>;

pub(crate) fn shared<T>() -> Shared<T> {
    Rc::default()
}

/// The trace's events of a kind, so far.
pub(crate) fn events(kind: &str) -> Vec<Event> {
    trace::take()
        .into_iter()
        .filter(|event| event.kind == kind)
        .collect()
}
