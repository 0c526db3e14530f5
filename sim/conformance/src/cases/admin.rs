//! What an administrator is told.

use rdkafka::admin::{
    AdminOptions, NewPartitions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::bench::{Bench, PATIENCE, numbers, positions};
use crate::case::cases;

cases! {
    "admin":
    a_topic_that_exists,
    no_partitions,
    the_brokers_default_of_partitions,
    more_replicas_than_brokers,
    an_invalid_topic_name,
    an_empty_topic_name,
    a_topic_twice_in_one_call,
    an_unknown_setting,
    a_bad_value_of_a_setting,
    no_topics_at_all,
    only_validated,
    good_and_bad_topics_in_one_call,
    deleting_a_topic,
    deleting_a_topic_that_is_not_there,
    deleting_no_topics,
    a_deleted_topic_made_again,
    more_partitions,
    fewer_partitions,
    partitions_of_a_topic_that_is_not_there,
    more_partitions_than_a_request_may_add,
    deleted_records,
    deleted_records_of_what_is_not_there,
    a_topics_settings,
    the_settings_of_a_topic_that_is_not_there,
    deleting_a_group,
    deleting_a_group_with_members,
    deleting_a_group_that_is_not_there,
}

type Admin = rdkafka::admin::AdminClient<DefaultClientContext>;

fn create(bench: &Bench<'_>, admin: &Admin, topics: &[NewTopic<'_>], options: &AdminOptions) {
    let results = bench.wait(admin.create_topics(topics, options));
    bench.note(format!("create: {results:?}"));
}

fn topic<'a>(name: &'a str, partitions: i32) -> NewTopic<'a> {
    NewTopic::new(name, partitions, TopicReplication::Fixed(1))
}

fn create_one(bench: &Bench<'_>, topic: NewTopic<'_>) {
    create(bench, &bench.admin(), &[topic], &AdminOptions::new());
}

fn a_topic_that_exists(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    create_one(bench, topic(&name, 1));
}

fn no_partitions(bench: &Bench<'_>) {
    create_one(bench, topic(&bench.name("t"), 0));
}

fn the_brokers_default_of_partitions(bench: &Bench<'_>) {
    create_one(bench, topic(&bench.name("t"), -1));
}

fn more_replicas_than_brokers(bench: &Bench<'_>) {
    create_one(
        bench,
        NewTopic::new(&bench.name("t"), 1, TopicReplication::Fixed(7)),
    );
}

fn an_invalid_topic_name(bench: &Bench<'_>) {
    create_one(bench, topic("not a topic!", 1));
}

fn an_empty_topic_name(bench: &Bench<'_>) {
    create_one(bench, topic("", 1));
}

fn a_topic_twice_in_one_call(bench: &Bench<'_>) {
    let name = bench.name("t");
    create(
        bench,
        &bench.admin(),
        &[topic(&name, 1), topic(&name, 1)],
        &AdminOptions::new(),
    );
}

fn an_unknown_setting(bench: &Bench<'_>) {
    create_one(bench, topic(&bench.name("t"), 1).set("retention.msec", "5"));
}

fn a_bad_value_of_a_setting(bench: &Bench<'_>) {
    create_one(
        bench,
        topic(&bench.name("t"), 1).set("retention.ms", "soon"),
    );
}

fn no_topics_at_all(bench: &Bench<'_>) {
    create(bench, &bench.admin(), &[], &AdminOptions::new());
}

fn only_validated(bench: &Bench<'_>) {
    let admin = bench.admin();
    let options = AdminOptions::new().validate_only(true);
    create(bench, &admin, &[topic(&bench.name("t"), 1)], &options);
    create(
        bench,
        &admin,
        &[topic(&bench.name("t"), 1)],
        &AdminOptions::new(),
    );
}

fn good_and_bad_topics_in_one_call(bench: &Bench<'_>) {
    let names = [bench.name("good"), bench.name("bad")];
    let topics = [topic(&names[0], 1), topic(&names[1], 0)];
    create(bench, &bench.admin(), &topics, &AdminOptions::new());
}

fn delete(bench: &Bench<'_>, names: &[&str]) {
    let results = bench.wait(bench.admin().delete_topics(names, &AdminOptions::new()));
    bench.note(format!("delete: {results:?}"));
}

fn deleting_a_topic(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    delete(bench, &[&name]);
    let reader = bench.reader("g", &[]);
    bench.until("the topic is gone", || {
        let metadata = reader.fetch_metadata(Some(&name), PATIENCE).ok()?;
        metadata.topics().first()?.error().map(|_| ())
    });
    delete(bench, &[&name]);
}

fn deleting_a_topic_that_is_not_there(bench: &Bench<'_>) {
    delete(bench, &[&bench.name("nowhere")]);
}

fn deleting_no_topics(bench: &Bench<'_>) {
    delete(bench, &[]);
}

fn a_deleted_topic_made_again(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    bench.fill(&name, 0, numbers(0..3));
    delete(bench, &[&name]);
    let admin = bench.admin();
    bench.until("the topic is made again", || {
        let made = bench.wait(admin.create_topics([&topic(&name, 1)], &AdminOptions::new()));
        made.ok()?.first()?.as_ref().ok().map(|_| ())
    });
    let reader = bench.reader("g", &[]);
    // For a moment brokers may still answer for the old one.
    bench.until("the new topic is empty", || {
        let (_, high) = reader.fetch_watermarks(&name, 0, PATIENCE).ok()?;
        (high == 0).then_some(())
    });
}

