//! What a consumer is given, and where it begins.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::bench::{Bench, PATIENCE, POLL, Reader, numbers, positions};
use crate::case::cases;
use crate::recorder::{Recorder, payload};

cases! {
    "consuming":
    from_the_earliest,
    from_the_latest,
    nothing_committed_and_no_reset,
    beyond_the_end_to_the_earliest,
    beyond_the_end_to_the_latest,
    beyond_the_end_is_an_error,
    assigned_at_an_offset,
    assigned_at_the_beginning,
    assigned_at_the_end,
    assigned_at_a_tail,
    assigned_at_what_is_committed,
    the_end_of_a_partition,
    two_ends_of_partitions,
    no_group,
    no_group_assigns,
    a_topic_that_is_not_there,
    one_of_two_topics_is_not_there,
    an_empty_subscription,
    paused_and_resumed,
    a_paused_partition_among_others,
    pausing_what_is_not_assigned,
    assigned_in_steps,
    assigned_twice_in_steps,
    unassigned_what_was_not_assigned,
    unassigned,
    assigned_anew,
    a_partition_that_is_not_there,
    a_partitions_own_queue,
    the_other_partitions_queue,
    large_messages_come_one_by_one,
    what_is_assigned,
}

const QUIET: Duration = Duration::from_millis(1500);

fn assign(bench: &Bench<'_>, reader: &Reader, list: &TopicPartitionList) {
    bench.note_result("assign", &reader.assign(list));
}

fn from(bench: &Bench<'_>, properties: &[(&str, &str)], offset: Offset) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..4));
    let reader = bench.reader("g", properties);
    assign(bench, &reader, &positions(&topic, &[(0, offset)]));
    bench.note_polls("consumer", &reader, QUIET);
    bench.fill(&topic, 0, numbers(4..5));
    bench.note_polls("consumer", &reader, QUIET);
}

fn from_the_earliest(bench: &Bench<'_>) {
    from(bench, &[], Offset::Stored);
}

fn from_the_latest(bench: &Bench<'_>) {
    from(bench, &[("auto.offset.reset", "latest")], Offset::Stored);
}

fn nothing_committed_and_no_reset(bench: &Bench<'_>) {
    from(bench, &[("auto.offset.reset", "error")], Offset::Stored);
}

fn beyond_the_end_to_the_earliest(bench: &Bench<'_>) {
    from(bench, &[], Offset::Offset(50));
}

fn beyond_the_end_to_the_latest(bench: &Bench<'_>) {
    from(
        bench,
        &[("auto.offset.reset", "latest")],
        Offset::Offset(50),
    );
}

fn beyond_the_end_is_an_error(bench: &Bench<'_>) {
    from(bench, &[("auto.offset.reset", "error")], Offset::Offset(50));
}

fn assigned_at_an_offset(bench: &Bench<'_>) {
    from(bench, &[], Offset::Offset(2));
}

fn assigned_at_the_beginning(bench: &Bench<'_>) {
    from(bench, &[("auto.offset.reset", "latest")], Offset::Beginning);
}

fn assigned_at_the_end(bench: &Bench<'_>) {
    from(bench, &[], Offset::End);
}

fn assigned_at_a_tail(bench: &Bench<'_>) {
    from(bench, &[], Offset::OffsetTail(2));
}

fn assigned_at_what_is_committed(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..4));
    let reader = bench.reader("g", &[]);
    let three = positions(&topic, &[(0, Offset::Offset(3))]);
    bench.note_result(
        "commit",
        &reader.commit(&three, rdkafka::consumer::CommitMode::Sync),
    );
    assign(bench, &reader, &positions(&topic, &[(0, Offset::Stored)]));
    bench.note_next("consumer", &reader, 1);
}

fn the_end_of_a_partition(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..2));
    let reader = bench.reader("g", &[("enable.partition.eof", "true")]);
    assign(
        bench,
        &reader,
        &positions(&topic, &[(0, Offset::Beginning)]),
    );
    bench.note_next("consumer", &reader, 3);
    bench.note_polls("consumer", &reader, QUIET);
    bench.fill(&topic, 0, numbers(2..3));
    bench.note_next("consumer", &reader, 2);
}

