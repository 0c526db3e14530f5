//! Offsets stored for the next commit.

use rdkafka::Offset;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::bench::{Bench, PATIENCE, POLL, Reader, numbers, positions};
use crate::case::cases;

cases! {
    "stored_offsets":
    by_hand_while_automatic,
    a_list_is_taken_as_it_is,
    one_offset_means_the_next,
    a_message_means_the_next,
    of_what_is_not_assigned,
    of_a_topic_that_is_not_there,
    one_of_two_is_not_assigned,
    lower_than_what_is_committed,
    before_the_first_message,
    after_unassigning,
    not_kept_over_an_assignment,
    at_the_end_of_a_partition,
}

const BY_HAND: &[(&str, &str)] = &[("enable.auto.offset.store", "false")];

/// A consumer by hand that has seen the first of five messages.
fn reading(bench: &Bench<'_>, properties: &[(&str, &str)]) -> (String, Reader) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 0, numbers(0..5));
    let reader = bench.reader("g", properties);
    bench.note_result(
        "assign",
        &reader.assign(&positions(&topic, &[(0, Offset::Beginning)])),
    );
    bench.note_next("consumer", &reader, 1);
    (topic, reader)
}

fn commit(bench: &Bench<'_>, reader: &Reader, topic: &str) {
    bench.note_result("commit", &reader.commit_consumer_state(CommitMode::Sync));
    let list = reader.committed_offsets(positions(topic, &[(0, Offset::Invalid)]), PATIENCE);
    bench.note_offsets("committed", &list);
}

fn by_hand_while_automatic(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    let list = positions(&topic, &[(0, Offset::Offset(3))]);
    bench.note_result("store list", &reader.store_offsets(&list));
    bench.note_result("store one", &reader.store_offset(&topic, 0, 3));
    commit(bench, &reader, &topic);
}

fn a_list_is_taken_as_it_is(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, BY_HAND);
    let list = positions(&topic, &[(0, Offset::Offset(3))]);
    bench.note_result("store", &reader.store_offsets(&list));
    commit(bench, &reader, &topic);
}

fn one_offset_means_the_next(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, BY_HAND);
    bench.note_result("store", &reader.store_offset(&topic, 0, 3));
    commit(bench, &reader, &topic);
}

fn a_message_means_the_next(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, BY_HAND);
    let stored = bench.until("a message", || {
        let message = reader.poll(POLL)?.ok()?;
        Some(reader.store_offset_from_message(&message))
    });
    bench.note_result("store", &stored);
    commit(bench, &reader, &topic);
}

fn of_what_is_not_assigned(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, BY_HAND);
    bench.note_result("store", &reader.store_offset(&topic, 1, 3));
    bench.note_result(
        "store list",
        &reader.store_offsets(&positions(&topic, &[(1, Offset::Offset(3))])),
    );
    bench.note_result("store partition 9", &reader.store_offset(&topic, 9, 3));
    commit(bench, &reader, &topic);
}

fn of_a_topic_that_is_not_there(bench: &Bench<'_>) {
    let (_, reader) = reading(bench, BY_HAND);
    let nowhere = bench.name("nowhere");
    bench.note_result("store", &reader.store_offset(&nowhere, 0, 3));
    bench.note_result(
        "store list",
        &reader.store_offsets(&positions(&nowhere, &[(0, Offset::Offset(3))])),
    );
}

fn one_of_two_is_not_assigned(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, BY_HAND);
    let list = positions(&topic, &[(0, Offset::Offset(4)), (1, Offset::Offset(3))]);
    bench.note_result("store", &reader.store_offsets(&list));
    commit(bench, &reader, &topic);
}

fn lower_than_what_is_committed(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, BY_HAND);
    for offset in [4, 2] {
        let list = positions(&topic, &[(0, Offset::Offset(offset))]);
        bench.note_result("store", &reader.store_offsets(&list));
        commit(bench, &reader, &topic);
    }
}

fn before_the_first_message(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", BY_HAND);
    bench.note_result(
        "assign",
        &reader.assign(&positions(&topic, &[(0, Offset::Beginning)])),
    );
    let unknown = KafkaError::StoreOffset(RDKafkaErrorCode::UnknownPartition);
    let stored = bench.until("the topic is locally known", || {
        let _ = reader.poll(POLL);
        let stored = reader.store_offset(&topic, 0, 3);
        (stored != Err(unknown.clone())).then_some(stored)
    });
    bench.note_result("store", &stored);
    commit(bench, &reader, &topic);
}

fn after_unassigning(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, BY_HAND);
    bench.note_result("unassign", &reader.unassign());
    bench.note_result("store", &reader.store_offset(&topic, 0, 3));
    commit(bench, &reader, &topic);
}

fn not_kept_over_an_assignment(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, BY_HAND);
    bench.note_result("store", &reader.store_offset(&topic, 0, 3));
    bench.note_result("unassign", &reader.unassign());
    bench.note_result(
        "assign",
        &reader.assign(&positions(&topic, &[(0, Offset::Beginning)])),
    );
    commit(bench, &reader, &topic);
}

fn at_the_end_of_a_partition(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[("enable.partition.eof", "true")]);
    bench.note_next("consumer", &reader, 5);
    commit(bench, &reader, &topic);
}
