//! Workers against a served cluster: whatever members do, the results are the oracle's.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "support/served.rs"]
mod served;
#[path = "support/workers.rs"]
mod workers;

use std::io::{BufRead, Read, Write};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use served::{Kafka, PATIENCE, TOPIC, records_in, wait_until};
use whitewater_pipeline::config::Config;
use whitewater_pipeline::group_protocol::GroupProtocol;
use whitewater_pipeline::registry;
use whitewater_pipeline::sink::Sink;
use whitewater_pipeline::sqlite::{Reader, SqliteSink};
use whitewater_pipeline::topic_partition::TopicPartition;
use whitewater_pipeline::worker::WorkerError;
use workers::{assert_results, config, send, sink, start, trades, wait_for_records, with_disorder};

#[test]
fn one_worker_processes_everything_once_and_a_second_start_adds_nothing() {
    let kafka = Kafka::start(1, 3);
    let (_directory, path) = sink();
    let sent = with_disorder(&trades(0..1_000, 3), 50, 3);
    send(&kafka, &sent);
    for _ in 0..2 {
        let worker = start(config(&kafka, &path, "one"));
        wait_for_records(&path, sent.len());
        worker.stop();
        assert_results(&path, &sent);
    }
    let reader = Reader::open(&path, "trades@1").unwrap();
    assert!(
        reader
            .positions()
            .unwrap()
            .iter()
            .all(|position| position.owner.is_none()),
        "released"
    );
}

/// Members join and leave while records come; workers differ in nothing but their name.
fn members_come_and_go(how: &[(&str, &str)]) {
    let kafka = Kafka::start(3, 8);
    let (_directory, path) = sink();
    let named = |name: &str| {
        let mut config = config(&kafka, &path, name);
        set(&mut config, how);
        config
    };
    let sent = with_disorder(&trades(0..4_000, 8), 40, 8);
    let mut shares = sent.chunks(sent.len() / 4 + 1);
    let mut total = 0;
    let mut send_share = || {
        let share = shares.next().unwrap();
        send(&kafka, share);
        total += share.len();
        total
    };

    let total = send_share();
    let one = start(named("one"));
    wait_until("the first records", || records_in(&path) > 0);
    let two = start(named("two"));
    wait_for_records(&path, total);
    let total = send_share();
    let three = start(named("three"));
    wait_until("some of the second share", || {
        records_in(&path) > total as u64 / 2 + 100
    });
    one.stop();
    let total = send_share();
    wait_until("some of the third share", || {
        records_in(&path) > 2 * total as u64 / 3 + 100
    });
    two.stop();
    let four = start(named("four"));
    let total = send_share();
    wait_for_records(&path, total);
    three.stop();
    four.stop();
    assert_eq!(total, sent.len());
    assert_results(&path, &sent);
}

/// Sets properties of Kafka's client; the consumer protocol has no room for those of the classic one.
fn set(config: &mut Config, properties: &[(&str, &str)]) {
    let properties = properties.iter();
    let properties = properties.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    config.kafka.extend(properties);
    let protocol = GroupProtocol::of(&config.kafka);
    config
        .kafka
        .retain(|name, _| protocol.instead_of(name).is_none());
}

const CONSUMER_PROTOCOL: (&str, &str) = ("group.protocol", "consumer");

#[test]
fn members_come_and_go_cooperatively() {
    members_come_and_go(&[("partition.assignment.strategy", "cooperative-sticky")]);
}

#[test]
fn members_come_and_go_eagerly() {
    members_come_and_go(&[("partition.assignment.strategy", "range")]);
}

#[test]
fn members_come_and_go_as_the_coordinator_assigns() {
    members_come_and_go(&[CONSUMER_PROTOCOL]);
}

/// Gives the topic so many partitions.
fn grow(kafka: &Kafka, partitions: usize) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", kafka.server.bootstrap_servers())
        .create()
        .unwrap();
    let grown = NewPartitions::new(TOPIC, partitions);
    let created = admin.create_partitions([&grown], &AdminOptions::new());
    for topic in futures::executor::block_on(created).unwrap() {
        topic.unwrap();
    }
}

