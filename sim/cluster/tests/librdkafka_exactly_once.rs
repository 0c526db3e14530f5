//! librdkafka's idempotent and transactional producers against the served cluster.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod served;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaError};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
use served::{PATIENCE, Served};
use whitewater_cluster::Event;
use whitewater_cluster::transaction::TransactionState;

const POLL: Timeout = Timeout::After(Duration::from_millis(100));

/// Counts delivery reports, and keeps the errors.
#[derive(Default)]
struct Reports {
    delivered: AtomicUsize,
    errors: std::sync::Mutex<Vec<KafkaError>>,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => self.errors.lock().unwrap().push(error.clone()),
        }
    }
}

fn client(served: &Served, properties: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", served.bootstrap_servers())
        .set("topic.metadata.refresh.fast.interval.ms", "20")
        .set("retry.backoff.ms", "20")
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "100");
    for (key, value) in properties {
        config.set(*key, *value);
    }
    config
}

fn producer(served: &Served, properties: &[(&str, &str)]) -> BaseProducer<Reports> {
    client(served, properties)
        .create_with_context(Reports::default())
        .unwrap()
}

fn send(producer: &BaseProducer<Reports>, topic: &str, value: &str) {
    let record = BaseRecord::<(), str>::to(topic).payload(value).partition(0);
    producer.send(record).map_err(|(error, _)| error).unwrap();
}

