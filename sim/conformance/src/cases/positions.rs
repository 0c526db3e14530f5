//! Where a consumer stands, and being sent elsewhere.

use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use crate::bench::{Bench, PATIENCE, Reader, numbers, positions};
use crate::case::cases;

cases! {
    "positions":
    before_the_first_message,
    after_each_message,
    after_the_end,
    seek_back,
    seek_forward,
    seek_to_the_beginning,
    seek_to_the_end,
    seek_to_a_tail,
    seek_beyond_the_end,
    seek_what_is_not_assigned,
    seek_to_what_is_stored,
    seek_before_anything_came,
    seek_without_waiting,
    seek_several_partitions,
    seek_a_paused_partition,
    of_a_partition_that_is_not_assigned,
}

const QUIET: Duration = Duration::from_millis(1500);

/// A consumer that has seen the first of five messages.
fn reading(bench: &Bench<'_>) -> (String, Reader) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..5));
    let reader = bench.reader("g", &[]);
    bench.note_result(
        "assign",
        &reader.assign(&positions(&topic, &[(0, Offset::Beginning)])),
    );
    bench.note_next("consumer", &reader, 1);
    (topic, reader)
}

fn before_the_first_message(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    bench.note_offsets("position", &reader.position());
    bench.note_result(
        "assign",
        &reader.assign(&positions(&topic, &[(0, Offset::Beginning)])),
    );
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_offsets("position", &reader.position());
}

fn after_each_message(bench: &Bench<'_>) {
    let (_, reader) = reading(bench);
    bench.note_offsets("position", &reader.position());
    bench.note_next("consumer", &reader, 1);
    bench.note_offsets("position", &reader.position());
}

fn after_the_end(bench: &Bench<'_>) {
    let (_, reader) = reading(bench);
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_offsets("position", &reader.position());
}

fn seek_and_read(bench: &Bench<'_>, offset: Offset) {
    let (topic, reader) = reading(bench);
    bench.note_result("seek", &reader.seek(&topic, 0, offset, PATIENCE));
    bench.note_offsets("position", &reader.position());
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_offsets("position", &reader.position());
}

fn seek_back(bench: &Bench<'_>) {
    seek_and_read(bench, Offset::Offset(0));
}

fn seek_forward(bench: &Bench<'_>) {
    seek_and_read(bench, Offset::Offset(3));
}

fn seek_to_the_beginning(bench: &Bench<'_>) {
    seek_and_read(bench, Offset::Beginning);
}

fn seek_to_the_end(bench: &Bench<'_>) {
    seek_and_read(bench, Offset::End);
}

fn seek_to_a_tail(bench: &Bench<'_>) {
    seek_and_read(bench, Offset::OffsetTail(2));
}

fn seek_beyond_the_end(bench: &Bench<'_>) {
    seek_and_read(bench, Offset::Offset(77));
}

fn seek_to_what_is_stored(bench: &Bench<'_>) {
    seek_and_read(bench, Offset::Stored);
}

fn seek_what_is_not_assigned(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench);
    let other = bench.topic("other", 1);
    bench.note_result("seek", &reader.seek(&other, 0, Offset::Offset(0), PATIENCE));
    bench.note_result(
        "seek partition 9",
        &reader.seek(&topic, 9, Offset::Offset(0), PATIENCE),
    );
    let nowhere = bench.name("nowhere");
    bench.note_result(
        "seek nowhere",
        &reader.seek(&nowhere, 0, Offset::Offset(0), PATIENCE),
    );
}

fn seek_before_anything_came(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..5));
    let reader = bench.reader("g", &[]);
    bench.note_result("seek", &reader.seek(&topic, 0, Offset::Offset(2), PATIENCE));
}

fn seek_without_waiting(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench);
    bench.note_result(
        "seek",
        &reader.seek(&topic, 0, Offset::Offset(3), Duration::ZERO),
    );
    bench.note_next("consumer", &reader, 2);
}

fn seek_several_partitions(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 0, numbers(0..3));
    bench.fill(&topic, 1, numbers(10..13));
    let reader = bench.reader("g", &[]);
    for partition in 0..2 {
        let list = positions(&topic, &[(partition, Offset::Beginning)]);
        bench.note_result("assign", &reader.incremental_assign(&list));
        bench.note_next("consumer", &reader, 3);
    }
    let list = positions(
        &topic,
        &[
            (0, Offset::Offset(2)),
            (1, Offset::Offset(3)),
            (5, Offset::Offset(0)),
        ],
    );
    bench.note_offsets("seek", &reader.seek_partitions(list, PATIENCE));
    bench.note_polls("consumer", &reader, QUIET);
}

fn seek_a_paused_partition(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench);
    let list = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("pause", &reader.pause(&list));
    bench.note_result("seek", &reader.seek(&topic, 0, Offset::Offset(4), PATIENCE));
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_result("resume", &reader.resume(&list));
    bench.note_next("consumer", &reader, 1);
}

fn of_a_partition_that_is_not_assigned(bench: &Bench<'_>) {
    let (_, reader) = reading(bench);
    bench.note_result("unassign", &reader.unassign());
    let list: Result<TopicPartitionList, _> = reader.position();
    bench.note_offsets("position", &list);
}
