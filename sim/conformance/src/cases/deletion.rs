//! Records that are deleted, by an administrator or by retention, and who reads on.

use std::time::Duration;

use rdkafka::admin::AdminOptions;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::bench::{Bench, PATIENCE, Reader, numbers, positions};
use crate::case::cases;

cases! {
    "deletion":
    read_from_below_the_start_to_the_earliest,
    read_from_below_the_start_to_the_latest,
    read_from_below_the_start_is_an_error,
    a_committed_offset_below_the_start,
    a_paused_consumer_is_overtaken,
    seek_below_the_start,
    offsets_for_times_after_a_deletion,
    everything_is_deleted,
    old_records_go_by_retention,
    a_record_from_the_future_keeps_older_ones,
    the_brokers_time_counts_where_it_is_the_records,
    no_limit_keeps_all,
}

const QUIET: Duration = Duration::from_millis(1500);

fn delete_before(bench: &Bench<'_>, topic: &str, offset: i64) {
    let list = positions(topic, &[(0, Offset::Offset(offset))]);
    let result = bench.wait(bench.admin().delete_records(&list, &AdminOptions::new()));
    bench.note_offsets("delete records", &result);
}

fn note_watermarks(bench: &Bench<'_>, topic: &str) {
    let reader = bench.reader("watermarks", &[]);
    let watermarks = reader.fetch_watermarks(topic, 0, PATIENCE);
    bench.note(format!("watermarks: {watermarks:?}"));
}

/// Five records, of which the first three are deleted.
fn deleted(bench: &Bench<'_>) -> String {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..5));
    delete_before(bench, &topic, 3);
    topic
}

fn read_from_below(bench: &Bench<'_>, reset: &str) {
    let topic = deleted(bench);
    let reader = bench.reader("g", &[("auto.offset.reset", reset)]);
    let list = positions(&topic, &[(0, Offset::Offset(1))]);
    bench.note_result("assign", &reader.assign(&list));
    bench.note_polls("consumer", &reader, QUIET);
    bench.fill(&topic, 0, numbers(5..6));
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_offsets("position", &reader.position());
}

fn read_from_below_the_start_to_the_earliest(bench: &Bench<'_>) {
    read_from_below(bench, "earliest");
}

fn read_from_below_the_start_to_the_latest(bench: &Bench<'_>) {
    read_from_below(bench, "latest");
}

fn read_from_below_the_start_is_an_error(bench: &Bench<'_>) {
    read_from_below(bench, "error");
}

fn a_committed_offset_below_the_start(bench: &Bench<'_>) {
    let topic = deleted(bench);
    let reader = bench.reader("g", &[]);
    let one: TopicPartitionList = positions(&topic, &[(0, Offset::Offset(1))]);
    bench.note_result("commit", &reader.commit(&one, CommitMode::Sync));
    bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    bench.note_next("consumer", &reader, 2);
    bench.note_offsets("committed", &reader.committed(PATIENCE));
}

/// A consumer that has read the first of five records.
fn reading(bench: &Bench<'_>) -> (String, Reader) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..5));
    let reader = bench.reader("g", &[]);
    let list = positions(&topic, &[(0, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&list));
    bench.note_next("consumer", &reader, 1);
    (topic, reader)
}

fn a_paused_consumer_is_overtaken(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench);
    let list = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("pause", &reader.pause(&list));
    delete_before(bench, &topic, 3);
    bench.note_result("resume", &reader.resume(&list));
    bench.note_next("consumer", &reader, 2);
    bench.note_offsets("position", &reader.position());
}

fn seek_below_the_start(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench);
    bench.note_next("consumer", &reader, 4);
    delete_before(bench, &topic, 3);
    let sought = reader.seek(&topic, 0, Offset::Offset(1), PATIENCE);
    bench.note_result("seek", &sought);
    bench.note_next("consumer", &reader, 2);
}

fn offsets_for_times_after_a_deletion(bench: &Bench<'_>) {
    let topic = deleted(bench);
    let reader = bench.reader("g", &[]);
    let list = positions(&topic, &[(0, Offset::Offset(0))]);
    bench.note_offsets("0 ms", &reader.offsets_for_times(list, PATIENCE));
    note_watermarks(bench, &topic);
}

fn everything_is_deleted(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench);
    bench.note_next("consumer", &reader, 4);
    delete_before(bench, &topic, 5);
    note_watermarks(bench, &topic);
    bench.fill(&topic, 0, numbers(5..6));
    bench.note_next("consumer", &reader, 1);
}

/// Sends one record with each of these timestamps.
fn send_at(bench: &Bench<'_>, topic: &str, timestamps_ms: &[i64]) {
    let writer = bench.writer(&[("linger.ms", "0")]);
    for timestamp_ms in timestamps_ms {
        let record = BaseRecord::<str, str>::to(topic)
            .partition(0)
            .payload("p")
            .timestamp(*timestamp_ms);
        let sent = writer.send(record).map_err(|(error, _)| error);
        bench.note_result("send", &sent);
        bench.note_result("flush", &writer.flush(PATIENCE));
        bench.note_callbacks("producer", writer.context());
    }
}

/// The year 2100.
const FUTURE_MS: i64 = 4_102_444_800_000;
/// Long enough for a broker to have looked for old segments.
const LOOKED: Duration = Duration::from_secs(4);

fn old_records_go_by_retention(bench: &Bench<'_>) {
    let topic = bench.topic_with("t", 1, &[("retention.ms", "3600000")]);
    send_at(bench, &topic, &[1_000, 2_000]);
    let reader = bench.reader("g", &[]);
    bench.until("the old records are gone", || {
        let (low, high) = reader.fetch_watermarks(&topic, 0, PATIENCE).ok()?;
        (low == high).then_some(())
    });
    note_watermarks(bench, &topic);
    bench.fill(&topic, 0, numbers(0..1));
    let list = positions(&topic, &[(0, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&list));
    bench.note_next("consumer", &reader, 1);
}

fn a_record_from_the_future_keeps_older_ones(bench: &Bench<'_>) {
    let settings = [
        ("retention.ms", "3600000"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ];
    let topic = bench.topic_with("t", 1, &settings);
    send_at(bench, &topic, &[FUTURE_MS, 1_000, 2_000]);
    bench.sleep(LOOKED);
    note_watermarks(bench, &topic);
}

fn the_brokers_time_counts_where_it_is_the_records(bench: &Bench<'_>) {
    let settings = [
        ("retention.ms", "3600000"),
        ("message.timestamp.type", "LogAppendTime"),
    ];
    let topic = bench.topic_with("t", 1, &settings);
    send_at(bench, &topic, &[1_000, 2_000]);
    bench.sleep(LOOKED);
    note_watermarks(bench, &topic);
}

fn no_limit_keeps_all(bench: &Bench<'_>) {
    let topic = bench.topic_with("t", 1, &[("retention.ms", "-1")]);
    send_at(bench, &topic, &[1_000, 2_000]);
    bench.sleep(LOOKED);
    note_watermarks(bench, &topic);
}