/// Everything that a consumer of this isolation level reads of partition 0.
fn read(served: &Served, topic: &str, isolation_level: &str) -> Vec<String> {
    let consumer: BaseConsumer = client(
        served,
        &[
            ("group.id", "reader"),
            ("isolation.level", isolation_level),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
        ],
    )
    .create()
    .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&list).unwrap();
    let mut values = Vec::new();
    loop {
        match consumer.poll(PATIENCE) {
            Some(Ok(message)) => {
                let value = message.payload_view::<str>().unwrap().unwrap();
                values.push(value.to_owned());
            }
            Some(Err(KafkaError::PartitionEOF(0))) => return values,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_idempotent_producer_writes_once_and_in_order_through_restarts() {
    let mut served = Served::start(1, 1);
    let producer = producer(
        &served,
        &[
            ("enable.idempotence", "true"),
            ("batch.num.messages", "3"),
            ("linger.ms", "0"),
        ],
    );
    let mut sent = Vec::new();
    for round in 0..3 {
        for number in 0..200 {
            let value = format!("{round}-{number}");
            send(&producer, "t", &value);
            sent.push(value);
            if number == 100 {
                producer.poll(Duration::ZERO);
                served.wait_for("an append", |event| {
                    matches!(event, Event::RecordsAppended { .. }).then_some(())
                });
                // Answers on their way are lost with the connections.
                served.server.stop_broker(1);
                served.server.start_broker(1).unwrap();
            }
        }
        producer.flush(PATIENCE).unwrap();
    }
    producer.poll(POLL);
    assert_eq!(*producer.context().errors.lock().unwrap(), []);
    let delivered = producer.context().delivered.load(Ordering::Relaxed);
    assert_eq!(delivered, sent.len());
    assert_eq!(read(&served, "t", "read_uncommitted"), sent);
}

/// A transactional producer that has its id.
fn transactional(served: &Served, id: &str) -> BaseProducer<Reports> {
    let producer = producer(served, &[("transactional.id", id)]);
    producer.init_transactions(PATIENCE).unwrap();
    producer
}

fn transaction_error(result: KafkaResult<()>) -> RDKafkaError {
    match result {
        Err(KafkaError::Transaction(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn committed_transactions_are_read_and_aborted_ones_are_not() {
    let served = Served::start(3, 1);
    let producer = transactional(&served, "x");
    let mut committed = Vec::new();
    for round in 0..6 {
        producer.begin_transaction().unwrap();
        let values: Vec<_> = (0..5).map(|number| format!("{round}-{number}")).collect();
        for value in &values {
            send(&producer, "t", value);
        }
        if round % 2 == 0 {
            producer.commit_transaction(PATIENCE).unwrap();
            committed.extend(values);
        } else {
            producer.flush(PATIENCE).unwrap();
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }
    // The answer to a commit comes before its markers.
    served.wait_for("the last marker", |event| match event {
        Event::TransactionStateChanged {
            to: TransactionState::CompleteAbort,
            ..
        } => Some(()),
        _ => None,
    });
    wait_until_stable(&served);
    assert_eq!(read(&served, "t", "read_committed"), committed);
    assert_eq!(read(&served, "t", "read_uncommitted").len(), 30);
}

/// Waits until no transaction is open or being ended.
fn wait_until_stable(served: &Served) {
    let deadline = Instant::now() + PATIENCE;
    let ends = |cluster: &whitewater_cluster::Cluster| {
        cluster.transactions().any(|one| !one.partitions.is_empty())
    };
    while served.server.with(ends) {
        assert!(Instant::now() < deadline, "a transaction stays open");
        std::thread::yield_now();
    }
}

#[test]
fn a_zombie_is_fenced() {
    let served = Served::start(1, 1);
    let zombie = transactional(&served, "x");
    zombie.begin_transaction().unwrap();
    send(&zombie, "t", "of the zombie");
    zombie.flush(PATIENCE).unwrap();
    let producer = transactional(&served, "x");
    producer.begin_transaction().unwrap();
    send(&producer, "t", "of its successor");
    producer.commit_transaction(PATIENCE).unwrap();
    let error = transaction_error(zombie.commit_transaction(PATIENCE));
    assert!(error.is_fatal(), "{error:?}");
    assert_eq!(error.code(), RDKafkaErrorCode::Fenced);
    wait_until_stable(&served);
    assert_eq!(read(&served, "t", "read_committed"), ["of its successor"]);
}

#[test]
fn consumed_offsets_are_committed_with_the_transaction_or_not_at_all() {
    let served = Served::start(3, 1);
    let source = producer(&served, &[]);
    for number in 0..4 {
        send(&source, "in", &number.to_string());
    }
    source.flush(PATIENCE).unwrap();
    let consumer: BaseConsumer = client(
        &served,
        &[
            ("group.id", "g"),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "100"),
        ],
    )
    .create()
    .unwrap();
    consumer.subscribe(&["in"]).unwrap();
    let producer = transactional(&served, "x");
    for (turn, commit) in [(0, true), (1, false)] {
        let value = next_value(&consumer);
        assert_eq!(value, turn.to_string());
        producer.begin_transaction().unwrap();
        send(&producer, "out", &value);
        let members: ConsumerGroupMetadata = consumer.group_metadata().unwrap();
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset("in", 0, Offset::Offset(turn + 1))
            .unwrap();
        producer
            .send_offsets_to_transaction(&offsets, &members, PATIENCE)
            .unwrap();
        if commit {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            // A producer that is not polled cannot abort: its reports are in the way.
            producer.flush(PATIENCE).unwrap();
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }
    wait_until_stable(&served);
    let committed = served
        .server
        .with(|cluster| cluster.committed("g", "in", 0));
    assert_eq!(committed.unwrap().offset, 1);
    assert_eq!(read(&served, "out", "read_committed"), ["0"]);
    // The stable offset is what a reader of committed records gets.
    let known = consumer.committed(PATIENCE).unwrap();
    assert_eq!(
        known.find_partition("in", 0).unwrap().offset(),
        Offset::Offset(1)
    );
}

#[test]
fn offsets_of_a_lost_generation_are_refused() {
    let served = Served::start(1, 1);
    let source = producer(&served, &[]);
    send(&source, "in", "0");
    source.flush(PATIENCE).unwrap();
    let member = |served: &Served| -> BaseConsumer {
        client(
            served,
            &[
                ("group.id", "g"),
                ("auto.offset.reset", "earliest"),
                ("enable.auto.commit", "false"),
                ("session.timeout.ms", "6000"),
                ("heartbeat.interval.ms", "100"),
            ],
        )
        .create()
        .unwrap()
    };
    let first = member(&served);
    first.subscribe(&["in"]).unwrap();
    next_value(&first);
    let stale = first.group_metadata().unwrap();
    drop(first);
    let second = member(&served);
    second.subscribe(&["in"]).unwrap();
    next_value(&second);
    let producer = transactional(&served, "x");
    producer.begin_transaction().unwrap();
    send(&producer, "out", "0");
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset("in", 0, Offset::Offset(1))
        .unwrap();
    let sent = producer.send_offsets_to_transaction(&offsets, &stale, PATIENCE);
    let error = transaction_error(sent);
    assert!(error.txn_requires_abort() && !error.is_fatal(), "{error:?}");
    assert_eq!(error.code(), RDKafkaErrorCode::UnknownMemberId);
    producer.flush(PATIENCE).unwrap();
    producer.abort_transaction(PATIENCE).unwrap();
    wait_until_stable(&served);
    assert!(read(&served, "out", "read_committed").is_empty());
    assert_eq!(
        served
            .server
            .with(|cluster| cluster.committed("g", "in", 0)),
        None
    );
}

/// The value of the next message; a poll that served a rebalance ends early without one.
fn next_value(consumer: &BaseConsumer) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "no message arrived");
        if let Some(message) = consumer.poll(POLL) {
            let message = message.unwrap();
            return message.payload_view::<str>().unwrap().unwrap().to_owned();
        }
    }
}

#[test]
fn transactions_survive_restarts_of_every_broker() {
    let mut served = Served::start(3, 1);
    let producer = transactional(&served, "x");
    let mut committed = Vec::new();
    for broker in 1..=3 {
        producer.begin_transaction().unwrap();
        let value = format!("before {broker}");
        send(&producer, "t", &value);
        producer.flush(PATIENCE).unwrap();
        served.server.stop_broker(broker);
        served.server.start_broker(broker).unwrap();
        let after = format!("after {broker}");
        send(&producer, "t", &after);
        producer.commit_transaction(PATIENCE).unwrap();
        committed.extend([value, after]);
    }
    wait_until_stable(&served);
    assert_eq!(read(&served, "t", "read_committed"), committed);
}
