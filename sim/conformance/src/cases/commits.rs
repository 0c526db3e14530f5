//! Offset commits: what is stored, what is refused, who is told.

use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::bench::{Bench, PATIENCE, POLL, Reader, numbers, positions};
use crate::case::cases;

cases! {
    "commits":
    nothing_is_committed_at_first,
    the_consumers_state,
    nothing_new,
    nothing_new_without_waiting,
    an_empty_list,
    a_logical_offset,
    backwards,
    beyond_the_end,
    a_message,
    a_partition_that_is_not_there,
    a_topic_that_is_not_there,
    metadata_comes_back,
    metadata_too_long,
    without_a_group,
    without_a_subscription,
    of_another_groups_topic,
    a_partition_of_another_member,
    by_a_stranger_while_the_group_has_members,
    after_unsubscribing,
    by_timer,
    by_timer_when_nothing_is_new,
    on_closing,
    on_closing_by_hand,
    asked_of_partitions_that_are_not_there,
    asked_without_assignment,
    after_the_topic_was_deleted,
}

fn one(topic: &str, offset: Offset) -> TopicPartitionList {
    positions(topic, &[(0, offset)])
}

fn note_committed(bench: &Bench<'_>, reader: &Reader, topic: &str) {
    let list = reader.committed_offsets(one(topic, Offset::Invalid), PATIENCE);
    bench.note_offsets("committed", &list);
}

fn commit(bench: &Bench<'_>, reader: &Reader, list: &TopicPartitionList) {
    bench.note_result("commit", &reader.commit(list, CommitMode::Sync));
}

/// A member that has seen the first of five messages.
fn reading(bench: &Bench<'_>, properties: &[(&str, &str)]) -> (String, Reader) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..5));
    let reader = bench.reader("g", properties);
    bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    bench.note_next("consumer", &reader, 1);
    (topic, reader)
}

fn nothing_is_committed_at_first(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    note_committed(bench, &reader, &topic);
}

fn the_consumers_state(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    bench.note_result("commit", &reader.commit_consumer_state(CommitMode::Sync));
    note_committed(bench, &reader, &topic);
}

fn nothing_new(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    for _ in 0..2 {
        bench.note_result("commit", &reader.commit_consumer_state(CommitMode::Sync));
    }
    note_committed(bench, &reader, &topic);
}

fn nothing_new_without_waiting(bench: &Bench<'_>) {
    let (_, reader) = reading(bench, &[]);
    for _ in 0..2 {
        bench.note_result("commit", &reader.commit_consumer_state(CommitMode::Async));
        bench.sleep(Duration::from_millis(500));
    }
    bench.note_polls("consumer", &reader, Duration::from_millis(500));
    bench.note_callbacks("consumer", reader.context());
}

fn an_empty_list(bench: &Bench<'_>) {
    let (_, reader) = reading(bench, &[]);
    commit(bench, &reader, &TopicPartitionList::new());
    let nothing = reader.commit(&TopicPartitionList::new(), CommitMode::Async);
    bench.note_result("commit without waiting", &nothing);
}

fn a_logical_offset(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    for offset in [
        Offset::End,
        Offset::Beginning,
        Offset::Invalid,
        Offset::Stored,
    ] {
        commit(bench, &reader, &one(&topic, offset));
    }
    note_committed(bench, &reader, &topic);
}

fn backwards(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    for offset in [4, 2] {
        commit(bench, &reader, &one(&topic, Offset::Offset(offset)));
        note_committed(bench, &reader, &topic);
    }
}

fn beyond_the_end(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    commit(bench, &reader, &one(&topic, Offset::Offset(99)));
    note_committed(bench, &reader, &topic);
}

fn a_message(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    let result = bench.until("a message", || {
        let message = reader.poll(POLL)?.ok()?;
        Some(reader.commit_message(&message, CommitMode::Sync))
    });
    bench.note_result("commit", &result);
    note_committed(bench, &reader, &topic);
}

fn a_partition_that_is_not_there(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    let two = positions(&topic, &[(0, Offset::Offset(3)), (9, Offset::Offset(1))]);
    commit(bench, &reader, &two);
    note_committed(bench, &reader, &topic);
    commit(
        bench,
        &reader,
        &positions(&topic, &[(9, Offset::Offset(1))]),
    );
}

fn a_topic_that_is_not_there(bench: &Bench<'_>) {
    let (_, reader) = reading(bench, &[]);
    commit(
        bench,
        &reader,
        &one(&bench.name("nowhere"), Offset::Offset(1)),
    );
}

fn with_metadata(topic: &str, metadata: &str) -> TopicPartitionList {
    let mut list = one(topic, Offset::Offset(2));
    if let Some(mut element) = list.find_partition(topic, 0) {
        element.set_metadata(metadata);
    }
    list.set_partition_offset(topic, 0, Offset::Offset(2))
        .unwrap_or_else(|error| panic!("{error}"));
    list
}

fn metadata_comes_back(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    commit(bench, &reader, &with_metadata(&topic, "who: me"));
    match reader.committed_offsets(one(&topic, Offset::Invalid), PATIENCE) {
        Ok(list) => {
            for element in list.elements() {
                bench.note(format!("metadata: {:?}", element.metadata()));
            }
        }
        Err(error) => bench.note(format!("committed: {error:?}")),
    }
}

