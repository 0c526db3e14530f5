//! Groups of the classic protocol: who gets what, in which order it is told.

use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{CommitMode, Consumer, RebalanceProtocol};

use crate::bench::{Bench, PATIENCE, POLL, Reader, numbers, positions};
use crate::case::cases;

cases! {
    "groups":
    one_member_gets_everything,
    a_second_member_joins_by_range,
    a_second_member_joins_by_round_robin,
    a_second_member_joins_cooperatively,
    a_member_leaves_by_range,
    a_member_leaves_cooperatively,
    more_members_than_partitions,
    range_goes_by_topic,
    round_robin_goes_over_topics,
    no_common_assignor,
    unsubscribed,
    subscribed_to_another_topic,
    subscribed_to_another_topic_cooperatively,
    subscribed_twice_to_the_same,
    assigned_by_hand_while_subscribed,
    assigned_by_hand_while_subscribed_cooperatively,
    in_steps_while_subscribed_eagerly,
    the_protocol_of_rebalances,
    goes_on_where_it_committed,
    a_late_acknowledgement_is_accepted,
    polls_too_rarely,
    listed_while_stable,
    listed_when_everybody_left,
    a_group_nobody_knows,
    two_groups_do_not_meet,
    a_new_topic_of_a_subscription,
}

const COOPERATIVE: &[(&str, &str)] = &[("partition.assignment.strategy", "cooperative-sticky")];
const ROUND_ROBIN: &[(&str, &str)] = &[("partition.assignment.strategy", "roundrobin")];

fn subscribe(bench: &Bench<'_>, reader: &Reader, topics: &[&str]) {
    bench.note_result("subscribe", &reader.subscribe(topics));
}

fn leave(bench: &Bench<'_>, who: &str, reader: Reader) {
    let recorder = reader.context().as_ref().clone();
    drop(reader);
    bench.note_callbacks(who, &recorder);
}

fn one_member_gets_everything(bench: &Bench<'_>) {
    let topic = bench.topic("t", 4);
    let reader = bench.reader("g", &[]);
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, 4)]);
    bench.note_offsets("assignment", &reader.assignment());
    bench.note_callbacks("first", reader.context());
    leave(bench, "first", reader);
}

/// Two members, one after the other.
fn two(bench: &Bench<'_>, properties: &[(&str, &str)]) -> (String, Reader, Reader) {
    let topic = bench.topic("t", 5);
    let first = bench.reader("g", properties);
    subscribe(bench, &first, &[&topic]);
    bench.settle(&[(&first, 5)]);
    let second = bench.reader("g", properties);
    subscribe(bench, &second, &[&topic]);
    bench.settle(&[(&first, 3), (&second, 2)]);
    bench.rest(&[&first, &second]);
    bench.note_callbacks("first", first.context());
    bench.note_callbacks("second", second.context());
    (topic, first, second)
}

fn a_second_member_joins_by_range(bench: &Bench<'_>) {
    two(bench, &[]);
}

fn a_second_member_joins_by_round_robin(bench: &Bench<'_>) {
    two(bench, ROUND_ROBIN);
}

fn a_second_member_joins_cooperatively(bench: &Bench<'_>) {
    two(bench, COOPERATIVE);
}

fn one_leaves(bench: &Bench<'_>, properties: &[(&str, &str)]) {
    let (_, first, second) = two(bench, properties);
    leave(bench, "second", second);
    bench.settle(&[(&first, 5)]);
    bench.rest(&[&first]);
    bench.note_callbacks("first", first.context());
}

fn a_member_leaves_by_range(bench: &Bench<'_>) {
    one_leaves(bench, &[]);
}

fn a_member_leaves_cooperatively(bench: &Bench<'_>) {
    one_leaves(bench, COOPERATIVE);
}

fn more_members_than_partitions(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let first = bench.reader("g", &[]);
    subscribe(bench, &first, &[&topic]);
    bench.settle(&[(&first, 1)]);
    let second = bench.reader("g", &[]);
    subscribe(bench, &second, &[&topic]);
    bench.until("the second member is told", || {
        let _ = first.poll(POLL);
        let _ = second.poll(POLL);
        let lines = second.context().take();
        (!lines.is_empty()).then(|| {
            lines
                .iter()
                .for_each(|line| bench.note(format!("second: {line}")))
        })
    });
}