fn two_ends_of_partitions(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 0, numbers(0..1));
    let reader = bench.reader("g", &[("enable.partition.eof", "true")]);
    for partition in 0..2 {
        assign(
            bench,
            &reader,
            &positions(&topic, &[(partition, Offset::Beginning)]),
        );
        bench.note_next("consumer", &reader, if partition == 0 { 2 } else { 1 });
    }
}

/// A consumer without a group.
fn single(bench: &Bench<'_>) -> Reader {
    let config = bench.config(&[
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
    ]);
    match config.create_with_context(Recorder::default()) {
        Ok(reader) => reader,
        Err(error) => panic!("no consumer: {error}"),
    }
}

fn no_group(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..1));
    let reader = single(bench);
    bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    bench.note_offsets("position", &reader.position());
    bench.note_offsets("committed", &reader.committed(PATIENCE));
    let watermarks = reader.fetch_watermarks(&topic, 0, PATIENCE);
    bench.note(format!("watermarks: {watermarks:?}"));
}

fn no_group_assigns(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = single(bench);
    assign(
        bench,
        &reader,
        &positions(&topic, &[(0, Offset::Beginning)]),
    );
    bench.note_offsets("assignment", &reader.assignment());
}

fn a_topic_that_is_not_there(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[]);
    let topic = bench.name("nowhere");
    bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    bench.note_polls("consumer", &reader, Duration::from_secs(3));
    bench.note_callbacks("consumer", reader.context());
}

fn one_of_two_topics_is_not_there(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..1));
    let reader = bench.reader("g", &[]);
    let missing = bench.name("nowhere");
    bench.note_result("subscribe", &reader.subscribe(&[&topic, &missing]));
    bench.note_next("consumer", &reader, 2);
    bench.note_callbacks("consumer", reader.context());
}

fn an_empty_subscription(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[]);
    bench.note_result("subscribe", &reader.subscribe(&[]));
    let subscription = reader.subscription();
    bench.note(format!(
        "subscription: {:?}",
        subscription.map(|list| list.count())
    ));
}

fn paused_and_resumed(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..5));
    let reader = bench.reader("g", &[]);
    let whole = positions(&topic, &[(0, Offset::Beginning)]);
    assign(bench, &reader, &whole);
    bench.note_next("consumer", &reader, 2);
    bench.note_result("pause", &reader.pause(&whole));
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_offsets("position", &reader.position());
    bench.note_result("resume", &reader.resume(&whole));
    bench.note_next("consumer", &reader, 3);
}

fn a_paused_partition_among_others(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let reader = bench.reader("g", &[]);
    let both = positions(&topic, &[(0, Offset::Beginning), (1, Offset::Beginning)]);
    assign(bench, &reader, &both);
    bench.note_result(
        "pause",
        &reader.pause(&positions(&topic, &[(0, Offset::Invalid)])),
    );
    bench.fill(&topic, 0, numbers(0..1));
    bench.fill(&topic, 1, numbers(1..2));
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_result(
        "resume",
        &reader.resume(&positions(&topic, &[(0, Offset::Invalid)])),
    );
    bench.note_next("consumer", &reader, 1);
}

fn pausing_what_is_not_assigned(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    let list = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("pause", &reader.pause(&list));
    bench.note_result("resume", &reader.resume(&list));
}

fn assigned_in_steps(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 0, numbers(0..1));
    bench.fill(&topic, 1, numbers(1..2));
    let reader = bench.reader("g", &[]);
    for partition in 0..2 {
        let list = positions(&topic, &[(partition, Offset::Beginning)]);
        bench.note_result("assign", &reader.incremental_assign(&list));
        bench.note_next("consumer", &reader, 1);
    }
    let first = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("unassign", &reader.incremental_unassign(&first));
    bench.note_offsets("assignment", &reader.assignment());
    bench.fill(&topic, 0, numbers(2..3));
    bench.fill(&topic, 1, numbers(3..4));
    bench.note_polls("consumer", &reader, QUIET);
}

