//! librdkafka against the served cluster, with `group.protocol=consumer`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod group_events;
mod served;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use group_events::wait_for_stable;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use served::{PATIENCE, Served};

const POLL: Duration = Duration::from_millis(50);
const PARTITIONS: i32 = 6;

fn client(served: &Served) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", served.bootstrap_servers())
        .set("topic.metadata.refresh.fast.interval.ms", "20")
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "100");
    config
}

fn consumer(served: &Served, properties: &[(&str, &str)]) -> BaseConsumer {
    let mut config = client(served);
    config
        .set("group.id", "g")
        .set("group.protocol", "consumer")
        .set("auto.offset.reset", "earliest")
        .set("fetch.queue.backoff.ms", "5");
    for (key, value) in properties {
        config.set(*key, *value);
    }
    config.create().unwrap()
}

/// Heartbeats in short order, so that a test need not wait for the real interval.
fn start() -> Served {
    Served::start_with(1, PARTITIONS, |settings| {
        settings.group_consumer_heartbeat_interval_ms = 100;
        settings.group_consumer_assignment_interval_ms = 0;
    })
}

fn send(served: &Served, ids: std::ops::Range<u32>) {
    let producer: BaseProducer = client(served).create().unwrap();
    for id in ids {
        let payload = id.to_be_bytes();
        let record = BaseRecord::<[u8], [u8]>::to("t")
            .key(&payload)
            .payload(&payload);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// How often each id was read.
#[derive(Default)]
struct Seen(Mutex<BTreeMap<u32, u32>>);

impl Seen {
    fn wait_for(&self, ids: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.0.lock().unwrap().len() < ids {
            assert!(Instant::now() < deadline, "not every id was read");
            std::thread::yield_now();
        }
    }
}

/// Polls until told to leave, then closes, which commits what it saw and leaves the group.
fn be_a_member(served: &Served, seen: &Seen, leave: &AtomicBool) {
    let consumer = consumer(served, &[]);
    consumer.subscribe(&["t"]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !leave.load(Ordering::SeqCst) {
        assert!(
            Instant::now() < deadline,
            "a member was never told to leave"
        );
        if let Some(message) = consumer.poll(POLL) {
            let message = message.unwrap();
            let id = u32::from_be_bytes(message.payload().unwrap().try_into().unwrap());
            *seen.0.lock().unwrap().entry(id).or_default() += 1;
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_while_members_come_and_go() {
    let served = start();
    send(&served, 0..100);
    let seen = Seen::default();
    let leave: [AtomicBool; 3] = Default::default();
    std::thread::scope(|scope| {
        let (served, seen) = (&served, &seen);
        let join = |place: usize| {
            let leave = &leave[place];
            scope.spawn(move || be_a_member(served, seen, leave));
        };
        join(0);
        wait_for_stable(served, "g", 1);
        join(1);
        wait_for_stable(served, "g", 2);
        send(served, 100..200);
        seen.wait_for(200);
        join(2);
        wait_for_stable(served, "g", 3);
        send(served, 200..300);
        seen.wait_for(300);
        leave[0].store(true, Ordering::SeqCst);
        wait_for_stable(served, "g", 2);
        send(served, 300..400);
        seen.wait_for(400);
        leave[1].store(true, Ordering::SeqCst);
        leave[2].store(true, Ordering::SeqCst);
    });
    let seen = seen.0.into_inner().unwrap();
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    let committed: i64 = served.server.with(|cluster| {
        let of = |p| cluster.committed("g", "t", p).map_or(0, |c| c.offset);
        (0..PARTITIONS).map(of).sum()
    });
    assert_eq!(committed, 400);
}

#[test]
fn a_second_static_member_is_refused_until_the_first_is_gone() {
    let served = Served::start(1, PARTITIONS);
    send(&served, 0..1);
    let first = consumer(&served, &[("group.instance.id", "i")]);
    first.subscribe(&["t"]).unwrap();
    poll_until(&first, |_| {
        first.assignment().unwrap().count() == PARTITIONS as usize
    });
    let second = consumer(&served, &[("group.instance.id", "i")]);
    second.subscribe(&["t"]).unwrap();
    let refused = KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::UnreleasedInstanceId);
    poll_until(&second, |error| error == Some(&refused));
    drop(second);
    drop(first);
    let third = consumer(&served, &[("group.instance.id", "i")]);
    third.subscribe(&["t"]).unwrap();
    poll_until(&third, |_| {
        third.assignment().unwrap().count() == PARTITIONS as usize
    });
    wait_for_stable(&served, "g", 1);
}

fn poll_until(consumer: &BaseConsumer, done: impl Fn(Option<&KafkaError>) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "it did not happen");
        let polled = consumer.poll(POLL);
        if done(polled.and_then(Result::err).as_ref()) {
            return;
        }
    }
}
