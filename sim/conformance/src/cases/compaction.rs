//! Compacted topics: what is left of them, and how it is read.

use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseRecord, Producer};

use super::altering::{alter_one, of_topic};
use crate::bench::{Bench, PATIENCE, Writer, positions};
use crate::case::cases;

cases! {
    "compaction":
    of_each_key_the_last_record_stays,
    the_last_segment_is_left_alone,
    a_position_in_a_hole,
    a_batch_loses_some_of_its_records,
    a_tombstone_goes_at_the_second_pass,
    a_tombstone_stays_for_a_while,
    a_record_without_a_key,
    not_before_its_time,
    not_for_so_little,
    compacted_and_deleted,
    records_of_an_aborted_transaction,
    an_idempotent_producer_goes_on,
    offsets_for_times_in_a_hole,
    a_topic_that_becomes_compacted,
}

/// Long enough for a broker to have looked for logs to compact.
const LOOKED: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(1500);
/// In 2023; each record is a minute later, and so begins a segment.
const BEGIN_MS: i64 = 1_700_000_000_000;
const MINUTE_MS: i64 = 60_000;

const COMPACTED: [(&str, &str); 3] = [
    ("cleanup.policy", "compact"),
    ("segment.ms", "1000"),
    ("min.cleanable.dirty.ratio", "0.01"),
];

fn topic(bench: &Bench<'_>, settings: &[(&str, &str)]) -> String {
    bench.topic_with("t", 1, &[&COMPACTED, settings].concat())
}

/// Sends keys with values, each in a segment of its own; without a value it is a tombstone.
fn send(bench: &Bench<'_>, writer: &Writer, topic: &str, begin: i64, records: &[(&str, &str)]) {
    for (number, (key, value)) in (begin..).zip(records) {
        let mut record = BaseRecord::<str, str>::to(topic)
            .partition(0)
            .key(key)
            .timestamp(BEGIN_MS + number * MINUTE_MS);
        if !value.is_empty() {
            record = record.payload(value);
        }
        bench.note_result("send", &writer.send(record).map_err(|(error, _)| error));
        bench.note_result("flush", &writer.flush(PATIENCE));
    }
    bench.note_callbacks("producer", writer.context());
}

fn note_log(bench: &Bench<'_>, topic: &str, from: Offset) {
    let reader = bench.reader("reader", &[]);
    let assigned = reader.assign(&positions(topic, &[(0, from)]));
    bench.note_result("assign", &assigned);
    bench.note_polls("log", &reader, QUIET);
    bench.note_offsets("position", &reader.position());
    let watermarks = reader.fetch_watermarks(topic, 0, PATIENCE);
    bench.note(format!("watermarks: {watermarks:?}"));
}

const TABLE: [(&str, &str); 6] = [
    ("a", "a1"),
    ("b", "b1"),
    ("a", "a2"),
    ("c", "c1"),
    ("a", "a3"),
    ("z", "z1"),
];

/// A topic that was compacted once.
fn compacted(bench: &Bench<'_>) -> String {
    let topic = topic(bench, &[]);
    send(bench, &bench.writer(&[]), &topic, 0, &TABLE);
    bench.sleep(LOOKED);
    topic
}

fn of_each_key_the_last_record_stays(bench: &Bench<'_>) {
    let topic = compacted(bench);
    note_log(bench, &topic, Offset::Beginning);
}

fn the_last_segment_is_left_alone(bench: &Bench<'_>) {
    let topic = bench.topic_with("t", 1, &[COMPACTED[0], COMPACTED[2]]);
    send(bench, &bench.writer(&[]), &topic, 0, &TABLE);
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
}

fn a_position_in_a_hole(bench: &Bench<'_>) {
    let topic = compacted(bench);
    note_log(bench, &topic, Offset::Offset(2));
    note_log(bench, &topic, Offset::OffsetTail(4));
}

fn a_batch_loses_some_of_its_records(bench: &Bench<'_>) {
    let topic = topic(bench, &[]);
    let writer = bench.writer(&[("linger.ms", "500")]);
    for (key, value) in TABLE {
        let record = BaseRecord::<str, str>::to(&topic)
            .partition(0)
            .key(key)
            .payload(value)
            .timestamp(BEGIN_MS);
        bench.note_result("send", &writer.send(record).map_err(|(error, _)| error));
    }
    bench.note_result("flush", &writer.flush(PATIENCE));
    send(
        bench,
        &bench.writer(&[]),
        &topic,
        1,
        &[("b", "b2"), ("y", "y1")],
    );
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
    note_log(bench, &topic, Offset::Offset(5));
}

fn tombstones(bench: &Bench<'_>, retention_ms: &str) {
    let topic = topic(bench, &[("delete.retention.ms", retention_ms)]);
    let writer = bench.writer(&[]);
    send(
        bench,
        &writer,
        &topic,
        0,
        &[("a", "a1"), ("b", "b1"), ("a", ""), ("x", "x1")],
    );
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
    send(bench, &writer, &topic, 4, &[("y", "y1"), ("z", "z1")]);
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
}

