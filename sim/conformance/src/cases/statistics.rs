//! Statistics: the fields that lag tools read, and that do not depend on time.

use std::fmt::Write as _;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::statistics::{Partition, Statistics};

use crate::bench::{Bench, PATIENCE, Reader, Writer, numbers, positions};
use crate::case::cases;
use crate::recorder::Recorder;

cases! {
    "statistics":
    of_a_consumer_that_does_nothing,
    of_a_consumer_without_a_group,
    not_asked_for,
    only_when_polled,
    of_an_empty_partition,
    of_what_was_read,
    of_what_was_read_in_part,
    of_what_was_committed,
    of_what_was_stored_by_hand,
    of_what_was_committed_before,
    from_the_latest,
    after_a_seek,
    of_a_paused_partition,
    of_an_unassigned_partition,
    of_a_partition_that_is_not_there,
    of_an_open_transaction,
    of_an_open_transaction_and_an_uncommitted_reader,
    of_deleted_records,
    of_a_group,
    of_a_group_that_was_left,
    of_a_group_of_the_consumer_protocol,
    of_a_rebalanced_group,
    of_a_producer,
    of_a_producer_that_lingers,
    of_a_producer_without_topics,
    of_an_idempotent_producer,
    of_a_transactional_producer,
}

const EVERY_100_MS: (&str, &str) = ("statistics.interval.ms", "100");
const FIRST_REASON: &str = "Metadata for subscribed topic(s) has changed";
/// Longer than a fetch of nothing takes.
const UNCHANGED_FOR: usize = 12;

/// Polls until what is shown has not changed for a while, and notes it.
fn note(
    bench: &Bench<'_>,
    recorder: &Recorder,
    mut poll: impl FnMut(),
    show: impl Fn(&Statistics) -> String,
) {
    let mut last = String::new();
    let mut unchanged = 0;
    drop(recorder.take_statistics());
    let deadline = bench.now() + PATIENCE;
    while unchanged < UNCHANGED_FOR {
        poll();
        for statistics in recorder.take_statistics() {
            let shown = show(&statistics);
            unchanged = if shown == last { unchanged + 1 } else { 0 };
            last = shown;
        }
        assert!(bench.now() < deadline, "statistics go on changing: {last}");
    }
    for line in last.lines() {
        bench.note(line);
    }
}

fn note_consumer(bench: &Bench<'_>, reader: &Reader, show: impl Fn(&Statistics) -> String) {
    let poll = || {
        if let Some(polled) = reader.poll(Duration::from_millis(20)) {
            bench.note(format!("consumer: {:?}", polled.map(|_| "a message")));
        }
    };
    note(bench, reader.context(), poll, show);
}

fn note_producer(bench: &Bench<'_>, writer: &Writer, show: impl Fn(&Statistics) -> String) {
    let poll = || {
        writer.poll(Duration::from_millis(20));
    };
    note(bench, writer.context(), poll, show);
}

/// What is said of the client as a whole.
fn client(statistics: &Statistics) -> String {
    let prefix = format!("{}#{}-", statistics.client_id, statistics.client_type);
    let topics = statistics.topics.len();
    format!(
        "{} {}, named after both: {}, ages: {}\n\
         msg_cnt {} msg_size {} txmsgs {} txmsg_bytes {} rxmsgs {} rxmsg_bytes {}\n\
         simple_cnt {} topics {topics} metadata_cache_cnt {} bytes: {}",
        statistics.client_type,
        statistics.client_id,
        statistics.name.starts_with(&prefix),
        statistics.age > 0 && statistics.ts > 0 && statistics.time > 1_000_000_000,
        statistics.msg_cnt,
        statistics.msg_size,
        statistics.txmsgs,
        statistics.txmsg_bytes,
        statistics.rxmsgs,
        statistics.rxmsg_bytes,
        statistics.simple_cnt,
        statistics.metadata_cache_cnt,
        statistics.tx > 0 && statistics.rx > 0 && statistics.tx_bytes > 0,
    )
}

/// What is said of the one broker that is there.
fn broker(statistics: &Statistics) -> String {
    let mut brokers = statistics.brokers.values();
    match brokers.find(|broker| broker.nodeid == 1) {
        Some(broker) => format!("broker 1: {} {}", broker.source, broker.state),
        None => "broker 1: unknown".to_owned(),
    }
}

fn group(statistics: &Statistics) -> String {
    match &statistics.cgrp {
        Some(group) => format!(
            "group: {} {} rebalances {} partitions {} reason {:?}",
            group.state,
            group.join_state,
            group.rebalance_cnt,
            group.assignment_size,
            // Why a member joins first depends on what it knew when it subscribed.
            group.rebalance_reason.replace(FIRST_REASON, "")
        ),
        None => "no group".to_owned(),
    }
}

