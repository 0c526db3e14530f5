//! Subscriptions by regular expression (`^...`), which librdkafka matches itself in the classic
//! protocol (`rd_kafka_topic_match`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::Consumer;

use crate::bench::{Bench, POLL, Reader, numbers, positions};
use crate::case::cases;

cases! {
    "patterns":
    some_topics_match,
    nothing_matches,
    what_comes_later,
    what_comes_later_cooperatively,
    what_goes,
    what_goes_while_it_is_paused,
    beside_a_name,
    a_name_and_a_pattern_for_it,
    two_patterns,
    a_part_of_the_name_is_enough,
    up_to_the_end_of_the_name,
    alternatives_and_classes,
    counted_repetitions,
    not_a_pattern_without_a_caret,
    not_a_regular_expression,
    not_all_are_regular_expressions,
    what_is_subscribed_to,
    what_the_blacklist_leaves,
    names_on_the_blacklist,
    shared_by_two_members,
    another_pattern_instead,
    records_are_read,
}

const SOON: (&str, &str) = ("topic.metadata.refresh.interval.ms", "300");

/// The names of the case's topics as a regular expression: of those that begin so.
fn pattern(bench: &Bench<'_>, rest: &str) -> String {
    format!("^{}{rest}", bench.name("").replace('.', "\\."))
}

fn topics(bench: &Bench<'_>, names: &[&str]) {
    for name in names {
        bench.topic(name, 1);
    }
}

fn subscribe(bench: &Bench<'_>, reader: &Reader, subscription: &[&str]) {
    bench.note_result("subscribe", &reader.subscribe(subscription));
}

/// What a member has: partitions by topic.
fn shown(reader: &Reader) -> String {
    let mut shown: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for element in reader.assignment().iter().flat_map(|list| list.elements()) {
        let numbers = shown.entry(element.topic().to_owned()).or_default();
        numbers.push(element.partition());
        numbers.sort_unstable();
    }
    format!("{shown:?}")
}

/// Polls for a while and notes what all have. Errors are noted once: how often librdkafka tells of a
/// topic that has gone depends on the order of two metadata requests.
fn rest(bench: &Bench<'_>, readers: &[&Reader], polls: Duration) {
    let end = bench.now() + polls;
    let mut errors = BTreeSet::new();
    while bench.now() < end {
        for reader in readers {
            if let Some(Err(error)) = reader.poll(POLL)
                && errors.insert(format!("{error:?}"))
            {
                bench.note(format!("error: {error:?}"));
            }
        }
    }
    for reader in readers {
        bench.note(format!("assigned: {}", shown(reader)));
    }
}

const LONG: Duration = Duration::from_secs(4);

fn subscribed(bench: &Bench<'_>, properties: &[(&str, &str)], subscription: &[&str]) -> Reader {
    let reader = bench.reader("g", properties);
    subscribe(bench, &reader, subscription);
    rest(bench, &[&reader], LONG);
    reader
}

fn some_topics_match(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2", "b1"]);
    let reader = subscribed(bench, &[], &[&pattern(bench, "a.*")]);
    bench.note_callbacks("consumer", reader.context());
}

fn nothing_matches(bench: &Bench<'_>) {
    topics(bench, &["a1"]);
    let reader = subscribed(bench, &[SOON], &[&pattern(bench, "c.*")]);
    bench.note_callbacks("consumer", reader.context());
    topics(bench, &["c1"]);
    rest(bench, &[&reader], LONG);
    bench.note_callbacks("consumer", reader.context());
}

fn coming_later(bench: &Bench<'_>, assignor: &str) {
    topics(bench, &["a1"]);
    let strategy = ("partition.assignment.strategy", assignor);
    let reader = subscribed(bench, &[SOON, strategy], &[&pattern(bench, "a.*")]);
    topics(bench, &["a2", "b1"]);
    rest(bench, &[&reader], LONG);
    bench.note_callbacks("consumer", reader.context());
}

fn what_comes_later(bench: &Bench<'_>) {
    coming_later(bench, "range");
}

fn what_comes_later_cooperatively(bench: &Bench<'_>) {
    coming_later(bench, "cooperative-sticky");
}

fn what_goes(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2"]);
    let reader = subscribed(bench, &[SOON], &[&pattern(bench, "a.*")]);
    let gone = bench.name("a1");
    let admin = bench.admin();
    let deleted = bench.wait(admin.delete_topics(&[&gone], &AdminOptions::new()));
    bench.note_result("delete", &deleted);
    rest(bench, &[&reader], LONG);
}

fn what_goes_while_it_is_paused(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2"]);
    let reader = subscribed(bench, &[SOON], &[&pattern(bench, "a.*")]);
    let gone = bench.name("a1");
    let paused = reader.pause(&positions(&gone, &[(0, Offset::Invalid)]));
    bench.note_result("pause", &paused);
    rest(bench, &[&reader], Duration::from_secs(1));
    let admin = bench.admin();
    let deleted = bench.wait(admin.delete_topics(&[&gone], &AdminOptions::new()));
    bench.note_result("delete", &deleted);
    rest(bench, &[&reader], LONG);
}

fn beside_a_name(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2", "b1"]);
    let name = bench.name("b1");
    subscribed(bench, &[], &[&pattern(bench, "a.*"), &name]);
}

fn a_name_and_a_pattern_for_it(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2"]);
    let name = bench.name("a1");
    subscribed(bench, &[], &[&pattern(bench, "a.*"), &name]);
}