/// Says whether it grew.
fn grow(bench: &Bench<'_>, name: &str, count: usize) -> bool {
    let partitions = [NewPartitions::new(name, count)];
    let results = bench.wait(
        bench
            .admin()
            .create_partitions(&partitions, &AdminOptions::new()),
    );
    bench.note(format!("grow to {count}: {results:?}"));
    matches!(results.as_deref(), Ok([Ok(_)]))
}

fn more_partitions(bench: &Bench<'_>) {
    let name = bench.topic("t", 2);
    if !grow(bench, &name, 4) {
        return;
    }
    let reader = bench.reader("g", &[]);
    bench.until("the partitions are there", || {
        let metadata = reader.fetch_metadata(Some(&name), PATIENCE).ok()?;
        (metadata.topics().first()?.partitions().len() == 4).then_some(())
    });
}

fn fewer_partitions(bench: &Bench<'_>) {
    let name = bench.topic("t", 2);
    grow(bench, &name, 2);
    grow(bench, &name, 1);
}

fn partitions_of_a_topic_that_is_not_there(bench: &Bench<'_>) {
    grow(bench, &bench.name("nowhere"), 2);
}

fn more_partitions_than_a_request_may_add(bench: &Bench<'_>) {
    let names = [bench.topic("a", 1), bench.topic("b", 1)];
    let partitions = [
        NewPartitions::new(&names[0], 10_002),
        NewPartitions::new(&names[1], 2),
    ];
    let options = AdminOptions::new();
    let results = bench.wait(bench.admin().create_partitions(&partitions, &options));
    bench.note(format!("grow: {results:?}"));
}

fn delete_records(bench: &Bench<'_>, list: &TopicPartitionList) {
    let result = bench.wait(bench.admin().delete_records(list, &AdminOptions::new()));
    bench.note_offsets("delete records", &result);
}

fn deleted_records(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    bench.fill(&name, 0, numbers(0..5));
    let reader = bench.reader("g", &[]);
    for offset in [
        Offset::Offset(2),
        Offset::Offset(1),
        Offset::Offset(9),
        Offset::End,
    ] {
        delete_records(bench, &positions(&name, &[(0, offset)]));
        let watermarks = reader.fetch_watermarks(&name, 0, PATIENCE);
        bench.note(format!("watermarks: {watermarks:?}"));
    }
}

fn deleted_records_of_what_is_not_there(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    delete_records(bench, &positions(&name, &[(9, Offset::Offset(0))]));
}

fn note_settings(bench: &Bench<'_>, name: &str) {
    let resource = [ResourceSpecifier::Topic(name)];
    let results = match bench.wait(
        bench
            .admin()
            .describe_configs(&resource, &AdminOptions::new()),
    ) {
        Ok(results) => results,
        Err(error) => return bench.note(format!("describe: {error:?}")),
    };
    for result in results {
        match result {
            Ok(resource) => {
                if let OwnedResourceSpecifier::Topic(name) = &resource.specifier {
                    bench.note(name.clone());
                }
                for key in [
                    "retention.ms",
                    "cleanup.policy",
                    "segment.bytes",
                    "max.message.bytes",
                    "min.insync.replicas",
                ] {
                    let entry = resource.get(key);
                    let shown = entry
                        .map(|e| format!("{:?} {:?} default {}", e.value, e.source, e.is_default));
                    bench.note(format!("  {key}: {shown:?}"));
                }
            }
            Err(error) => bench.note(format!("describe: {error:?}")),
        }
    }
}

fn a_topics_settings(bench: &Bench<'_>) {
    let name = bench.topic_with("t", 1, &[("retention.ms", "1000000")]);
    note_settings(bench, &name);
}

fn the_settings_of_a_topic_that_is_not_there(bench: &Bench<'_>) {
    note_settings(bench, &bench.name("nowhere"));
}

fn delete_group(bench: &Bench<'_>, name: &str) {
    let results = bench.wait(bench.admin().delete_groups(&[name], &AdminOptions::new()));
    bench.note(format!("delete group: {results:?}"));
}

fn deleting_a_group(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    let list = positions(&name, &[(0, Offset::Offset(3))]);
    bench.note_result("commit", &reader.commit(&list, CommitMode::Sync));
    delete_group(bench, &bench.name("g"));
    bench.note_offsets("committed", &reader.committed_offsets(list, PATIENCE));
}

fn deleting_a_group_with_members(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    bench.note_result("subscribe", &reader.subscribe(&[&name]));
    bench.settle(&[(&reader, 1)]);
    delete_group(bench, &bench.name("g"));
}

fn deleting_a_group_that_is_not_there(bench: &Bench<'_>) {
    // A broker that has never coordinated answers NotCoordinator for a moment.
    let reader = bench.reader("nobody", &[]);
    bench.note_offsets("committed", &reader.committed(PATIENCE));
    let topic = bench.topic("t", 1);
    let list = positions(&topic, &[(0, Offset::Invalid)]);
    bench.note_offsets("committed", &reader.committed_offsets(list, PATIENCE));
    delete_group(bench, &bench.name("nobody"));
}
