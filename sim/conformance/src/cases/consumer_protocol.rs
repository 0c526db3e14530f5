//! Groups of `group.protocol=consumer` (KIP-848): who gets what, in which order it is told.
//!
//! Member ids are random, so no case depends on their order.

use std::time::Duration;

use rdkafka::Offset;
use rdkafka::admin::{AdminOptions, NewPartitions};
use rdkafka::consumer::{CommitMode, Consumer, RebalanceProtocol};

use crate::bench::{Bench, PATIENCE, POLL, Reader, numbers, positions};
use crate::case::cases;
use crate::recorder::Recorder;

cases! {
    "consumer_protocol":
    one_member_gets_everything,
    a_second_member_joins,
    a_member_leaves,
    more_members_than_partitions,
    range_goes_by_topic,
    an_assignor_nobody_knows,
    settings_of_the_classic_protocol,
    unsubscribed,
    subscribed_to_another_topic,
    subscribed_to_one_topic_more,
    subscribed_twice_to_the_same,
    assigned_by_hand_while_subscribed,
    the_protocol_of_rebalances,
    a_topic_that_is_not_there,
    a_new_topic_of_a_subscription,
    more_partitions,
    goes_on_where_it_committed,
    commits_what_is_revoked,
    a_late_acknowledgement_is_accepted,
    a_stranger_commits,
    polls_too_rarely,
    a_static_member_comes_back_to_what_it_had,
    the_newer_of_two_static_members_is_refused,
    listed_while_stable,
    an_empty_group_becomes_classic,
    an_empty_classic_group_becomes_one,
}

fn member(bench: &Bench<'_>, properties: &[(&str, &str)]) -> Reader {
    bench.member("g", properties)
}

fn subscribe(bench: &Bench<'_>, reader: &Reader, topics: &[&str]) {
    bench.note_result("subscribe", &reader.subscribe(topics));
}

fn leave(bench: &Bench<'_>, who: &str, reader: Reader) {
    let recorder: Recorder = reader.context().as_ref().clone();
    drop(reader);
    bench.note_callbacks(who, &recorder);
}

/// A member that has all partitions of a topic.
fn alone(bench: &Bench<'_>, partitions: i32, properties: &[(&str, &str)]) -> (String, Reader) {
    let topic = bench.topic("t", partitions);
    let reader = member(bench, properties);
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, partitions as usize)]);
    (topic, reader)
}

/// Two members, one after the other.
fn two(bench: &Bench<'_>) -> (String, Reader, Reader) {
    let (topic, first) = alone(bench, 4, &[]);
    let second = member(bench, &[]);
    subscribe(bench, &second, &[&topic]);
    bench.settle(&[(&first, 2), (&second, 2)]);
    bench.rest(&[&first, &second]);
    bench.note_callbacks("first", first.context());
    bench.note_callbacks("second", second.context());
    (topic, first, second)
}

fn one_member_gets_everything(bench: &Bench<'_>) {
    let (_, reader) = alone(bench, 4, &[]);
    bench.note_offsets("assignment", &reader.assignment());
    bench.note_callbacks("first", reader.context());
    leave(bench, "first", reader);
}

fn a_second_member_joins(bench: &Bench<'_>) {
    two(bench);
}

fn a_member_leaves(bench: &Bench<'_>) {
    let (_, first, second) = two(bench);
    leave(bench, "second", second);
    bench.settle(&[(&first, 4)]);
    bench.rest(&[&first]);
    bench.note_callbacks("first", first.context());
}

fn more_members_than_partitions(bench: &Bench<'_>) {
    let (topic, first) = alone(bench, 1, &[]);
    let second = member(bench, &[]);
    subscribe(bench, &second, &[&topic]);
    bench.rest(&[&first, &second]);
    let count = |reader: &Reader| reader.assignment().map_or(0, |list| list.count());
    bench.note(format!("assigned: {}", count(&first) + count(&second)));
}

fn range_goes_by_topic(bench: &Bench<'_>) {
    let topics = [bench.topic("a", 2), bench.topic("b", 2)];
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let range = &[("group.remote.assignor", "range")];
    let readers = [member(bench, range), member(bench, range)];
    for reader in &readers {
        subscribe(bench, reader, &names);
    }
    bench.settle(&[(&readers[0], 2), (&readers[1], 2)]);
    let mut shares: Vec<String> = readers.iter().map(share).collect();
    shares.sort();
    bench.note(format!("shares: {}", shares.join("; ")));
}

fn share(reader: &Reader) -> String {
    let Ok(list) = reader.assignment() else {
        panic!("no assignment");
    };
    let owned = list.elements();
    let mut owned: Vec<String> = owned
        .iter()
        .map(|e| format!("{}-{}", e.topic(), e.partition()))
        .collect();
    owned.sort();
    owned.join(" ")
}