fn assigned_twice_in_steps(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    let list = positions(&topic, &[(0, Offset::Beginning)]);
    bench.note_result("assign", &reader.incremental_assign(&list));
    bench.note_result("assign", &reader.incremental_assign(&list));
    bench.note_offsets("assignment", &reader.assignment());
}

fn unassigned_what_was_not_assigned(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    let list = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("unassign", &reader.incremental_unassign(&list));
}

fn unassigned(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..2));
    let reader = bench.reader("g", &[]);
    assign(
        bench,
        &reader,
        &positions(&topic, &[(0, Offset::Beginning)]),
    );
    bench.note_next("consumer", &reader, 1);
    bench.note_result("unassign", &reader.unassign());
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_offsets("assignment", &reader.assignment());
}

fn assigned_anew(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 0, numbers(0..3));
    bench.fill(&topic, 1, numbers(10..13));
    let reader = bench.reader("g", &[]);
    assign(
        bench,
        &reader,
        &positions(&topic, &[(0, Offset::Beginning)]),
    );
    bench.note_next("consumer", &reader, 1);
    assign(
        bench,
        &reader,
        &positions(&topic, &[(1, Offset::Offset(1))]),
    );
    bench.note_next("consumer", &reader, 2);
    bench.note_polls("consumer", &reader, QUIET);
}

fn a_partition_that_is_not_there(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    assign(
        bench,
        &reader,
        &positions(&topic, &[(7, Offset::Beginning)]),
    );
    bench.note_polls("consumer", &reader, Duration::from_secs(2));
}

fn queues(bench: &Bench<'_>, in_main_queue: u32) -> (String, Arc<Reader>) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 0, numbers(0..in_main_queue));
    bench.fill(&topic, 1, numbers(10..12));
    let reader = Arc::new(bench.reader("g", &[]));
    let both = positions(&topic, &[(0, Offset::Beginning), (1, Offset::Beginning)]);
    assign(bench, &reader, &both);
    (topic, reader)
}

fn a_partitions_own_queue(bench: &Bench<'_>) {
    let (topic, reader) = queues(bench, 0);
    let Some(queue) = BaseConsumer::split_partition_queue(&reader, &topic, 1) else {
        return bench.note("no queue");
    };
    for _ in 0..2 {
        let line = bench.until("the queue's next message", || {
            // The main queue must be polled as well.
            let _ = reader.poll(Duration::ZERO);
            Some(payload(&queue.poll(POLL)?.ok()?))
        });
        bench.note(format!("queue: {line}"));
    }
    drop(queue);
    bench.fill(&topic, 1, numbers(12..13));
    bench.note_polls("consumer", &reader, QUIET);
}

fn the_other_partitions_queue(bench: &Bench<'_>) {
    let (topic, reader) = queues(bench, 2);
    let queue = BaseConsumer::split_partition_queue(&reader, &topic, 1);
    bench.note(format!("queue: {}", queue.is_some()));
    bench.note_next("consumer", &reader, 2);
    bench.note_polls("consumer", &reader, QUIET);
    let missing = BaseConsumer::split_partition_queue(&reader, &topic, 9);
    bench.note(format!("queue of partition 9: {}", missing.is_some()));
}

fn large_messages_come_one_by_one(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, (0..3).map(|n| n.to_string().repeat(5000)));
    let reader = bench.reader(
        "g",
        &[
            ("fetch.message.max.bytes", "1000"),
            ("fetch.max.bytes", "1000000"),
        ],
    );
    assign(
        bench,
        &reader,
        &positions(&topic, &[(0, Offset::Beginning)]),
    );
    for _ in 0..3 {
        let bytes = bench.until("the next message", || {
            Some(payload(&reader.poll(POLL)?.ok()?).len())
        });
        bench.note(format!("{bytes} bytes"));
    }
}

fn what_is_assigned(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let reader = bench.reader("g", &[]);
    bench.note_offsets("assignment", &reader.assignment());
    assign(
        bench,
        &reader,
        &positions(&topic, &[(0, Offset::Offset(3)), (1, Offset::End)]),
    );
    bench.note_offsets("assignment", &reader.assignment());
    bench.note_offsets("position", &reader.position());
    bench.note(format!("lost: {}", reader.assignment_lost()));
}
