//! Idempotent and transactional producers, and those who read what they wrote.

use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::bench::{Bench, PATIENCE, POLL, Reader, Writer, numbers, positions};
use crate::case::cases;

cases! {
    "transactions":
    an_idempotent_producer,
    two_idempotent_producers,
    a_commit,
    an_abort,
    an_abort_and_a_commit,
    one_after_another,
    an_empty_commit,
    an_empty_abort,
    begin_before_init,
    begin_twice,
    commit_without_begin,
    abort_without_begin,
    init_twice,
    send_outside_of_a_transaction,
    send_before_init,
    an_open_transaction_holds_readers_back,
    an_open_transaction_and_uncommitted_readers,
    the_watermarks_while_one_is_open,
    offsets_with_a_commit,
    offsets_with_an_abort,
    offsets_while_it_is_open,
    offsets_of_a_partition_that_is_not_there,
    offsets_without_begin,
    a_newer_producer_fences_the_older,
    a_newer_producer_aborts_what_the_older_left,
    a_transaction_that_takes_too_long,
    over_several_partitions,
    positions_pass_over_control_records,
    a_failed_delivery_makes_it_abortable,
    a_marker_that_ends_nothing_before_an_abort,
    not_a_transactional_producer,
}

/// Every part of a transaction's error that a program may decide by.
fn shown<T>(result: &KafkaResult<T>) -> String {
    match result {
        Err(KafkaError::Transaction(error)) => format!(
            "{:?}, fatal {}, retriable {}, requires abort {}",
            error.code(),
            error.is_fatal(),
            error.is_retriable(),
            error.txn_requires_abort()
        ),
        Err(other) => format!("{other:?}"),
        Ok(_) => "ok".to_owned(),
    }
}

fn note<T>(bench: &Bench<'_>, what: &str, result: &KafkaResult<T>) {
    bench.note(format!("{what}: {}", shown(result)));
}

fn uninitialized(bench: &Bench<'_>, id: &str, properties: &[(&str, &str)]) -> Writer {
    let id = bench.name(id);
    let mut all = vec![("transactional.id", id.as_str())];
    all.extend_from_slice(properties);
    bench.writer(&all)
}

fn transactional(bench: &Bench<'_>, id: &str) -> Writer {
    let writer = uninitialized(bench, id, &[]);
    note(bench, "init", &writer.init_transactions(PATIENCE));
    writer
}

fn send(bench: &Bench<'_>, writer: &Writer, topic: &str, partition: i32, payload: &str) {
    let record = BaseRecord::<str, str>::to(topic)
        .partition(partition)
        .payload(payload);
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result(&format!("send {payload}"), &sent);
}

fn begin(bench: &Bench<'_>, writer: &Writer) {
    note(bench, "begin", &writer.begin_transaction());
}

fn commit(bench: &Bench<'_>, writer: &Writer) {
    note(bench, "commit", &writer.commit_transaction(PATIENCE));
    bench.note_callbacks("producer", writer.context());
}

fn abort(bench: &Bench<'_>, writer: &Writer) {
    // Aborting waits for reports that nobody polls otherwise.
    let result = bench.until("the abort", || {
        writer.poll(Duration::ZERO);
        match writer.abort_transaction(POLL) {
            Err(KafkaError::Transaction(error)) if error.is_retriable() => None,
            other => Some(other),
        }
    });
    note(bench, "abort", &result);
    for line in writer.context().take() {
        // Whether a message was on its way already depends on time.
        let line = line
            .replace("PurgeInflight", "Purged")
            .replace("PurgeQueue", "Purged");
        if !line.contains("Purged") && !line.starts_with("delivered") {
            bench.note(format!("producer: {line}"));
        }
    }
}

fn deliver(bench: &Bench<'_>, writer: &Writer) {
    bench.note_result("flush", &writer.flush(PATIENCE));
    bench.note_callbacks("producer", writer.context());
}

fn reader(bench: &Bench<'_>, topic: &str, partition: i32, isolation: &str) -> Reader {
    let reader = bench.reader("reader", &[("isolation.level", isolation)]);
    let list = positions(topic, &[(partition, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&list));
    reader
}

fn note_read(bench: &Bench<'_>, topic: &str, partition: i32) {
    for isolation in ["read_committed", "read_uncommitted"] {
        let reader = reader(bench, topic, partition, isolation);
        let watermarks = reader.fetch_watermarks(topic, partition, PATIENCE);
        let end = watermarks.as_ref().map_or(0, |(_, high)| *high);
        bench.note_until_position(isolation, &reader, end);
        bench.note_offsets("position", &reader.position());
        bench.note(format!("watermarks: {watermarks:?}"));
    }
}

fn an_idempotent_producer(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("enable.idempotence", "true")]);
    for payload in numbers(0..5) {
        send(bench, &writer, &topic, 0, &payload);
    }
    deliver(bench, &writer);
}

fn two_idempotent_producers(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writers = [(); 2].map(|()| bench.writer(&[("enable.idempotence", "true")]));
    for round in numbers(0..3) {
        for writer in &writers {
            send(bench, writer, &topic, 0, &round);
            deliver(bench, writer);
        }
    }
}

