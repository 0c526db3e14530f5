//! A served broker with one topic full of records.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use whitewater_cluster::BrokerSettings;
use whitewater_cluster::tcp::{ServeOptions, Server};
use whitewater_pipeline::send::{DisorderRates, SendOptions, create_topic};

/// The topic that is there.
pub const TOPIC: &str = "trades";

const TIMEOUT: Duration = Duration::from_secs(60);

/// One broker over TCP whose topic holds the records.
///
/// # Panics
/// If a record is not accepted within a minute.
#[must_use]
pub fn serve(partitions: i32, records: &[Vec<u8>]) -> Server {
    let settings = BrokerSettings {
        group_initial_rebalance_delay_ms: 0,
        ..BrokerSettings::default()
    };
    let server = Server::start(ServeOptions {
        settings,
        ..ServeOptions::default()
    })
    .expect("the system has a free port");
    let options = SendOptions {
        brokers: server.bootstrap_servers(),
        topic: TOPIC.to_owned(),
        key: None,
        rates: DisorderRates::default(),
        seed: 0,
        timeout: TIMEOUT,
        kafka: Vec::new(),
    };
    create_topic(&options, partitions).expect("a new topic can be created");
    fill(&server.bootstrap_servers(), partitions, records);
    server
}

/// Deals the records out to the partitions in turn, a thousand at a time.
fn fill(bootstrap_servers: &str, partitions: i32, records: &[Vec<u8>]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("linger.ms", "5")
        .create()
        .expect("the properties are librdkafka's");
    let turns = (0..partitions).cycle();
    for (chunk, partition) in records.chunks(1_000).zip(turns) {
        for payload in chunk {
            send(&producer, partition, payload);
        }
        producer.poll(Duration::ZERO);
    }
    producer
        .flush(TIMEOUT)
        .expect("the broker takes every record");
}

fn send(producer: &BaseProducer, partition: i32, payload: &[u8]) {
    loop {
        let record = BaseRecord::<(), [u8]>::to(TOPIC)
            .partition(partition)
            .payload(payload);
        match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => panic!("not accepted: {error}"),
        }
    }
}
