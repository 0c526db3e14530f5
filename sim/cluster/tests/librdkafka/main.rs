//! librdkafka against the served cluster.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../group_events/mod.rs"]
mod group_events;
mod long_stream;
#[path = "../served/mod.rs"]
mod served;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use futures::executor::block_on;
use group_events::wait_for_stable;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use served::{PATIENCE, Served};

const POLL: Timeout = Timeout::After(std::time::Duration::from_millis(100));

fn client(served: &Served) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", served.bootstrap_servers())
        .set("topic.metadata.refresh.fast.interval.ms", "20")
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "100");
    config
}

fn consumer(served: &Served, group: &str) -> BaseConsumer {
    client(served)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "100")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .unwrap()
}

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

fn producer(config: &mut ClientConfig) -> BaseProducer<Reports> {
    config.create_with_context(Reports::default()).unwrap()
}

/// Sends the ids, each as an 8-byte payload, and waits for their delivery reports.
fn send(producer: &BaseProducer<Reports>, topic: &str, ids: std::ops::Range<u64>) {
    let before = producer.context().delivered.load(Ordering::Relaxed);
    let count = (ids.end - ids.start) as usize;
    for id in ids {
        enqueue(producer, topic, id);
    }
    producer.flush(PATIENCE).unwrap();
    let errors = producer.context().errors.lock().unwrap();
    assert_eq!(*errors, []);
    let delivered = producer.context().delivered.load(Ordering::Relaxed);
    assert_eq!(delivered - before, count);
}

fn enqueue(producer: &BaseProducer<Reports>, topic: &str, id: u64) {
    let payload = id.to_be_bytes();
    let mut record = BaseRecord::<[u8], [u8]>::to(topic)
        .payload(&payload)
        .key(&payload);
    while let Err((error, refused)) = producer.send(record) {
        let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        assert_eq!(error, full);
        producer.poll(POLL);
        record = refused;
    }
}

/// The next message; a poll that served a rebalance ends early without one.
fn next_message(consumer: &BaseConsumer) -> BorrowedMessage<'_> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "no message arrived");
        if let Some(message) = consumer.poll(POLL) {
            return message.unwrap();
        }
    }
}

fn id_of(message: &impl Message) -> u64 {
    u64::from_be_bytes(message.payload().unwrap().try_into().unwrap())
}

#[test]
fn what_is_produced_is_consumed_as_it_was() {
    let served = Served::start(1, 1);
    let producer = producer(&mut client(&served));
    let headers = OwnedHeaders::new().insert(Header {
        key: "h",
        value: Some("1"),
    });
    for key in ["a", "b"] {
        let record = BaseRecord::to("t")
            .key(key)
            .payload("value")
            .timestamp(1_700_000_000_000);
        producer.send(record.headers(headers.clone())).ok().unwrap();
    }
    producer.flush(PATIENCE).unwrap();

    let consumer = consumer(&served, "g");
    consumer.subscribe(&["t"]).unwrap();
    for (offset, key) in ["a", "b"].into_iter().enumerate() {
        let message = next_message(&consumer);
        assert_eq!(message.key(), Some(key.as_bytes()));
        assert_eq!(message.payload(), Some(&b"value"[..]));
        assert_eq!(message.offset(), offset as i64);
        assert_eq!(message.timestamp().to_millis(), Some(1_700_000_000_000));
        let header = message.headers().unwrap().get(0);
        assert_eq!((header.key, header.value), ("h", Some(&b"1"[..])));
    }
    consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    let committed = served.server.with(|cluster| cluster.committed("g", "t", 0));
    assert_eq!(committed.unwrap().offset, 2);
    let known = consumer.committed(PATIENCE).unwrap();
    assert_eq!(
        known.find_partition("t", 0).unwrap().offset(),
        Offset::Offset(2)
    );
    assert_eq!(consumer.fetch_watermarks("t", 0, PATIENCE).unwrap(), (0, 2));
}

