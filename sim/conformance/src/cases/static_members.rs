//! Static members: `group.instance.id` (KIP-345).

use std::time::Duration;

use rdkafka::consumer::Consumer;

use crate::bench::{Bench, POLL, Reader};
use crate::case::cases;

cases! {
    "static_members":
    comes_back_to_what_it_had,
    the_older_of_two_is_fenced,
    unsubscribing_leaves,
    beside_a_dynamic_member,
}

fn instance(bench: &Bench<'_>, id: &str) -> Reader {
    bench.reader("g", &[("group.instance.id", id)])
}

fn comes_back_to_what_it_had(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let first = instance(bench, "a");
    let second = instance(bench, "b");
    for reader in [&first, &second] {
        bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    }
    bench.settle(&[(&first, 1), (&second, 1)]);
    bench.note_offsets("second", &second.assignment());
    let _ = first.context().take();
    drop(second);
    let again = instance(bench, "b");
    bench.note_result("subscribe", &again.subscribe(&[&topic]));
    bench.settle(&[(&first, 1), (&again, 1)]);
    bench.note_offsets("second again", &again.assignment());
    bench.note_callbacks("first", first.context());
}

fn the_older_of_two_is_fenced(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let older = instance(bench, "a");
    bench.note_result("subscribe", &older.subscribe(&[&topic]));
    bench.settle(&[(&older, 1)]);
    let newer = instance(bench, "a");
    bench.note_result("subscribe", &newer.subscribe(&[&topic]));
    bench.settle(&[(&newer, 1)]);
    let error = bench.until("the older one is told", || match older.poll(POLL)? {
        Ok(_) => None,
        Err(error) => Some(format!("{error:?}")),
    });
    bench.note(format!("older: {error}"));
    let fatal = older.client().fatal_error();
    bench.note(format!("fatal: {:?}", fatal.map(|(code, _)| code)));
}

fn unsubscribing_leaves(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let first = instance(bench, "a");
    let second = instance(bench, "b");
    for reader in [&first, &second] {
        bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    }
    bench.settle(&[(&first, 1), (&second, 1)]);
    second.unsubscribe();
    bench.note_polls("second", &second, Duration::from_millis(500));
    bench.settle(&[(&first, 2), (&second, 0)]);
    bench.note_offsets("first", &first.assignment());
}

fn beside_a_dynamic_member(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let fixed = instance(bench, "a");
    let dynamic = bench.reader("g", &[]);
    for reader in [&fixed, &dynamic] {
        bench.note_result("subscribe", &reader.subscribe(&[&topic]));
    }
    bench.settle(&[(&fixed, 1), (&dynamic, 1)]);
    drop(dynamic);
    bench.settle(&[(&fixed, 2)]);
    bench.note_offsets("fixed", &fixed.assignment());
}
