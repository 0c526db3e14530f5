//! `enable.partition.eof`: when a consumer is told that it has reached the end of a partition.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, Producer};

use crate::bench::{Bench, PATIENCE, POLL, Reader, Writer, numbers, positions};
use crate::case::cases;
use crate::recorder;

cases! {
    "ends":
    of_an_empty_partition,
    not_asked_for,
    each_time_new_records_were_read,
    several_records_and_one_end,
    after_a_seek_back,
    after_a_seek_to_where_it_is,
    after_a_seek_to_the_end,
    after_a_seek_beyond_the_end,
    after_a_pause_at_the_end,
    after_a_pause_before_the_end,
    after_assigning_the_same_anew,
    after_unassigning_and_assigning_in_steps,
    assigned_beyond_the_end,
    where_the_position_stands,
    in_a_partitions_own_queue,
    before_an_open_transaction,
    after_an_aborted_transaction,
    after_a_committed_transaction,
    of_records_that_are_deleted,
    as_the_group_rebalances,
}

const QUIET: Duration = Duration::from_millis(1500);
const LONG: Duration = Duration::from_millis(2500);

/// A consumer at the beginning of a partition of two records.
fn reading(bench: &Bench<'_>, properties: &[(&str, &str)]) -> (String, Reader) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..2));
    let eof = [("enable.partition.eof", "true")];
    let reader = bench.reader("g", &[&eof, properties].concat());
    let start = positions(&topic, &[(0, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&start));
    (topic, reader)
}

/// One that has been told of the end.
fn at_the_end(bench: &Bench<'_>) -> (String, Reader) {
    let (topic, reader) = reading(bench, &[]);
    bench.note_next("consumer", &reader, 3);
    (topic, reader)
}

fn of_an_empty_partition(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[("enable.partition.eof", "true")]);
    let start = positions(&topic, &[(0, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&start));
    bench.note_polls("consumer", &reader, LONG);
}

fn not_asked_for(bench: &Bench<'_>) {
    let (_, reader) = reading(bench, &[("enable.partition.eof", "false")]);
    bench.note_polls("consumer", &reader, LONG);
}

fn each_time_new_records_were_read(bench: &Bench<'_>) {
    let (topic, reader) = at_the_end(bench);
    for number in 2..4 {
        bench.note_polls("consumer", &reader, QUIET);
        bench.fill(&topic, 0, numbers(number..number + 1));
        bench.note_next("consumer", &reader, 2);
    }
    bench.note_polls("consumer", &reader, QUIET);
}

fn several_records_and_one_end(bench: &Bench<'_>) {
    let (topic, reader) = at_the_end(bench);
    bench.fill(&topic, 0, numbers(2..7));
    bench.note_next("consumer", &reader, 6);
    bench.note_polls("consumer", &reader, QUIET);
}

fn sought(bench: &Bench<'_>, offset: Offset) {
    let (topic, reader) = at_the_end(bench);
    bench.note_result("seek", &reader.seek(&topic, 0, offset, PATIENCE));
    bench.note_polls("consumer", &reader, LONG);
}

fn after_a_seek_back(bench: &Bench<'_>) {
    sought(bench, Offset::Offset(1));
}

fn after_a_seek_to_where_it_is(bench: &Bench<'_>) {
    sought(bench, Offset::Offset(2));
}

fn after_a_seek_to_the_end(bench: &Bench<'_>) {
    sought(bench, Offset::End);
}

fn after_a_seek_beyond_the_end(bench: &Bench<'_>) {
    sought(bench, Offset::Offset(9));
}

fn after_a_pause_at_the_end(bench: &Bench<'_>) {
    let (topic, reader) = at_the_end(bench);
    let whole = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("pause", &reader.pause(&whole));
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_result("resume", &reader.resume(&whole));
    bench.note_polls("consumer", &reader, LONG);
}

fn after_a_pause_before_the_end(bench: &Bench<'_>) {
    let (topic, reader) = reading(bench, &[]);
    bench.note_next("consumer", &reader, 1);
    let whole = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_result("pause", &reader.pause(&whole));
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_result("resume", &reader.resume(&whole));
    bench.note_polls("consumer", &reader, LONG);
}

fn after_assigning_the_same_anew(bench: &Bench<'_>) {
    let (topic, reader) = at_the_end(bench);
    let same = positions(&topic, &[(0, Offset::Offset(2))]);
    bench.note_result("assign", &reader.assign(&same));
    bench.note_polls("consumer", &reader, LONG);
}

fn after_unassigning_and_assigning_in_steps(bench: &Bench<'_>) {
    let (topic, reader) = at_the_end(bench);
    let whole = positions(&topic, &[(0, Offset::Offset(1))]);
    bench.note_result("unassign", &reader.incremental_unassign(&whole));
    bench.note_polls("consumer", &reader, QUIET);
    bench.note_result("assign", &reader.incremental_assign(&whole));
    bench.note_polls("consumer", &reader, LONG);
}

fn assigned_beyond_the_end(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..2));
    let properties = [
        ("enable.partition.eof", "true"),
        ("auto.offset.reset", "latest"),
    ];
    let reader = bench.reader("g", &properties);
    let beyond = positions(&topic, &[(0, Offset::Offset(50))]);
    bench.note_result("assign", &reader.assign(&beyond));
    bench.note_polls("consumer", &reader, LONG);
}