/// Two members of two topics with three partitions each.
fn two_topics(bench: &Bench<'_>, properties: &[(&str, &str)], counts: (usize, usize)) {
    let topics = [bench.topic("a", 3), bench.topic("b", 3)];
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let first = bench.reader("g", properties);
    let second = bench.reader("g", properties);
    for reader in [&first, &second] {
        subscribe(bench, reader, &names);
    }
    bench.settle(&[(&first, counts.0), (&second, counts.1)]);
    for (who, reader) in [("first", &first), ("second", &second)] {
        let Ok(list) = reader.assignment() else {
            panic!("no assignment");
        };
        let mut owned: Vec<String> = list
            .elements()
            .iter()
            .map(|e| format!("{}-{}", e.topic(), e.partition()))
            .collect();
        owned.sort();
        bench.note(format!("{who}: {}", owned.join(" ")));
    }
}

fn range_goes_by_topic(bench: &Bench<'_>) {
    two_topics(bench, &[], (4, 2));
}

fn round_robin_goes_over_topics(bench: &Bench<'_>) {
    two_topics(bench, ROUND_ROBIN, (3, 3));
}

fn no_common_assignor(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let first = bench.reader("g", &[("partition.assignment.strategy", "range")]);
    subscribe(bench, &first, &[&topic]);
    bench.settle(&[(&first, 2)]);
    let second = bench.reader("g", ROUND_ROBIN);
    subscribe(bench, &second, &[&topic]);
    bench.note_next("second", &second, 1);
    bench.note_callbacks("second", second.context());
}

fn unsubscribed(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let reader = bench.reader("g", &[]);
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, 2)]);
    reader.unsubscribe();
    bench.settle(&[(&reader, 0)]);
    bench.note_callbacks("first", reader.context());
    bench.note(format!(
        "subscription: {:?}",
        reader.subscription().map(|list| list.count())
    ));
}

fn another_topic(bench: &Bench<'_>, properties: &[(&str, &str)]) {
    let topics = [bench.topic("a", 2), bench.topic("b", 3)];
    let reader = bench.reader("g", properties);
    subscribe(bench, &reader, &[&topics[0]]);
    bench.settle(&[(&reader, 2)]);
    subscribe(bench, &reader, &[&topics[1]]);
    bench.settle(&[(&reader, 3)]);
    bench.note_callbacks("first", reader.context());
}

fn subscribed_to_another_topic(bench: &Bench<'_>) {
    another_topic(bench, &[]);
}

fn subscribed_to_another_topic_cooperatively(bench: &Bench<'_>) {
    another_topic(bench, COOPERATIVE);
}

fn subscribed_twice_to_the_same(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let reader = bench.reader("g", COOPERATIVE);
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, 2)]);
    subscribe(bench, &reader, &[&topic]);
    bench.note_polls("first", &reader, Duration::from_secs(2));
    bench.note_callbacks("first", reader.context());
}

fn by_hand(bench: &Bench<'_>, properties: &[(&str, &str)]) {
    let topic = bench.topic("t", 2);
    let reader = bench.reader("g", properties);
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, 2)]);
    let one = positions(&topic, &[(1, Offset::Beginning)]);
    bench.note_result("assign", &reader.assign(&one));
    bench.note_offsets("assignment", &reader.assignment());
}

fn assigned_by_hand_while_subscribed(bench: &Bench<'_>) {
    by_hand(bench, &[]);
}

fn assigned_by_hand_while_subscribed_cooperatively(bench: &Bench<'_>) {
    by_hand(bench, COOPERATIVE);
}

fn in_steps_while_subscribed_eagerly(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let other = bench.topic("other", 1);
    let reader = bench.reader("g", &[]);
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, 2)]);
    let one = positions(&other, &[(0, Offset::Beginning)]);
    bench.note_result("assign in steps", &reader.incremental_assign(&one));
    bench.note_offsets("assignment", &reader.assignment());
}

fn protocol(reader: &Reader) -> &'static str {
    match reader.rebalance_protocol() {
        RebalanceProtocol::None => "none",
        RebalanceProtocol::Eager => "eager",
        RebalanceProtocol::Cooperative => "cooperative",
    }
}