fn two_patterns(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2", "b1", "c1"]);
    subscribed(
        bench,
        &[],
        &[&pattern(bench, "a.*"), &pattern(bench, "[ab]1")],
    );
}

fn a_part_of_the_name_is_enough(bench: &Bench<'_>) {
    topics(bench, &["a", "ab", "abc", "b"]);
    subscribed(bench, &[], &[&pattern(bench, "ab")]);
}

fn up_to_the_end_of_the_name(bench: &Bench<'_>) {
    topics(bench, &["a", "ab", "abc", "b"]);
    subscribed(bench, &[], &[&pattern(bench, "ab$")]);
}

fn alternatives_and_classes(bench: &Bench<'_>) {
    topics(bench, &["a1", "b2", "b3", "c4", "dx"]);
    subscribed(bench, &[], &[&pattern(bench, "((a|c).|b[0-2]|d[^x])$")]);
}

fn counted_repetitions(bench: &Bench<'_>) {
    topics(bench, &["a", "aa", "aaa", "ab"]);
    subscribed(bench, &[], &[&pattern(bench, "a{2,3}$")]);
}

fn not_a_pattern_without_a_caret(bench: &Bench<'_>) {
    topics(bench, &["a1"]);
    let name = bench.name("a.");
    let reader = subscribed(bench, &[], &[&name]);
    bench.note_callbacks("consumer", reader.context());
}

fn not_a_regular_expression(bench: &Bench<'_>) {
    for wrong in [
        "^a[",
        "^(",
        "^a**",
        "^)",
        "^[b-a]",
        "^",
        "^a\\",
        "^*",
        "^a|*",
        "^a{",
        "^a{2,1}",
        "^a{,2}",
        "^{1}",
        "^()",
        "^a||b",
        "^[[:nothing:]]",
        "^a{40000}",
        "^(+a)",
        "^\\b*",
        "^]",
        "^}",
        "^[]",
        "^[]a]",
        "^a{1}{2}",
        "^a\\{",
        "^a$b",
        "^a{1",
        "^[a-[:alpha:]]",
        "^[[=a=]]",
    ] {
        let reader = bench.reader("g", &[]);
        bench.note_result(wrong, &reader.subscribe(&[wrong]));
    }
}

fn not_all_are_regular_expressions(bench: &Bench<'_>) {
    topics(bench, &["a1"]);
    let name = bench.name("a1");
    let reader = bench.reader("g", &[]);
    subscribe(bench, &reader, &[&name]);
    bench.settle(&[(&reader, 1)]);
    subscribe(bench, &reader, &[&pattern(bench, "a.*"), "^("]);
    rest(bench, &[&reader], LONG);
    let subscription = reader.subscription().map(|list| list.count());
    bench.note(format!("subscription: {subscription:?}"));
}

fn what_is_subscribed_to(bench: &Bench<'_>) {
    topics(bench, &["a1", "b1"]);
    let name = bench.name("b1");
    let reader = subscribed(bench, &[], &[&pattern(bench, "a.*"), &name]);
    let list = reader.subscription();
    let mut names: Vec<String> = list
        .iter()
        .flat_map(|list| list.elements())
        .map(|element| element.topic().replace("\\.", "."))
        .collect();
    names.sort_unstable();
    bench.note(format!("subscription: {names:?}"));
}

fn what_the_blacklist_leaves(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2", "a3", "b1"]);
    let blacklist = format!("{},{}", pattern(bench, "a2"), pattern(bench, "b.*"));
    let listed = [("topic.blacklist", blacklist.as_str())];
    subscribed(bench, &listed, &[&pattern(bench, ".*")]);
}

fn names_on_the_blacklist(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2"]);
    let (listed, name) = (bench.name("a1"), bench.name("a1"));
    let properties = [("topic.blacklist", listed.as_str())];
    let reader = subscribed(bench, &properties, &[&pattern(bench, ".*")]);
    subscribe(bench, &reader, &[&name]);
    rest(bench, &[&reader], LONG);
}

fn shared_by_two_members(bench: &Bench<'_>) {
    bench.topic("a1", 2);
    bench.topic("a2", 2);
    bench.topic("b1", 2);
    let first = bench.reader("g", &[SOON]);
    subscribe(bench, &first, &[&pattern(bench, "a.*")]);
    bench.settle(&[(&first, 4)]);
    let second = bench.reader("g", &[SOON]);
    subscribe(bench, &second, &[&pattern(bench, "[ab].*")]);
    rest(bench, &[&first, &second], LONG);
}

fn another_pattern_instead(bench: &Bench<'_>) {
    topics(bench, &["a1", "b1"]);
    let reader = subscribed(bench, &[], &[&pattern(bench, "a.*")]);
    subscribe(bench, &reader, &[&pattern(bench, "b.*")]);
    rest(bench, &[&reader], LONG);
    reader.unsubscribe();
    rest(bench, &[&reader], Duration::from_secs(1));
    bench.note_callbacks("consumer", reader.context());
}

fn records_are_read(bench: &Bench<'_>) {
    topics(bench, &["a1", "a2"]);
    bench.fill(&bench.name("a1"), 0, numbers(0..2));
    let reader = bench.reader("g", &[]);
    subscribe(bench, &reader, &[&pattern(bench, "a.*")]);
    bench.note_next("consumer", &reader, 2);
    bench.fill(&bench.name("a2"), 0, numbers(2..4));
    bench.note_next("consumer", &reader, 2);
}