fn a_tombstone_goes_at_the_second_pass(bench: &Bench<'_>) {
    tombstones(bench, "0");
}

fn a_tombstone_stays_for_a_while(bench: &Bench<'_>) {
    tombstones(bench, "3600000");
}

fn a_record_without_a_key(bench: &Bench<'_>) {
    let topic = topic(bench, &[]);
    let writer = bench.writer(&[]);
    let record = BaseRecord::<str, str>::to(&topic).partition(0).payload("p");
    bench.note_result("send", &writer.send(record).map_err(|(error, _)| error));
    bench.note_result("flush", &writer.flush(PATIENCE));
    bench.note_callbacks("producer", writer.context());
    note_log(bench, &topic, Offset::Beginning);
}

fn not_before_its_time(bench: &Bench<'_>) {
    // More than a hundred years.
    let topic = topic(bench, &[("min.compaction.lag.ms", "4000000000000")]);
    send(bench, &bench.writer(&[]), &topic, 0, &TABLE);
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
}

fn not_for_so_little(bench: &Bench<'_>) {
    let topic = compacted(bench);
    let ratio = [("min.cleanable.dirty.ratio", "0.9")];
    alter_one(bench, of_topic(&topic, &[&COMPACTED[..2], &ratio].concat()));
    send(
        bench,
        &bench.writer(&[]),
        &topic,
        6,
        &[("b", "b2"), ("y", "y1")],
    );
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
}

fn compacted_and_deleted(bench: &Bench<'_>) {
    let settings = [
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "3600000"),
    ];
    let topic = bench.topic_with("t", 1, &[&COMPACTED[1..], &settings].concat());
    send(bench, &bench.writer(&[]), &topic, 0, &TABLE);
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
}

fn records_of_an_aborted_transaction(bench: &Bench<'_>) {
    let settings = [
        ("delete.retention.ms", "0"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ];
    let topic = topic(bench, &settings);
    let id = bench.name("transactions");
    let writer = bench.writer(&[("transactional.id", &id)]);
    bench.note_result("init", &writer.init_transactions(PATIENCE));
    for (begin, value, commits) in [(0, "kept", true), (1, "void", false)] {
        bench.note_result("begin", &writer.begin_transaction());
        send(bench, &writer, &topic, begin, &[("a", value)]);
        let ended = match commits {
            true => writer.commit_transaction(PATIENCE),
            false => writer.abort_transaction(PATIENCE),
        };
        bench.note_result("end", &ended);
    }
    send(
        bench,
        &bench.writer(&[]),
        &topic,
        100_000_000,
        &[("x", "x1"), ("y", "y1")],
    );
    bench.sleep(LOOKED);
    for isolation in ["read_committed", "read_uncommitted"] {
        let reader = bench.reader("reader", &[("isolation.level", isolation)]);
        let assigned = reader.assign(&positions(&topic, &[(0, Offset::Beginning)]));
        bench.note_result(isolation, &assigned);
        bench.note_polls("log", &reader, QUIET);
        bench.note_offsets("position", &reader.position());
    }
}

fn an_idempotent_producer_goes_on(bench: &Bench<'_>) {
    let topic = topic(bench, &[]);
    let writer = bench.writer(&[("enable.idempotence", "true")]);
    send(
        bench,
        &writer,
        &topic,
        0,
        &[("a", "a1"), ("a", "a2"), ("a", "a3")],
    );
    let other = bench.writer(&[]);
    send(bench, &other, &topic, 3, &[("a", "a4"), ("x", "x1")]);
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
    send(bench, &writer, &topic, 5, &[("a", "a5")]);
    note_log(bench, &topic, Offset::Beginning);
}

fn offsets_for_times_in_a_hole(bench: &Bench<'_>) {
    let topic = compacted(bench);
    let reader = bench.reader("g", &[]);
    for minute in [0, 2, 4, 5, 6] {
        let times = positions(
            &topic,
            &[(0, Offset::Offset(BEGIN_MS + minute * MINUTE_MS))],
        );
        let found = reader.offsets_for_times(times, PATIENCE);
        bench.note_offsets(&format!("minute {minute}"), &found);
    }
}

fn a_topic_that_becomes_compacted(bench: &Bench<'_>) {
    let kept = [("retention.ms", "-1")];
    let topic = bench.topic_with("t", 1, &[&COMPACTED[1..], &kept].concat());
    send(bench, &bench.writer(&[]), &topic, 0, &TABLE);
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
    alter_one(bench, of_topic(&topic, &COMPACTED));
    bench.sleep(LOOKED);
    note_log(bench, &topic, Offset::Beginning);
}
