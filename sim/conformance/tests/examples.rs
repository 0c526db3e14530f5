//! rdkafka's own examples, retyped, with the real rdkafka and tokio on the served cluster.
//!
//! The programs are those that `sim/rdkafka/tests/worlds/examples.rs` runs in worlds: that they
//! compile here too, unchanged, is what "drop-in" means.

#[path = "../../rdkafka/tests/worlds/examples"]
mod programs {
    pub(crate) mod asynchronous_processing;
    pub(crate) mod at_least_once;
    pub(crate) mod metadata;
    pub(crate) mod output;
    pub(crate) mod own_runtime;
    pub(crate) mod roundtrip;
    pub(crate) mod simple_consumer;
    pub(crate) mod simple_producer;
}

use std::future::Future;
use std::time::{Duration, Instant};

use programs::output::Output;
use programs::{
    asynchronous_processing, at_least_once, metadata, own_runtime, roundtrip, simple_consumer,
    simple_producer,
};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use whitewater_cluster::BrokerSettings;
use whitewater_cluster::tcp::{ServeOptions, Server};

const PATIENCE: Duration = Duration::from_secs(60);

/// A served cluster with topics `t` and `u` of one partition, in which `t` holds five messages.
struct Served {
    server: Server,
    brokers: String,
}

impl Served {
    async fn start() -> Self {
        let server = Server::start(ServeOptions {
            brokers: 1,
            settings: BrokerSettings {
                group_initial_rebalance_delay_ms: 0,
                ..BrokerSettings::default()
            },
            ..ServeOptions::default()
        })
        .expect("a port is free");
        let brokers = server.bootstrap_servers();
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .create()
            .expect("an administrator");
        let topics = ["t", "u"].map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1)));
        let created = admin.create_topics(&topics, &AdminOptions::new()).await;
        assert_eq!(
            created.expect("an answer"),
            [Ok("t".to_owned()), Ok("u".to_owned())]
        );
        let output = Output::default();
        simple_producer::main(&brokers, "t", &output).await;
        let delivered = output.after("delivered to ");
        assert_eq!(delivered, ["0@0", "0@1", "0@2", "0@3", "0@4"]);
        Self { server, brokers }
    }
}

/// Runs a program that has no end until it has said that many lines that begin so.
async fn run_until(
    program: impl Future<Output = ()>,
    output: &Output,
    beginning: &str,
    count: usize,
) {
    let said = async {
        let begun = Instant::now();
        while output.after(beginning).len() < count {
            assert!(begun.elapsed() < PATIENCE, "{:?}", output.lines());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = program => panic!("it ended: {:?}", output.lines()),
        () = said => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_shows_what_is_there() {
    let served = Served::start().await;
    let output = Output::default();
    let says = output.clone();
    let brokers = served.brokers.clone();
    let example = move || metadata::main(&brokers, Some("t"), true, &says);
    tokio::task::spawn_blocking(example).await.expect("it ends");
    assert_eq!(output.after("brokers: "), ["1"]);
    assert_eq!(output.after("topic "), ["t: None"]);
    assert_eq!(output.after("messages: "), ["5"]);
    drop(served.server);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simple_consumer_sees_the_simple_producers_messages() {
    let served = Served::start().await;
    for (group, assignor) in [("classic", None), ("new", Some("range"))] {
        let output = Output::default();
        let example = simple_consumer::main(&served.brokers, group, &["t"], assignor, &output);
        run_until(example, &output, "header ", 5).await;
        let rebalances = ["assign of 1", "revoke of 1"];
        assert_eq!(output.after("before "), rebalances, "{group}");
        let messages: Vec<String> = (0..5)
            .map(|n| format!("t 0@{n} Some(\"Key {n}\"): Message {n}"))
            .collect();
        assert_eq!(output.after("message "), messages, "{group}");
        let header = "origin: Some([101, 120, 97, 109, 112, 108, 101])";
        assert_eq!(output.after("header "), [header; 5], "{group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roundtrip_is_measured() {
    let served = Served::start().await;
    let time = Duration::from_secs(4);
    let latencies = roundtrip::main(&served.brokers, "u", time, time).await;
    assert!(latencies.count() > 0);
    let (half, most) = (latencies.percentile_ms(50), latencies.percentile_ms(99));
    assert!(latencies.mean_ms() >= 0.0 && half <= most);
}

#[tokio::test(flavor = "multi_thread")]
async fn asynchronous_processing_answers_each_message() {
    let served = Served::start().await;
    let output = Output::default();
    let example = asynchronous_processing::main(&served.brokers, "g", "t", "u", 2, &output);
    run_until(example, &output, "sent ", 5).await;
    let mut sent = output.after("sent ");
    sent.sort_unstable();
    let expected: Vec<String> = (0..5).map(|n| format!("Message {n} has 9 bytes")).collect();
    assert_eq!(sent, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_least_once_commits_what_it_copied() {
    let served = Served::start().await;
    let output = Output::default();
    let example = at_least_once::main(&served.brokers, "g", "t", &["u"], &output);
    run_until(example, &output, "committed ", 1).await;
    assert_eq!(output.after("copied "), ["0", "1", "2", "3", "4"]);
    // By the timer, and once more as it closes.
    for offset in output.after("committed ") {
        assert_eq!(offset, "Offset(5)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_run_on_a_runtime_of_ones_own() {
    let served = Served::start().await;
    let output = Output::default();
    own_runtime::main::<own_runtime::BoxingRuntime>(&served.brokers, "u", &output).await;
    own_runtime::main::<own_runtime::MappingRuntime>(&served.brokers, "u", &output).await;
    assert_eq!(output.lines(), ["received: hello from a runtime"; 2]);
    assert_eq!(own_runtime::spawned(), 2, "each consumer's task");
}