#[test]
fn an_administrator_creates_and_deletes_topics() {
    let served = Served::start(3, 1);
    let admin: AdminClient<DefaultClientContext> = client(&served).create().unwrap();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let topic = NewTopic::new("t", 6, TopicReplication::Fixed(1)).set("retention.ms", "1000");
    let zero = NewTopic::new("zero", 0, TopicReplication::Fixed(1));
    let created = block_on(admin.create_topics([&topic, &zero], &options)).unwrap();
    assert_eq!(created[0], Ok("t".to_owned()));
    let refused = ("zero".to_owned(), RDKafkaErrorCode::InvalidPartitions);
    assert_eq!(created[1], Err(refused));
    let again = block_on(admin.create_topics([&topic], &options)).unwrap();
    let exists = ("t".to_owned(), RDKafkaErrorCode::TopicAlreadyExists);
    assert_eq!(again[0], Err(exists));

    let metadata = admin.inner().fetch_metadata(Some("t"), PATIENCE).unwrap();
    let partitions = metadata.topics()[0].partitions();
    let leaders: Vec<_> = partitions
        .iter()
        .map(|partition| partition.leader())
        .collect();
    assert_eq!(leaders, [1, 2, 3, 1, 2, 3]);
    assert_eq!(metadata.brokers().len(), 3);

    let deleted = block_on(admin.delete_topics(&["t"], &options)).unwrap();
    assert_eq!(deleted, [Ok("t".to_owned())]);
    assert!(served.server.with(|cluster| cluster.topic("t").is_none()));
}

#[test]
fn an_administrator_deletes_records_and_nobody_reads_them_again() {
    let served = Served::start(1, 1);
    send(&producer(&mut client(&served)), "t", 0..10);
    let admin: AdminClient<DefaultClientContext> = client(&served).create().unwrap();
    let delete_before = |offset| {
        let mut offsets = TopicPartitionList::new();
        let offset = Offset::Offset(offset);
        offsets.add_partition_offset("t", 0, offset).unwrap();
        let deleted = block_on(admin.delete_records(&offsets, &AdminOptions::new())).unwrap();
        let partition = deleted.find_partition("t", 0).unwrap();
        partition.error().map(|()| partition.offset())
    };
    assert_eq!(delete_before(4), Ok(Offset::Offset(4)));
    assert_eq!(delete_before(2), Ok(Offset::Offset(4)));
    let out_of_range = KafkaError::OffsetFetch(RDKafkaErrorCode::OffsetOutOfRange);
    assert_eq!(delete_before(11), Err(out_of_range));

    let consumer = consumer(&served, "g");
    assert_eq!(
        consumer.fetch_watermarks("t", 0, PATIENCE).unwrap(),
        (4, 10)
    );
    let mut from_below = TopicPartitionList::new();
    from_below
        .add_partition_offset("t", 0, Offset::Offset(1))
        .unwrap();
    consumer.assign(&from_below).unwrap();
    assert_eq!(id_of(&next_message(&consumer)), 4);
}