/// Polls until there is an error, and notes what is fatal.
fn note_fatal(bench: &Bench<'_>, who: &str, reader: &Reader) {
    let error = bench.until("the member is told", || match reader.poll(POLL)? {
        Ok(_) => None,
        Err(error) => Some(format!("{error:?}")),
    });
    bench.note(format!("{who}: {error}"));
    let fatal = reader.client().fatal_error();
    bench.note(format!("fatal: {:?}", fatal.map(|(code, _)| code)));
}

fn an_assignor_nobody_knows(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = member(bench, &[("group.remote.assignor", "sticky")]);
    subscribe(bench, &reader, &[&topic]);
    note_fatal(bench, "member", &reader);
    bench.note_result("subscribe again", &reader.subscribe(&[&topic]));
}

fn settings_of_the_classic_protocol(bench: &Bench<'_>) {
    for (name, value) in [
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "1000"),
        ("partition.assignment.strategy", "range"),
        ("group.protocol.type", "consumer"),
    ] {
        let mut config = bench.config(&[("group.protocol", "consumer"), (name, value)]);
        config.set("group.id", bench.name("g"));
        let created = config.create_with_context::<_, Reader>(Recorder::default());
        bench.note_result(name, &created);
    }
}

fn unsubscribed(bench: &Bench<'_>) {
    let (topic, first, second) = two(bench);
    second.unsubscribe();
    bench.settle(&[(&first, 4), (&second, 0)]);
    bench.note_callbacks("second", second.context());
    let count = second.subscription().map(|list| list.count());
    bench.note(format!("subscription: {count:?}"));
    drop(first);
    subscribe(bench, &second, &[&topic]);
    bench.settle(&[(&second, 4)]);
    bench.note_callbacks("second", second.context());
}

fn subscribed_to_another_topic(bench: &Bench<'_>) {
    let (_, reader) = alone(bench, 2, &[]);
    let other = bench.topic("other", 3);
    subscribe(bench, &reader, &[&other]);
    bench.settle(&[(&reader, 3)]);
    bench.note_callbacks("first", reader.context());
}

fn subscribed_to_one_topic_more(bench: &Bench<'_>) {
    let (topic, reader) = alone(bench, 2, &[]);
    let other = bench.topic("other", 3);
    subscribe(bench, &reader, &[&topic, &other]);
    bench.settle(&[(&reader, 5)]);
    bench.note_callbacks("first", reader.context());
}

fn subscribed_twice_to_the_same(bench: &Bench<'_>) {
    let (topic, reader) = alone(bench, 2, &[]);
    subscribe(bench, &reader, &[&topic]);
    bench.note_polls("first", &reader, Duration::from_secs(2));
    bench.note_callbacks("first", reader.context());
}

fn assigned_by_hand_while_subscribed(bench: &Bench<'_>) {
    let (topic, reader) = alone(bench, 2, &[]);
    let one = positions(&topic, &[(1, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&one));
    bench.note_offsets("assignment", &reader.assignment());
}

fn the_protocol_of_rebalances(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = member(bench, &[]);
    let protocol = |reader: &Reader| match reader.rebalance_protocol() {
        RebalanceProtocol::None => "none",
        RebalanceProtocol::Eager => "eager",
        RebalanceProtocol::Cooperative => "cooperative",
    };
    bench.note(format!("before: {}", protocol(&reader)));
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, 1)]);
    bench.note(format!("after: {}", protocol(&reader)));
}

fn a_topic_that_is_not_there(bench: &Bench<'_>) {
    let reader = member(bench, &[]);
    subscribe(bench, &reader, &[&bench.name("nothing")]);
    bench.note_polls("member", &reader, Duration::from_secs(2));
    bench.note_callbacks("member", reader.context());
    bench.note_offsets("assignment", &reader.assignment());
}

fn a_new_topic_of_a_subscription(bench: &Bench<'_>) {
    let reader = member(bench, &[]);
    subscribe(bench, &reader, &[&bench.name("later")]);
    bench.note_polls("member", &reader, Duration::from_secs(1));
    let topic = bench.topic("later", 2);
    bench.settle(&[(&reader, 2)]);
    bench.note_callbacks("member", reader.context());
    bench.fill(&topic, 0, numbers(0..1));
    bench.note_next("member", &reader, 1);
}

fn more_partitions(bench: &Bench<'_>) {
    let (topic, reader) = alone(bench, 2, &[]);
    let admin = bench.admin();
    let more = NewPartitions::new(&topic, 4);
    let grown = bench.wait(admin.create_partitions([&more], &AdminOptions::new()));
    bench.note(format!(
        "more: {}",
        grown.is_ok_and(|results| results[0].is_ok())
    ));
    bench.settle(&[(&reader, 4)]);
    bench.note_callbacks("member", reader.context());
}

fn goes_on_where_it_committed(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..6));
    for _ in 0..2 {
        let reader = member(bench, &[]);
        subscribe(bench, &reader, &[&topic]);
        bench.note_next("member", &reader, 2);
        bench.note_result("commit", &reader.commit_consumer_state(CommitMode::Sync));
    }
}