fn exactly_once(statistics: &Statistics) -> String {
    match &statistics.eos {
        Some(eos) => format!(
            "eos: {} {} may enqueue {} id {} epoch {} epochs {}",
            eos.idemp_state,
            eos.txn_state,
            eos.txn_may_enq,
            eos.producer_id >= 0,
            eos.producer_epoch,
            eos.epoch_cnt
        ),
        None => "no eos".to_owned(),
    }
}

/// What is said of each partition, by number.
fn partitions(statistics: &Statistics) -> String {
    let mut lines = String::new();
    let mut topics: Vec<_> = statistics.topics.iter().collect();
    topics.sort_unstable_by_key(|(name, _)| name.as_str());
    for (name, topic) in topics {
        let mut all: Vec<_> = topic.partitions.iter().collect();
        all.sort_unstable_by_key(|(number, _)| **number);
        for (number, partition) in all {
            let _ = writeln!(lines, "{name} {number}: {}", shown(partition));
        }
    }
    lines
}

fn shown(of: &Partition) -> String {
    format!(
        "leader {} broker {} desired {} unknown {} {} query {} next {} app {} stored {} \
         committed {} eof {} lo {} hi {} ls {} lag {} lag stored {} tx {}/{} rx {}/{} msgs {} \
         queued {}/{} fetched {}/{} in flight {}",
        of.leader,
        of.broker,
        of.desired,
        of.unknown,
        of.fetch_state,
        of.query_offset,
        of.next_offset,
        of.app_offset,
        of.stored_offset,
        of.committed_offset,
        of.eof_offset,
        of.lo_offset,
        of.hi_offset,
        of.ls_offset,
        of.consumer_lag,
        of.consumer_lag_stored,
        of.txmsgs,
        of.txbytes,
        of.rxmsgs,
        of.rxbytes,
        of.msgs,
        of.msgq_cnt,
        of.msgq_bytes,
        of.fetchq_cnt,
        of.fetchq_size,
        of.msgs_inflight,
    )
}

fn of_a_consumer_that_does_nothing(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[EVERY_100_MS]);
    note_consumer(bench, &reader, |statistics| {
        [client, broker, group, exactly_once, partitions]
            .map(|show| show(statistics))
            .join("\n")
    });
}

fn of_a_consumer_without_a_group(bench: &Bench<'_>) {
    let reader: Reader = match bench
        .config(&[EVERY_100_MS])
        .create_with_context(Recorder::default())
    {
        Ok(reader) => reader,
        Err(error) => panic!("no consumer: {error}"),
    };
    note_consumer(bench, &reader, group);
}

fn not_asked_for(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[]);
    bench.note_polls("consumer", &reader, Duration::from_secs(2));
    bench.note(reader.context().take_statistics().len().to_string());
}

fn only_when_polled(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[EVERY_100_MS]);
    let count = |what: &str| {
        let count = reader.context().take_statistics().len();
        bench.note(format!("{what}: {}", count.min(2)));
    };
    bench.sleep(Duration::from_secs(1));
    count("after a second");
    // A poll gives one callback, if it waits not at all.
    let _ = reader.poll(Duration::ZERO);
    count("after a poll");
    bench.note_polls("consumer", &reader, Duration::from_secs(1));
    count("after a second of polls");
}

/// A consumer of a partition of five records.
fn assigned(bench: &Bench<'_>, at: Offset, properties: &[(&str, &str)]) -> (String, Reader) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..5));
    let reader = bench.reader("g", &[&[EVERY_100_MS], properties].concat());
    let result = reader.assign(&positions(&topic, &[(0, at)]));
    bench.note_result("assign", &result);
    (topic, reader)
}

fn of_an_empty_partition(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[EVERY_100_MS]);
    let result = reader.assign(&positions(&topic, &[(0, Offset::Beginning)]));
    bench.note_result("assign", &result);
    note_consumer(bench, &reader, partitions);
}

fn of_what_was_read(bench: &Bench<'_>) {
    let (_, reader) = assigned(bench, Offset::Beginning, &[]);
    bench.note_next("consumer", &reader, 5);
    note_consumer(bench, &reader, |statistics| {
        [client(statistics), partitions(statistics)].join("\n")
    });
}