#[test]
fn a_point_in_time_finds_its_offset() {
    let served = Served::start(1, 1);
    let producer = producer(&mut client(&served));
    for timestamp in [1000, 2000, 3000] {
        let record = BaseRecord::<(), str>::to("t")
            .payload("x")
            .timestamp(timestamp);
        producer.send(record).ok().unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    let consumer = consumer(&served, "g");
    let mut times = TopicPartitionList::new();
    times
        .add_partition_offset("t", 0, Offset::Offset(1500))
        .unwrap();
    let found = consumer.offsets_for_times(times, PATIENCE).unwrap();
    assert_eq!(
        found.find_partition("t", 0).unwrap().offset(),
        Offset::Offset(1)
    );
}

#[test]
fn a_batch_beyond_max_message_bytes_fails() {
    let served = Served::start(1, 1);
    let admin: AdminClient<DefaultClientContext> = client(&served).create().unwrap();
    let topic = NewTopic::new("t", 1, TopicReplication::Fixed(1)).set("max.message.bytes", "200");
    let created = block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
    assert_eq!(created, [Ok("t".to_owned())]);
    let producer = producer(&mut client(&served));
    let payload = [7; 300];
    let record = BaseRecord::<(), [u8]>::to("t").payload(&payload);
    producer.send(record).ok().unwrap();
    producer.flush(PATIENCE).unwrap();
    let errors = producer.context().errors.lock().unwrap();
    let too_large = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
    assert_eq!(*errors, [too_large]);
}

/// What the members of a group saw, by id.
struct Seen {
    counts: Vec<AtomicUsize>,
    ids: AtomicUsize,
    records: AtomicUsize,
}

impl Seen {
    fn new(ids: usize) -> Self {
        Self {
            counts: (0..ids).map(|_| AtomicUsize::new(0)).collect(),
            ids: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
        }
    }

    fn saw(&self, id: u64) {
        self.records.fetch_add(1, Ordering::SeqCst);
        if self.counts[id as usize].fetch_add(1, Ordering::SeqCst) == 0 {
            self.ids.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn is_complete(&self) -> bool {
        self.ids.load(Ordering::SeqCst) == self.counts.len()
    }

    fn is_exact(&self) -> bool {
        self.is_complete() && self.records.load(Ordering::SeqCst) == self.counts.len()
    }
}

/// A member of a group: polls until told to leave, then closes, which commits what it saw.
fn be_a_member(served: &Served, group: &str, seen: &Seen, leave: &AtomicBool) {
    let consumer = consumer(served, group);
    consumer.subscribe(&["t"]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !leave.load(Ordering::SeqCst) {
        assert!(
            Instant::now() < deadline,
            "a member was never told to leave"
        );
        // An error is the broken connection of a broker that stopped; the ids tell the rest.
        if let Some(Ok(message)) = consumer.poll(POLL) {
            seen.saw(id_of(&message));
        }
    }
}

/// Waits until a condition of the members' holds; they poll meanwhile.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}

#[test]
fn a_million_records_pass_and_each_arrives_once() {
    const IDS: usize = 1_000_000;
    let served = Served::start(3, 8);
    let producer = producer(
        client(&served)
            .set("queue.buffering.max.messages", "1000000")
            .set("linger.ms", "20"),
    );
    send(&producer, "t", 0..1);
    let seen = Seen::new(IDS);
    let leave = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| be_a_member(&served, "g", &seen, &leave));
        }
        wait_for_stable(&served, "g", 2);
        send(&producer, "t", 1..IDS as u64);
        wait_until("the arrival of every id", || seen.is_complete());
        leave.store(true, Ordering::SeqCst);
    });
    assert!(
        seen.is_exact(),
        "{} records",
        seen.records.load(Ordering::SeqCst)
    );
    let (produced, committed) = served.server.with(|cluster| {
        let log_ends = (0..8).map(|p| cluster.log("t", p).unwrap().log_end_offset());
        let log_ends: Vec<_> = log_ends.collect();
        let committed = (0..8).map(|p| cluster.committed("g", "t", p).map_or(0, |c| c.offset));
        (log_ends, committed.collect::<Vec<_>>())
    });
    assert_eq!(produced.iter().sum::<i64>(), IDS as i64);
    assert_eq!(committed, produced);
}