fn commits_what_is_revoked(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 1, numbers(0..3));
    let own_time = &[
        ("enable.auto.commit", "true"),
        ("auto.commit.interval.ms", "600000"),
    ];
    let first = member(bench, own_time);
    subscribe(bench, &first, &[&topic]);
    bench.note_next("first", &first, 3);
    let second = member(bench, own_time);
    subscribe(bench, &second, &[&topic]);
    bench.settle(&[(&first, 1), (&second, 1)]);
    bench.note_callbacks("first", first.context());
    let list = positions(&topic, &[(1, Offset::Invalid)]);
    bench.note_offsets("committed", &second.committed_offsets(list, PATIENCE));
}

fn a_late_acknowledgement_is_accepted(bench: &Bench<'_>) {
    let (topic, first, second) = two(bench);
    let late = positions(&topic, &[(3, Offset::Offset(7))]);
    let owners = positions(&topic, &[(3, Offset::Offset(9))]);
    bench.note_result(
        "the owner commits",
        &second.commit(&owners, CommitMode::Sync),
    );
    bench.note_result(
        "the former owner commits",
        &first.commit(&late, CommitMode::Sync),
    );
    bench.note_offsets("committed", &second.committed_offsets(late, PATIENCE));
}

fn a_stranger_commits(bench: &Bench<'_>) {
    let (topic, _reader) = alone(bench, 1, &[]);
    let stranger = bench.reader("g", &[]);
    let list = positions(&topic, &[(0, Offset::Offset(1))]);
    bench.note_result("commit", &stranger.commit(&list, CommitMode::Sync));
    bench.note_offsets("committed", &stranger.committed_offsets(list, PATIENCE));
}

fn polls_too_rarely(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..2));
    let reader = member(bench, &[("max.poll.interval.ms", "6000")]);
    subscribe(bench, &reader, &[&topic]);
    bench.note_next("member", &reader, 1);
    bench.note_callbacks("member", reader.context());
    bench.sleep(Duration::from_secs(8));
    let list = positions(&topic, &[(0, Offset::Offset(1))]);
    bench.note_result("commit of a list", &reader.commit(&list, CommitMode::Sync));
    bench.note_result(
        "commit of what is stored",
        &reader.commit_consumer_state(CommitMode::Sync),
    );
    bench.note_next("member", &reader, 1);
    bench.settle(&[(&reader, 1)]);
    bench.note_callbacks("member", reader.context());
}

fn a_static_member_comes_back_to_what_it_had(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let instance = |id: &'static str| member(bench, &[("group.instance.id", id)]);
    let (first, second) = (instance("a"), instance("b"));
    for reader in [&first, &second] {
        subscribe(bench, reader, &[&topic]);
    }
    bench.settle(&[(&first, 1), (&second, 1)]);
    bench.rest(&[&first, &second]);
    let before = share(&second);
    let _ = first.context().take();
    drop(second);
    let again = instance("b");
    subscribe(bench, &again, &[&topic]);
    bench.settle(&[(&first, 1), (&again, 1)]);
    bench.note(format!("the same: {}", share(&again) == before));
    bench.note_callbacks("first", first.context());
}

fn the_newer_of_two_static_members_is_refused(bench: &Bench<'_>) {
    let (topic, older) = alone(bench, 1, &[("group.instance.id", "a")]);
    let newer = member(bench, &[("group.instance.id", "a")]);
    subscribe(bench, &newer, &[&topic]);
    note_fatal(bench, "newer", &newer);
    bench.rest(&[&older]);
    bench.note_callbacks("older", older.context());
    bench.note_offsets("older", &older.assignment());
}

fn note_group(bench: &Bench<'_>, reader: &Reader) {
    match reader.fetch_group_list(Some(&bench.name("g")), PATIENCE) {
        Ok(list) => {
            for group in list.groups() {
                bench.note(format!(
                    "{}: {}, protocol type {:?}, protocol {:?}, {} members",
                    group.name(),
                    group.state(),
                    group.protocol_type(),
                    group.protocol(),
                    group.members().len()
                ));
            }
        }
        Err(error) => bench.note(format!("list: {error:?}")),
    }
}

fn listed_while_stable(bench: &Bench<'_>) {
    let (_, reader) = alone(bench, 1, &[]);
    note_group(bench, &reader);
}

/// A member of one protocol commits and leaves, one of the other takes over.
fn change_protocol(bench: &Bench<'_>, before: Reader, after: &dyn Fn() -> Reader) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..4));
    subscribe(bench, &before, &[&topic]);
    bench.note_next("before", &before, 2);
    bench.note_result("commit", &before.commit_consumer_state(CommitMode::Sync));
    drop(before);
    let after = after();
    subscribe(bench, &after, &[&topic]);
    bench.note_next("after", &after, 2);
    note_group(bench, &after);
}

fn an_empty_group_becomes_classic(bench: &Bench<'_>) {
    change_protocol(bench, member(bench, &[]), &|| bench.reader("g", &[]));
}

fn an_empty_classic_group_becomes_one(bench: &Bench<'_>) {
    change_protocol(bench, bench.reader("g", &[]), &|| member(bench, &[]));
}