fn of_what_was_read_in_part(bench: &Bench<'_>) {
    // What was fetched and not read yet is in the queue that the statistics come through.
    let (topic, reader) = assigned(bench, Offset::Offset(1), &[]);
    bench.note_next("consumer", &reader, 2);
    let whole = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("pause", &reader.pause(&whole));
    note_consumer(bench, &reader, partitions);
}

fn of_what_was_committed(bench: &Bench<'_>) {
    let (topic, reader) = assigned(bench, Offset::Beginning, &[]);
    bench.note_next("consumer", &reader, 5);
    let two = positions(&topic, &[(0, Offset::Offset(2))]);
    bench.note_result("commit", &reader.commit(&two, CommitMode::Sync));
    note_consumer(bench, &reader, partitions);
    bench.fill(&topic, 0, numbers(5..8));
    bench.note_next("consumer", &reader, 3);
    note_consumer(bench, &reader, partitions);
}

fn of_what_was_stored_by_hand(bench: &Bench<'_>) {
    let by_hand = [("enable.auto.offset.store", "false")];
    let (topic, reader) = assigned(bench, Offset::Beginning, &by_hand);
    bench.note_next("consumer", &reader, 5);
    note_consumer(bench, &reader, partitions);
    bench.note_result("store", &reader.store_offset(&topic, 0, 2));
    note_consumer(bench, &reader, partitions);
}

fn of_what_was_committed_before(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..5));
    let reader = bench.reader("g", &[EVERY_100_MS]);
    let three = positions(&topic, &[(0, Offset::Offset(3))]);
    bench.note_result("commit", &reader.commit(&three, CommitMode::Sync));
    let result = reader.assign(&positions(&topic, &[(0, Offset::Stored)]));
    bench.note_result("assign", &result);
    bench.note_next("consumer", &reader, 2);
    note_consumer(bench, &reader, partitions);
}

fn from_the_latest(bench: &Bench<'_>) {
    let (_, reader) = assigned(bench, Offset::End, &[]);
    note_consumer(bench, &reader, partitions);
}

fn after_a_seek(bench: &Bench<'_>) {
    let (topic, reader) = assigned(bench, Offset::Beginning, &[]);
    bench.note_next("consumer", &reader, 5);
    let sought = reader.seek(&topic, 0, Offset::Offset(3), PATIENCE);
    bench.note_result("seek", &sought);
    bench.note_next("consumer", &reader, 2);
    note_consumer(bench, &reader, partitions);
}

fn of_a_paused_partition(bench: &Bench<'_>) {
    let (topic, reader) = assigned(bench, Offset::Beginning, &[]);
    bench.note_next("consumer", &reader, 5);
    note_consumer(bench, &reader, |_| String::new());
    let whole = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("pause", &reader.pause(&whole));
    note_consumer(bench, &reader, partitions);
}

fn of_an_unassigned_partition(bench: &Bench<'_>) {
    let (topic, reader) = assigned(bench, Offset::Beginning, &[]);
    bench.note_next("consumer", &reader, 5);
    let two = positions(&topic, &[(0, Offset::Offset(2))]);
    bench.note_result("commit", &reader.commit(&two, CommitMode::Sync));
    note_consumer(bench, &reader, |_| String::new());
    bench.note_result("unassign", &reader.unassign());
    note_consumer(bench, &reader, partitions);
}

fn of_a_partition_that_is_not_there(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[EVERY_100_MS]);
    let result = reader.assign(&positions(&topic, &[(3, Offset::Beginning)]));
    bench.note_result("assign", &result);
    note_consumer(bench, &reader, partitions);
}

fn send(bench: &Bench<'_>, writer: &Writer, topic: &str, partition: i32, payload: &str) {
    let record = BaseRecord::<str, str>::to(topic)
        .partition(partition)
        .payload(payload);
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result("send", &sent);
}

fn begun(bench: &Bench<'_>, properties: &[(&str, &str)]) -> Writer {
    let id = bench.name("id");
    let transactional = [("transactional.id", id.as_str()), ("client.id", "writer")];
    let writer = bench.writer(&[&transactional, properties].concat());
    bench.note_result("init", &writer.init_transactions(PATIENCE));
    bench.note_result("begin", &writer.begin_transaction());
    writer
}

fn beside_an_open_transaction(bench: &Bench<'_>, isolation: &str) {
    let level = [("isolation.level", isolation)];
    let (topic, reader) = assigned(bench, Offset::Beginning, &level);
    let writer = begun(bench, &[]);
    send(bench, &writer, &topic, 0, "t");
    send(bench, &writer, &topic, 0, "u");
    bench.note_result("flush", &writer.flush(PATIENCE));
    let visible = if isolation == "read_committed" { 5 } else { 7 };
    bench.note_next("consumer", &reader, visible);
    note_consumer(bench, &reader, partitions);
}