fn the_protocol_of_rebalances(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    for (name, properties) in [("range", &[][..]), ("cooperative", COOPERATIVE)] {
        let reader = bench.reader(name, properties);
        bench.note(format!("{name}: {}", protocol(&reader)));
        subscribe(bench, &reader, &[&topic]);
        bench.settle(&[(&reader, 1)]);
        bench.note(format!("{name}: {}", protocol(&reader)));
    }
}

fn goes_on_where_it_committed(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..6));
    for _ in 0..2 {
        let reader = bench.reader("g", &[]);
        subscribe(bench, &reader, &[&topic]);
        bench.note_next("member", &reader, 2);
        bench.note_result("commit", &reader.commit_consumer_state(CommitMode::Sync));
    }
}

fn a_late_acknowledgement_is_accepted(bench: &Bench<'_>) {
    let (topic, first, second) = two(bench, &[]);
    let late = positions(&topic, &[(4, Offset::Offset(7))]);
    bench.note_result(
        "the owner commits",
        &second.commit(
            &positions(&topic, &[(4, Offset::Offset(9))]),
            CommitMode::Sync,
        ),
    );
    bench.note_result(
        "the former owner commits",
        &first.commit(&late, CommitMode::Sync),
    );
    bench.note_offsets("committed", &second.committed_offsets(late, PATIENCE));
}

fn polls_too_rarely(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..2));
    let reader = bench.reader("g", &[("max.poll.interval.ms", "6000")]);
    subscribe(bench, &reader, &[&topic]);
    bench.note_next("member", &reader, 1);
    bench.note_callbacks("member", reader.context());
    bench.sleep(Duration::from_secs(8));
    let commit = positions(&topic, &[(0, Offset::Offset(1))]);
    bench.note_result(
        "commit of a list",
        &reader.commit(&commit, CommitMode::Sync),
    );
    bench.note_result(
        "commit of what is stored",
        &reader.commit_consumer_state(CommitMode::Sync),
    );
    bench.note_next("member", &reader, 1);
    bench.settle(&[(&reader, 1)]);
    bench.note_callbacks("member", reader.context());
}

fn note_group(bench: &Bench<'_>, reader: &Reader, name: &str) {
    let list = match reader.fetch_group_list(Some(name), PATIENCE) {
        Ok(list) => list,
        Err(error) => return bench.note(format!("list: {error:?}")),
    };
    for group in list.groups() {
        let state = group.state();
        let members = group.members().len();
        bench.note(format!(
            "{}: {state}, protocol type {:?}, protocol {:?}, {members} members",
            group.name(),
            group.protocol_type(),
            group.protocol()
        ));
    }
    bench.note(format!("{} groups", list.groups().len()));
}

fn listed_while_stable(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, 1)]);
    // The group is stable once its leader's assignment is there, so now.
    note_group(bench, &reader, &bench.name("g"));
}

fn listed_when_everybody_left(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    subscribe(bench, &reader, &[&topic]);
    bench.settle(&[(&reader, 1)]);
    let list = positions(&topic, &[(0, Offset::Offset(0))]);
    bench.note_result("commit", &reader.commit(&list, CommitMode::Sync));
    drop(reader);
    let other = bench.reader("other", &[]);
    bench.until("the group is empty", || {
        let list = other
            .fetch_group_list(Some(&bench.name("g")), PATIENCE)
            .ok()?;
        (list.groups().first()?.state() == "Empty").then_some(())
    });
    note_group(bench, &other, &bench.name("g"));
}

fn a_group_nobody_knows(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[]);
    note_group(bench, &reader, &bench.name("nobody"));
}

fn two_groups_do_not_meet(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    bench.fill(&topic, 0, numbers(0..1));
    for group in ["a", "b"] {
        let reader = bench.reader(group, &[]);
        subscribe(bench, &reader, &[&topic]);
        bench.note_next(group, &reader, 1);
    }
}

fn a_new_topic_of_a_subscription(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[("topic.metadata.refresh.interval.ms", "500")]);
    let name = bench.name("later");
    subscribe(bench, &reader, &[&name]);
    bench.note_next("member", &reader, 1);
    let topic = bench.topic("later", 2);
    bench.settle(&[(&reader, 2)]);
    bench.fill(&topic, 0, numbers(0..1));
    bench.note_next("member", &reader, 1);
}