/// librdkafka up to 2.12 forgets to join anew if it is told that it left while the application acts on
/// an assignment (librdkafka#5541).
#[test]
fn a_client_that_left_by_itself_is_replaced() {
    let kafka = Kafka::start(1, 1);
    let (_directory, path) = sink();
    let mut config = config(&kafka, &path, "one");
    set(
        &mut config,
        &[CONSUMER_PROTOCOL, ("max.poll.interval.ms", "2000")],
    );
    let sent = trades(0..40, 2);
    let of = |partition: i32| {
        let records = sent.iter().filter(|record| record.partition == partition);
        records.cloned().collect::<Vec<_>>()
    };
    send(&kafka, &of(0));
    let worker = start(config);
    wait_for_records(&path, of(0).len());
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    let lock = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    grow(&kafka, 2);
    // It waits for the sink while it is to claim the new partition, and exceeds the interval.
    std::thread::park_timeout(Duration::from_secs(6));
    drop(lock);
    send(&kafka, &of(1));
    wait_for_records(&path, sent.len());
    worker.stop();
    assert_results(&path, &sent);
}

#[test]
fn a_worker_that_is_fenced_asks_the_coordinator_and_goes_on() {
    for strategy in ["cooperative-sticky", "range"] {
        let kafka = Kafka::start(1, 4);
        let (_directory, path) = sink();
        let mut config = config(&kafka, &path, "rightful");
        config.kafka.insert(
            "partition.assignment.strategy".to_owned(),
            strategy.to_owned(),
        );
        let definition_text = config.definition_text();
        let sent = trades(0..2_000, 4);
        send(&kafka, &sent[..500]);
        let worker = start(config);
        wait_for_records(&path, 500);
        // A zombie wakes up and claims two partitions, then dies before it asks the coordinator.
        let definition = registry::find("trades@1").unwrap();
        let mut zombie =
            SqliteSink::open(&path, definition, &definition_text, Duration::from_secs(5)).unwrap();
        let stolen = [
            TopicPartition::new("trades", 1),
            TopicPartition::new("trades", 3),
        ];
        let claims = futures::executor::block_on(zombie.claim("zombie", &stolen)).unwrap();
        send(&kafka, &sent[500..]);
        wait_for_records(&path, sent.len());
        worker.stop();
        assert_results(&path, &sent);
        let positions = Reader::open(&path, "trades@1")
            .unwrap()
            .positions()
            .unwrap();
        assert!(
            positions[1].token > claims[0].token,
            "claimed again: {positions:?}"
        );
        assert_eq!(positions[0].token, 1, "not claimed again: {positions:?}");
    }
}

#[test]
fn a_broker_that_restarts_loses_nothing() {
    let mut kafka = Kafka::start(2, 4);
    let (_directory, path) = sink();
    let sent = trades(0..2_000, 4);
    send(&kafka, &sent[..1_000]);
    let worker = start(config(&kafka, &path, "one"));
    wait_until("some records", || records_in(&path) > 100);
    kafka.server.stop_broker(1);
    kafka.server.start_broker(1).unwrap();
    send(&kafka, &sent[1_000..]);
    wait_for_records(&path, sent.len());
    worker.stop();
    assert_results(&path, &sent);
}