fn of_an_open_transaction(bench: &Bench<'_>) {
    beside_an_open_transaction(bench, "read_committed");
}

fn of_an_open_transaction_and_an_uncommitted_reader(bench: &Bench<'_>) {
    beside_an_open_transaction(bench, "read_uncommitted");
}

fn of_deleted_records(bench: &Bench<'_>) {
    let (topic, reader) = assigned(bench, Offset::Beginning, &[]);
    bench.note_next("consumer", &reader, 5);
    let three = positions(&topic, &[(0, Offset::Offset(3))]);
    let admin = bench.admin();
    let deleted = bench.wait(admin.delete_records(&three, &AdminOptions::new()));
    bench.note_result("delete", &deleted);
    bench.fill(&topic, 0, numbers(5..6));
    bench.note_next("consumer", &reader, 1);
    note_consumer(bench, &reader, partitions);
}

fn of_a_group(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let reader = bench.reader("g", &[EVERY_100_MS]);
    bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    bench.settle(&[(&reader, 2)]);
    note_consumer(bench, &reader, |statistics| {
        [group(statistics), partitions(statistics)].join("\n")
    });
}

fn of_a_group_that_was_left(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let reader = bench.reader("g", &[EVERY_100_MS]);
    bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    bench.settle(&[(&reader, 2)]);
    reader.unsubscribe();
    note_consumer(bench, &reader, group);
}

fn of_a_group_of_the_consumer_protocol(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let reader = bench.member("g", &[EVERY_100_MS]);
    bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    bench.settle(&[(&reader, 2)]);
    note_consumer(bench, &reader, |statistics| {
        [group(statistics), partitions(statistics)].join("\n")
    });
}

fn of_a_rebalanced_group(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let first = bench.reader("g", &[EVERY_100_MS]);
    bench.note_result("subscribe", &first.subscribe(&[&topic]));
    bench.settle(&[(&first, 2)]);
    let second = bench.reader("g", &[EVERY_100_MS]);
    bench.note_result("subscribe", &second.subscribe(&[&topic]));
    bench.settle(&[(&first, 1), (&second, 1)]);
    bench.rest(&[&first, &second]);
    for reader in [&first, &second] {
        let poll_both = || {
            let _ = first.poll(Duration::from_millis(10));
            let _ = second.poll(Duration::from_millis(10));
        };
        note(bench, reader.context(), poll_both, group);
    }
}

fn writer(bench: &Bench<'_>, properties: &[(&str, &str)]) -> Writer {
    bench.writer(&[&[EVERY_100_MS, ("client.id", "writer")], properties].concat())
}

fn of_a_producer(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let writer = writer(bench, &[]);
    for payload in ["a", "bc", "def"] {
        send(bench, &writer, &topic, 1, payload);
    }
    bench.note_result("flush", &writer.flush(PATIENCE));
    note_producer(bench, &writer, |statistics| {
        [client, group, exactly_once, partitions]
            .map(|show| show(statistics))
            .join("\n")
    });
}

fn of_a_producer_that_lingers(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = writer(bench, &[("linger.ms", "60000")]);
    let metadata = writer.client().fetch_metadata(Some(&topic), PATIENCE);
    bench.note_result("metadata", &metadata);
    for payload in ["a", "bc"] {
        send(bench, &writer, &topic, 0, payload);
    }
    note_producer(bench, &writer, |statistics| {
        [client(statistics), partitions(statistics)].join("\n")
    });
}

fn of_a_producer_without_topics(bench: &Bench<'_>) {
    let writer = writer(bench, &[]);
    note_producer(bench, &writer, |statistics| {
        [client, exactly_once, partitions]
            .map(|show| show(statistics))
            .join("\n")
    });
}

fn of_an_idempotent_producer(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = writer(bench, &[("enable.idempotence", "true")]);
    send(bench, &writer, &topic, 0, "a");
    bench.note_result("flush", &writer.flush(PATIENCE));
    note_producer(bench, &writer, |statistics| {
        [exactly_once(statistics), partitions(statistics)].join("\n")
    });
}

fn of_a_transactional_producer(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = begun(bench, &[EVERY_100_MS]);
    send(bench, &writer, &topic, 0, "a");
    bench.note_result("flush", &writer.flush(PATIENCE));
    note_producer(bench, &writer, exactly_once);
    bench.note_result("commit", &writer.commit_transaction(PATIENCE));
    note_producer(bench, &writer, exactly_once);
}
