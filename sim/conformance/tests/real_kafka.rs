//! The suite with real librdkafka on Apache Kafka in a container.
//!
//! `WHITEWATER_REAL_KAFKA=1` enables it, `WHITEWATER_KAFKA_IMAGE` names another image,
//! `WHITEWATER_CONFORMANCE=all` runs every case instead of those that a gate has time for, and
//! `WHITEWATER_RECORD=1` writes down what they give.

mod wall_clock;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, ImageExt, TestcontainersError};
use testcontainers_modules::kafka::apache::{KAFKA_PORT, Kafka};
use wall_clock::WallClock;
use whitewater_conformance::case::Case;
use whitewater_conformance::cases::IN_EVERY_GATE;
use whitewater_conformance::suite::{self, Selection};
use whitewater_conformance::way::Way;

const DEFAULT_IMAGE: &str = "apache/kafka:4.1.0";
/// Enough that their coordinators are several partitions of the internal topic.
const GROUPS_ASKED: i32 = 8;
const START_TIMEOUT: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    let is_set = |name: &str, wanted: &str| env::var_os(name).is_some_and(|value| value == wanted);
    if !is_set("WHITEWATER_REAL_KAFKA", "1") {
        eprintln!("skipped: WHITEWATER_REAL_KAFKA=1 runs the suite on Apache Kafka");
        return ExitCode::SUCCESS;
    }
    let all = is_set("WHITEWATER_CONFORMANCE", "all") || is_set("WHITEWATER_RECORD", "1");
    let (container, address) = match start() {
        Ok(started) => started,
        Err(error) => {
            eprintln!("error: no Kafka: {error}");
            return ExitCode::FAILURE;
        }
    };
    wait_for_coordinators(&address);
    let run = move |case: &Case, attempt: u32| {
        wall_clock::run(case, attempt, WallClock::new(address.clone()))
    };
    let selection = Selection {
        way: Way::RealKafka,
        only: (!all).then_some(IN_EVERY_GATE),
        drawn: 0,
    };
    let code = suite::run(selection, Arc::new(run));
    drop(container);
    code
}

/// The internal topic of the groups' offsets is created when the first group asks; until all of it
/// is led, brokers answer that they don't coordinate.
fn wait_for_coordinators(address: &str) {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", address);
    let group = |number: i32| {
        let consumer: Result<BaseConsumer, _> = client
            .clone()
            .set("group.id", format!("first-{number}"))
            .create();
        let mut list = TopicPartitionList::new();
        list.add_partition("nothing", 0);
        consumer.and_then(|consumer| consumer.committed_offsets(list, Duration::from_secs(10)))
    };
    let begun = Instant::now();
    let mut number = 0;
    while number < GROUPS_ASKED && begun.elapsed() < START_TIMEOUT {
        number += i32::from(group(number).is_ok());
    }
}

fn start() -> Result<(Container<Kafka>, String), TestcontainersError> {
    let image = env::var("WHITEWATER_KAFKA_IMAGE").unwrap_or_else(|_| DEFAULT_IMAGE.to_owned());
    // The colon of a registry's port is followed by a slash.
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image.as_str(), "latest"),
    };
    let container = Kafka::default()
        .with_name(name)
        .with_tag(tag)
        .with_env_var("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
        .with_env_var("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
        .with_env_var("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
        .with_env_var("KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS", "100")
        .with_env_var("KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS", "100")
        .with_env_var("KAFKA_GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS", "0")
        .with_env_var("KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS", "1000")
        .with_env_var("KAFKA_LOG_INITIAL_TASK_DELAY_MS", "500")
        .with_env_var("KAFKA_LOG_CLEANER_BACKOFF_MS", "1000")
        .with_startup_timeout(START_TIMEOUT)
        .start()?;
    let port = container.get_host_port_ipv4(KAFKA_PORT)?;
    Ok((container, format!("127.0.0.1:{port}")))
}