fn where_the_position_stands(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[("enable.partition.eof", "true")]);
    let start = positions(&topic, &[(0, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&start));
    bench.note_next("consumer", &reader, 1);
    bench.note_offsets("position", &reader.position());
    bench.fill(&topic, 0, numbers(0..1));
    bench.note_next("consumer", &reader, 1);
    bench.note_offsets("position", &reader.position());
    bench.note_next("consumer", &reader, 1);
    bench.note_offsets("position", &reader.position());
}

fn in_a_partitions_own_queue(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 0, numbers(0..1));
    let reader = Arc::new(bench.reader("g", &[("enable.partition.eof", "true")]));
    let both = positions(&topic, &[(0, Offset::Beginning), (1, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&both));
    let Some(queue) = BaseConsumer::split_partition_queue(&reader, &topic, 0) else {
        return bench.note("no queue");
    };
    bench.note_next("consumer", &reader, 1);
    for _ in 0..2 {
        let line = bench.until("the queue's next message", || {
            // The main queue must be polled as well.
            let _ = reader.poll(Duration::ZERO);
            Some(match queue.poll(POLL)? {
                Ok(message) => recorder::payload(&message),
                Err(error) => format!("{error:?}"),
            })
        });
        bench.note(format!("queue: {line}"));
    }
}

/// A producer with a transaction of one record that has been delivered to the first partition.
fn begun(bench: &Bench<'_>, topic: &str) -> Writer {
    let id = bench.name("id");
    let writer = bench.writer(&[("transactional.id", id.as_str())]);
    bench.note_result("init", &writer.init_transactions(PATIENCE));
    bench.note_result("begin", &writer.begin_transaction());
    let record = BaseRecord::<str, str>::to(topic).partition(0).payload("t");
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result("send", &sent);
    bench.note_result("flush", &writer.flush(PATIENCE));
    writer
}

fn both_isolations(bench: &Bench<'_>, topic: &str) {
    for isolation in ["read_committed", "read_uncommitted"] {
        let eof = ("enable.partition.eof", "true");
        let reader = bench.reader("g", &[eof, ("isolation.level", isolation)]);
        let start = positions(topic, &[(0, Offset::Beginning)]);
        bench.note_result("assign", &reader.assign(&start));
        bench.note_polls(isolation, &reader, LONG);
        bench.note_offsets("position", &reader.position());
    }
}

fn before_an_open_transaction(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..1));
    let writer = begun(bench, &topic);
    both_isolations(bench, &topic);
    let eof = ("enable.partition.eof", "true");
    let reader = bench.reader("g", &[eof, ("isolation.level", "read_committed")]);
    let start = positions(&topic, &[(0, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&start));
    bench.note_next("consumer", &reader, 2);
    bench.note_result("commit", &writer.commit_transaction(PATIENCE));
    bench.note_polls("consumer", &reader, LONG);
}

fn after_an_aborted_transaction(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = begun(bench, &topic);
    bench.note_result("abort", &writer.abort_transaction(PATIENCE));
    both_isolations(bench, &topic);
}

fn after_a_committed_transaction(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = begun(bench, &topic);
    bench.note_result("commit", &writer.commit_transaction(PATIENCE));
    both_isolations(bench, &topic);
}

fn of_records_that_are_deleted(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..2));
    let all = positions(&topic, &[(0, Offset::End)]);
    let admin = bench.admin();
    let deleted = bench.wait(admin.delete_records(&all, &AdminOptions::new()));
    bench.note_result("delete", &deleted);
    let reader = bench.reader("g", &[("enable.partition.eof", "true")]);
    let start = positions(&topic, &[(0, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&start));
    bench.note_polls("consumer", &reader, LONG);
}

fn as_the_group_rebalances(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    for assignor in ["range", "cooperative-sticky"] {
        let properties = [
            ("enable.partition.eof", "true"),
            // An end is told of before the next step of the rebalance.
            ("fetch.wait.max.ms", "50"),
            ("partition.assignment.strategy", assignor),
        ];
        let first = bench.reader(assignor, &properties);
        bench.note_result("subscribe", &first.subscribe(&[&topic]));
        bench.note_sorted("first", &first, LONG);
        let second = bench.reader(assignor, &properties);
        bench.note_result("subscribe", &second.subscribe(&[&topic]));
        let mut ends = [Vec::new(), Vec::new()];
        let deadline = bench.now() + Duration::from_secs(5);
        while bench.now() < deadline {
            for (reader, ends) in [&first, &second].into_iter().zip(&mut ends) {
                if let Some(Err(error)) = reader.poll(POLL) {
                    ends.push(format!("{error:?}"));
                }
            }
        }
        bench.note(format!("{assignor}: {ends:?}"));
    }
}