#[test]
fn a_log_that_went_backwards_stops_the_worker_and_leaves_the_sink_alone() {
    let (_directory, path) = sink();
    let sent = trades(0..100, 1);
    let kafka = Kafka::start(1, 1);
    send(&kafka, &sent);
    let worker = start(config(&kafka, &path, "one"));
    wait_for_records(&path, 100);
    worker.stop();

    let shorter = Kafka::start(1, 1);
    send(&shorter, &sent[..50]);
    let error = start(config(&shorter, &path, "one")).error();
    assert!(
        matches!(
            error,
            WorkerError::LogEndsEarly {
                next_offset: 100,
                end_offset: 50,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.help().unwrap().contains("pipeline rebuild"));

    let another = Kafka::start(1, 1);
    send(&another, &trades(1_000..1_200, 1));
    let error = start(config(&another, &path, "one")).error();
    assert!(
        matches!(error, WorkerError::LogRewritten { offset: 99, .. }),
        "{error}"
    );
    assert_results(&path, &sent);

    // The same log again, and longer: on it goes.
    let same = Kafka::start(1, 1);
    let longer = trades(0..150, 1);
    send(&same, &longer);
    let worker = start(config(&same, &path, "one"));
    wait_for_records(&path, 150);
    worker.stop();
    assert_results(&path, &longer);
}

#[test]
fn the_same_id_with_another_payload_is_kept_aside_not_dropped() {
    let kafka = Kafka::start(1, 2);
    let (_directory, path) = sink();
    let mut sent = trades(0..10, 2);
    let mut other = sent[3].clone();
    other.payload = String::from_utf8(other.payload)
        .unwrap()
        .replace("\"quantity\":4", "\"quantity\":5")
        .into_bytes();
    assert_ne!(other.payload, sent[3].payload);
    send(&kafka, &sent);
    send(&kafka, &[other.clone()]);
    let worker = start(config(&kafka, &path, "one"));
    wait_for_records(&path, 11);
    worker.stop();
    let quarantined = Reader::open(&path, "trades@1")
        .unwrap()
        .quarantined()
        .unwrap();
    assert_eq!(quarantined.len(), 1);
    assert_eq!(
        (quarantined[0].cause.as_str(), quarantined[0].offset),
        ("conflict", 5)
    );
    assert_eq!(quarantined[0].payload.as_ref(), Some(&other.payload));
    sent.truncate(10);
    let rows = Reader::open(&path, "trades@1").unwrap().rows().unwrap();
    assert_eq!(rows.len(), 10);
}

/// Answers every POST and passes on its body.
fn webhook() -> (String, std::sync::mpsc::Receiver<serde_json::Value>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (bodies, received) = std::sync::mpsc::channel();
    let answer_all = move || {
        for stream in listener.incoming() {
            let mut stream = std::io::BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                let line = line.trim().to_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.get_mut().write_all(answer).unwrap();
            if bodies.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("webhook".to_owned())
        .spawn(answer_all)
        .unwrap();
    (url, received)
}

#[test]
fn a_sink_that_stays_locked_raises_an_alert_and_a_free_one_clears_it() {
    let kafka = Kafka::start(1, 1);
    let (_directory, path) = sink();
    let (url, alerts) = webhook();
    let mut config = config(&kafka, &path, "one");
    config.limits.lag = Duration::from_secs(1);
    config.limits.lag_interval = Duration::from_millis(100);
    config.webhook = Some(url);
    let sent = trades(0..20, 1);
    send(&kafka, &sent[..10]);
    let worker = start(config);
    wait_for_records(&path, 10);
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    let lock = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    send(&kafka, &sent[10..]);
    let raised = alerts.recv_timeout(PATIENCE).unwrap();
    drop(lock);
    let cleared = alerts.recv_timeout(PATIENCE).unwrap();
    wait_for_records(&path, 20);
    worker.stop();
    assert_results(&path, &sent);
    let told = |alert: &serde_json::Value| {
        ["partition", "phase", "reason", "worker"]
            .map(|name| alert[name].to_string())
            .join(" ")
    };
    assert_eq!(told(&raised), r#""trades-0" "raised" "behind" "one""#);
    assert!(raised["lag_ms_min"].as_i64().unwrap() > 1_000, "{raised}");
    // Clocks are checked by records that came between two looks at the log; whether these did is a
    // matter of milliseconds here.
    let basis = raised["basis"].as_str().unwrap();
    assert!(
        ["record_timestamp", "unverified_clock"].contains(&basis),
        "{raised}"
    );
    assert!(
        raised["text"]
            .as_str()
            .unwrap()
            .starts_with("group: trades-0 is more than 1 s behind")
    );
    assert_eq!(cleared["phase"], "cleared", "{cleared}");
}

#[test]
fn a_fetch_that_waits_for_records_hides_no_end_of_a_log() {
    let kafka = Kafka::start(1, 8);
    let (_directory, path) = sink();
    let (url, alerts) = webhook();
    let mut config = config(&kafka, &path, "one");
    config.limits.lag = Duration::from_secs(3);
    config.limits.lag_interval = Duration::from_millis(500);
    config.webhook = Some(url);
    // A broker answers a connection's requests in order, so nothing else is answered meanwhile.
    let fetch_wait = ("fetch.wait.max.ms".to_owned(), "60000".to_owned());
    config.kafka.extend([fetch_wait]);
    let sent = trades(0..16, 8);
    send(&kafka, &sent);
    let worker = start(config);
    wait_for_records(&path, sent.len());
    let alert = alerts.recv_timeout(Duration::from_secs(6));
    assert!(
        alert.is_err(),
        "of an idle topic, all worked off: {alert:?}"
    );
    worker.stop();
}