fn a_commit(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "x");
    send(bench, &writer, &topic, 0, "y");
    commit(bench, &writer);
    note_read(bench, &topic, 0);
}

fn an_abort(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "x");
    deliver(bench, &writer);
    abort(bench, &writer);
    note_read(bench, &topic, 0);
}

fn an_abort_and_a_commit(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = transactional(bench, "a");
    for (payload, commits) in [("x", false), ("y", true), ("z", false)] {
        begin(bench, &writer);
        send(bench, &writer, &topic, 0, payload);
        deliver(bench, &writer);
        if commits {
            commit(bench, &writer);
        } else {
            abort(bench, &writer);
        }
    }
    note_read(bench, &topic, 0);
}

fn one_after_another(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = transactional(bench, "a");
    for payload in numbers(0..3) {
        begin(bench, &writer);
        send(bench, &writer, &topic, 0, &payload);
        commit(bench, &writer);
    }
    note_read(bench, &topic, 0);
}

fn an_empty_commit(bench: &Bench<'_>) {
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    commit(bench, &writer);
}

fn an_empty_abort(bench: &Bench<'_>) {
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    abort(bench, &writer);
}

fn begin_before_init(bench: &Bench<'_>) {
    let writer = uninitialized(bench, "a", &[]);
    begin(bench, &writer);
}

fn begin_twice(bench: &Bench<'_>) {
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    begin(bench, &writer);
}

fn commit_without_begin(bench: &Bench<'_>) {
    let writer = transactional(bench, "a");
    commit(bench, &writer);
}

fn abort_without_begin(bench: &Bench<'_>) {
    let writer = transactional(bench, "a");
    abort(bench, &writer);
}

fn init_twice(bench: &Bench<'_>) {
    let writer = transactional(bench, "a");
    note(bench, "init", &writer.init_transactions(PATIENCE));
}

fn send_outside_of_a_transaction(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = transactional(bench, "a");
    send(bench, &writer, &topic, 0, "x");
    deliver(bench, &writer);
}

fn send_before_init(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = uninitialized(bench, "a", &[]);
    send(bench, &writer, &topic, 0, "x");
}

/// A topic whose second message stands in an open transaction.
fn open(bench: &Bench<'_>) -> (String, Writer) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, ["before".to_owned()]);
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "within");
    deliver(bench, &writer);
    bench.fill(&topic, 0, ["after".to_owned()]);
    (topic, writer)
}

fn an_open_transaction_holds_readers_back(bench: &Bench<'_>) {
    let (topic, writer) = open(bench);
    let reader = reader(bench, &topic, 0, "read_committed");
    bench.note_polls("reader", &reader, Duration::from_millis(1500));
    commit(bench, &writer);
    bench.note_next("reader", &reader, 2);
}

fn an_open_transaction_and_uncommitted_readers(bench: &Bench<'_>) {
    let (topic, writer) = open(bench);
    let reader = reader(bench, &topic, 0, "read_uncommitted");
    bench.note_next("reader", &reader, 3);
    abort(bench, &writer);
}

fn the_watermarks_while_one_is_open(bench: &Bench<'_>) {
    let (topic, writer) = open(bench);
    for isolation in ["read_committed", "read_uncommitted"] {
        let reader = bench.reader("g", &[("isolation.level", isolation)]);
        let watermarks = reader.fetch_watermarks(&topic, 0, PATIENCE);
        bench.note(format!("{isolation}: {watermarks:?}"));
    }
    abort(bench, &writer);
}

/// A member of a group that has read its only message, and a transaction that holds its offset.
fn with_offsets(bench: &Bench<'_>) -> (String, Reader, Writer) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..3));
    let member = bench.reader("g", &[]);
    bench.note_result("subscribe", &member.subscribe(&[&topic]));
    bench.note_next("member", &member, 3);
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    send_offsets(
        bench,
        &writer,
        &member,
        &positions(&topic, &[(0, Offset::Offset(3))]),
    );
    (topic, member, writer)
}

fn send_offsets(bench: &Bench<'_>, writer: &Writer, member: &Reader, list: &TopicPartitionList) {
    let Some(group) = member.group_metadata() else {
        return bench.note("no group metadata");
    };
    let sent = writer.send_offsets_to_transaction(list, &group, Duration::from_secs(3));
    note(bench, "send offsets", &sent);
}

fn note_committed(bench: &Bench<'_>, reader: &Reader, topic: &str) {
    let list = positions(topic, &[(0, Offset::Invalid)]);
    let committed = reader.committed_offsets(list, Duration::from_secs(2));
    bench.note_offsets("committed", &committed);
}

fn offsets_with_a_commit(bench: &Bench<'_>) {
    let (topic, member, writer) = with_offsets(bench);
    commit(bench, &writer);
    // The marker is written after the commit was answered.
    bench.sleep(Duration::from_millis(500));
    note_committed(bench, &member, &topic);
}

