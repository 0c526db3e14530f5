//! A served cluster, and waiting for what workers do to a sink.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::Path;
use std::time::{Duration, Instant};

use whitewater_cluster::config::BrokerSettings;
use whitewater_cluster::tcp::{ServeOptions, Server};
use whitewater_pipeline::send::{DisorderRates, SendOptions, create_topic};
use whitewater_pipeline::sqlite::Reader;

/// What is waited for must come within this; a test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The topic that is there.
pub(crate) const TOPIC: &str = "trades";

/// A served cluster with one topic.
pub(crate) struct Kafka {
    pub(crate) server: Server,
}

impl Kafka {
    pub(crate) fn start(brokers: u16, partitions: i32) -> Self {
        let settings = BrokerSettings {
            group_initial_rebalance_delay_ms: 100,
            group_consumer_heartbeat_interval_ms: 200,
            ..BrokerSettings::default()
        };
        let server = Server::start(ServeOptions {
            brokers,
            settings,
            ..ServeOptions::default()
        })
        .unwrap();
        let options = SendOptions {
            brokers: server.bootstrap_servers(),
            topic: TOPIC.to_owned(),
            key: None,
            rates: DisorderRates::default(),
            seed: 1,
            timeout: Duration::from_secs(20),
            kafka: Vec::new(),
        };
        create_topic(&options, partitions).unwrap();
        Self { server }
    }
}

/// Waits until `done` says so.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(
            started.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Records that the sink has taken note of.
pub(crate) fn records_in(sink: &Path) -> u64 {
    Reader::open(sink, "trades@1")
        .and_then(|reader| reader.accounting())
        .map_or(0, |accounting| {
            accounting.records_in - accounting.redelivered
        })
}