fn metadata_too_long(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    commit(bench, &reader, &with_metadata(&topic, &"x".repeat(4096)));
    commit(bench, &reader, &with_metadata(&topic, &"x".repeat(4097)));
    note_committed(bench, &reader, &topic);
}

fn without_a_group(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader: Result<rdkafka::consumer::BaseConsumer, _> = bench.config(&[]).create();
    match reader {
        Ok(reader) => {
            let list = one(&topic, Offset::Offset(1));
            bench.note_result("commit", &reader.commit(&list, CommitMode::Sync));
            bench.note_offsets("committed", &reader.committed_offsets(list, PATIENCE));
        }
        Err(error) => bench.note(format!("{error:?}")),
    }
}

fn without_a_subscription(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    commit(bench, &reader, &one(&topic, Offset::Offset(3)));
    note_committed(bench, &reader, &topic);
    bench.note_result("commit", &reader.commit_consumer_state(CommitMode::Sync));
}

fn of_another_groups_topic(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    let other = bench.topic("other", 1);
    commit(bench, &reader, &one(&other, Offset::Offset(0)));
    note_committed(bench, &reader, &other);
    note_committed(bench, &reader, &topic);
}

fn a_partition_of_another_member(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let first = bench.reader("g", &[]);
    let second = bench.reader("g", &[]);
    for reader in [&first, &second] {
        bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    }
    bench.settle(&[(&first, 1), (&second, 1)]);
    // Ownership is not checked, only membership and generation.
    let both = positions(&topic, &[(0, Offset::Offset(5)), (1, Offset::Offset(6))]);
    commit(bench, &first, &both);
    let list = positions(&topic, &[(0, Offset::Invalid), (1, Offset::Invalid)]);
    bench.note_offsets("committed", &second.committed_offsets(list, PATIENCE));
}

fn by_a_stranger_while_the_group_has_members(bench: &Bench<'_>) {
    let (topic, member) = reading(bench, &[]);
    let stranger = bench.reader("g", &[]);
    commit(bench, &stranger, &one(&topic, Offset::Offset(3)));
    note_committed(bench, &member, &topic);
}

fn after_unsubscribing(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    reader.unsubscribe();
    bench.until("the revocation", || {
        let _ = reader.poll(POLL);
        (reader.assignment().ok()?.count() == 0).then_some(())
    });
    bench.note_result("commit", &reader.commit_consumer_state(CommitMode::Sync));
    // The group must have seen the member leave.
    bench.sleep(Duration::from_secs(1));
    commit(bench, &reader, &one(&topic, Offset::Offset(2)));
    note_committed(bench, &reader, &topic);
}

fn by_timer(bench: &Bench<'_>) {
    let (topic, reader) = reading(
        bench,
        &[
            ("enable.auto.commit", "true"),
            ("auto.commit.interval.ms", "300"),
        ],
    );
    bench.note_polls("consumer", &reader, Duration::from_millis(2500));
    bench.note_callbacks("consumer", reader.context());
    note_committed(bench, &reader, &topic);
}

fn by_timer_when_nothing_is_new(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader(
        "g",
        &[
            ("enable.auto.commit", "true"),
            ("auto.commit.interval.ms", "200"),
        ],
    );
    bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    bench.settle(&[(&reader, 1)]);
    bench.note_polls("consumer", &reader, Duration::from_secs(1));
    bench.note_callbacks("consumer", reader.context());
}

fn on_closing(bench: &Bench<'_>) {
    let (topic, reader) = reading(
        bench,
        &[
            ("enable.auto.commit", "true"),
            ("auto.commit.interval.ms", "60000"),
        ],
    );
    bench.note_polls("consumer", &reader, Duration::from_millis(1500));
    let recorder = reader.context().as_ref().clone();
    drop(reader);
    bench.note_callbacks("consumer", &recorder);
    let next = bench.reader("g", &[]);
    note_committed(bench, &next, &topic);
}

fn on_closing_by_hand(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    let recorder = reader.context().as_ref().clone();
    drop(reader);
    bench.note_callbacks("consumer", &recorder);
    let next = bench.reader("g", &[]);
    note_committed(bench, &next, &topic);
}

fn asked_of_partitions_that_are_not_there(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    let list = positions(&topic, &[(0, Offset::Invalid), (9, Offset::Invalid)]);
    bench.note_offsets("committed", &reader.committed_offsets(list, PATIENCE));
    let nowhere = one(&bench.name("nowhere"), Offset::Invalid);
    bench.note_offsets("committed", &reader.committed_offsets(nowhere, PATIENCE));
}

fn asked_without_assignment(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[]);
    bench.note_offsets("committed", &reader.committed(PATIENCE));
}

fn after_the_topic_was_deleted(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    commit(bench, &reader, &one(&topic, Offset::Offset(3)));
    let admin = bench.admin();
    let deleted = bench.wait(admin.delete_topics(&[&topic], &rdkafka::admin::AdminOptions::new()));
    bench.note(format!("delete: {deleted:?}"));
    bench.until("the offsets are gone", || {
        let list = reader
            .committed_offsets(one(&topic, Offset::Invalid), PATIENCE)
            .ok()?;
        (list.elements().first()?.offset() == Offset::Invalid).then_some(())
    });
    note_committed(bench, &reader, &topic);
}