#[test]
fn nothing_is_lost_while_members_come_and_go() {
    let served = Served::start(2, 6);
    let producer = producer(&mut client(&served));
    send(&producer, "t", 0..100);
    let seen = Seen::new(600);
    let [first, second, third] = [(); 3].map(|()| AtomicBool::new(false));
    let (server, records) = (&served, &seen);
    std::thread::scope(|scope| {
        let join = |leave| scope.spawn(move || be_a_member(server, "g", records, leave));
        join(&first);
        let generation = wait_for_stable(&served, "g", 1);
        send(&producer, "t", 100..200);
        join(&second);
        wait_for_stable(&served, "g", 2);
        send(&producer, "t", 200..300);
        join(&third);
        wait_for_stable(&served, "g", 3);
        send(&producer, "t", 300..400);
        second.store(true, Ordering::SeqCst);
        wait_for_stable(&served, "g", 2);
        send(&producer, "t", 400..500);
        first.store(true, Ordering::SeqCst);
        let last = wait_for_stable(&served, "g", 1);
        assert!(last >= generation + 4, "generations {generation} to {last}");
        send(&producer, "t", 500..600);
        wait_until("the arrival of every id", || seen.is_complete());
        third.store(true, Ordering::SeqCst);
    });
    let ends: BTreeMap<i32, (i64, i64)> = served.server.with(|cluster| {
        let partitions = (0..6).map(|partition| {
            let end = cluster.log("t", partition).unwrap().log_end_offset();
            let committed = cluster.committed("g", "t", partition);
            (partition, (end, committed.map_or(0, |c| c.offset)))
        });
        partitions.collect()
    });
    for (partition, (end, committed)) in ends {
        assert_eq!(committed, end, "partition {partition}");
    }
}

#[test]
fn clients_survive_the_restart_of_each_broker() {
    let mut served = Served::start(3, 6);
    let producer = producer(client(&served).set("retry.backoff.ms", "20"));
    send(&producer, "t", 0..100);
    let seen = Seen::new(400);
    for broker in 1..=3 {
        let leave = AtomicBool::new(false);
        let ids = 100 * broker as u64;
        // What is sent while the broker is down waits in the client.
        served.server.stop_broker(broker);
        for id in ids..ids + 100 {
            enqueue(&producer, "t", id);
        }
        producer.poll(POLL);
        served.server.start_broker(broker).unwrap();
        producer.flush(PATIENCE).unwrap();
        std::thread::scope(|scope| {
            let consumed = ids as usize + 100;
            scope.spawn(|| be_a_member(&served, "g", &seen, &leave));
            let all = || seen.ids.load(Ordering::SeqCst) == consumed;
            wait_until("the arrival of the ids so far", all);
            leave.store(true, Ordering::SeqCst);
        });
    }
    assert_eq!(*producer.context().errors.lock().unwrap(), []);
    assert!(seen.is_complete());
}

#[test]
fn a_member_outlives_the_restart_of_its_coordinator() {
    let mut served = Served::start(1, 2);
    let producer = producer(client(&served).set("retry.backoff.ms", "20"));
    send(&producer, "t", 0..10);
    let consumer = consumer(&served, "g");
    consumer.subscribe(&["t"]).unwrap();
    let mut seen = 0;
    let mut consume = |until: usize| {
        let deadline = Instant::now() + PATIENCE;
        while seen < until {
            assert!(Instant::now() < deadline, "{seen} of {until} ids arrived");
            seen += usize::from(matches!(consumer.poll(POLL), Some(Ok(_))));
        }
    };
    consume(10);
    consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    let before = served.server.with(|cluster| cluster.groups().remove(0));
    served.server.stop_broker(1);
    served.server.start_broker(1).unwrap();
    send(&producer, "t", 10..20);
    consume(20);
    let after = served.server.with(|cluster| cluster.groups().remove(0));
    // The group was rebuilt from its records: nobody had to join again.
    assert_eq!(after.generation, before.generation);
    assert_eq!(after.members[0].member_id, before.members[0].member_id);
    consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    let committed = served.server.with(|cluster| {
        let committed = (0..2).map(|p| cluster.committed("g", "t", p).map_or(0, |c| c.offset));
        committed.sum::<i64>()
    });
    assert_eq!(committed, 20);
}