fn offsets_with_an_abort(bench: &Bench<'_>) {
    let (topic, member, writer) = with_offsets(bench);
    abort(bench, &writer);
    bench.sleep(Duration::from_millis(500));
    note_committed(bench, &member, &topic);
}

fn offsets_while_it_is_open(bench: &Bench<'_>) {
    let (topic, member, writer) = with_offsets(bench);
    note_committed(bench, &member, &topic);
    let uncommitted = bench.reader("g", &[("isolation.level", "read_uncommitted")]);
    note_committed(bench, &uncommitted, &topic);
    commit(bench, &writer);
}

fn offsets_of_a_partition_that_is_not_there(bench: &Bench<'_>) {
    let (topic, member, writer) = with_offsets(bench);
    let list = positions(&topic, &[(9, Offset::Offset(3))]);
    send_offsets(bench, &writer, &member, &list);
    abort(bench, &writer);
}

fn offsets_without_begin(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let member = bench.reader("g", &[]);
    let writer = transactional(bench, "a");
    send_offsets(
        bench,
        &writer,
        &member,
        &positions(&topic, &[(0, Offset::Offset(0))]),
    );
}

fn a_newer_producer_fences_the_older(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let older = transactional(bench, "a");
    begin(bench, &older);
    send(bench, &older, &topic, 0, "older");
    deliver(bench, &older);
    let newer = transactional(bench, "a");
    note(
        bench,
        "the older commits",
        &older.commit_transaction(PATIENCE),
    );
    let fatal = older.client().fatal_error();
    bench.note(format!("fatal: {:?}", fatal.map(|(code, _)| code)));
    begin(bench, &newer);
    send(bench, &newer, &topic, 0, "newer");
    commit(bench, &newer);
    note_read(bench, &topic, 0);
}

fn a_newer_producer_aborts_what_the_older_left(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let older = transactional(bench, "a");
    begin(bench, &older);
    send(bench, &older, &topic, 0, "left");
    deliver(bench, &older);
    drop(older);
    let _newer = transactional(bench, "a");
    note_read(bench, &topic, 0);
}

fn a_transaction_that_takes_too_long(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let properties = [
        ("transaction.timeout.ms", "1000"),
        ("message.timeout.ms", "1000"),
    ];
    let writer = uninitialized(bench, "a", &properties);
    note(bench, "init", &writer.init_transactions(PATIENCE));
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "late");
    deliver(bench, &writer);
    // The coordinator looks for such transactions every ten seconds.
    bench.sleep(Duration::from_secs(13));
    note(bench, "commit", &writer.commit_transaction(PATIENCE));
    note_read(bench, &topic, 0);
}

fn over_several_partitions(bench: &Bench<'_>) {
    let topic = bench.topic("t", 3);
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    for (partition, payload) in [(0, "x"), (1, "y")] {
        send(bench, &writer, &topic, partition, payload);
        deliver(bench, &writer);
    }
    commit(bench, &writer);
    for partition in 0..3 {
        note_read(bench, &topic, partition);
    }
}

fn positions_pass_over_control_records(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "x");
    commit(bench, &writer);
    let member = bench.reader("g", &[]);
    bench.note_result("subscribe", &member.subscribe(&[&topic]));
    bench.note_next("member", &member, 1);
    bench.note_offsets("position", &member.position());
    bench.note_polls("member", &member, Duration::from_millis(1500));
    bench.note_offsets("position", &member.position());
    bench.note_result("commit", &member.commit_consumer_state(CommitMode::Sync));
    note_committed(bench, &member, &topic);
}

fn a_failed_delivery_makes_it_abortable(bench: &Bench<'_>) {
    let topic = bench.topic_with("t", 1, &[("max.message.bytes", "500")]);
    let writer = transactional(bench, "a");
    begin(bench, &writer);
    let large = "x".repeat(2000);
    let record = BaseRecord::<str, str>::to(&topic)
        .partition(0)
        .payload(&large);
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result("send 2000 bytes", &sent);
    note(bench, "commit", &writer.commit_transaction(PATIENCE));
    let _ = writer.context().take();
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "small");
    abort(bench, &writer);
}

/// What waits in the client is purged by an abort, but its partition is in the transaction by then, and gets
/// a marker.
fn a_marker_that_ends_nothing_before_an_abort(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let id = bench.name("a");
    let writer = bench.writer(&[("transactional.id", &id), ("linger.ms", "10000")]);
    bench.note_result("init", &writer.init_transactions(PATIENCE));
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "purged");
    bench.sleep(Duration::from_secs(2));
    abort(bench, &writer);
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "void");
    deliver(bench, &writer);
    abort(bench, &writer);
    begin(bench, &writer);
    send(bench, &writer, &topic, 0, "kept");
    deliver(bench, &writer);
    commit(bench, &writer);
    note_read(bench, &topic, 0);
}

fn not_a_transactional_producer(bench: &Bench<'_>) {
    let writer = bench.writer(&[]);
    note(bench, "init", &writer.init_transactions(PATIENCE));
    begin(bench, &writer);
    note(bench, "commit", &writer.commit_transaction(PATIENCE));
}
